"""One board as this process passes it on: a ring of frames ready for the wire, and the newest presents. No I/O."""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate, islice
from typing import Final

from app.bus.ports import Kept, Stored
from app.realtime.fanout_wire import framed

RING_FRAMES: Final = 1_024
RING_BYTES: Final = 512 * 1024
"""Deltas held a board, whichever is reached first. In one process the frame log holds as many; over Redis fewer."""
BATCH_BYTES: Final = 64 * 1024
"""Most of one write; a frame that is larger goes alone."""
PRESENTS: Final = 4
"""Presents of a board that slow viewers may still be reading; who reads an older one begins anew."""
PLACES: Final = 32
"""Places of which what follows is kept joined."""
LATE_DELTAS: Final = 64
"""A present with more deltas after it than this is not given to anybody who comes now."""


class Batch:
    """Frames that go out in one write, joined once for everybody who is at the same place."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self.frames = frames
        self.count = len(frames)

    @cached_property
    def joined(self) -> bytes:
        return self.frames[0] if self.count == 1 else b"".join(self.frames)

    @cached_property
    def ends(self) -> Sequence[int]:
        """Where each frame ends."""
        return list(accumulate(map(len, self.frames)))


class Present:
    """A board as it was at (epoch, seq): its snapshot in parts, and the deltas that lead from there to `seq`.

    Emptied once newer ones have taken its place, whoever still refers to it.
    """

    def __init__(self, epoch: int, seq: int, frames: Sequence[bytes]) -> None:
        self.epoch = epoch
        self.seq = seq
        self.frames = tuple(map(framed, frames))
        self.size = sum(map(len, self.frames))
        self._batches: dict[int, Batch] = {}

    def batch(self, at: int) -> Batch:
        """The frames from this one on, as many as go out at once."""
        found = self._batches.get(at)
        if found is None:
            found = self._batches[at] = Batch(_at_once(self.frames[at:]))
        return found

    def drop(self) -> None:
        self.frames = ()
        self._batches.clear()


class Track:
    """Owns what is held of one board: deltas without a gap, and presents that lead into them.

    `epoch` -1: nothing has been read yet. `seq`: of the newest delta, or of the snapshot when there is none after it.
    """

    def __init__(self, *, ring_frames: int = RING_FRAMES, ring_bytes: int = RING_BYTES) -> None:
        self.epoch = -1
        self.seq = -1
        self._most_frames, self._most_bytes = ring_frames, ring_bytes
        self._ring: deque[bytes] = deque()
        self._bytes = 0
        self._presents: deque[Present] = deque()
        self._batches: dict[int, Batch] = {}

    @property
    def first(self) -> int:
        """The seq of the oldest delta that is held."""
        return self.seq - len(self._ring) + 1

    def holds(self, epoch: int, seq: int) -> bool:
        """Whether every delta after this place is held."""
        return epoch == self.epoch and self.first - 1 <= seq <= self.seq

    def backlog(self, seq: int) -> int:
        """How many bytes follow a place that is held."""
        return sum(map(len, islice(self._ring, seq - self.first + 1, None)))

    def after(self, seq: int) -> Batch:
        """The deltas after a place that is held, as many as go out at once; not to be asked when there are none."""
        found = self._batches.get(seq)
        if found is None:
            if len(self._batches) >= PLACES:
                self._batches.clear()
            found = self._batches[seq] = Batch(_at_once(islice(self._ring, seq - self.first + 1, None)))
        return found

    @property
    def present(self) -> Present | None:
        """The newest present, when a viewer may start from it: every delta after it is held, and they are few."""
        newest = self._presents[-1] if self._presents else None
        if newest is None or self.seq - newest.seq > LATE_DELTAS or not self.holds(newest.epoch, newest.seq):
            return None
        return newest

    @property
    def present_size(self) -> int:
        """How many bytes the present takes, about: those of the newest one that was read."""
        return self._presents[-1].size if self._presents else 0

    def add(self, frames: Sequence[Stored]) -> bool:
        """Add deltas; those that are held already do nothing. False: one is missing before them, or they are of
        another epoch; then nothing more was added."""
        for frame in frames:
            if frame.epoch != self.epoch or frame.seq > self.seq + 1:
                return False
            if frame.seq == self.seq + 1:
                self._append(framed(frame.data))
        return True

    def add_before(self, epoch: int, frames: Sequence[Stored]) -> None:
        """Add older deltas in front of those that are held, as far back as there is room for."""
        if epoch != self.epoch:
            return
        for frame in reversed(frames):
            if frame.seq != self.first - 1:
                continue
            data = framed(frame.data)
            if len(self._ring) >= self._most_frames or self._bytes + len(data) > self._most_bytes:
                return
            self._ring.appendleft(data)
            self._bytes += len(data)

    def take(self, kept: Kept) -> None:
        """Take what the frame log holds now. When it is of a newer epoch, or what is held does not lead up to it, all
        of that is forgotten: whoever was at a place in it has to start from the present."""
        newest = kept.deltas[-1].seq if kept.deltas else kept.seq
        if kept.epoch < self.epoch or (kept.epoch == self.epoch and newest < self.seq):
            return  # it was read before what is held by now
        if kept.epoch > self.epoch or kept.seq > self.seq:
            self._restart(kept.epoch, kept.seq)
        self.add(kept.deltas)
        if self._presents and self._presents[-1].seq == newest:
            return
        self._presents.append(Present(kept.epoch, newest, (*kept.snapshot, *(delta.data for delta in kept.deltas))))
        if len(self._presents) > PRESENTS:
            self._presents.popleft().drop()

    def _restart(self, epoch: int, seq: int) -> None:
        self.epoch, self.seq = epoch, seq
        self._ring.clear()
        self._batches.clear()
        self._bytes = 0
        while self._presents:
            self._presents.popleft().drop()

    def _append(self, frame: bytes) -> None:
        self._batches.clear()
        self.seq += 1
        self._ring.append(frame)
        self._bytes += len(frame)
        while len(self._ring) > self._most_frames or (self._bytes > self._most_bytes and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft())


def _at_once(frames: Iterable[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    size = 0
    for frame in frames:
        if taken and size + len(frame) > BATCH_BYTES:
            break
        taken.append(frame)
        size += len(frame)
    return taken
