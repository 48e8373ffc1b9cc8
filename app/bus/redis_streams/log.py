"""The session log over Redis: one stream a session, holding what is not settled yet.

No consumer group: a session has one reader, the holder of its lease, and reads on from the last id it has read. A new
owner reads from the beginning and so finds, in order, everything the one before left unsettled; an old owner that still
reads takes nothing away from it. A group would hide from the new owner what the old one was given.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Final
from weakref import WeakValueDictionary

from app.bus.ports import Committed, Ticket, Waiting
from app.bus.redis_streams.link import BLOCK_MS, RedisLink
from app.bus.redis_streams.replies import decode_reply, encode_reply
from app.bus.slips import Slip, new_slip
from app.bus.turns import take_turns
from app.domain.records import Entry, decode_entry, encode_entry, size_of
from app.errors import ControlRoomError, Unavailable

WAITING_EVENTS: Final = 100_000
READ_ENTRIES: Final = 256
"""Most entries of one session read ahead in one command."""
REPLIES_KEPT: Final = 10_000
REPLY_MS: Final = 60_000
STREAM_MS: Final = 24 * 3_600_000
RETRY_S: Final = 0.2

APPEND: Final = """
local waiting, bell, reply = KEYS[1], KEYS[2], ARGV[1]
local wanted = {}
for i = 4, #ARGV, 5 do
  local name, size = ARGV[i + 1], tonumber(ARGV[i + 3])
  wanted[name] = (wanted[name] or tonumber(redis.call('HGET', waiting, name) or '0')) + size
  if wanted[name] > tonumber(ARGV[2]) then return name end
end
for i = 4, #ARGV, 5 do
  local stream, name = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  redis.call('XADD', stream, '*', 't', ARGV[i + 2], 'r', reply, 'n', ARGV[i + 3], 'b', ARGV[i + 4])
  redis.call('HINCRBY', waiting, name, ARGV[i + 3])
  redis.call('PEXPIRE', stream, ARGV[3])
end
redis.call('XADD', bell, 'MAXLEN', '~', 64, '*', 'n', '')
return ''
"""
"""All or nothing: looks at the room in every session first. An entry is: number of its stream's key, session, token,
size, body. Answers the name of a session that is full, or nothing."""

SETTLE: Final = """
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HINCRBY', KEYS[2], ARGV[2], -tonumber(ARGV[3])) <= 0 then redis.call('HDEL', KEYS[2], ARGV[2]) end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'p', ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1
"""


class TakenSlip(Slip):
    """At the owner: where the entry lies in its stream, and where its sender waits."""

    __slots__ = ("entry_id", "reply")
    entry_id: str
    reply: str


class RedisSessionLog:
    """Owns this process's place in the streams: as a sender its replies, as an owner how far it has read."""

    def __init__(self, link: RedisLink, *, waiting_events: int = WAITING_EVENTS) -> None:
        self._link, self._most = link, waiting_events
        self._append, self._settle = link.script(APPEND), link.script(SETTLE)
        self._waiting, self._bell = link.name("waiting"), link.name("bell")
        self._reply = link.name("reply", uuid.uuid4().hex)
        self._tokens = count(1)
        self._slips: WeakValueDictionary[str, Slip] = WeakValueDictionary()
        self._reader: asyncio.Task[None] | None = None
        self._read_to: dict[str, str] = {}
        self._rung = "0-0"
        self._ahead: dict[str, deque[tuple[int, Waiting]]] = {}

    async def append(self, session: str, entry: Entry) -> Ticket:
        return (await self.append_all([(session, entry)]))[0]

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        if not entries:
            return []
        slips: list[Ticket] = []
        keys = {session: n for n, session in enumerate(dict.fromkeys(session for session, _ in entries), 3)}
        args: list[str | int | bytes] = [self._reply, self._most, STREAM_MS]
        for session, entry in entries:
            slip = new_slip(session, str(next(self._tokens)), size_of(entry.body))
            self._slips[slip.token] = slip
            slips.append(slip)
            args += [keys[session], session, slip.token, slip.size, encode_entry(entry)]
        self._listen()
        streams = [self._stream(session) for session in keys]
        if full := await self._link.run(self._append, [self._waiting, self._bell, *streams], args):
            raise Unavailable("too much of this session waits already", session=full.decode(), retry_after_s=1)
        return slips

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        if not isinstance(ticket, Slip):
            raise Unavailable("this ticket is not of this process", session=ticket.session)
        return await ticket.wait(within_ms)

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + within_ms / 1000
        while True:
            names = [*sessions] if sessions is not None else await self._sessions()
            await self._read_ahead(names)
            left_ms = int((until - loop.time()) * 1000)
            if (taken := take_turns(self._ahead, self._in_turn(names), most)) or left_ms <= 0:
                return taken
            # Rung with every append, so nothing that came since the look above can be missed.
            for _, rings in await self._link.read({self._bell: self._rung}, most=100, block_ms=left_ms):
                self._rung = rings[-1][0]

    async def settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        slip = waiting.ticket
        assert isinstance(slip, TakenSlip), "only what was taken from this log can be settled in it"
        keys = [self._stream(slip.session), self._waiting, slip.reply]
        reply = encode_reply(slip.token, result)
        args: list[str | int | bytes] = [slip.entry_id, slip.session, slip.size, reply, REPLIES_KEPT, REPLY_MS]
        await self._link.run(self._settle, keys, args)

    async def close(self) -> None:
        """Stop listening for answers; who still waits for one is told by time-out."""
        while self._reader is not None and not self._reader.done():
            self._reader.cancel()  # again, should the client have swallowed the one before
            await asyncio.wait({self._reader}, timeout=0.05)

    def _stream(self, session: str) -> str:
        return self._link.name("log", session)

    async def _sessions(self) -> list[str]:
        return sorted(name.decode() for name in await self._link.command("HKEYS", self._waiting))

    def _in_turn(self, names: Sequence[str]) -> list[str]:
        """Those read ahead first, in the order in which turns left them; so the fullest do not starve the others."""
        wanted = set(names)
        return [name for name in self._ahead if name in wanted]

    async def _read_ahead(self, names: Sequence[str]) -> None:
        asked = {
            self._stream(name): self._read_to.get(name, "0-0")
            for name in names
            if len(self._ahead.get(name, ())) < READ_ENTRIES
        }
        if not asked:
            return
        by_stream = {self._stream(name): name for name in names}
        for stream, entries in await self._link.read(asked, most=READ_ENTRIES):
            session = by_stream[stream]
            queue = self._ahead.setdefault(session, deque())
            for entry_id, fields in entries:
                slip = TakenSlip(session, fields[b"t"].decode())
                slip.asker = slip.result = None
                slip.size, slip.entry_id, slip.reply = int(fields[b"n"]), entry_id, fields[b"r"].decode()
                queue.append((slip.size, Waiting(slip, decode_entry(fields[b"b"]))))
                self._read_to[session] = entry_id

    def _listen(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._hear_replies(), name="bus-replies")

    async def _hear_replies(self) -> None:
        heard = "0-0"
        while True:
            try:
                answers = await self._link.read({self._reply: heard}, most=1_000, block_ms=BLOCK_MS)
            except Unavailable:
                await asyncio.sleep(RETRY_S)  # those who wait are told by their own time-out
                continue
            for _, entries in answers:
                for entry_id, fields in entries:
                    heard = entry_id
                    token, result = decode_reply(fields[b"p"])
                    if (slip := self._slips.get(token)) is not None:
                        slip.answer(result)
