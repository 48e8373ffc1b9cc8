"""News over Redis: one stream for all processes, from which nobody reads what was told before it came.

A process notices what it missed: its teller counts its facts, so a jump is seen; and after a time without Redis, which
may be another or an emptied one by then, it must be taken for granted.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec
import structlog
from msgspec import Raw, Struct

from app.bus.listeners import Listeners
from app.bus.redis_streams.link import BLOCK_MS, RETRY_S, RedisLink, end
from app.domain.facts import Fact
from app.errors import Unavailable

log = structlog.get_logger()

STREAM_MESSAGES: Final = 10_000
QUEUED_FACTS: Final = 10_000
QUEUED_BYTES: Final = 16 * 1024 * 1024
MESSAGE_FACTS: Final = 256
MESSAGE_BYTES: Final = 16 * 1024
"""A larger fact travels alone. With STREAM_MESSAGES this bounds what the stream takes: 160 MB at the very worst."""
READ_MESSAGES: Final = 64
TELLERS: Final = 1_000
"""Most processes whose count is remembered; those that died are forgotten first."""
CLOSE_S: Final = 1.0


class Message(Struct, frozen=True, array_like=True):
    """Some facts of one process. `first`: how many it told before. `lost`: it had to give up facts before these."""

    origin: str
    first: int
    lost: bool
    facts: list[Raw]


_encoder: Final = msgspec.msgpack.Encoder()
_message_decoder: Final = msgspec.msgpack.Decoder(Message)
_fact_decoder: "Final[msgspec.msgpack.Decoder[Fact]]" = msgspec.msgpack.Decoder(Fact)


class RedisNews:
    """Owns this process's place in the stream and what it has not sent yet; knows nothing of what facts mean."""

    def __init__(self, link: RedisLink, *, queued_facts: int = QUEUED_FACTS) -> None:
        self._link, self._most = link, queued_facts
        self._stream = link.name("news")
        self._origin = uuid.uuid4().hex
        self._listeners = Listeners()
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._told = 0  # facts that left the queue, given up ones too
        self._lost = False
        self._more, self._all_sent = asyncio.Event(), asyncio.Event()
        self._heard = ""  # id of the last message read; empty: where the stream ends must be looked up first
        self._counts: dict[str, int] = {}  # teller -> how many facts it has told
        self._tasks: list[asyncio.Task[None]] = []

    def tell(self, fact: Fact) -> None:
        self._enqueue(_encoder.encode(fact))  # before the listeners may tell more, and before what it holds can change
        self._listeners.tell(fact)

    def listen(self, listener: Callable[[Fact], None]) -> None:
        self._listeners.listen(listener)

    def missed(self, listener: Callable[[], None]) -> None:
        self._listeners.missed(listener)

    async def start(self) -> None:
        """Hear all that is told from now on. When Redis is away, from when it is back: then `missed` is called."""
        try:
            await self._find_end()
        except Unavailable as refusal:
            log.warning("news_unavailable", reason=refusal.context.get("reason", ""))
        self._tasks = [
            asyncio.create_task(self._read_for_ever(), name="news-reader"),
            asyncio.create_task(self._send_for_ever(), name="news-sender"),
        ]

    async def close(self) -> None:
        """Send what is queued, if that goes at once, and stop."""
        if self._queue and self._tasks:
            self._all_sent.clear()
            with suppress(TimeoutError):  # the others learn of it as of a process that died
                await asyncio.wait_for(self._all_sent.wait(), CLOSE_S)
        await end(*self._tasks)

    # Telling the others.

    def _enqueue(self, fact: bytes) -> None:
        if len(self._queue) >= self._most or self._queued_bytes + len(fact) > QUEUED_BYTES:
            # All of it: whoever misses some must read SQL again anyhow, and what is newest matters most.
            self._told += len(self._queue)
            self._queue.clear()
            self._queued_bytes = 0
            self._lost = True
        self._queue.append(fact)
        self._queued_bytes += len(fact)
        self._more.set()

    async def _send_for_ever(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                await self._send()
            self._all_sent.set()

    async def _send(self) -> None:
        """Send the next message, again until it is taken; those who read it twice know it by its count."""
        facts, first, lost = self._next_facts(), self._told, self._lost
        message = _encoder.encode(Message(self._origin, first, lost, [Raw(fact) for fact in facts]))
        try:
            await self._link.command("XADD", self._stream, "MAXLEN", "~", STREAM_MESSAGES, "*", "m", message)
        except Unavailable:
            await asyncio.sleep(RETRY_S)
            return
        if self._told != first:
            return  # given up while it was under way: it arrived, but what was queued after it did not
        self._lost = False
        self._told += len(facts)
        for _ in facts:
            self._queued_bytes -= len(self._queue.popleft())

    def _next_facts(self) -> Sequence[bytes]:
        facts: list[bytes] = []
        size = 0
        for fact in islice(self._queue, MESSAGE_FACTS):
            size += len(fact)
            if facts and size > MESSAGE_BYTES:
                break
            facts.append(fact)
        return facts

    # Hearing the others.

    async def _read_for_ever(self) -> None:
        found = bool(self._heard)
        while True:
            try:
                if not found:
                    await self._find_end()
                    found = True
                    self._counts.clear()  # a jump over what is counted as missed here is none
                    self._listeners.tell_missed()
                read = await self._link.read({self._stream: self._heard}, most=READ_MESSAGES, block_ms=BLOCK_MS)
            except Unavailable:
                found = False
                await asyncio.sleep(RETRY_S)
                continue
            for _, messages in read:
                self._heard = messages[-1][0]
                await self._hear(fields for _, fields in messages)

    async def _find_end(self) -> None:
        """Read on from where the stream ends now. Another Redis may give lower ids than were read before."""
        last = await self._link.command("XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        self._heard = last[0][0].decode() if last else "0-0"

    async def _hear(self, read: Iterable[Mapping[bytes, bytes]]) -> None:
        messages = [self._new_in(_message_decoder.decode(fields[b"m"])) for fields in read]
        if any(jumped for _, jumped in messages):
            self._listeners.tell_missed()  # first, so that what is told now is not thrown away with what is stale
        for facts, _ in messages:
            for fact in facts:
                self._tell(fact)
            await asyncio.sleep(0)  # listeners of a thousand facts must not hold up the loop at one stretch

    def _new_in(self, message: Message) -> tuple[Sequence[Raw], bool]:
        """Return the facts that were not heard before, and whether some of the same teller before them were missed."""
        if message.origin == self._origin:
            return (), False
        expected = self._counts.pop(message.origin, None)
        self._counts[message.origin] = max(message.first + len(message.facts), expected or 0)  # last: heard of lately
        if len(self._counts) > TELLERS:
            del self._counts[next(iter(self._counts))]
        if expected is None:  # one that told before this process listened, or a new one
            return message.facts, message.lost
        return message.facts[max(0, expected - message.first) :], message.first > expected

    def _tell(self, data: Raw) -> None:
        try:
            fact = _fact_decoder.decode(data)
        except msgspec.DecodeError as fault:  # of a newer release, while the processes are replaced one by one
            log.warning("news_not_understood", reason=str(fault))
            return
        self._listeners.tell(fact)
