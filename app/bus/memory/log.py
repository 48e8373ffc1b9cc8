"""The session log in memory: one bounded queue a session."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.bus.ports import Committed, LogFull, Ticket, Waiting
from app.bus.slips import Slip, new_slip
from app.bus.turns import take_turns
from app.domain.records import Entry, size_of
from app.errors import ControlRoomError, Unavailable

WAITING_EVENTS: Final = 100_000
"""Most events of one session that may wait to be settled: half a second of the fastest ingest."""
WAITING_IN_ALL: Final = 400_000
WAITING_BYTES: Final = 128 * 1024 * 1024
"""As they came in; decoded they take about four times as much."""
LOOK_S: Final = 0.05
"""How often an owner that waits looks whether it was given a session in which something waits already."""


class MemorySessionLog:
    """Owns what waits of every session; knows nothing of engines or SQL. For one event loop."""

    def __init__(
        self,
        *,
        waiting_events: int = WAITING_EVENTS,
        waiting_in_all: int = WAITING_IN_ALL,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._most, self._most_in_all, self._most_bytes = waiting_events, waiting_in_all, waiting_bytes
        self._queues: dict[str, deque[tuple[int, Waiting]]] = {}
        self._taken: dict[str, dict[str, Waiting]] = {}  # token -> what was taken and not settled, in order
        self._unsettled: dict[str, int] = {}  # events a session, taken ones too: they are still owed an answer
        self._in_all = 0
        self._bytes = 0
        self._count = 0
        self._takers: dict[asyncio.Future[None], Collection[str] | None] = {}

    async def append(self, session: str, entry: Entry) -> Ticket:
        size = size_of(entry.body)
        self._reserve(session, size, size)
        return self._append(session, entry, size, 0)

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        sizes = [size_of(entry.body) for _, entry in entries]
        wanted: dict[str, int] = defaultdict(int)
        for (session, _), size in zip(entries, sizes, strict=True):
            wanted[session] += size
        in_all = sum(sizes)
        for session, size in wanted.items():
            self._reserve(session, size, in_all)
        if self._bytes and self._bytes + weight > self._most_bytes:  # one alone is as large as the door lets in
            raise LogFull("too many bytes wait already", retry_after_s=1)
        # No await since the first look at the room there is: nobody else can have taken it.
        return [
            self._append(session, entry, size, weight * size // in_all)
            for (session, entry), size in zip(entries, sizes, strict=True)
        ]

    def _reserve(self, session: str, size: int, in_all: int) -> None:
        if self._unsettled.get(session, 0) + size > self._most:
            raise LogFull("too much of this session waits already", session=session, retry_after_s=1)
        if self._in_all + in_all > self._most_in_all:
            raise LogFull("too much of all sessions together waits already", retry_after_s=1)

    def _append(self, session: str, entry: Entry, size: int, weight: int) -> Ticket:
        self._count += 1
        ticket = new_slip(session, str(self._count), size, weight)
        queue = self._queues.get(session)
        if queue is None:
            queue = self._queues[session] = deque()
        queue.append((size, Waiting(ticket, entry)))
        self._unsettled[session] = self._unsettled.get(session, 0) + size
        self._in_all += size
        self._bytes += weight
        if self._takers:
            self._wake(session)
        return ticket

    def _wake(self, session: str) -> None:
        for taker, sessions in self._takers.items():
            if not taker.done() and (sessions is None or session in sessions):
                taker.set_result(None)

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        if not isinstance(ticket, Slip):
            raise Unavailable("this ticket is not of this process", session=ticket.session)
        return await ticket.wait(within_ms)

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + within_ms / 1000
        while not (taken := self._take(sessions, most)) and (left_s := until - loop.time()) > 0:
            taker: asyncio.Future[None] = loop.create_future()
            self._takers[taker] = sessions
            try:
                async with asyncio.timeout(left_s if sessions is None else min(left_s, LOOK_S)):
                    await taker
            except TimeoutError:
                pass  # nothing came; but the sessions may be others by now
            finally:
                del self._takers[taker]
        return taken

    def _take(self, sessions: Collection[str] | None, most: int) -> Mapping[str, Sequence[Waiting]]:
        if not self._queues:
            return {}
        names = [name for name in self._queues if sessions is None or name in sessions]
        taken = take_turns(self._queues, names, most)
        for session, entries in taken.items():
            self._taken.setdefault(session, {}).update((waiting.ticket.token, waiting) for waiting in entries)
        return taken

    async def settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        self._settle(waiting, result)

    async def settle_all(self, results: Sequence[tuple[Waiting, Committed | ControlRoomError]]) -> None:
        for waiting, result in results:
            self._settle(waiting, result)

    def _settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        slip = waiting.ticket
        assert isinstance(slip, Slip), "only what was taken from this log can be settled in it"
        if slip.result is not None:
            return
        session = slip.session
        if (taken := self._taken.get(session)) is None or taken.pop(slip.token, None) is None:
            self._unqueue(slip)
        elif not taken:
            del self._taken[session]
        self._in_all -= slip.size
        self._bytes -= slip.weight
        left = self._unsettled[session] - slip.size
        if left:
            self._unsettled[session] = left
        else:
            del self._unsettled[session]
        slip.answer(result)

    def _unqueue(self, slip: Slip) -> None:
        """Settled by an owner that had let go of it: nobody else may read it now."""
        kept = deque(one for one in self._queues.pop(slip.session, ()) if one[1].ticket is not slip)
        if kept:
            self._queues[slip.session] = kept

    async def waiting(self) -> Collection[str]:
        return set(self._unsettled)

    def let_go(self, session: str) -> None:
        taken = self._taken.pop(session, None)
        if taken:
            again = [(_size(one), one) for one in taken.values()]
            self._queues[session] = deque((*again, *self._queues.get(session, ())))
            self._wake(session)


def _size(waiting: Waiting) -> int:
    slip = waiting.ticket
    assert isinstance(slip, Slip)
    return slip.size
