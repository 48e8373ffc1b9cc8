"""The worker: takes what waits in the log, steps the engines, commits the group, and only then tells the hub.

One task does all of it, so between a step and its commit nobody can look at a board, and there is one order of
everything. A commit starts when the one before has ended and takes every session's waiting steps (DESIGN §5.2).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from app.bus.ports import Committed, SessionLog, Waiting
from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.commands import Outcome
from app.domain.deliveries import Delivery, Standing
from app.domain.effects import Effects, SessionState
from app.domain.identity import id_hash
from app.domain.records import CommandIssued, Entry, Gap
from app.domain.session_clock import SessionClock
from app.errors import ControlRoomError, FenceLost, NotFound, Unavailable
from app.instants import Instant
from app.metrics.own import COMMIT_EVENTS, COMMIT_SECONDS, COMMIT_SESSIONS, COMMITS_FAILED, STEPS, TURN_SECONDS
from app.realtime.agenda import Agenda
from app.realtime.holdings import Holdings, Teller
from app.realtime.hub import Hub, View
from app.realtime.live import Live
from app.realtime.restore import BrokenSession, Restorer
from app.store.database import Store
from app.store.ledger import SessionCommit, commit_group
from app.store.quarantine import set_aside

log = structlog.get_logger()

GROUP_EVENTS = 20_000
"""Most events taken into one commit."""
SLICE_MS = 5
"""After stepping this long the loop is given away once."""
SAVE_NOW_EVERY_MS = 5_000
"""A session that is quiet has its `now_ms` saved this often, so that a stop's gap is no longer than that."""
GAP_FROM_MS = 1_500
"""A shorter span without an owner is not worth a gap record: no timer is due within it."""
CHECKPOINT_EVERY_MS = 30_000
CHECKPOINT_EVERY_EVENTS = 50_000
PUT_BACK_AFTER_MS = 60_000
"""An ended session that nobody touches or watches leaves memory after this long."""
STORE_RETRY_MS = 1_000
LEFT_OUT_MS = 60_000
IDLE_MS = 5_000
"""With nothing due, a turn is made this often all the same."""
LOOK_EVERY_S = 0.05
"""How often sessions are looked for that wait for an owner."""
RUNNING_EVERY_S = 2.0
"""How often SQL is asked which sessions run: the news of an opening may be lost."""
LOG_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Note:
    """What others in the process are told after a commit."""

    session: str
    state: SessionState
    clock: SessionClock
    now_ms: int
    effects: Effects


Settled = list[tuple[Waiting, Committed | ControlRoomError]]
"""What the senders of a step are told once it is committed."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One session's part of a group."""

    live: Live
    commit: SessionCommit
    settled: Settled


class Quarantined(ControlRoomError):
    """A record that breaks the engine twice is set aside; the session goes on without it."""

    kind, code = "broken", "quarantined"


class LeftOut(ControlRoomError):
    """The session's own state breaks it again and again; it is tried again later, the others go on."""

    kind, code, retryable = "busy", "session_left_out", True


class NotHeld(ControlRoomError):
    """Another worker has the session: what waits for it is that one's to settle."""

    kind, code, retryable = "busy", "not_held", True


class CommitBroken(ControlRoomError):
    """The database will not have this step for a reason that is not its being away."""

    kind, code, retryable = "busy", "commit_broken", True


def _away(why: Unavailable | None) -> Unavailable:
    """Return the refusal for what comes meanwhile, under the code of what is the matter with the store."""
    kind = Unavailable if why is None else type(why)
    return kind("the store takes nothing now; send the same records again", retry_after_s=2)


async def _breathe(began: float) -> float:
    """Give the loop away once it has been held for SLICE_MS; return since when it is held now."""
    loop = asyncio.get_running_loop()
    if (loop.time() - began) * 1000 <= SLICE_MS:
        return began
    await asyncio.sleep(0)
    return loop.time()


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


