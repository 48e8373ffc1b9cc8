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
from app.domain.deliveries import Delivery
from app.domain.effects import Effects, SessionState
from app.domain.identity import id_hash
from app.domain.records import CommandIssued, Entry, Gap
from app.domain.session_clock import SessionClock
from app.errors import ControlRoomError, FenceLost, NotFound, Unavailable
from app.instants import Instant
from app.realtime.agenda import Agenda
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


class CommitBroken(ControlRoomError):
    """The database will not have this step for a reason that is not its being away."""

    kind, code, retryable = "busy", "commit_broken", True


def _away() -> Unavailable:
    return Unavailable("the store does not answer; send the same records again", retry_after_s=2)


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
        notes: Sequence[Callable[[Note], None]] = (),
        tablets: Callable[[Sequence[str]], Iterable[DeviceRow]] = lambda _: (),
    ) -> None:
        """`tablets`: those of the named rooms that are connected now, for a session that comes into memory."""
        self._store = store
        self._log = session_log
        self._hub = hub
        self._clock = clock
        self._restorer = restorer
        self._notes = list(notes)
        self._tablets = tablets
        self._live: dict[str, Live] = {}
        self._asks: list[tuple[View, asyncio.Future[bool]]] = []
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

    def hold(self, session: str) -> None:
        """Bring a session into memory at the next turn, though nothing waits for it."""
        self._reopen.add(session)
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
        try:
            await self._open_all()
            while not self._stopping:
                taking = taking or asyncio.create_task(self._log.take(None, GROUP_EVENTS, 60_000))
                waking = waking or asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {taking, waking}, timeout=self._idle_ms() / 1000, return_when=asyncio.FIRST_COMPLETED
                )
                if waking.done():
                    self._wake.clear()
                    waking = None
                taken: Mapping[str, Sequence[Waiting]] = {}
                if taking.done():
                    taken, taking = taking.result(), None
                await self._turn(taken)
            await self._turn({}, last=True)
            for live in list(self._live.values()):
                self._checkpoints[live.id] = None
            while self._checkpoints:
                await self._save_a_checkpoint()
        finally:
            for task in (taking, waking):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Unavailable):
                        await task
            for _, asked in self._asks:
                asked.cancel()
            for _, done in self._quiet:
                done.cancel()
            self._stopped.set()

    async def stop(self) -> None:
        """Finish the turn, save every session's now, and return."""
        self._stopping = True
        self._wake.set()
        await self._stopped.wait()

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
                await self._refuse((one for one, _ in settled), _away())
            return []
        steps = []
        for session in dict.fromkeys((*stepped, *(self._live if last else due))):
            live = self._live.get(session)
            step = await self._looked(live, stepped.get(session), wall, last=last) if live is not None else None
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
                await self._committed(step, wall)

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
                raise _away()
            if self._troubled.get(session, 0) > wall:
                raise LeftOut("the session cannot go on; it is tried again in a minute", session=session)
            live = self._live.get(session) or await self._open(session)
            live.touched_ms = wall
            return await self._apply(live, waiting, wall)
        except ControlRoomError as refusal:
            if isinstance(refusal, Unavailable):
                self._lost_store(self._clock.now())
            await self._refuse(waiting, refusal)
            return None

    async def _refuse(self, waiting: Iterable[Waiting], refusal: ControlRoomError) -> None:
        for one in waiting:
            await self._log.settle(one, refusal)

    async def _open(self, session: str) -> Live:
        """Restore a session. Raises NotFound, Unavailable, and BrokenSession whatever else goes wrong."""
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
                await self._open_each(await self._restorer.running())
            except Unavailable as refusal:
                self._lost_store(self._clock.now())
                log.warning("store_unavailable_at_start", detail=refusal.detail)
                await asyncio.sleep(STORE_RETRY_MS / 1000)
                continue
            self._unsaved_since = None
            self._frozen.clear()
            return

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
        for step in steps:
            await self._committed(step, wall)

    async def _written(self, steps: Sequence[_Step]) -> None:
        try:
            await self._store.write(lambda conn: commit_group(conn, [step.commit for step in steps]))
        except ControlRoomError:
            raise
        except Exception as fault:
            log.exception("commit_breaks", sessions=[step.live.id for step in steps])
            raise CommitBroken(f"the step cannot be stored ({type(fault).__name__})") from fault

    async def _committed(self, step: _Step, wall: Instant) -> None:
        live, effects = step.live, step.commit.effects
        live.committed_ms = wall
        live.overlay_effects(effects, wall)
        self._plan(live, wall)
        note = Note(live.id, live.engine.state, live.clock, live.engine.now, effects)
        self._troubled.pop(live.id, None)
        for listener in self._notes:
            listener(note)
        for one, result in step.settled:
            await self._log.settle(one, result)
        if effects.urgent:
            await self._told(live, self._clock.now())
        else:
            self._tell_soon(live.id)

    async def _drop(self, step: _Step, refusal: ControlRoomError) -> None:
        """What could not be committed never happened: forget the engine, refuse the senders, restore later."""
        self._live.pop(step.live.id, None)
        told = refusal if refusal.retryable else CommitBroken(refusal.detail)
        log.warning("commit_failed", session=step.live.id, code=refusal.code, detail=refusal.detail)
        if isinstance(refusal, Unavailable):
            self._lost_store(self._clock.now(), step.live)
        elif not isinstance(refusal, FenceLost):
            self._suspect.add(step.live.id)
            self._reopen.add(step.live.id)
            self._looks.set(step.live.id, step.commit.wall_ms + STORE_RETRY_MS)
        await self._refuse((one for one, _ in step.settled), told)

    # While the store does not answer.

    def _lost_store(self, wall: Instant, *dropped: Live) -> None:
        """No engine is ahead of SQL from here on: all are forgotten, their boards stay as they were told."""
        if self._unsaved_since is None:
            self._unsaved_since = wall
            log.error("store_lost", since=wall)
        for live in (*self._live.values(), *dropped):
            self._frozen.setdefault(live.id, live)  # the first is the one whose board the pages have
        self._live.clear()
        self._looks.clear()
        self._retry_at = wall + STORE_RETRY_MS

    async def _wait_for_store(self, taken: Mapping[str, Sequence[Waiting]], wall: Instant) -> None:
        for waiting in taken.values():
            await self._refuse(waiting, _away())
        since = self._unsaved_since or wall
        for live in self._frozen.values():
            await self._hub.tell(live.id, live.frozen(since), wall)
        if wall < self._retry_at:
            return
        try:
            await self._store.check()
            await self._open_each(sorted({*self._frozen, *await self._restorer.running()}))
        except Unavailable:
            self._lost_store(self._clock.now())
            return
        log.info("store_back", after_ms=wall - since)
        self._frozen.clear()
        self._unsaved_since = None

    # Boards.

    async def _answer_asks(self, wall: Instant) -> None:
        asks, self._asks = self._asks, []
        for view, asked in asks:
            if asked.done():
                continue
            try:
                live = self._live.get(view.of)
                if live is None and self._unsaved_since is None:
                    live = await self._open(view.of)
                if live is not None:
                    live.touched_ms = wall
                    await self._hub.show(view, live, wall)
                asked.set_result(live is not None)
            except NotFound:
                asked.set_result(False)
            except ControlRoomError as refusal:
                asked.set_exception(refusal)
            except Exception:
                log.exception("board_breaks", board=view.name)
                asked.set_exception(BrokenSession("the board cannot be made", session=view.of))

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
        if live is None or not live.since_checkpoint:
            return
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
        del self._live[live.id]
        return True
