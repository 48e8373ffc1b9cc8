"""Outgoing: what boards show of messages and channels is read from SQL again, as a pump's word may have been missed."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from app.domain.deliveries import Delivery, Standing
from app.errors import ControlRoomError
from app.realtime.live import Live, Moving
from app.store import deliveries
from app.store import standings as stored_standings
from app.store.database import Store

log = structlog.get_logger()

READ_EVERY_S: Final = 30.0
AGAIN_S: Final = 1.0

Correct = Callable[[str, Callable[[Live], None]], None]


class Outgoing:
    """Owns when it is read; what is shown by then and has changed meanwhile is newer and stays."""

    def __init__(self, store: Store, sessions: Callable[[], Mapping[str, Live]], correct: Correct) -> None:
        """`correct`: has a session's overlay changed in the worker's next turn, after what was heard before."""
        self._store, self._sessions, self._correct = store, sessions, correct
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """Something was missed: read now."""
        self._doubted.set()

    async def run(self) -> None:
        """Read after each doubt and every half minute, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READ_EVERY_S):
                    await self._doubted.wait()
            self._doubted.clear()
            try:
                await self.read()
            except ControlRoomError as refusal:
                log.warning("messages_not_read", code=refusal.code)
                self._doubted.set()
                await asyncio.sleep(AGAIN_S)
            except Exception:  # one row that cannot be shown: what changes is told all the same
                log.exception("messages_not_read")

    async def read(self) -> None:
        """Correct what SQL says otherwise. Raises Unavailable."""
        shown = {name: live.overlay.moving() for name, live in self._sessions().items()}
        if not shown:
            return
        rows, standings = await self._store.read(partial(_read, shown=list(shown.values())))
        for session, before in shown.items():
            if before.differs(rows, standings):
                self._correct(session, partial(_lay, before=before, rows=rows, standings=standings))


def _lay(live: Live, before: Moving, rows: Mapping[str, Delivery], standings: Mapping[str, Standing]) -> None:
    live.overlay.correct(before, rows, standings)


def _read(conn: Connection, shown: Iterable[Moving]) -> tuple[dict[str, Delivery], dict[str, Standing]]:
    rows = {row.id: row for moving in shown for row in deliveries.named(conn, moving.deliveries)}
    return rows, {channel: standing for channel, (standing, _) in stored_standings.standings(conn).items()}