class Worker:
    """Owns the live sessions of this process; knows nothing of HTTP or sockets."""

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
        taken: Teller = lambda _: None,
        freed: Teller = lambda _: None,
    ) -> None:
        """`tablets`: those of the named rooms that are connected now, for a session that comes into memory.

        `taken`, `freed`: told when this worker becomes a session's owner, and when it has let go in good order.
        """
        self._store = store
        self._log = session_log
        self._hub = hub
        self._clock = clock
        self._restorer = restorer
        self.holdings = holdings
        self._taken, self._freed = taken, freed
        self._wished: set[str] = set()
        self._running: list[str] = []
        self._asked_running = float("-inf")
        self._leaving: dict[str, None] = {}
        """Sessions to be handed over: committed once more, then let go."""
        self._letting_go: dict[str, None] = {}
        """Sessions that are out of memory and whose lease is to be given up at the end of the turn."""
        self._retake = False
        self._notes = list(notes)
        self._tablets = tablets
        self.turned_s = 0.0
        """When the last turn ended, by the loop's clock; 0 before the first."""
        self._live: dict[str, Live] = {}
        self._asks: list[tuple[View, asyncio.Future[bool] | None]] = []
        self._overlays: list[Callable[[], None]] = []
        self._quiet: list[tuple[Callable[[], Awaitable[None]], asyncio.Future[None]]] = []
        self._looks = Agenda()
        self._tells = Agenda()
        self._checkpoints: dict[str, None] = {}
        """Sessions whose checkpoint is due, the one that has waited longest first."""
        self._wake = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()
        self._unsaved_since: Instant | None = None
        self._why: Unavailable | None = None
        """What was last the matter with the store."""
        self._frozen: dict[str, Live] = {}
        self._reopen: set[str] = set()
        self._retry_at = 0
        self._broken: dict[str, str] = {}
        self._suspect: set[str] = set()
        """Sessions whose last commit failed for good: their next entries are committed one by one."""
        self._troubled: dict[str, int] = {}
        """Session -> until when it is left out, its own state having broken it once more after a restore; 0: warned."""

    # For the process around it.

    def listen(self, note: Callable[[Note], None]) -> None:
        """Be told of every commit, in order, before anybody else can look."""
        self._notes.append(note)

    @property
    def sessions(self) -> Mapping[str, Live]:
        """The sessions in memory; to be read between turns only (no await in between)."""
        return self._live

    @property
    def unsaved_since(self) -> Instant | None:
        """Since when the store has not taken commits; None while it does."""
        return self._unsaved_since

    async def show(self, view: View) -> bool:
        """Make sure a board is in the frame log; False when there is no such session."""
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asks.append((view, asked))
        self._wake.set()
        return await asked

    def want(self, view: View) -> None:
        """The same without waiting; of a session that nobody owns, this worker becomes the owner first."""
        if view.of in self.holdings.held:
            self._asks.append((view, None))
            self._wake.set()
        else:
            self._wished.add(view.of)

    def wish(self, session: str) -> None:
        """Take a session that nobody owns into memory, though nothing waits for it yet."""
        self._wished.add(session)

    def hand_over(self, sessions: Iterable[str]) -> None:
        """Let go of sessions, in good order, at the next turn: others have room for them."""
        self._leaving.update(dict.fromkeys(sessions))
        self._wake.set()

    async def between_turns(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that looks at several sessions when everything they have done is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._quiet.append((work, done))
        self._wake.set()
        await done

    def note_delivery(self, row: Delivery) -> None:
        """A message changed its state in SQL: show it."""
        self._overlay(row.session, lambda live: live.overlay.delivery(row))

    def note_standing(self, row: Standing) -> None:
        """A channel rests, is stopped or is open again: show it where its messages are shown."""
        for session in self._live:
            self._overlay(session, lambda live: live.overlay.standing(row))

    def note_device(self, session: str, row: DeviceRow) -> None:
        """A tablet came or went."""
        self._overlay(session, lambda live: live.overlay.device(row))

    def drop_device(self, session: str, device: str) -> None:
        """A tablet was revoked."""
        self._overlay(session, lambda live: live.overlay.drop_device(device))

    def _overlay(self, session: str, change: Callable[[Live], None]) -> None:
        def later() -> None:
            live = self._live.get(session)
            if live is not None:
                change(live)
                self._tell_soon(session)

        self._overlays.append(later)
        self._wake.set()

    async def run(self) -> None:
        """Work until stopped. Raises only what nobody here can mend."""
        taking: asyncio.Task[Mapping[str, Sequence[Waiting]]] | None = None
        waking: asyncio.Task[bool] | None = None
        keeping: asyncio.Task[None] | None = None
        try:
            await self._open_all()
            self.turned_s = asyncio.get_running_loop().time()
            keeping = asyncio.create_task(self._keep(), name="holdings")
            while not self._stopping:
                taking = taking or asyncio.create_task(self._take_waiting())
                waking = waking or asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {taking, waking}, timeout=self._idle_ms() / 1000, return_when=asyncio.FIRST_COMPLETED
                )
                if waking.done():
                    self._wake.clear()
                    waking = None
                if self._retake and not taking.done():
                    taking.cancel()  # what waits for the sessions taken since is not in it; nothing is lost by this
                    await asyncio.wait({taking})
                self._retake = False
                taken: Mapping[str, Sequence[Waiting]] = {}
                if taking.cancelled():
                    taking = None
                elif taking.done():
                    taken, taking = taking.result(), None
                began = asyncio.get_running_loop().time()
                await self._turn(taken)
                self.turned_s = asyncio.get_running_loop().time()
                TURN_SECONDS.see(self.turned_s - began)
            await self._turn({}, last=True)
            await self._leave_all()
        finally:
            for task in (taking, waking, keeping):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Unavailable):
                        await task
            for _, asked in self._asks:
                if asked is not None:
                    asked.cancel()
            for _, done in self._quiet:
                done.cancel()
            self._stopped.set()

    async def stop(self) -> None:
        """Finish the turn, save every session's now, let go of all of them, and return."""
        self._stopping = True
        self._wake.set()
        await self._stopped.wait()

    async def _take_waiting(self) -> Mapping[str, Sequence[Waiting]]:
        """What waits for the sessions held. A log that is away is asked again: time, and so the alerts, go on."""
        try:
            return await self._log.take(self.holdings.held, GROUP_EVENTS, 60_000)
        except Unavailable as refusal:
            log.warning("log_unavailable", detail=refusal.detail)
            await asyncio.sleep(LOG_RETRY_S)
            return {}

    # Leases.

    async def _keep(self) -> None:
        """Look after the leases, and after sessions that have no owner, until cancelled."""
        while True:
            try:
                await self._look_for_sessions()
            except Unavailable as refusal:
                log.warning("leases_unavailable", detail=refusal.detail)
                await asyncio.sleep(LOG_RETRY_S)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look_for_sessions(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in await self.holdings.renew(now):
            self._lose(session)
        if now - self._asked_running >= RUNNING_EVERY_S and self._unsaved_since is None:
            self._asked_running = now
            self._running = await self._restorer.running()
            self.hand_over(self.holdings.surplus(self._running, now))
        given, self._wished = self._wished, set()
        wanted = dict.fromkeys((*await self._log.waiting(), *self._running))
        given.update(wanted.keys() - set(self._running))  # ended ones belong to nobody
        self._hold(await self.holdings.take_fairly(given, wanted.keys(), self._running, now))

    def _hold(self, sessions: Iterable[str]) -> None:
        """Sessions are this worker's from now on: they come into memory at the next turn."""
        for session in sessions:
            self._reopen.add(session)
            self._looks.set(session, self._clock.now())
            self._retake = True
            log.info("session_taken", session=session)
            self._taken(session)
        if self._retake:
            self._wake.set()

    def _lose(self, session: str) -> None:
        """Another worker has the session, or will have: forget the engine, and leave to it what waits."""
        log.warning("session_lost", session=session)
        self.holdings.lost(session, asyncio.get_running_loop().time())
        self._forget(session)

    def _forget(self, session: str) -> None:
        self._live.pop(session, None)
        self._frozen.pop(session, None)
        self._reopen.discard(session)
        self._checkpoints.pop(session, None)
        self._tells.drop(session)
        self._looks.drop(session)
        self._hub.forget(session)
        self._log.let_go(session)

    async def _let_go(self) -> None:
        """Hand over what is to be handed over, and give up the leases of what has been put back."""
        leaving, self._leaving = self._leaving, {}
        for session in leaving:
            live = self._live.get(session)
            if live is not None and live.since_checkpoint:
                await self._checkpointed(live)
            if session in self.holdings.held:
                self._letting_go[session] = None
        gone, self._letting_go = self._letting_go, {}
        for session in gone:
            if session not in leaving and self._hub.watched(session):
                continue  # somebody has just come to look
            self._forget(session)
            try:
                await self.holdings.free(session, asyncio.get_running_loop().time())
            except Unavailable:
                continue  # the lease ends by itself
            log.info("session_freed", session=session)
            self._freed(session)

    async def _leave_all(self) -> None:
        """At a stop: every session is handed over, so that others go on with it at once."""
        self._leaving.update(dict.fromkeys((*self._live, *self.holdings.held)))
        await self._let_go()

    # One turn.

    def _idle_ms(self) -> int:
        wall = self._clock.now()
        if self._unsaved_since is not None:
            return max(0, self._retry_at - wall)
        if self._checkpoints:
            return 0
        due = min((at for at in (self._looks.next, self._tells.next) if at is not None), default=wall + IDLE_MS)
        return min(max(0, due - wall), IDLE_MS)

    async def _turn(self, taken: Mapping[str, Sequence[Waiting]], *, last: bool = False) -> None:
        wall = self._clock.now()
        if self._unsaved_since is not None:
            await self._wait_for_store(taken, wall)
            await self._answer_asks(wall)
            await self._quiet_work()
            return
        steps = await self._steps(taken, wall, last=last)
        if steps:
            await self._commit(steps, wall)
        overlays, self._overlays = self._overlays, []
        for change in overlays:
            change()
        await self._answer_asks(wall)
        await self._quiet_work()
        await self._tell_due(self._clock.now())
        await self._save_a_checkpoint()
        if self._leaving or self._letting_go:
            await self._let_go()

    async def _steps(self, taken: Mapping[str, Sequence[Waiting]], wall: Instant, *, last: bool) -> list[_Step]:
        began = asyncio.get_running_loop().time()
        due = self._looks.take(wall)
        stepped: dict[str, Settled] = {}
        for session in dict.fromkeys((*taken, *self._reopen.intersection(due))):
            self._reopen.discard(session)
            if session in self._suspect:
                await self._singly(session, taken.get(session, ()), wall)
                continue
            settled = await self._take(session, taken.get(session, ()), wall)
            if settled is not None:
                stepped[session] = settled
            began = await _breathe(began)
        if self._unsaved_since is not None:  # lost while one of them was restored: nothing of the turn has happened
            for settled in stepped.values():
                await self._refuse((one for one, _ in settled), _away(self._why))
            return []
        steps = []
        for session in dict.fromkeys((*stepped, *(self._live if last else due), *self._leaving)):
            live = self._live.get(session)
            save = last or session in self._leaving
            step = await self._looked(live, stepped.get(session), wall, last=save) if live is not None else None
            if step is not None:
                steps.append(step)
            began = await _breathe(began)
        return steps

    async def _looked(self, live: Live, settled: Settled | None, wall: Instant, *, last: bool = False) -> _Step | None:
        try:
            return self._look(live, settled, wall, last=last)
        except Exception:
            log.exception("session_breaks", session=live.id, position=live.engine.position)
            await self._leave(live, settled or (), wall)
            return None

    async def _leave(self, live: Live, settled: Settled | tuple[()], wall: Instant) -> None:
        """A session broke between its records: forget the engine, restore it once, then leave it out for a while."""
        self._live.pop(live.id, None)
        self._tells.drop(live.id)
        if live.id in self._troubled:
            self._troubled[live.id] = wall + LEFT_OUT_MS
        else:
            self._troubled[live.id] = 0
        self._reopen.add(live.id)
        self._looks.set(live.id, max(self._troubled[live.id], wall + STORE_RETRY_MS))
        await self._refuse((one for one, _ in settled), LeftOut("the session is being restored", session=live.id))

    async def _singly(self, session: str, waiting: Sequence[Waiting], wall: Instant) -> None:
        """Commit a session's entries one by one, so that the one the database will not have is found and set aside."""
        self._suspect.discard(session)
        for one in waiting:
            settled = await self._take(session, [one], wall)
            live = self._live.get(session)
            if settled is None or live is None:
                continue
            step = await self._looked(live, settled, wall)
            if step is None:
                continue
            try:
                await self._written([step])
            except ControlRoomError as refusal:
                if isinstance(refusal, Unavailable | FenceLost):
                    await self._drop(step, refusal)
                    continue
                self._live.pop(session, None)
                reason = f"{refusal.code}: {refusal.detail}"
                aside = partial(set_aside, session_no=live.session_no, entry=one.entry, reason=reason, at=wall)
                await self._store.write(aside)
                await self._refuse([one], Quarantined("this record cannot be stored; it was set aside"))
            else:
                await self._committed([step], wall)

    def _look(self, live: Live, settled: Settled | None, wall: Instant, *, last: bool) -> _Step | None:
        """Let the time of a session pass; return what is to be committed of it, if anything is."""
        ended = live.engine.state == "ended"
        if not ended:
            live.engine.advance(live.session_now(wall))
        effects = live.engine.take_effects()
        stale_now = not ended and (last or wall - live.committed_ms >= SAVE_NOW_EVERY_MS)
        if settled is None and not (live.chunks or stale_now or _says_something(effects)):
            if not (ended and self._put_back(live, wall)):
                self._plan(live, wall)
                self._tell_soon(live.id)  # time passed and nothing came of it: nothing to store
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
        return _Step(live, commit, settled or [])

    def _plan(self, live: Live, wall: Instant) -> None:
        """Note when the session must be looked at next, if nothing comes before."""
        if live.engine.state == "ended":
            at = live.touched_ms + PUT_BACK_AFTER_MS
        else:
            due = live.due_in(wall)
            at = live.committed_ms + SAVE_NOW_EVERY_MS
            at = at if due is None else min(at, wall + due)
        old = wall - live.checkpointed_ms >= CHECKPOINT_EVERY_MS
        if live.since_checkpoint and (old or live.since_checkpoint >= CHECKPOINT_EVERY_EVENTS):
            self._checkpoints[live.id] = None
        self._looks.set(live.id, at)

    async def _take(self, session: str, waiting: Sequence[Waiting], wall: Instant) -> Settled | None:
        """Apply what waits of a session, restored when it is not in memory; None: it was refused."""
        try:
            if self._unsaved_since is not None:
                raise _away(self._why)
            if self._troubled.get(session, 0) > wall:
                raise LeftOut("the session cannot go on; it is tried again in a minute", session=session)
            live = self._live.get(session) or await self._open(session)
            live.touched_ms = wall
            return await self._apply(live, waiting, wall)
        except NotHeld:
            self._log.let_go(session)
            return None
        except ControlRoomError as refusal:
            if isinstance(refusal, NotFound):
                self._letting_go[session] = None
            if isinstance(refusal, Unavailable):
                self._lost_store(self._clock.now(), refusal)
            await self._refuse(waiting, refusal)
            return None

    async def _refuse(self, waiting: Iterable[Waiting], refusal: ControlRoomError) -> None:
        await self._log.settle_all([(one, refusal) for one in waiting])

    async def _open(self, session: str) -> Live:
        """Restore a session. Raises NotHeld, NotFound, Unavailable, and BrokenSession whatever else goes wrong."""
        if session not in self.holdings.held:
            raise NotHeld("another worker has the session", session=session)
        try:
            return await self._restored(session)
        except ControlRoomError:
            raise
        except Exception as fault:
            log.exception("session_cannot_be_restored", session=session)
            self._live.pop(session, None)
            raise BrokenSession("the session cannot be restored", session=session) from fault

    async def _restored(self, session: str) -> Live:
        wall = self._clock.now()
        live = await self._restorer.restore(session)
        for row in self._tablets(live.room_ids):
            live.overlay.device(row)
        live.touched_ms = live.checkpointed_ms = wall
        live.committed_ms = wall - id_hash(session) % SAVE_NOW_EVERY_MS  # those opened at once are not saved at once
        self._live[session] = live
        now = live.clock.at(wall)
        if live.engine.state in ("live", "paused") and now - live.engine.now > GAP_FROM_MS and live.clock.rate > 0:
            live.step(Entry(now, Gap(live.engine.now, now)), wall)
        self._looks.set(session, wall)
        self._tell_soon(session)
        return live

    async def _open_all(self) -> None:
        """At start: every session that is planned or live, so that holds and missing data go on by themselves."""
        while not self._stopping:
            try:
                now = asyncio.get_running_loop().time()
                self._running = await self._restorer.running()
                self._asked_running = now
                taken = await self._first_held(now)
                await self._open_each(taken)
            except Unavailable as refusal:
                self._lost_store(self._clock.now(), refusal)
                log.warning("store_unavailable_at_start", detail=refusal.detail)
                await asyncio.sleep(STORE_RETRY_MS / 1000)
                continue
            self._unsaved_since = None
            self._frozen.clear()
            return

    async def _first_held(self, now: float) -> list[str]:
        try:
            await self.holdings.take_fairly((), self._running, self._running, now)
        except Unavailable as refusal:
            log.warning("leases_unavailable", detail=refusal.detail)  # they are looked for again
        return [session for session in self._running if session in self.holdings.held]

    async def _open_each(self, sessions: Iterable[str]) -> None:
        """Restore sessions; one that cannot be is left out, the others go on. Raises Unavailable."""
        for session in sessions:
            try:
                if session not in self._live:
                    await self._open(session)
            except Unavailable:
                raise
            except ControlRoomError as refusal:
                log.error("session_left_out", session=session, code=refusal.code, detail=refusal.detail)

    async def _apply(self, live: Live, waiting: Sequence[Waiting], wall: Instant) -> Settled:
        marks: list[tuple[Waiting, int, int, int]] = []
        for one in waiting:
            before = live.engine.duplicates
            try:
                chunk = live.step(one.entry, wall)
            except Exception:
                log.exception("record_breaks_the_engine", session=live.id, position=live.engine.position)
                self._live.pop(live.id, None)
                return await self._without(live, one, waiting, wall)
            marks.append((one, chunk.first, chunk.last, live.engine.duplicates - before))
        return [
            (one, Committed(first, final, duplicates, self._outcome(live, one)))
            for one, first, final, duplicates in marks
        ]

    @staticmethod
    def _outcome(live: Live, one: Waiting) -> Outcome | None:
        body = one.entry.body
        return live.engine.outcome_of(body.issued.key) if isinstance(body, CommandIssued) else None

    async def _without(self, live: Live, broken: Waiting, waiting: Sequence[Waiting], wall: Instant) -> Settled:
        """Restore the session and go on; a record that broke it twice is set aside with its reason (隔离)."""
        restored = await self._open(live.id)
        token = broken.ticket.token
        if token in self._broken:
            del self._broken[token]
            await self._store.write(
                lambda conn: set_aside(conn, live.session_no, broken.entry, "the engine failed on it twice", wall)
            )
            refusal = Quarantined("this record cannot be applied; it was set aside", session=live.id)
            settled = await self._apply(restored, [one for one in waiting if one is not broken], wall)
            return [*settled, (broken, refusal)]
        self._broken[token] = live.id
        return await self._apply(restored, waiting, wall)

    # The commit.

    async def _commit(self, steps: list[_Step], wall: Instant) -> None:
        try:
            await self._written(steps)
        except ControlRoomError as refusal:
            if len(steps) == 1 or isinstance(refusal, Unavailable):
                for step in steps:
                    await self._drop(step, refusal)
                return
            for step in steps:  # each alone: one session's trouble is not the others'
                await self._commit([step], wall)
            return
        await self._committed(steps, wall)

    async def _written(self, steps: Sequence[_Step]) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await self._store.write(lambda conn: commit_group(conn, [step.commit for step in steps]))
            COMMIT_SECONDS.see(asyncio.get_running_loop().time() - began)
            COMMIT_SESSIONS.see(len(steps))
            COMMIT_EVENTS.see(sum(each.last - each.first + 1 for step in steps for each in step.commit.chunks))
            STEPS.add(len(steps))
        except ControlRoomError as refusal:
            COMMITS_FAILED.add(1, refusal.code)
            raise
        except Exception as fault:
            log.exception("commit_breaks", sessions=[step.live.id for step in steps])
            raise CommitBroken(f"the step cannot be stored ({type(fault).__name__})") from fault

    async def _committed(self, steps: Sequence[_Step], wall: Instant) -> None:
        """Everybody is told, in this order: who else is in the process, the senders, the pages."""
        for step in steps:
            live, effects = step.live, step.commit.effects
            live.committed_ms = wall
            live.overlay_effects(effects, wall)
            self._plan(live, wall)
            self._troubled.pop(live.id, None)
            note = Note(live.id, live.engine.state, live.clock, live.engine.now, effects)
            for listener in self._notes:
                listener(note)
        if settled := [each for step in steps for each in step.settled]:
            await self._log.settle_all(settled)
        for step in steps:
            if step.commit.effects.urgent:
                await self._told(step.live, self._clock.now())
            else:
                self._tell_soon(step.live.id)

    async def _drop(self, step: _Step, refusal: ControlRoomError) -> None:
        """What could not be committed never happened: forget the engine, refuse the senders, restore later."""
        self._live.pop(step.live.id, None)
        told = refusal if refusal.retryable else CommitBroken(refusal.detail)
        log.warning("commit_failed", session=step.live.id, code=refusal.code, detail=refusal.detail)
        if isinstance(refusal, Unavailable):
            self._lost_store(self._clock.now(), refusal, step.live)
        elif isinstance(refusal, FenceLost):
            self._lose(step.live.id)
            return  # what waited is the new owner's to settle
        else:
            self._suspect.add(step.live.id)
            self._reopen.add(step.live.id)
            self._looks.set(step.live.id, step.commit.wall_ms + STORE_RETRY_MS)
        await self._refuse((one for one, _ in step.settled), told)

    # While the store does not answer.

    def _lost_store(self, wall: Instant, why: Unavailable, *dropped: Live) -> None:
        """No engine is ahead of SQL from here on: all are forgotten, their boards stay as they were told."""
        self._why = why
        if self._unsaved_since is None:
            self._unsaved_since = wall
            log.error("store_lost", since=wall, code=why.code, detail=why.detail)
        for live in (*self._live.values(), *dropped):
            self._frozen.setdefault(live.id, live)  # the first is the one whose board the pages have
        self._live.clear()
        self._looks.clear()
        self._retry_at = wall + STORE_RETRY_MS

    async def _wait_for_store(self, taken: Mapping[str, Sequence[Waiting]], wall: Instant) -> None:
        for waiting in taken.values():
            await self._refuse(waiting, _away(self._why))
        since = self._unsaved_since or wall
        for live in self._frozen.values():
            await self._hub.tell(live.id, live.frozen(since), wall)
        if wall < self._retry_at:
            return
        try:
            await self._store.check()
            running = {*self._frozen, *await self._restorer.running()}
            await self._open_each(sorted(running & self.holdings.held))
        except Unavailable as refusal:
            self._lost_store(self._clock.now(), refusal)
            return
        log.info("store_back", after_ms=wall - since)
        self._frozen.clear()
        self._unsaved_since = None

    # Boards.

    async def _answer_asks(self, wall: Instant) -> None:
        asks, self._asks = self._asks, []
        for view, asked in asks:
            if asked is not None and asked.done():
                continue
            shown: bool | ControlRoomError
            try:
                shown = await self._shown(view, wall)
            except (NotFound, NotHeld):
                shown = False
            except ControlRoomError as refusal:
                shown = refusal
            except Exception:
                log.exception("board_breaks", board=view.name)
                shown = BrokenSession("the board cannot be made", session=view.of)
            if asked is None:
                continue
            if isinstance(shown, bool):
                asked.set_result(shown)
            else:
                asked.set_exception(shown)

    async def _shown(self, view: View, wall: Instant) -> bool:
        live = self._live.get(view.of)
        if live is None and self._unsaved_since is None:
            if await self.holdings.take((view.of,)):
                self._hold((view.of,))
            live = await self._open(view.of)
        if live is not None:
            live.touched_ms = wall
            await self._hub.show(view, live, wall)
        return live is not None

    async def _quiet_work(self) -> None:
        works, self._quiet = self._quiet, []
        for work, done in works:
            if done.done():
                continue
            try:
                await work()
            except Exception as fault:  # whoever asked is told; the worker goes on
                done.set_exception(fault)
            else:
                done.set_result(None)

    def _tell_soon(self, session: str) -> None:
        """Let the boards of a session be told as soon as they may be; nothing when nobody watches."""
        wall = self._clock.now()
        due = self._hub.due(session, wall)
        if due is not None:
            self._tells.set(session, wall + due)

    async def _tell_due(self, wall: Instant) -> None:
        for session in self._tells.take(wall):
            live = self._live.get(session)
            if live is not None:
                await self._told(live, wall)

    async def _told(self, live: Live, wall: Instant) -> None:
        """Tell the boards of a session; one that cannot be made is the session's trouble and nobody else's."""
        try:
            await self._hub.tell(live.id, live, wall)
        except FenceLost:
            self._lose(live.id)
        except Unavailable as refusal:  # the pages are told everything once the frames can be carried again
            log.warning("frames_unavailable", session=live.id, detail=refusal.detail)
            self._tell_soon(live.id)
        except Exception:
            log.exception("board_breaks", session=live.id)
            await self._leave(live, (), wall)

    # Keeping memory and recovery short.

    async def _save_a_checkpoint(self) -> None:
        """One a turn: none of them may hold up the next commit for long."""
        session = next(iter(self._checkpoints), None)
        if session is None:
            return
        del self._checkpoints[session]
        live = self._live.get(session)
        if live is not None and live.since_checkpoint:
            await self._checkpointed(live)

    async def _checkpointed(self, live: Live) -> None:
        live.checkpointed_ms, live.since_checkpoint = self._clock.now(), 0
        try:
            await self._restorer.save_checkpoint(live)
        except Unavailable as refusal:  # the chunks are there; recovery is longer, nothing is lost
            log.warning("checkpoint_failed", session=live.id, detail=refusal.detail)
        except Exception:
            log.exception("checkpoint_breaks", session=live.id)

    def _put_back(self, live: Live, wall: Instant) -> bool:
        """Let go of an ended session that nobody touches or watches."""
        if self._hub.watched(live.id):
            live.touched_ms = wall
        if wall - live.touched_ms < PUT_BACK_AFTER_MS:
            return False
        if live.since_checkpoint:
            self._checkpoints[live.id] = None  # first this, so that it wakes quickly
            return False
        self._letting_go[live.id] = None
        return True
