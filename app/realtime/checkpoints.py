"""Checkpoints due: written beside the steps, so that a recovery has little to apply again."""

from collections.abc import Sequence
from typing import Final

import structlog

from app.clock import Clock
from app.errors import Unavailable
from app.instants import Instant
from app.realtime.live import Live
from app.realtime.residents import Residents
from app.realtime.restore import Restorer

log = structlog.get_logger()

CHECKPOINT_EVERY_MS: Final = 30_000
CHECKPOINT_EVERY_EVENTS: Final = 50_000
CHECKPOINT_AT_MOST_EVERY_MS: Final = 2_000
"""In a storm a checkpoint copies some hundred thousand ids; what comes in two seconds is applied again in less."""


class Checkpoints:
    """Owns whose checkpoint is due, the one that has waited longest first."""

    def __init__(self, restorer: Restorer, residents: Residents, clock: Clock) -> None:
        self._restorer, self._residents, self._clock = restorer, residents, clock
        self._due: dict[str, None] = {}

    @property
    def any_due(self) -> bool:
        return bool(self._due)

    def plan(self, live: Live, wall: Instant) -> None:
        """Note whether the session is worth a checkpoint by now."""
        age = wall - live.checkpointed_ms
        many = live.since_checkpoint >= CHECKPOINT_EVERY_EVENTS and age >= CHECKPOINT_AT_MOST_EVERY_MS
        if live.since_checkpoint and (many or age >= CHECKPOINT_EVERY_MS):
            self.want(live)

    def want(self, live: Live) -> None:
        """Let one be written as soon as it is its turn."""
        self._due[live.id] = None

    def forget(self, session: str) -> None:
        self._due.pop(session, None)

    async def save_next(self) -> None:
        """One a turn: none of them may hold up the next commit for long."""
        session = next(iter(self._due), None)
        if session is not None:
            del self._due[session]
            if (live := self._residents.live.get(session)) is not None:
                await self.save([live])

    async def save(self, engines: Sequence[Live]) -> None:
        """Write those that have something new, in one transaction. One that is ahead of SQL is passed over: it was
        restored in this very turn, and its gap is committed in the next."""
        news = [live for live in engines if live.since_checkpoint and not live.chunks]
        if not news:
            return
        for live in news:
            live.checkpointed_ms, live.since_checkpoint = self._clock.now(), 0
        try:
            await self._restorer.save_checkpoints(news)
        except Unavailable as refusal:  # the chunks are there; recovery is longer, nothing is lost
            log.warning("checkpoint_failed", sessions=[live.id for live in news], detail=refusal.detail)
        except Exception:
            log.exception("checkpoint_breaks", sessions=[live.id for live in news])
