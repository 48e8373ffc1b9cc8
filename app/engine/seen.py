"""Which events have been taken already: ids within a horizon, and own keys for the whole session (DESIGN §6)."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal
from zlib import crc32

import msgspec
from msgspec import Struct, field

from app.domain.events import Event
from app.domain.identity import id_hash

HORIZON_MS: Final = 30 * 60 * 1_000
LEAST_MS: Final = 2 * 60 * 1_000
MOST_IDS: Final = 200_000
_SLICE_MS: Final = 10_000

Verdict = Literal["new", "same", "conflict"]
_encode = msgspec.msgpack.Encoder().encode


class SeenIds(Struct):
    """The ids of the last half hour, or the newest 200,000, but never less than those of two minutes.

    Shape: 8-byte hash of the id -> 4-byte fingerprint of the content that came with it first; beside it the hashes in
    slices of ten seconds, by which they are forgotten.
    """

    contents: dict[bytes, int] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    slices: list[list[bytes]] = field(default_factory=list)
    forgotten_ms: int = 0
    """What happened before this instant cannot be told from a repetition any more."""

    def take(self, events: Sequence[Event], applied_ms: int) -> list[Verdict] | None:
        """Note the events of a batch; say of each whether it is new. None: all of them are, as is usual."""
        if not events:
            return None
        if not self.starts or applied_ms >= self.starts[-1] + _SLICE_MS:
            self._begin(applied_ms)
        keys = [blake2b(event.id.encode(), digest_size=8).digest() for event in events]
        prints = [crc32(_encode(event)) for event in events]
        contents, newest = self.contents, self.slices[-1]
        if len(set(keys)) == len(keys) and contents.keys().isdisjoint(keys):
            contents.update(zip(keys, prints, strict=True))
            newest.extend(keys)
            return None
        verdicts: list[Verdict] = []
        for key, content in zip(keys, prints, strict=True):
            first = contents.setdefault(key, -1)
            if first == -1:
                contents[key] = content
                newest.append(key)
                verdicts.append("new")
            else:
                verdicts.append("same" if first == content else "conflict")
        return verdicts

    def _begin(self, now: int) -> None:
        """Begin a slice, and forget those beyond the horizon."""
        while self.starts and self._beyond(now):
            for key in self.slices.pop(0):
                del self.contents[key]
            del self.starts[0]
            self.forgotten_ms = self.starts[0] if self.starts else now
        self.starts.append(now)
        self.slices.append([])

    def _beyond(self, now: int) -> bool:
        end = self.starts[1] if len(self.starts) > 1 else self.starts[0] + _SLICE_MS
        if end > now - LEAST_MS:
            return False
        return end <= now - HORIZON_MS or len(self.contents) > MOST_IDS


class SeenKeys(Struct):
    """Own keys (order and kind) for the whole session, with the fingerprint of what came first under each."""

    contents: dict[int, int] = field(default_factory=dict)

    def take(self, key: str, content: Struct) -> Verdict:
        """Note a key; say whether it is new, was seen with this content, or with another."""
        print_ = crc32(_encode(content))
        first = self.contents.setdefault(id_hash(key), -1)
        if first == -1:
            self.contents[id_hash(key)] = print_
            return "new"
        return "same" if first == print_ else "conflict"
