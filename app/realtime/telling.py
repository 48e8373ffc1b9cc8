"""Telling: when the boards of a session are told. What is urgent goes at once, the rest as often as it may."""

from collections.abc import Iterable, Mapping

import structlog

from app.clock import Clock
from app.errors import Unavailable
from app.realtime.agenda import Agenda
from app.realtime.hub import BoardSource, Hub, Told
from app.realtime.live import Live

log = structlog.get_logger()


class Telling:
    """Owns which sessions have something to tell, and when they may; knows nothing of what it is."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self._due = Agenda()

    @property
    def next(self) -> int | None:
        """When something may be told."""
        return self._due.next

    def soon(self, session: str) -> None:
        """Let the boards of a session be told as soon as they may be; nothing when nobody watches."""
        wall = self._clock.now()
        due = self._hub.due(session, wall)
        if due is not None:
            self._due.set(session, wall + due)

    def forget(self, session: str) -> None:
        """Nothing is to be told of this session."""
        self._due.drop(session)

    async def tell_due(self, sessions: Mapping[str, Live]) -> Told:
        """Tell what may be told now, all of it together."""
        due = self._due.take(self._clock.now())
        return await self.tell(sessions[session] for session in due if session in sessions)

    async def tell(self, engines: Iterable[Live]) -> Told:
        """Tell these at once; what cannot be carried is told when it can."""
        return await self.tell_boards({live.id: live for live in engines})

    async def tell_boards(self, boards: Mapping[str, BoardSource]) -> Told:
        """The same of boards whatever they come from."""
        watched = {of: source for of, source in boards.items() if self._hub.watched(of)}
        if not watched:
            return Told()
        try:
            return await self._hub.tell_all(watched, self._clock.now())
        except Unavailable:
            for session in watched:
                self.soon(session)
            return Told()
