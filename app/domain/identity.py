"""Identities that are the same whenever the same step is replayed."""

from hashlib import blake2b
from typing import Final, NewType

from xxhash import xxh3_64_intdigest, xxh32_intdigest

Position = NewType("Position", int)
"""Place of a record in its session's log: dense from 1, one for each event, command, gap, clock change or heartbeat."""
Fence = NewType("Fence", int)
"""Number of an ownership; grows with every start of an owner and every opening of a session. Also the frames' epoch."""


def derived_id(*parts: str | int) -> str:
    """Return 20 hex characters that depend on the parts and their order alone."""
    digest = blake2b(digest_size=10)
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(4, "big"))
        digest.update(text)
    return digest.hexdigest()


def content_hash(body: bytes) -> str:
    """Return the name under which an immutable object (rule set, lexicon, plan) is kept: 32 hex characters."""
    return blake2b(body, digest_size=16).hexdigest()


def id_hash(event_id: str) -> int:
    """Return 8 bytes of an id, as columns and phases hold them."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "big")


quick_hash: Final = xxh3_64_intdigest
"""8 bytes of hash at a sixth of the cost, the same in every process and release (XXH3, fixed since xxHash 0.8).

Without a key: who crafts two ids with one hash hides the second, which it could have sent under the first id.
"""
fingerprint: Final = xxh32_intdigest
"""4 bytes of hash, to tell one content under an id from another."""
