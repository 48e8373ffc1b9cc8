"""What an owner answers: told for a whole group in one script, and told again later when Redis is away."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from app.bus.ports import Committed, Waiting
from app.bus.redis_streams.link import RETRY_S, RedisLink, end
from app.bus.redis_streams.replies import encode_reply
from app.bus.redis_streams.streams import stream_of, waiting_key
from app.bus.slips import Slip
from app.errors import ControlRoomError, Unavailable

GROUP: Final = 1_000
"""Most entries settled by one script; all answers of one sender among them travel as one message."""
MESSAGES_KEPT: Final = 4_000
ANSWER_MS: Final = 60_000

SETTLE: Final = """
local freed, told = {}, {}
for i, entry in ipairs(cmsgpack.unpack(ARGV[3])) do
  local stream, name, id, size, reply, token = unpack(entry)
  if redis.call('XDEL', KEYS[stream], id) == 1 then
    freed[name] = (freed[name] or 0) + size
    local answers = told[reply] or {}
    answers[#answers + 1] = token
    answers[#answers + 1] = ARGV[i + 3]
    told[reply] = answers
  end
end
for name, size in pairs(freed) do
  if redis.call('HINCRBY', KEYS[1], name, -size) <= 0 then redis.call('HDEL', KEYS[1], name) end
end
for reply, answers in pairs(told) do
  redis.call('XADD', KEYS[reply], 'MAXLEN', '~', ARGV[1], '*', unpack(answers))
  redis.call('PEXPIRE', KEYS[reply], ARGV[2])
end
"""
"""An entry is: number of its stream's key, session, id, size, number of its reply's key, token; all of them come as one
MessagePack, since the client takes a microsecond for each argument of a command. Then their answers, which are bytes
that Redis' MessagePack does not know. One that is settled already is passed over, so the first answer stands."""


class TakenSlip(Slip):
    """At the owner: where the entry lies in its stream, and where its sender waits."""

    __slots__ = ("entry_id", "reply")
    entry_id: str
    reply: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Without the entry itself: it may have to be kept for minutes."""

    slip: TakenSlip
    data: bytes


class Answers:
    """Owns the answers that could not be told yet. `give_up`: told of a session of which one had to be thrown away."""

    def __init__(self, link: RedisLink, give_up: Callable[[str], None], kept: int) -> None:
        self._link, self._give_up, self._most = link, give_up, kept
        self._settle = link.script(SETTLE)
        self._waiting = waiting_key(link)
        self._untold: deque[_Answer] = deque()
        self._again: asyncio.Task[None] | None = None

    async def tell(self, results: Sequence[tuple[Waiting, Committed | ControlRoomError]]) -> None:
        """Settle the entries and tell their senders, now or, when Redis does not answer, once it does."""
        await self._tell([_Answer(_slip(waiting), encode_reply(result)) for waiting, result in results])

    async def refuse(self, slips: Sequence[TakenSlip], refusal: ControlRoomError) -> None:
        """Settle what could not even be read."""
        await self._tell([_Answer(slip, encode_reply(refusal)) for slip in slips])

    async def _tell(self, left: list[_Answer]) -> None:
        try:
            while left and not self._untold:
                await self._send(left[:GROUP])
                del left[:GROUP]
        except Unavailable:
            pass
        finally:  # also when the teller is cancelled; what arrived all the same is passed over
            if left:
                self._keep(left)

    async def close(self) -> None:
        await end(self._again)

    def _keep(self, answers: Sequence[_Answer]) -> None:
        room = max(0, self._most - len(self._untold))
        self._untold.extend(answers[:room])
        for session in {answer.slip.session for answer in answers[room:]}:
            self._give_up(session)  # it is read and applied again, in which the ids have no effect, and settled then
        if self._again is None or self._again.done():
            self._again = asyncio.create_task(self._tell_again(), name="bus-answers-again")

    async def _tell_again(self) -> None:
        while self._untold:
            group = [*islice(self._untold, GROUP)]
            try:
                await self._send(group)
            except Unavailable:
                await asyncio.sleep(RETRY_S)
                continue
            for _ in group:
                self._untold.popleft()

    async def _send(self, answers: Sequence[_Answer]) -> None:
        keys = {self._waiting: 1}
        entries = []
        for answer in answers:
            slip = answer.slip
            stream = keys.setdefault(stream_of(self._link, slip.session), len(keys) + 1)
            reply = keys.setdefault(slip.reply, len(keys) + 1)
            entries.append((stream, slip.session, slip.entry_id, slip.size, reply, slip.token))
        head = (MESSAGES_KEPT, ANSWER_MS, msgspec.msgpack.encode(entries))
        await self._link.run(self._settle, [*keys], [*head, *(answer.data for answer in answers)])


def _slip(waiting: Waiting) -> TakenSlip:
    slip = waiting.ticket
    assert isinstance(slip, TakenSlip), "only what was taken from this log can be settled in it"
    return slip
