"""Steps: what waits of a session is applied to its engine, time passes in it, and what came of it is to be stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.bus.ports import Committed, Waiting
from app.domain.effects import Effects
from app.domain.records import CommandIssued
from app.errors import ControlRoomError
from app.instants import Instant
from app.realtime.live import Live
from app.realtime.residents import SAVE_NOW_EVERY_MS, Residents
from app.realtime.trouble import LeftOut, Quarantined
from app.store.database import Store
from app.store.ledger import SessionCommit
from app.store.quarantine import set_aside

log = structlog.get_logger()

SET_ASIDE_AT_ONCE: Final = 3

Settled = list[tuple[Waiting, Committed | ControlRoomError]]
"""What the senders of a step are told once it is committed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One session's part of a group."""

    live: Live
    commit: SessionCommit
    settled: Settled

    @property
    def waiting(self) -> list[Waiting]:
        """What it came of."""
        return [one for one, _ in self.settled]


class Stepper:
    """Applies entries; keeps nothing itself."""

    def __init__(self, store: Store, residents: Residents) -> None:
        self._store, self._residents = store, residents

    async def apply(self, session: str, waiting: Sequence[Waiting], wall: Instant) -> Settled:
        """Apply what waits of a session, restored when it is not in memory; a record that breaks the engine twice is
        set aside with its reason (隔离), but not many at once: each costs two restores, for which the others wait.
        Raises what opening a session raises; then nothing was applied."""
        live = await self._residents.open(session)
        left, refused = list(waiting), Settled()
        broke_before: Waiting | None = None
        while True:
            live.touched_ms = wall
            applied, broken = _applied(live, left, wall)
            if broken is None:
                return [*applied, *refused]
            live = await self._residents.open_anew(session)
            if broken is not broke_before:
                broke_before = broken
                continue
            await self.set_aside(live, broken, "the engine failed on it twice", wall)
            left = [one for one in left if one is not broken]
            refused.append((broken, Quarantined("this record cannot be applied; it was set aside", session=session)))
            if len(refused) == SET_ASIDE_AT_ONCE:
                again = LeftOut("records before this one broke the session; send it again", session=session)
                return [*refused, *((one, again) for one in left)]

    async def set_aside(self, live: Live, waiting: Waiting, reason: str, wall: Instant) -> None:
        """Keep an entry that cannot be taken, with the reason. Raises Unavailable."""
        await self._store.write(lambda conn: set_aside(conn, live.session_no, waiting.entry, reason, wall))


def _applied(live: Live, waiting: Iterable[Waiting], wall: Instant) -> tuple[Settled, Waiting | None]:
    """Apply until one breaks the engine, which is then of no use any more. No await: nothing comes between."""
    marks: list[tuple[Waiting, int, int, int]] = []
    for one in waiting:
        before = live.engine.duplicates
        try:
            chunk = live.step(one.entry, wall)
        except Exception:
            log.exception("record_breaks_the_engine", session=live.id, position=live.engine.position)
            return [], one
        marks.append((one, chunk.first, chunk.last, live.engine.duplicates - before))
    settled: Settled = []
    for one, first, last, duplicates in marks:
        body = one.entry.body
        outcome = live.engine.outcome_of(body.issued.key) if isinstance(body, CommandIssued) else None
        settled.append((one, Committed(first, last, duplicates, outcome)))
    return settled, None


def looked_at(live: Live, settled: Settled | None, wall: Instant, *, save: bool = False) -> Step | None:
    """Let the time of a session pass; return what is to be committed of it, if anything is.

    `save`: its `now_ms` too, though it was saved lately. Raises whatever breaks the engine.
    """
    ended = live.engine.state == "ended"
    if not ended:
        live.engine.advance(live.session_now(wall))
    effects = live.engine.take_effects()
    stale_now = not ended and (save or wall - live.committed_ms >= SAVE_NOW_EVERY_MS)
    if settled is None and not (live.chunks or stale_now or _says_something(effects)):
        return None
    commit = SessionCommit(
        session_no=live.session_no,
        session=live.id,
        fence=live.fence,
        chunks=live.chunks,
        effects=effects,
        position=live.engine.position,
        now_ms=live.engine.now,
        clock=live.clock,
        wall_ms=wall,
    )
    live.chunks = []
    return Step(live, commit, settled or [])


def _says_something(effects: Effects) -> bool:
    return bool(
        effects.alerts
        or effects.prompts
        or effects.deliveries
        or effects.cancels
        or effects.outcomes
        or effects.readings
        or effects.messages
        or effects.orders
        or effects.changes
    )
