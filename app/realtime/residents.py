"""Residents: the sessions that are in memory, and those that come into it: each when its turn has come.

What is held is in memory, or arrives, or was dropped after some trouble and is restored at its instant.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import structlog

from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.identity import id_hash
from app.domain.records import Entry, Gap
from app.errors import ControlRoomError
from app.instants import Instant
from app.realtime.agenda import Agenda
from app.realtime.holdings import Holdings
from app.realtime.live import Live
from app.realtime.restore import PASSED_ON, BrokenSession, Restorer

log = structlog.get_logger()

SAVE_NOW_EVERY_MS: Final = 5_000
"""A session that is quiet has its `now_ms` saved this often, so that a stop's gap is no longer than that."""
GAP_FROM_MS: Final = 1_500
"""A shorter span without an owner is not worth a gap record: no timer is due within it."""
PUT_BACK_AFTER_MS: Final = 60_000
"""An ended session that nobody touches or watches leaves memory after this long."""
ARRIVE_S: Final = 0.1
"""Sessions that arrive are restored for so long in one turn: of a thousand that are taken at once, the last must not
keep waiting those who are here."""


class NotHeld(ControlRoomError):
    """Another worker has the session: what waits for it is that one's to settle."""

    kind, code, retryable = "busy", "not_held", True


class Residents:
    """Owns the engines of this process and the instants at which they must be looked at; knows nothing of commits."""

    def __init__(
        self,
        restorer: Restorer,
        holdings: Holdings,
        clock: Clock,
        tablets: Callable[[Sequence[str]], Iterable[DeviceRow]],
    ) -> None:
        self._restorer, self._holdings, self._clock, self._tablets = restorer, holdings, clock, tablets
        self.live: dict[str, Live] = {}
        self._arriving: set[str] = set()
        self._dropped: set[str] = set()
        self._looks = Agenda()
        self.ready: Collection[str] = _Ready(holdings.held, self._arriving)
        """Those whose entries may be taken from the log: what waits for one that arrives can wait there."""

    @property
    def next(self) -> int | None:
        """When one of them must be looked at."""
        return self._looks.next

    def arriving(self, session: str | None = None) -> bool:
        """Whether this one, or any, is still to be restored for the first time since it was taken."""
        return bool(self._arriving) if session is None else session in self._arriving

    def arrive(self, sessions: Iterable[str]) -> None:
        """They are held from now on, and come into memory as soon as there is time for it."""
        now = self._clock.now()
        for session in sessions:
            if session not in self.live:
                self._arriving.add(session)
                self._looks.set(session, now)

    def drop(self, session: str, again_at: int) -> None:
        """Forget an engine that is not what SQL has, and restore it later."""
        self.live.pop(session, None)
        self._arriving.discard(session)
        self._dropped.add(session)
        self._looks.set(session, again_at)

    def put_off(self, session: str, again_at: int) -> None:
        """It cannot be restored yet: it arrives later, and what waits for it waits in the log."""
        self.drop(session, again_at)
        self._dropped.discard(session)
        self._arriving.add(session)

    def forget(self, session: str) -> None:
        """The session is not this worker's any more."""
        self.live.pop(session, None)
        self._arriving.discard(session)
        self._dropped.discard(session)
        self._looks.drop(session)

    def forget_all(self) -> list[Live]:
        """Forget every engine and every instant; return what was in memory."""
        engines = list(self.live.values())
        self.live.clear()
        self._arriving.clear()
        self._dropped.clear()
        self._looks.clear()
        return engines

    # When.

    def look_at(self, session: str, at: int) -> None:
        """Let the session be looked at then, if nothing comes before."""
        self._looks.set(session, at)

    def plan(self, live: Live, wall: Instant) -> None:
        """Note when the session must be looked at next by itself."""
        if live.engine.state == "ended":
            at = live.touched_ms + PUT_BACK_AFTER_MS
        else:
            due = live.due_in(wall)
            at = live.committed_ms + SAVE_NOW_EVERY_MS
            at = at if due is None else min(at, wall + due)
        self._looks.set(live.id, at)

    def due(self, wall: Instant) -> tuple[list[Live], list[str]]:
        """Take what must be looked at now: those in memory, and those to be restored, the earliest first."""
        here, absent = [], []
        for session in self._looks.take(wall):
            live = self.live.get(session)
            if live is not None:
                here.append(live)
            elif session in self._arriving or session in self._dropped:
                absent.append(session)
        return here, absent

    def worth_a_turn(self, absent: Sequence[str], wall: Instant) -> Iterator[str]:
        """Give the sessions to be restored one by one while this turn has time for it; the others come in the next."""
        until = asyncio.get_running_loop().time() + ARRIVE_S
        for n, session in enumerate(absent):
            if n and asyncio.get_running_loop().time() > until:
                for late in absent[n:]:
                    self._looks.set(late, wall)
                return
            yield session

    # Into memory.

    async def open(self, session: str) -> Live:
        """Return the session, restored when it is not in memory.

        Raises NotHeld, NotFound, Unavailable, SessionLocked, and BrokenSession whatever else goes wrong.
        """
        if session in self.live:
            return self.live[session]
        return await self.open_anew(session)

    async def open_anew(self, session: str) -> Live:
        """Restore a session from SQL, whatever is in memory of it."""
        self.live.pop(session, None)
        self._must_be_held(session)
        try:
            live = await self._restored(session)
        except PASSED_ON:
            raise
        except Exception as fault:
            log.exception("session_cannot_be_restored", session=session)
            raise BrokenSession("the session cannot be restored", session=session) from fault
        self._must_be_held(session)  # it may have been lost while it was restored
        self._arriving.discard(session)
        self._dropped.discard(session)
        self.live[session] = live
        self._looks.set(session, self._clock.now())
        return live

    def _must_be_held(self, session: str) -> None:
        if session not in self._holdings.held:
            raise NotHeld("another worker has the session", session=session)

    async def _restored(self, session: str) -> Live:
        wall = self._clock.now()
        live = await self._restorer.restore(session)
        for row in self._tablets(live.room_ids):
            live.overlay.device(row)
        live.touched_ms = live.checkpointed_ms = wall
        live.committed_ms = wall - id_hash(session) % SAVE_NOW_EVERY_MS  # those opened at once are not saved at once
        _enter_gap(live, wall)
        return live

    def enter_gaps(self, wall: Instant) -> None:
        """Nobody took events lately: that is entered in the log of each, before time goes on in it."""
        for live in self.live.values():
            _enter_gap(live, wall)
            self._looks.set(live.id, wall)


def _enter_gap(live: Live, wall: Instant) -> None:
    """Enter the time since the session's own as a gap, if that is worth one. It is committed with the next step."""
    now = live.clock.at(wall)
    if live.engine.state in ("live", "paused") and now - live.engine.now > GAP_FROM_MS and live.clock.rate > 0:
        live.step(Entry(now, Gap(live.engine.now, now)), wall)


class _Ready(Collection[str]):
    """A live view: what is held, without what arrives."""

    def __init__(self, held: Collection[str], arriving: Collection[str]) -> None:
        self._held, self._arriving = held, arriving

    def __contains__(self, session: object) -> bool:
        return session in self._held and session not in self._arriving

    def __iter__(self) -> Iterator[str]:
        return (session for session in self._held if session not in self._arriving)

    def __len__(self) -> int:
        return sum(1 for _ in self)
