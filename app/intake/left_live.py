"""Sessions that were left live: one in which nothing has happened for half a day is ended, so that the next evening has
a session of its own, and retention comes to this one."""

import asyncio
from typing import Final

import structlog
from sqlalchemy import Connection

from app.clock import Clock
from app.domain.commands import EndSession
from app.domain.people import SYSTEM
from app.errors import ControlRoomError
from app.instants import HOUR, Instant
from app.intake.desk import Desk
from app.store.chunks import LastHeard, last_heard
from app.store.database import Store
from app.store.sessions import SessionRow, open_sessions

log = structlog.get_logger()

LOOK_EVERY_S: Final = 300.0


class LeftLive:
    """Knows when a session is one that nobody ended; every worker may have one. `after_hours` 0: none ever is."""

    def __init__(self, *, store: Store, desk: Desk, clock: Clock, after_hours: int) -> None:
        self._store, self._desk, self._clock, self._after_ms = store, desk, clock, after_hours * HOUR

    async def run(self) -> None:
        """Look every five minutes, until cancelled."""
        while self._after_ms:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.end_them()
            except ControlRoomError as refusal:
                log.warning("left_live_not_looked_for", code=refusal.code, detail=refusal.detail)

    async def end_them(self) -> list[str]:
        """End those in which neither a source nor a person was heard for so long; return their ids.

        Raises Unavailable. Two processes that find the same one end it by the same command.
        """
        ended = []
        for row, heard in await self._store.read(_running):
            silent = _silence(row, heard, self._clock.now())
            if silent >= self._after_ms:
                await self._desk.submit(row.id, f"left-live-{heard.position}", EndSession(), SYSTEM)
                log.warning("session_was_left_live", session=row.id, silent_s=silent // 1_000)
                ended.append(row.id)
        return ended


def _running(conn: Connection) -> list[tuple[SessionRow, LastHeard]]:
    running = [row for row in open_sessions(conn) if row.state != "planned"]
    return [(row, last_heard(conn, row.session_no)) for row in running]


def _silence(row: SessionRow, heard: LastHeard, wall: Instant) -> int:
    """Return for how long, in milliseconds of the wall, nothing was heard. A clock that stands is moved by a driver."""
    if row.clock.rate <= 0:
        return wall - row.clock.wall_ms
    return int((row.clock.at(wall) - heard.applied_ms) / row.clock.rate)
