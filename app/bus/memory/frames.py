"""The frame log in memory: one ring of deltas a board, beside its newest snapshot."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from app.bus.ports import Kept, Stored
from app.errors import FenceLost

RING_FRAMES: Final = 1_024
RING_BYTES: Final = 1024 * 1024
"""Deltas kept a board, whichever is reached first: four minutes at four a second."""
LEFT_KNOWN: Final = 10_000
"""Boards that were given up whose last number is remembered."""


class _Ring:
    """One board: the newest epoch, its snapshot and the deltas that are still held, without a gap among them."""

    __slots__ = ("bytes", "deltas", "epoch", "seq", "snapshot", "snapshot_seq", "waiters")

    def __init__(self) -> None:
        self.epoch = -1
        self.seq = 0
        self.bytes = 0
        self.snapshot: tuple[bytes, ...] | None = None
        self.snapshot_seq = 0
        self.deltas: deque[Stored] = deque()
        self.waiters: set[asyncio.Future[None]] = set()

    def enter(self, board: str, epoch: int) -> None:
        """Make `epoch` the newest. A higher one forgets all of the one before; a lower one is shut out."""
        if epoch < self.epoch:
            raise FenceLost("a newer owner publishes this board", board=board, epoch=self.epoch)
        if epoch > self.epoch:
            self.epoch, self.seq, self.snapshot = epoch, -1, None
            self.forget()

    def forget(self) -> None:
        self.deltas.clear()
        self.bytes = 0

    def after(self, seq: int) -> list[Stored]:
        """Return the held deltas after `seq`, found from the end: most askers are close to it."""
        found = []
        for delta in reversed(self.deltas):
            if delta.seq <= seq:
                break
            found.append(delta)
        found.reverse()
        return found


class MemoryFrameLog:
    """Owns the rings of all boards of this process; knows nothing of what is in a frame."""

    def __init__(self, *, ring_frames: int = RING_FRAMES, ring_bytes: int = RING_BYTES) -> None:
        self._frames, self._bytes = ring_frames, ring_bytes
        self._rings: dict[str, _Ring] = {}
        self._left: dict[str, tuple[int, int]] = {}  # of what was given up: newest epoch and number

    def _ring(self, board: str) -> _Ring:
        ring = self._rings.get(board)
        if ring is None:
            ring = self._rings[board] = _Ring()
            ring.epoch, ring.seq = self._left.pop(board, (ring.epoch, ring.seq))
        return ring

    def _let_go(self, board: str, ring: _Ring) -> None:
        """Keep nothing of a board but how far it was, once nothing is held of it and nobody waits for more."""
        if ring.waiters or ring.deltas or ring.snapshot is not None:
            return
        self._rings.pop(board, None)
        if ring.epoch >= 0:
            self._left[board] = (ring.epoch, ring.seq)
            if len(self._left) > LEFT_KNOWN:
                del self._left[next(iter(self._left))]

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        ring = self._ring(board)
        ring.enter(board, epoch)
        ring.snapshot, ring.snapshot_seq = tuple(parts), seq
        if seq != ring.seq:
            ring.forget()  # what is held does not lead up to this snapshot
            ring.seq = seq

    async def publish(self, board: str, frame: Stored) -> None:
        ring = self._ring(board)
        ring.enter(board, frame.epoch)
        if frame.seq <= ring.seq:
            return  # told before
        if frame.seq != ring.seq + 1:
            ring.forget()
        ring.seq = frame.seq
        ring.deltas.append(frame)
        ring.bytes += len(frame.data)
        while len(ring.deltas) > self._frames or (ring.bytes > self._bytes and len(ring.deltas) > 1):
            ring.bytes -= len(ring.deltas.popleft().data)
        for waiter in ring.waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def publish_all(self, frames: Sequence[tuple[str, Stored]]) -> Collection[str]:
        lost = set()
        for board, frame in frames:
            try:
                await self.publish(board, frame)
            except FenceLost:
                lost.add(board)
        return lost

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        ring = self._rings.get(board)
        if ring is None:
            return [] if self._left.get(board) == (epoch, seq) else None
        return ring.after(seq) if ring.epoch == epoch and self._holds(ring, seq) else None

    @staticmethod
    def _holds(ring: _Ring, seq: int) -> bool:
        """Tell whether every delta after `seq` is held; never so for a seq that lies ahead."""
        oldest = ring.deltas[0].seq if ring.deltas else ring.seq + 1
        return oldest - 1 <= seq <= ring.seq

    async def has(self, board: str) -> bool:
        ring = self._rings.get(board)
        return ring is not None and ring.snapshot is not None

    async def newest(self, board: str) -> Kept | None:
        ring = self._rings.get(board)
        if ring is None or ring.snapshot is None or not self._holds(ring, ring.snapshot_seq):
            return None
        return Kept(ring.epoch, ring.snapshot_seq, ring.snapshot, tuple(ring.after(ring.snapshot_seq)))

    async def wait(self, board: str, epoch: int, seq: int, within_ms: int) -> Sequence[Stored]:
        """A higher epoch's deltas count as later ones; the asker sees by their numbers that a snapshot is due."""
        ring = self._ring(board)
        if found := self._later(ring, epoch, seq):
            return found
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ring.waiters.add(waiter)
        try:
            async with asyncio.timeout(within_ms / 1000):
                await waiter
        except TimeoutError:
            return ()
        finally:
            ring.waiters.discard(waiter)
            self._let_go(board, ring)
        return self._later(ring, epoch, seq)

    async def forget(self, board: str, epoch: int) -> None:
        ring = self._rings.get(board)
        if ring is not None and ring.epoch <= epoch:
            ring.snapshot = None
            ring.forget()
            self._let_go(board, ring)

    @staticmethod
    def _later(ring: _Ring, epoch: int, seq: int) -> Sequence[Stored]:
        if ring.epoch < epoch:
            return ()
        return tuple(ring.deltas) if ring.epoch > epoch else ring.after(seq)
