"""A turn: step what waits and what is due, commit all of it together, settle it with its senders, tell the boards."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.bus.ports import Committed, SessionLog, Waiting
from app.clock import Clock
from app.domain.effects import Effects, SessionState
from app.domain.session_clock import SessionClock
from app.errors import ControlRoomError, FenceLost, NotFound, Unavailable
from app.instants import Instant
from app.realtime.breath import Breath
from app.realtime.checkpoints import Checkpoints
from app.realtime.commits import CommitBroken, Commits
from app.realtime.departures import Departures
from app.realtime.hub import Hub, Told
from app.realtime.live import Live
from app.realtime.outage import Outage
from app.realtime.residents import PUT_BACK_AFTER_MS, NotHeld, Residents
from app.realtime.restore import SessionLocked
from app.realtime.steps import Settled, Step, Stepper, looked_at
from app.realtime.telling import Telling
from app.realtime.trouble import RESTORE_AFTER_MS, LeftOut, Quarantined, Trouble

log = structlog.get_logger()

SETTLE_WITHIN_S: Final = 1.0
"""A log that hangs must not hold up the time of the sessions; it tells the senders later."""


@dataclass(frozen=True, slots=True)
class Note:
    """What others in the process are told after a commit."""

    session: str
    state: SessionState
    clock: SessionClock
    now_ms: int
    effects: Effects


@dataclass(frozen=True, slots=True)
class Turn:
    """Knows the order of a turn and whose trouble is whose; what is kept from turn to turn is its parts'.

    `note`: told of each commit. `give_up`: told of a session that a newer owner has.
    """

    log: SessionLog
    clock: Clock
    hub: Hub
    residents: Residents
    stepper: Stepper
    commits: Commits
    telling: Telling
    checkpoints: Checkpoints
    departures: Departures
    outage: Outage
    trouble: Trouble
    note: Callable[[Note], None]
    give_up: Callable[[str], Awaitable[None]]

    async def step_and_commit(
        self, taken: Mapping[str, Sequence[Waiting]], leaving: Iterable[str], wall: Instant
    ) -> None:
        """Apply what was taken and let time pass where it is due. `leaving`: save how far these have come."""
        applied, opened = await self._applied_all(taken, wall)
        if self.outage.since is not None:  # lost while one of them was restored: nothing of the turn has happened
            for settled in applied.values():
                await self.refuse((one for one, _ in settled), self.outage.refusal())
            return
        steps, leaving, breath = [], set(leaving), Breath()
        for session in dict.fromkeys((*applied, *opened, *leaving)):
            live = self.residents.live.get(session)
            if live is not None:  # else it was lost meanwhile, and what waited of it is the next owner's
                step = await self._looked(live, applied.get(session), wall, save=session in leaving)
                steps += [step] if step is not None else []
            await breath.take()
        await self._commit(steps, wall)

    # Steps.

    async def _applied_all(
        self, taken: Mapping[str, Sequence[Waiting]], wall: Instant
    ) -> tuple[dict[str, Settled], list[str]]:
        """Return what was applied, and the sessions that must be looked at for the time that has passed."""
        here, absent = self.residents.due(wall)
        applied: dict[str, Settled] = {}
        breath = Breath()
        for session, waiting in taken.items():
            if self.trouble.is_suspect(session):
                await self._singly(session, waiting, wall)
            elif (settled := await self._applied(session, waiting, wall)) is not None:
                applied[session] = settled
            await breath.take()
        arrived = self.residents.worth_a_turn(absent, wall)
        opened = [session for session in arrived if await self._applied(session, (), wall) is not None]
        return applied, [*(live.id for live in here), *opened]

    async def _applied(self, session: str, waiting: Sequence[Waiting], wall: Instant) -> Settled | None:
        """Apply what waits of a session, restored when it is not in memory; None: it was refused."""
        try:
            if self.outage.since is not None:
                raise self.outage.refusal()
            self.trouble.refuse(session, wall)
            return await self.stepper.apply(session, waiting, wall)
        except NotHeld:
            self.log.let_go(session)
        except ControlRoomError as refusal:
            if isinstance(refusal, Unavailable):
                self.lose_store(refusal)
            elif isinstance(refusal, NotFound):
                self.departures.put_back(session)
            elif isinstance(refusal, SessionLocked):
                log.warning("session_locked", session=session)
                self.residents.put_off(session, wall + RESTORE_AFTER_MS)
            elif not isinstance(refusal, LeftOut):
                log.error("session_left_out", session=session, code=refusal.code, detail=refusal.detail)
                self.residents.drop(session, self.trouble.leave_out(session, wall))
                refusal = LeftOut("the session cannot be rebuilt; it is tried again in a minute", session=session)
            await self.refuse(waiting, refusal)
        return None

    async def _looked(self, live: Live, settled: Settled | None, wall: Instant, *, save: bool = False) -> Step | None:
        """Return what is to be committed of a session, if anything is."""
        try:
            step = looked_at(live, settled, wall, save=save)
            if step is None:
                self._nothing_new(live, wall)
            return step
        except Exception:
            log.exception("session_breaks", session=live.id, position=live.engine.position)
            await self._leave_out(live, settled or (), wall)
            return None

    def _nothing_new(self, live: Live, wall: Instant) -> None:
        """Time passed and nothing came of it: nothing to store."""
        if live.engine.state == "ended":
            if self.hub.watched(live.id):
                live.touched_ms = wall
            if wall - live.touched_ms >= PUT_BACK_AFTER_MS:
                if not live.since_checkpoint:
                    self.departures.put_back(live.id)
                    return
                self.checkpoints.want(live)  # first this, so that it wakes quickly
        self._plan(live, wall)
        self.telling.soon(live.id)

    def _plan(self, live: Live, wall: Instant) -> None:
        self.residents.plan(live, wall)
        self.checkpoints.plan(live, wall)

    async def _singly(self, session: str, waiting: Sequence[Waiting], wall: Instant) -> None:
        """Commit a session's entries one by one, so that the one the database will not have is found and set aside."""
        self.trouble.cleared(session)
        for one in waiting:
            settled = await self._applied(session, [one], wall)
            live = self.residents.live.get(session)
            step = await self._looked(live, settled, wall) if settled is not None and live is not None else None
            if step is None:
                continue
            refusal = await self.commits.write([step])
            if refusal is None:
                await self._committed([step], wall)
            elif isinstance(refusal, Unavailable | FenceLost):
                await self._dropped(step, refusal, wall)
            else:
                await self._set_aside(step, one, refusal, wall)

    async def _set_aside(self, step: Step, one: Waiting, why: ControlRoomError, wall: Instant) -> None:
        """The database will not have this entry: the session goes on as if it had not come."""
        self.residents.drop(step.live.id, wall)
        try:
            await self.stepper.set_aside(step.live, one, f"{why.code}: {why.detail}", wall)
        except ControlRoomError as refusal:  # it comes again, and is found again
            self.trouble.suspect(step.live.id)
            if isinstance(refusal, Unavailable):
                self.lose_store(refusal)
            await self.refuse([one], _retryable(refusal))
        else:
            await self.refuse([one], Quarantined("this record cannot be stored; it was set aside"))

    # The commit.

    async def _commit(self, steps: Sequence[Step], wall: Instant) -> None:
        told = await self.commits.commit(steps)
        await self._committed([step for step, refusal in told if refusal is None], wall)
        for step, refusal in told:
            if refusal is not None:
                await self._dropped(step, refusal, wall)

    async def _committed(self, steps: Sequence[Step], wall: Instant) -> None:
        """Everybody is told, in this order: who else is in the process, the senders, the pages."""
        for step in steps:
            live, effects = step.live, step.commit.effects
            live.committed_ms = wall
            live.overlay_effects(effects, wall)
            self._plan(live, wall)
            self.trouble.went_well(live.id)
            self.note(Note(live.id, live.engine.state, live.clock, live.engine.now, effects))
        await self._settle([each for step in steps for each in step.settled])
        for step in steps:
            if not step.commit.effects.urgent:
                self.telling.soon(step.live.id)
        urgent = [step.live for step in steps if step.commit.effects.urgent]
        await self.heed(await self.telling.tell(urgent), wall)

    async def _dropped(self, step: Step, refusal: ControlRoomError, wall: Instant) -> None:
        """What could not be committed never happened: forget the engine, refuse the senders, restore later."""
        session = step.live.id
        log.warning("commit_failed", session=session, code=refusal.code, detail=refusal.detail)
        if isinstance(refusal, FenceLost):
            await self.give_up(session)  # what waited is the new owner's to settle
        elif isinstance(refusal, Unavailable):
            self.lose_store(refusal, step.live)
            await self.refuse(step.waiting, refusal)
        elif step.settled:
            self.trouble.suspect(session)
            self.residents.drop(session, wall + RESTORE_AFTER_MS)
            await self.refuse(step.waiting, _retryable(refusal))
        else:
            await self._leave_out(step.live, (), wall)

    async def _leave_out(self, live: Live, settled: Settled | tuple[()], wall: Instant) -> None:
        """A session broke between its records: forget the engine, restore it once, then leave it out for a while."""
        self.residents.drop(live.id, self.trouble.broke(live.id, wall))
        self.telling.forget(live.id)
        await self.refuse((one for one, _ in settled), LeftOut("the session is being restored", session=live.id))

    # The others.

    async def heed(self, told: Told, wall: Instant) -> None:
        """A board that cannot be made is its session's trouble and nobody else's."""
        for session in told.lost:
            await self.give_up(session)
        for session, fault in told.broken.items():
            log.error("board_breaks", session=session, exc_info=fault)
            live = self.residents.live.get(session)
            if live is not None:
                await self._leave_out(live, (), wall)

    async def refuse(self, waiting: Iterable[Waiting], refusal: ControlRoomError) -> None:
        """Let the senders know."""
        await self._settle([(one, refusal) for one in waiting])

    async def _settle(self, results: Sequence[tuple[Waiting, Committed | ControlRoomError]]) -> None:
        if not results:
            return
        try:
            async with asyncio.timeout(SETTLE_WITHIN_S):
                await self.log.settle_all(results)
        except TimeoutError:
            log.warning("log_hangs", entries=len(results))

    def lose_store(self, why: ControlRoomError, *dropped: Live) -> None:
        """No engine is ahead of SQL from here on: all are forgotten, their boards stay as they were told."""
        self.outage.begin(self.clock.now(), why, [*self.residents.forget_all(), *dropped])


def _retryable(refusal: ControlRoomError) -> ControlRoomError:
    return refusal if refusal.retryable else CommitBroken(refusal.detail)
