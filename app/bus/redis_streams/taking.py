"""The owners' side of the session log: reading ahead in the streams that have something, and taking in turns."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Final

import msgspec
import structlog

from app.bus.ports import Waiting
from app.bus.redis_streams.answers import TakenSlip
from app.bus.redis_streams.link import BLOCK_MS, RedisLink, end
from app.bus.redis_streams.streams import bell_key, life_key, stream_of, waiting_key
from app.bus.turns import take_turns
from app.domain.records import decode_entry
from app.errors import ControlRoomError

log = structlog.get_logger()

READ_ENTRIES: Final = 256
"""Most entries of one session read ahead in one command, as bytes; they are decoded when they are taken."""
READ_STREAMS: Final = 64
READ_AHEAD: Final = 2
"""Takes' worth of events after which no more is read ahead in one go."""
RING_PAUSE_S: Final = 0.003
"""After a ring for somebody else's sessions: a busy installation must not keep its idle owners busy."""
LOOK_S: Final = 0.05
"""How often an owner that waits looks whether it was given a session in which something waits already."""
SLICE_S: Final = 0.005
"""After decoding this long the loop is given away once."""

LOOK: Final = """
local ring = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local found = {redis.call('GET', KEYS[3]) or '', ring[1] and ring[1][1] or '0-0'}
local names = redis.call('HGETALL', KEYS[1])
for i = 1, #names, 2 do
  if redis.call('XLEN', ARGV[1] .. names[i]) == 0 then
    redis.call('HDEL', KEYS[1], names[i])
  else
    found[#found + 1] = names[i]
    found[#found + 1] = names[i + 1]
  end
end
return found
"""
"""What waits, as of the newest ring. A count whose stream has run out (a day without an owner) is put right."""

Raw = tuple[TakenSlip, bytes]
Refuse = Callable[[Sequence[TakenSlip], ControlRoomError], Awaitable[None]]


class Unreadable(ControlRoomError):
    """An entry that this owner, of another release perhaps, cannot read; the same may be sent again."""

    kind, code, retryable = "busy", "unreadable_entry", True


