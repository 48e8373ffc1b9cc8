"""The senders' side of the session log: appending, and hearing what became of it."""

import asyncio
import uuid
from collections.abc import Sequence
from itertools import count
from typing import Final
from weakref import WeakValueDictionary

import msgspec
import structlog

from app.bus.ports import Committed, LogFull, Ticket
from app.bus.redis_streams.link import BLOCK_MS, RETRY_S, RedisLink, end
from app.bus.redis_streams.replies import decode_reply
from app.bus.redis_streams.streams import bell_key, life_key, stream_of, waiting_key
from app.bus.slips import Slip, new_slip
from app.domain.records import Entry, encode_entry, size_of
from app.errors import ControlRoomError, Unavailable

log = structlog.get_logger()

STREAM_MS: Final = 24 * 3_600_000
READ_ANSWERS: Final = 100

APPEND: Final = """
local waiting, bell, life, reply = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local entries, wanted = cmsgpack.unpack(ARGV[5]), {}
for _, entry in ipairs(entries) do
  local name, size = entry[2], entry[4]
  wanted[name] = (wanted[name] or tonumber(redis.call('HGET', waiting, name) or '0')) + size
  if wanted[name] > tonumber(ARGV[2]) then return name end
end
for i, entry in ipairs(entries) do
  redis.call('XADD', KEYS[entry[1]], '*', 't', entry[3], 'r', reply, 'n', entry[4], 'b', ARGV[i + 5])
end
for name, size in pairs(wanted) do redis.call('HSET', waiting, name, size) end
for i = 4, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
redis.call('SET', life, ARGV[4], 'NX')
redis.call('XADD', bell, 'MAXLEN', '~', 64, '*', 'n', '')
return ''
"""
"""All or nothing: looks at the room in every session first. An entry is: number of its stream's key, session, token,
size; all of them come as one MessagePack, then their bodies. Answers the name of a session that is full, or nothing."""


class Sending:
    """Owns the slips of this process and the stream in which they are answered."""

    def __init__(self, link: RedisLink, most: int) -> None:
        self._link, self._most = link, most
        self._append = link.script(APPEND)
        self._keys = [waiting_key(link), bell_key(link), life_key(link)]
        self._reply = link.name("reply", uuid.uuid4().hex)
        self._tokens = count(1)
        self._slips: WeakValueDictionary[str, Slip] = WeakValueDictionary()
        self._reader: asyncio.Task[None] | None = None

    async def append_all(self, entries: Sequence[tuple[str, Entry]]) -> list[Ticket]:
        slips: list[Ticket] = []
        keys = {session: n for n, session in enumerate(dict.fromkeys(session for session, _ in entries), 4)}
        life = f"{self._reply}:{next(self._tokens)}"
        told: list[tuple[int, str, str, int]] = []
        bodies: list[bytes] = []
        for session, entry in entries:
            slip = new_slip(session, str(next(self._tokens)), size_of(entry.body))
            self._slips[slip.token] = slip
            slips.append(slip)
            told.append((keys[session], session, slip.token, slip.size))
            bodies.append(encode_entry(entry))
        self._listen()
        streams = [stream_of(self._link, session) for session in keys]
        head = (self._reply, self._most, STREAM_MS, life, msgspec.msgpack.encode(told))
        if full := await self._link.run(self._append, [*self._keys, *streams], [*head, *bodies]):
            raise LogFull("too much of this session waits already", session=full.decode(), retry_after_s=1)
        return slips

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        if not isinstance(ticket, Slip):
            raise Unavailable("this ticket is not of this process", session=ticket.session)
        return await ticket.wait(within_ms)

    async def close(self) -> None:
        await end(self._reader)

    def _listen(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._hear_answers(), name="bus-answers")

    async def _hear_answers(self) -> None:
        heard = "0-0"
        while True:
            try:
                read = await self._link.read({self._reply: heard}, most=READ_ANSWERS, block_ms=BLOCK_MS)
            except Unavailable:
                heard = "0-0"  # it may be another Redis by then, with lower ids; an answer heard twice changes nothing
                await asyncio.sleep(RETRY_S)  # those who wait are told by their own time-out
                continue
            for _, answers in read:
                heard = answers[-1][0]
                for _, replies in answers:
                    self._answer(replies)

    def _answer(self, replies: dict[bytes, bytes]) -> None:
        for token, reply in replies.items():
            if (slip := self._slips.get(token.decode())) is not None:
                slip.answer(_read(reply, slip.session))


def _read(reply: bytes, session: str) -> Committed | ControlRoomError:
    """What an owner of a later release says may be unknown here: then the sender sends the same ids again."""
    try:
        return decode_reply(reply)
    except Exception:
        log.exception("answer_cannot_be_read", session=session)
        return Unavailable("the answer cannot be read here; send the same ids again", session=session)
