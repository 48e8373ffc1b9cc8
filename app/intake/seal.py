"""The seal: viewers' ids become keyed hashes and names lose all but their first character, before anything is kept."""

import re
from hashlib import blake2b
from typing import Final

KNOWN_IDS: Final = 65_536
"""Hashes are remembered for this many ids (about 10 MB), since the same viewers speak again and again."""
MASK: Final = "**"
is_hashed: Final = re.compile("h:[0-9a-f]{16}").fullmatch
"""Matches an id as the seal makes them."""


class Seal:
    """Owns the workspace's key and a bounded memory of ids it has hashed; the memory is never written anywhere."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=8)
        self._known: dict[str, str] = {}

    def hashed(self, raw: str) -> str:
        """Return `h:` + 16 hex characters; an id that already has this form is kept."""
        if is_hashed(raw):
            return raw
        known = self._known.get(raw)
        if known is None:
            if len(self._known) >= KNOWN_IDS:
                self._known.clear()
            known = self._known[raw] = self._hash(raw)
        return known

    def _hash(self, raw: str) -> str:
        digest = self._keyed.copy()
        digest.update(raw.encode())
        return f"h:{digest.hexdigest()}"


def masked(name: str) -> str:
    """Return the first character and two stars; nothing stays nothing."""
    return name[0] + MASK if name else ""
