"""Which events have been taken already: ids within a horizon, and own keys for the whole session."""

from array import array
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from app.domain.events import Event
from app.domain.identity import fingerprint, quick_hash

HORIZON_MS: Final = 30 * 60 * 1_000
LEAST_MS: Final = 2 * 60 * 1_000
MOST_IDS: Final = 200_000
SLICE_MS: Final = 10_000
SLICE_IDS: Final = 20_000
"""A slice is closed after so many ids too: neither packing one nor forgetting one may hold up the loop."""
FORGOTTEN_AT_ONCE: Final = 2
"""Slices, a few milliseconds; after a storm the others follow with the next ones."""

Verdict = Literal["new", "same", "conflict"]
_encode = msgspec.msgpack.Encoder().encode


class SeenSlices(Struct):
    """The ids as a checkpoint holds them: slices of ten seconds, each packed once when it is closed, so that a
    checkpoint of hundreds of thousands of ids is a copy. The newest slice is packed only for a checkpoint.
    """

    starts: list[int] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    forgotten_ms: int = 0
    """What happened before this instant cannot be told from a repetition any more."""


class SeenIds:
    """The ids of the last half hour, or the newest 200,000, but never less than those of two minutes.

    Shape: 8-byte hash of the id -> 4-byte fingerprint of the content that came with it first; beside it the same in
    slices of ten seconds, by which they are forgotten.
    """

    def __init__(self, slices: SeenSlices) -> None:
        self._slices = slices
        self._contents: dict[int, int] = {}
        self._keys, self._prints = _unpacked(b"")
        for packed in slices.packed:
            self._keys, self._prints = _unpacked(packed)
            self._contents.update(zip(self._keys, self._prints, strict=True))

    def __len__(self) -> int:
        return len(self._contents)

    @property
    def forgotten_ms(self) -> int:
        return self._slices.forgotten_ms

    def take(self, events: Sequence[Event], applied_ms: int) -> list[Verdict] | None:
        """Note the events of a batch; say of each whether it is new. None: all of them are, as is usual."""
        if not events:
            return None
        starts = self._slices.starts
        if not starts or applied_ms >= starts[-1] + SLICE_MS:
            self._begin(applied_ms)
        keys = [quick_hash(event.id.encode()) for event in events]
        prints = list(map(fingerprint, map(_encode, events)))
        contents, number = self._contents, len(keys)
        fits = len(self._keys) + number <= SLICE_IDS
        if fits and len(set(keys)) == number and contents.keys().isdisjoint(keys):
            contents.update(zip(keys, prints, strict=True))
            self._keys.extend(keys)
            self._prints.extend(prints)
            return None
        verdicts = [self._judge(key, content, applied_ms) for key, content in zip(keys, prints, strict=True)]
        return verdicts if verdicts.count("new") < number else None

    def pack(self) -> None:
        """Pack the newest slice too."""
        if self._slices.packed:
            self._slices.packed[-1] = self._keys.tobytes() + self._prints.tobytes()

    def _judge(self, key: int, content: int, now: int) -> Verdict:
        first = self._contents.get(key)
        if first is not None:
            return "same" if first == content else "conflict"
        if len(self._keys) >= SLICE_IDS:
            self._begin(now)  # between two ids, not between two batches: however they were cut
        self._contents[key] = content
        self._keys.append(key)
        self._prints.append(content)
        return "new"

    def _begin(self, now: int) -> None:
        """Begin a slice, and forget some of those beyond the horizon."""
        slices = self._slices
        self.pack()
        for _ in range(FORGOTTEN_AT_ONCE):
            if not slices.starts or not self._beyond(now):
                break
            for key in _unpacked(slices.packed.pop(0))[0]:
                del self._contents[key]
            del slices.starts[0]
            slices.forgotten_ms = slices.starts[0] if slices.starts else now
        slices.starts.append(now)
        slices.packed.append(b"")
        self._keys, self._prints = _unpacked(b"")

    def _beyond(self, now: int) -> bool:
        starts = self._slices.starts
        end = starts[1] if len(starts) > 1 else starts[0] + SLICE_MS
        if end > now - LEAST_MS:
            return False
        return end <= now - HORIZON_MS or len(self._contents) > MOST_IDS


def _unpacked(packed: bytes) -> "tuple[array[int], array[int]]":
    number = len(packed) // 12
    keys, prints = array("Q"), array("I")
    keys.frombytes(packed[: 8 * number])
    prints.frombytes(packed[8 * number :])
    return keys, prints


class SeenKeys(Struct):
    """Own keys (order and kind) for the whole session, with the fingerprint of what came first under each."""

    contents: dict[int, int] = field(default_factory=dict)

    def take(self, key: str, content: Struct) -> Verdict:
        """Note a key; say whether it is new, was seen with this content, or with another."""
        contents, hashed = self.contents, quick_hash(key.encode())
        print_ = fingerprint(_encode(content))
        first = contents.get(hashed)
        if first is None:
            contents[hashed] = print_
            return "new"
        return "same" if first == print_ else "conflict"
