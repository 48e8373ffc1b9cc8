"""The session log over Redis: one stream a session, holding what is not settled yet.

No consumer group: a session has one reader, the holder of its lease, and reads on from the last id it has read. A new
owner reads from the beginning and so finds, in order, everything the one before left unsettled; an old owner that still
reads takes nothing away from it. A group would hide from the new owner what the old one was given.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.bus.ports import Committed, Ticket, Waiting
from app.bus.redis_streams.answers import Answers
from app.bus.redis_streams.link import RedisLink
from app.bus.redis_streams.sending import Sending
from app.bus.redis_streams.taking import Taking
from app.domain.records import Entry
from app.errors import ControlRoomError

WAITING_EVENTS: Final = 100_000


class RedisSessionLog:
    """Owns this process's place in the streams: what it sends, what it takes as an owner, and what it answers then."""

    def __init__(self, link: RedisLink, *, waiting_events: int = WAITING_EVENTS, answers_kept: int = 50_000) -> None:
        self._sending = Sending(link, waiting_events)
        self._answers = Answers(link, self.let_go, answers_kept)
        self._taking = Taking(link, self._answers.refuse)

    async def append(self, session: str, entry: Entry) -> Ticket:
        return (await self._sending.append_all([(session, entry)]))[0]

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        return await self._sending.append_all(entries) if entries else []

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        return await self._sending.committed(ticket, within_ms)

    async def take(
        self, sessions: Collection[str] | None, most: int, within_ms: int
    ) -> Mapping[str, Sequence[Waiting]]:
        return await self._taking.take(sessions, most, within_ms)

    async def settle(self, waiting: Waiting, result: Committed | ControlRoomError) -> None:
        await self._answers.tell([(waiting, result)])

    async def settle_all(self, results: Sequence[tuple[Waiting, Committed | ControlRoomError]]) -> None:
        await self._answers.tell(results)

    async def waiting(self) -> Collection[str]:
        return await self._taking.waiting()

    def let_go(self, session: str) -> None:
        self._taking.let_go(session)

    async def close(self) -> None:
        """Stop listening for answers; who still waits for one is told by time-out."""
        for part in (self._sending, self._taking, self._answers):
            await part.close()
