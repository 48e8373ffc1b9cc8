"""The ports within one process: bounded queues, rings of frames, leases. No server, nothing survives a restart.

What waited at a restart was never answered, so its sender sends it again with the same ids.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.bus.ports import Committed, Kept, Stored, Ticket, Waiting
from app.bus.turns import take_turns
from app.domain.identity import Fence
from app.domain.records import Entry, size_of
from app.errors import ControlRoomError, FenceLost, Unavailable

WAITING_EVENTS: Final = 100_000
"""Most events of one session that may wait to be settled; 0.5 s of the fastest ingest."""
WAITING_IN_ALL: Final = 400_000
RING_FRAMES: Final = 1_024
RING_BYTES: Final = 1024 * 1024
"""Deltas kept a board, whichever is reached first: four minutes at four a second."""


class _Slip(Ticket):
    """A ticket that carries its own answer, so that an answer nobody asks for is forgotten with it."""

    __slots__ = ("asker", "result", "size")
    __setattr__ = object.__setattr__  # the name stays frozen by convention; the answer is written once
    asker: asyncio.Future[None] | None
    result: Committed | ControlRoomError | None
    size: int


class MemorySessionLog:
    """Owns what waits of every session; knows nothing of engines or SQL. For one event loop."""

    def __init__(self, *, waiting_events: int = WAITING_EVENTS, waiting_in_all: int = WAITING_IN_ALL) -> None:
        self._most, self._most_in_all = waiting_events, waiting_in_all
        self._queues: dict[str, deque[tuple[int, Waiting]]] = {}
        self._unsettled: dict[str, int] = {}  # events a session, taken ones too: they are still owed an answer
        self._in_all = 0
        self._count = 0
        self._takers: list[tuple[Collection[str] | None, asyncio.Future[None]]] = []

    async def append(self, session: str, entry: Entry) -> Ticket:
        size = size_of(entry.body)
        self._reserve(session, size, size)
        return self._append(session, entry, size)

    async def append_all(self, entries: Sequence[tuple[str, Entry]]) -> list[Ticket]:
        sizes = [size_of(entry.body) for _, entry in entries]
        wanted: dict[str, int] = defaultdict(int)
        for (session, _), size in zip(entries, sizes, strict=True):
            wanted[session] += size
        in_all = sum(sizes)
        for session, size in wanted.items():
            self._reserve(session, size, in_all)
        # No await since the first look at the room there is: nobody else can have taken it.
        return [self._append(session, entry, size) for (session, entry), size in zip(entries, sizes, strict=True)]

    def _reserve(self, session: str, size: int, in_all: int) -> None:
        if self._unsettled.get(session, 0) + size > self._most or self._in_all + in_all > self._most_in_all:
            raise Unavailable("too much of this session waits already", session=session, retry_after_s=1)

    def _append(self, session: str, entry: Entry, size: int) -> Ticket:
        self._count += 1
        ticket = _Slip(session, str(self._count))
        ticket.asker = ticket.result = None
        ticket.size = size
        queue = self._queues.get(session)
        if queue is None:
            queue = self._queues[session] = deque()
        queue.append((size, Waiting(ticket, entry)))
        self._unsettled[session] = self._unsettled.get(session, 0) + size
        self._in_all += size
        if self._takers:
            self._wake(session)
        return ticket

    def _wake(self, session: str) -> None:
        for sessions, taker in self._takers:
            if not taker.done() and (sessions is None or session in sessions):
                taker.set_result(None)

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        if not isinstance(ticket, _Slip):
            raise Unavailable("this ticket is not of this process", session=ticket.session)
        if ticket.result is None:
            # Shared by all who ask for this ticket: one that gives up must not take the answer from the others.
            ticket.asker = ticket.asker or asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within_ms / 1000):
                    await asyncio.shield(ticket.asker)
            except TimeoutError:
                raise Unavailable("no answer yet; ask again or send the same ids", session=ticket.session) from None
        assert ticket.result is not None
        if isinstance(ticket.result, ControlRoomError):
            raise ticket.result
        return ticket.result

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        names = None if sessions is None else frozenset(sessions)
        if not (taken := self._take(names, most)):
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append((names, taker))
            try:
                async with asyncio.timeout(within_ms / 1000):
                    await taker
            except TimeoutError:
                pass  # nothing came
            finally:
                self._takers.remove((names, taker))
            taken = self._take(names, most)
        return taken

    def _take(self, sessions: Collection[str] | None, most: int) -> Mapping[str, Sequence[Waiting]]:
        if not self._queues:
            return {}
        names = [name for name in self._queues if sessions is None or name in sessions]
        return take_turns(self._queues, names, most)

    async def settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        slip = waiting.ticket
        assert isinstance(slip, _Slip), "only what was taken from this log can be settled in it"
        if slip.result is not None:
            return
        slip.result = result
        self._in_all -= slip.size
        left = self._unsettled[slip.session] - slip.size
        if left:
            self._unsettled[slip.session] = left
        else:
            del self._unsettled[slip.session]
        if slip.asker is not None and not slip.asker.done():
            slip.asker.set_result(None)


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

    def _ring(self, board: str) -> _Ring:
        ring = self._rings.get(board)
        if ring is None:
            ring = self._rings[board] = _Ring()
        return ring

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

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        ring = self._rings.get(board)
        if ring is None or ring.epoch != epoch or not self._holds(ring, seq):
            return None
        return ring.after(seq)

    @staticmethod
    def _holds(ring: _Ring, seq: int) -> bool:
        """Tell whether every delta after `seq` is held; never so for a seq that lies ahead."""
        oldest = ring.deltas[0].seq if ring.deltas else ring.seq + 1
        return oldest - 1 <= seq <= ring.seq

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
        return self._later(ring, epoch, seq)

    @staticmethod
    def _later(ring: _Ring, epoch: int, seq: int) -> Sequence[Stored]:
        if ring.epoch < epoch:
            return ()
        return tuple(ring.deltas) if ring.epoch > epoch else ring.after(seq)


class MemoryOwnership:
    """Owns the leases of this process. Their time is the event loop's, which no clock change moves."""

    def __init__(self) -> None:
        self._newest = Fence(0)
        self._leases: dict[str, tuple[Fence, float]] = {}

    def continue_from(self, fence: Fence) -> None:
        """Give only fences above `fence` from now on: the newest one in SQL."""
        self._newest = max(self._newest, fence)

    async def acquire(self, name: str, within_ms: int) -> Fence | None:
        now = asyncio.get_running_loop().time()
        if name in self._leases and self._leases[name][1] > now:
            return None
        self._newest = Fence(self._newest + 1)
        self._leases[name] = (self._newest, now + within_ms / 1000)
        return self._newest

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        now = asyncio.get_running_loop().time()
        held = self._leases.get(name)
        if held is None or held[0] != fence or held[1] <= now:
            return False
        self._leases[name] = (fence, now + within_ms / 1000)
        return True

    async def release(self, name: str, fence: Fence) -> None:
        if name in self._leases and self._leases[name][0] == fence:
            del self._leases[name]