class Taking:
    """Owns how far this process has read in each session, and what it has read but not taken."""

    def __init__(self, link: RedisLink, refuse: Refuse) -> None:
        self._link, self._refuse = link, refuse
        self._look_up = link.script(LOOK)
        self._keys = [waiting_key(link), bell_key(link), life_key(link)]
        self._life = b""
        self._ring = "0-0"
        self._ringing: asyncio.Task[bool] | None = None
        self._read_to: dict[str, str] = {}  # only of sessions in which something is not settled
        self._ahead: dict[str, deque[tuple[int, Raw]]] = {}
        self._ahead_events = 0
        self._first = 0
        self._let_go = False

    async def waiting(self) -> Collection[str]:
        return {name.decode() for name in await self._link.command("HKEYS", self._keys[0])}

    def let_go(self, session: str) -> None:
        self._forget(session)
        self._let_go = True

    def _forget(self, session: str) -> None:
        self._read_to.pop(session, None)
        self._ahead_events -= sum(size for size, _ in self._ahead.pop(session, ()))

    async def close(self) -> None:
        await end(self._ringing)

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + within_ms / 1000
        rung = False
        while True:
            self._let_go = False
            events = await self._look()
            mine = [name for name in events if sessions is None or name in sessions]
            await self._read_ahead(self._to_read(mine, events, most))
            # In the order in which turns left them, so that the fullest do not starve the others.
            turn = [name for name in self._ahead if sessions is None or name in sessions]
            taken = await self._decoded(take_turns(self._ahead, turn, most))
            if taken or loop.time() >= until:
                return taken
            if rung:
                await asyncio.sleep(RING_PAUSE_S)
            rung = await self._wait_for_ring(sessions, events.keys() - mine, until)

    async def _look(self) -> dict[str, int]:
        """Return what waits, session -> events, and forget how far the others were read: nothing is left in them."""
        life, ring, *found = await self._link.run(self._look_up, self._keys, [stream_of(self._link, "")])
        events = {name.decode(): int(size) for name, size in zip(found[::2], found[1::2], strict=True)}
        for name in [name for name in self._read_to if life != self._life or name not in events]:
            self._forget(name)
        self._life, self._ring = life, ring.decode()
        return events

    def _to_read(self, mine: Sequence[str], events: Mapping[str, int], most: int) -> list[str]:
        """Return whose streams to read on in: all, or of more than can be used soon the emptiest, and the others in
        turns."""
        short = [name for name in mine if len(self._ahead.get(name, ())) < READ_ENTRIES]
        room = max(most * READ_AHEAD - self._ahead_events, most // 2)  # some of it may be of sessions that moved away
        if sum(events[name] for name in short) <= room:
            return short
        first = self._first % max(1, len(short))
        small = _within(sorted(short, key=events.__getitem__), events, most // 2)
        others = _within([*short[first:], *short[:first]], dict.fromkeys(short, max(1, most // 4)), room)
        self._first = first + len(others)
        return [*dict.fromkeys((*small, *others))]

    async def _read_ahead(self, names: Sequence[str]) -> None:
        for n in range(0, len(names), READ_STREAMS):
            asked = {name: self._read_to.get(name, "0-0") for name in names[n : n + READ_STREAMS]}
            by_stream = {stream_of(self._link, name): name for name in asked}
            read = await self._link.read(dict(zip(by_stream, asked.values(), strict=True)), most=READ_ENTRIES)
            for stream, entries in read:
                name = by_stream[stream]
                if self._read_to.get(name, "0-0") == asked[name]:  # else it was let go of meanwhile
                    self._keep(name, entries)

    def _keep(self, session: str, entries: Sequence[tuple[str, Mapping[bytes, bytes]]]) -> None:
        queue = self._ahead.setdefault(session, deque())
        for entry_id, fields in entries:
            slip = TakenSlip(session, fields[b"t"].decode())
            slip.askers, slip.result = [], None
            slip.size, slip.entry_id, slip.reply = int(fields[b"n"]), entry_id, fields[b"r"].decode()
            queue.append((slip.size, (slip, fields[b"b"])))
            self._ahead_events += slip.size
        self._read_to[session] = entries[-1][0]

    async def _decoded(self, taken: Mapping[str, Sequence[Raw]]) -> dict[str, Sequence[Waiting]]:
        """Return what was taken, decoded; it is put back when the taker goes away meanwhile."""
        loop = asyncio.get_running_loop()
        decoded: dict[str, Sequence[Waiting]] = {}
        unreadable: list[TakenSlip] = []
        self._ahead_events -= sum(slip.size for entries in taken.values() for slip, _ in entries)
        began = loop.time()
        try:
            for session, entries in taken.items():
                decoded[session] = _decoded(entries, unreadable)
                if loop.time() - began > SLICE_S:
                    await asyncio.sleep(0)
                    began = loop.time()
            if unreadable:
                await self._refuse(unreadable, Unreadable("the entry cannot be read"))
        except asyncio.CancelledError:
            for session in taken.keys() & self._read_to.keys():
                queue = self._ahead.setdefault(session, deque())
                queue.extendleft((raw[0].size, raw) for raw in reversed(taken[session]))
                self._ahead_events += sum(slip.size for slip, _ in taken[session])
            raise
        return {name: found for name, found in decoded.items() if found and name in self._read_to}  # else let go of

    async def _wait_for_ring(self, sessions: Collection[str] | None, others: Collection[str], until: float) -> bool:
        """Return True once something was appended; False when time is up, one of the others has become one of the
        sessions, or one was let go of."""
        loop = asyncio.get_running_loop()
        # Rung with every append and read on from the last look, so nothing is missed. The task outlives a taker that is
        # cancelled: to cancel a command costs its connection.
        ringing = self._ringing = self._ringing or asyncio.create_task(self._hear_bell(self._ring), name="bus-bell")
        while not ringing.done() and not self._let_go and (left_s := until - loop.time()) > 0:
            await asyncio.wait({ringing}, timeout=min(left_s, LOOK_S))
            if sessions is not None and any(name in sessions for name in others):
                return False
        if not ringing.done():
            return False
        self._ringing = None
        return ringing.result()

    async def _hear_bell(self, after: str) -> bool:
        return bool(await self._link.read({self._keys[1]: after}, most=1, block_ms=BLOCK_MS))


def _within(names: Sequence[str], events: Mapping[str, int], room: int) -> list[str]:
    """Return the first of the names that have events for at most `room` together."""
    ends = zip(names, accumulate(events[name] for name in names), strict=True)
    return [name for name, _ in takewhile(lambda one: one[1] <= room, ends)]


def _decoded(entries: Sequence[Raw], unreadable: list[TakenSlip]) -> list[Waiting]:
    decoded = []
    for slip, data in entries:
        try:
            decoded.append(Waiting(slip, decode_entry(data)))
        except msgspec.DecodeError as fault:
            log.error("entry_unreadable", session=slip.session, reason=str(fault))
            unreadable.append(slip)
    return decoded
