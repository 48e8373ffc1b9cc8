"""The worker: takes what waits in the log, steps the engines, commits the group, and only then tells the hub.

One task does all of it, so between a step and its commit nobody can look at a board, and there is one order of
everything. A commit starts when the one before has ended and takes every session's waiting steps.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import structlog

from app.bus.ports import SessionLog, Waiting
from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.deliveries import Delivery, Standing
from app.errors import ControlRoomError, Unavailable
from app.instants import Instant
from app.metrics.own import TURN_SECONDS
from app.realtime.breath import Breath
from app.realtime.caretaker import Caretaker
from app.realtime.checkpoints import Checkpoints
from app.realtime.commits import Commits
from app.realtime.departures import Departures
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub, View
from app.realtime.inbox import Inbox
from app.realtime.live import Live
from app.realtime.outage import Outage
from app.realtime.residents import Residents
from app.realtime.restore import Restorer
from app.realtime.showing import Showing
from app.realtime.standstill import Standstill, steady_s
from app.realtime.steps import Stepper
from app.realtime.telling import Telling
from app.realtime.trouble import Trouble
from app.realtime.turn import Note, Turn
from app.store.database import Store

__all__ = ["Note", "Worker"]

log = structlog.get_logger()

GROUP_EVENTS: Final = 20_000
"""Most events taken into one commit."""
IDLE_MS: Final = 5_000
"""With nothing due, a turn is made this often all the same."""
TAKE_WITHIN_MS: Final = 60_000
LOG_RETRY_S: Final = 0.5


class Worker:
    """Owns the order of things: what happens in a turn, and when there is one. Knows nothing of HTTP or sockets."""

    def __init__(
        self,
        *,
        store: Store,
        session_log: SessionLog,
        hub: Hub,
        clock: Clock,
        restorer: Restorer,
        holdings: Holdings,
        notes: Sequence[Callable[[Note], None]] = (),
        tablets: Callable[[Sequence[str]], Iterable[DeviceRow]] = lambda _: (),
        taken: Callable[[str], None] = lambda _: None,
        freed: Callable[[str, bool], None] = lambda _, __: None,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        """`tablets`: those of the named rooms that are connected now, for a session that comes into memory.

        `taken`: told when this worker becomes a session's owner. `freed`: told when it is that no more, and whether
        others are to be told of it.
        """
        self._store, self._log, self._hub, self._clock = store, session_log, hub, clock
        self.holdings = holdings
        self._notes = list(notes)
        self._taken, self._freed = taken, freed
        self._inbox, self._outage, self._trouble = Inbox(), Outage(), Trouble()
        self._standstill = Standstill(steady)
        self._residents = Residents(restorer, holdings, clock, tablets)
        self._telling = Telling(hub, clock)
        self._checkpoints = Checkpoints(restorer, self._residents, clock)
        self._departures = Departures(
            self._residents, self._checkpoints, holdings, hub, forget=self._forget, freed=freed
        )
        self._caretaker = Caretaker(
            holdings, session_log, restorer.running, taken=self._hold, lost=self._lose, hand_over=self.hand_over
        )
        self._showing = Showing(
            self._inbox, self._residents, holdings, hub, self._telling, self._outage, self._trouble, hold=self._hold
        )
        self._turn = Turn(
            log=session_log,
            clock=clock,
            hub=hub,
            residents=self._residents,
            stepper=Stepper(store, self._residents),
            commits=Commits(store),
            telling=self._telling,
            checkpoints=self._checkpoints,
            departures=self._departures,
            outage=self._outage,
            trouble=self._trouble,
            note=self._note,
            give_up=self._give_up,
        )
        self.turned_s = 0.0
        """When the last turn ended, by the loop's clock; 0 until all that was taken at the start is in memory."""
        self._stopping = False
        self._stopped = asyncio.Event()

    # For the process around it.

    def listen(self, note: Callable[[Note], None]) -> None:
        """Be told of every commit, in order, before anybody else can look."""
        self._notes.append(note)

    @property
    def sessions(self) -> Mapping[str, Live]:
        """The sessions in memory; to be read between turns only (no await in between)."""
        return self._residents.live

    @property
    def unsaved_since(self) -> Instant | None:
        """Since when the store has not taken commits; None while it does."""
        return self._outage.since

    async def show(self, view: View) -> bool:
        """Make sure a board is in the frame log; False when there is no such session."""
        return await self._inbox.show(view)

    def want(self, view: View) -> None:
        """The same without waiting; of a session that nobody owns, this worker becomes the owner first."""
        if view.of in self.holdings.held:
            self._inbox.want(view)
        else:
            self._caretaker.wish(view.of)

    def wish(self, session: str) -> None:
        """Take a session that nobody owns into memory, though nothing waits for it yet."""
        self._caretaker.wish(session)

    def hand_over(self, sessions: Iterable[str]) -> None:
        """Let go of sessions, in good order, in the next turns: others have room for them."""
        self._departures.hand_over(sessions)
        self._inbox.wake.set()

    def drop(self, session: str) -> None:
        """What its log said before is not to be shown any more: forget the session; whoever needs it builds it anew."""
        self._departures.drop(session)
        self._inbox.wake.set()

    async def between_turns(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that looks at several sessions when everything they have done is committed."""
        await self._inbox.between_turns(work)

    def note_delivery(self, row: Delivery) -> None:
        """A message changed its state in SQL: show it."""
        self.lay_over(row.session, lambda live: live.overlay.delivery(row))

    def note_standing(self, row: Standing) -> None:
        """A channel rests, is stopped or is open again: show it where its messages are shown."""
        for session in self._residents.live:
            self.lay_over(session, lambda live: live.overlay.standing(row))

    def doubt_frames(self) -> None:
        """What was told of the boards may be lost: it is told whole again."""
        self._hub.doubt()
        for session in self._hub.boards():
            self._telling.soon(session)

    def note_device(self, session: str, row: DeviceRow) -> None:
        """A tablet came or went."""
        self.lay_over(session, lambda live: live.overlay.device(row))

    def drop_device(self, device: str) -> None:
        """A tablet is paired no more: it is shown nowhere."""

        def later() -> None:
            for session, live in self._residents.live.items():
                if live.overlay.drop_device(device):
                    self._telling.soon(session)

        self._inbox.lay(later)

    def lay_over(self, session: str, change: Callable[[Live], None]) -> None:
        """Have what lies over a session's boards changed in the next turn, in the order of asking."""

        def later() -> None:
            live = self._residents.live.get(session)
            if live is not None:
                change(live)
                self._telling.soon(session)

        self._inbox.lay(later)

    # Life.

    async def run(self) -> None:
        """Work until stopped. Raises only what nobody here can mend."""
        taking: asyncio.Task[Mapping[str, Sequence[Waiting]]] | None = None
        waking: asyncio.Task[bool] | None = None
        caring = asyncio.create_task(self._caretaker.run(), name="caretaker")
        watching = asyncio.create_task(self._standstill.watch(), name="standstill")
        try:
            while not (self._stopping and await self._all_left()):
                taking = taking or asyncio.create_task(self._take_waiting(), name="worker-take")
                waking = waking or asyncio.create_task(self._inbox.wake.wait(), name="worker-wake")
                await asyncio.wait(
                    {taking, waking}, timeout=self._idle_ms() / 1000, return_when=asyncio.FIRST_COMPLETED
                )
                if waking.done():
                    self._inbox.wake.clear()
                    waking = None
                taken: Mapping[str, Sequence[Waiting]] = {}
                if taking.done():
                    taken, taking = taking.result(), None
                began = _now()
                await self._make_turn(taken)
                TURN_SECONDS.see(_now() - began)
                if self.turned_s or (self._caretaker.began.is_set() and not self._residents.arriving()):
                    self.turned_s = _now()
        finally:
            beside = [task for task in (taking, waking, caring, watching) if task is not None]
            for task in beside:
                task.cancel()
            try:
                await asyncio.gather(*beside, return_exceptions=True)
            finally:
                self._inbox.close()
                self._stopped.set()

    async def stop(self) -> None:
        """Finish the turn, save every session's now, hand all of them over, and return."""
        self._stopping = True
        self._inbox.wake.set()
        await self._stopped.wait()

    async def _all_left(self) -> bool:
        """At a stop every session is handed over, so that others go on with it at once; True when none is left."""
        await self._caretaker.take_no_more()
        held = list(self.holdings.held)
        if self._outage.since is not None:  # nothing can be saved: the others may have a store
            await self._departures.abandon(held, _now())
            return True
        self.hand_over(held)
        return not held

    async def _take_waiting(self) -> Mapping[str, Sequence[Waiting]]:
        """What waits for the sessions here. A log that is away is asked again: time, and so the alerts, go on."""
        try:
            return await self._log.take(self._residents.ready, GROUP_EVENTS, TAKE_WITHIN_MS)
        except Unavailable as refusal:
            log.warning("log_unavailable", detail=refusal.detail)
            await asyncio.sleep(LOG_RETRY_S)
            return {}

    def _idle_ms(self) -> int:
        wall = self._clock.now()
        if self._outage.since is not None:
            return max(0, self._outage.retry_at - wall)
        if self._checkpoints.any_due or self._departures.any_waiting:
            return 0
        due = min((at for at in (self._residents.next, self._telling.next) if at is not None), default=wall + IDLE_MS)
        return min(max(0, due - wall), IDLE_MS)

    # Which sessions.

    async def _hold(self, sessions: Iterable[str]) -> None:
        """Sessions are this worker's from now on: they come into memory in the next turns."""
        breath = Breath()
        for session in sessions:
            self._residents.arrive((session,))
            log.info("session_taken", session=session)
            self._taken(session)
            await breath.take()
        if self._residents.arriving():
            self._inbox.wake.set()

    def _lose(self, session: str) -> None:
        """Another worker has the session, or will have: forget the engine, and leave to it what waits."""
        log.warning("session_lost", session=session)
        self.holdings.lost(session, _now())
        self._forget(session)
        self._freed(session, False)

    async def _give_up(self, session: str) -> None:
        """A newer owner has it, whatever the lease says: there is no use in keeping that."""
        log.warning("session_lost", session=session)
        await self._departures.abandon((session,), _now())

    def _forget(self, session: str) -> None:
        self._residents.forget(session)
        self._outage.forget(session)
        self._trouble.forget(session)
        self._checkpoints.forget(session)
        self._telling.forget(session)
        self._hub.forget(session)
        self._log.let_go(session)

    # One turn.

    async def _make_turn(self, taken: Mapping[str, Sequence[Waiting]]) -> None:
        wall = self._clock.now()
        if self._standstill.is_over() and self._residents.live:
            log.warning("process_stood_still", sessions=len(self._residents.live))
            self._residents.enter_gaps(wall)
        if self._outage.since is not None:
            await self._wait_for_store(taken, wall)
            await self._between_turns(wall)
            return
        leaving = self._departures.next_to_leave()
        await self._turn.step_and_commit(taken, leaving, wall)
        self._inbox.lay_over()
        await self._between_turns(wall)
        await self._turn.heed(await self._telling.tell_due(self._residents.live), wall)
        if self._outage.since is not None:  # lost in this very turn: what was to leave is not saved
            self._departures.hand_over(leaving)
            return
        await self._checkpoints.save_next()
        await self._departures.leave(leaving, _now(), wall)

    async def _between_turns(self, wall: Instant) -> None:
        for session in await self._showing.show_all(wall):
            await self._give_up(session)
        await self._inbox.do_works()

    async def _wait_for_store(self, taken: Mapping[str, Sequence[Waiting]], wall: Instant) -> None:
        for waiting in taken.values():
            await self._turn.refuse(waiting, self._outage.refusal())
        await self._turn.heed(await self._telling.tell_boards(self._outage.boards()), wall)
        if wall < self._outage.retry_at:
            return
        try:
            await self._store.try_commit()
        except ControlRoomError as refusal:
            self._turn.lose_store(refusal)
            return
        self._outage.end(wall)
        self._residents.arrive(self.holdings.held)

    def _note(self, note: Note) -> None:
        for listener in self._notes:
            try:
                listener(note)
            except Exception:  # it is committed: its senders and the pages have a right to it
                log.exception("note_listener_breaks", session=note.session)


def _now() -> float:
    return asyncio.get_running_loop().time()
