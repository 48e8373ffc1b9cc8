"""Which events have been taken already: ids within a horizon, and own keys for the whole session (DESIGN §6)."""

import struct
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
        self._contents: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._prints: list[int] = []
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
        if not starts or applied_ms >= starts[-1] + _SLICE_MS:
            self._begin(applied_ms)
        keys = [blake2b(event.id.encode(), digest_size=8).digest() for event in events]
        prints = [crc32(_encode(event)) for event in events]
        contents = self._contents
        if len(set(keys)) == len(keys) and contents.keys().isdisjoint(keys):
            contents.update(zip(keys, prints, strict=True))
            self._keys += keys
            self._prints += prints
            return None
        return [self._judge(key, content) for key, content in zip(keys, prints, strict=True)]

    def pack(self) -> None:
        """Pack the newest slice too."""
        if self._slices.packed:
            self._slices.packed[-1] = _packed(self._keys, self._prints)

    def _judge(self, key: bytes, content: int) -> Verdict:
        first = self._contents.setdefault(key, -1)
        if first != -1:
            return "same" if first == content else "conflict"
        self._contents[key] = content
        self._keys.append(key)
        self._prints.append(content)
        return "new"

    def _begin(self, now: int) -> None:
        """Begin a slice, and forget those beyond the horizon."""
        slices = self._slices
        self.pack()
        while slices.starts and self._beyond(now):
            for key in _unpacked(slices.packed.pop(0))[0]:
                del self._contents[key]
            del slices.starts[0]
            slices.forgotten_ms = slices.starts[0] if slices.starts else now
        slices.starts.append(now)
        slices.packed.append(b"")
        self._keys, self._prints = [], []

    def _beyond(self, now: int) -> bool:
        starts = self._slices.starts
        end = starts[1] if len(starts) > 1 else starts[0] + _SLICE_MS
        if end > now - LEAST_MS:
            return False
        return end <= now - HORIZON_MS or len(self._contents) > MOST_IDS


def _packed(keys: list[bytes], prints: list[int]) -> bytes:
    return b"".join(keys) + struct.pack(f"<{len(prints)}I", *prints)


def _unpacked(packed: bytes) -> tuple[list[bytes], list[int]]:
    number = len(packed) // 12
    keys = [packed[at : at + 8] for at in range(0, 8 * number, 8)]
    return keys, list(struct.unpack(f"<{number}I", packed[8 * number :]))


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
