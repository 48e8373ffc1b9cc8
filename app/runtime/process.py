"""The process and its parts, each built once.

A process has one or more roles: web (the door, commands, screens), worker (owns sessions), pump (sends to groups). In
one process with all of them the bus is memory; else Redis carries it, and every part is built and used the same way.
"""

import asyncio
import gc
import secrets
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Final, Literal

import structlog

from app import __version__
from app.access.access import Access
from app.clock import Clock, SystemClock
from app.delivery.pump import Pump
from app.delivery.reach import Reach
from app.delivery.standby import Standby
from app.domain.facts import (
    ChannelStood,
    DeliveryMoved,
    Fact,
    OutboxMoved,
    Revoked,
    SessionMoved,
    SessionOpened,
    SessionPurged,
    SessionRewritten,
    TailTold,
    TailWanted,
    WorkspaceChanged,
)
from app.domain.readings import MinuteRow
from app.errors import ControlRoomError, NotFound, Unavailable
from app.instants import Instant
from app.intake.catalogue import Catalogue
from app.intake.desk import Desk
from app.intake.directory import Directory, Recipe
from app.intake.door import Door
from app.intake.left_live import LeftLive
from app.intake.notices import Notices
from app.intake.recipe import Fallback
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.operations.observed import Observed
from app.operations.purge import Purger
from app.realtime.owner import Owner
from app.realtime.worker import Worker
from app.runtime.bus import Bus, memory_bus
from app.runtime.screens import Screens
from app.settings import Settings
from app.store.counters import next_fence
from app.store.database import Store
from app.store.keys import key

log = structlog.get_logger()

TAIL_WITHIN_S = 1.0
BUS_WITHIN_S = 3.0
TURN_WITHIN_S = 30.0
"""A worker that has made no turn for so long is stuck: with nothing to do it makes one every five seconds."""
TALLY_EVERY_S = 5.0
TIDY_EVERY_S = 5.0
TIDY_AT_LATEST = 120
"""After so many waits in which events came all the time, a full collection is made all the same."""
READ_AGAIN_EVERY_S = 1.0
COLLECTOR = (50_000, 20, 1_000_000)
"""Young objects before a small collection; the last: no full one by itself."""

Role = Literal["web", "worker", "pump"]
ALL_ROLES: Final[frozenset[Role]] = frozenset({"web", "worker", "pump"})


class Runtime:
    """Owns the parts of one process. Everything routers need is an attribute here."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        recipe: Recipe,
        seal_key: bytes,
        *,
        clock: Clock | None = None,
        bus: Bus | None = None,
        roles: frozenset[Role] = ALL_ROLES,
    ) -> None:
        self.settings = settings
        self.store = store
        self.roles = roles
        self.clock: Clock = clock or SystemClock()
        self.build = __version__
        self.bus = bus or memory_bus()
        self.log, self.frames, self.news = self.bus.log, self.bus.frames, self.bus.news
        self.catalogue = Catalogue(store)
        self.recipe = recipe
        self.tally = Tally()
        self.directory = Directory(
            store=store,
            clock=self.clock,
            workspace=self.catalogue.all,
            recipe=lambda: self.recipe,
            plan=self.catalogue.plan,
            opened=lambda session: self.news.tell(SessionOpened(session)),
        )
        self.door = Door(
            log=self.log,
            store=store,
            directory=self.directory,
            clock=self.clock,
            limits=settings.limits,
            seal=Seal(seal_key),
            tally=self.tally,
        )
        self.desk = Desk(log=self.log, store=store, directory=self.directory, clock=self.clock)
        self.access = Access(store=store, clock=self.clock)
        self.screens = Screens(
            news=self.news,
            frames=self.frames,
            directory=self.directory,
            catalogue=self.catalogue,
            clock=self.clock,
            build=self.build,
        )
        self.access.revocations.listen(lambda handle: self.news.tell(Revoked(handle)))
        self.news.listen(self._hear)
        self.news.missed(self._missed)
        self.owner = self._owner() if "worker" in roles else None
        self.pump = self._pump() if "pump" in roles else None
        self.standby = Standby(self.pump, self.bus.leases, self.settings.lease_ms) if self.pump is not None else None
        self._tails: dict[str, asyncio.Future[list[MinuteRow]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._short: set[asyncio.Task[None]] = set()
        self._outdated = asyncio.Event()
        """What SQL says may have changed without a word that was heard: it is read again until that succeeds."""
        self.failed: asyncio.Event = asyncio.Event()
        self.draining = False
        """About to stop: not ready for more, though what comes is still answered."""
        self.last_words: list[Callable[[], None]] = []
        """Called once at the stop, for what is told a minute at a time."""
        self.closing = False
        """Stopping: the door takes nothing new."""
        self.address = settings.public_url
        """How people reach this server; known once it listens."""
        self.observed = Observed(
            store=store,
            clock=self.clock,
            build=self.build,
            role="all" if roles == ALL_ROLES else "+".join(sorted(roles)),
            sessions=(lambda: self.worker.sessions) if self.owner is not None else None,
            boards=(lambda: self.screens.boards) if "web" in roles else None,
            viewers=self.screens.sockets.kinds if "web" in roles else None,
            takes_commits=lambda: self.unsaved_since is None,
        )
        if self.owner is not None:
            self.owner.worker.listen(lambda note: self.observed.opened(note.effects.alerts.values(), note.now_ms))

    def _owner(self) -> Owner:
        return Owner(
            store=self.store,
            session_log=self.log,
            frames=self.frames,
            leases=self.bus.leases,
            news=self.news,
            clock=self.clock,
            build=self.build,
            rooms=self.catalogue.rooms,
            shown_session=self.screens.session_shown,
            lease_ms=self.settings.lease_ms,
        )

    def _pump(self) -> Pump:
        return Pump(
            store=self.store,
            clock=self.clock,
            channel=self.catalogue.channel,
            on_change=lambda row: self.news.tell(DeliveryMoved(row)),
            on_standing=lambda standing: self.news.tell(ChannelStood(standing)),
            reach=Reach.of(allow_private=self.settings.allow_private_webhooks, allow=self.settings.webhook_allow),
            public_url=self.settings.public_url,
            alone=True,
        )

    @property
    def worker(self) -> Worker:
        """The worker of this process. Raises NotFound in one that has another role."""
        if self.owner is None:
            raise NotFound("this process owns no sessions")
        return self.owner.worker

    @property
    def unsaved_since(self) -> Instant | None:
        """Since when the store has not taken this process's commits; None while it does."""
        return self.owner.worker.unsaved_since if self.owner is not None else None

    async def troubles(self) -> dict[str, str]:
        """Part of this process -> what is wrong with it, for /readyz; empty while all is well."""
        troubles = {"process": "draining"} if self.draining else {}
        if self.owner is not None and (trouble := self._trouble_of(self.owner.worker)):
            troubles["worker"] = trouble
        if self.bus.check is not None:
            try:
                async with asyncio.timeout(BUS_WITHIN_S):
                    await self.bus.check()
            except (Unavailable, TimeoutError):
                troubles["redis"] = "redis"
        return troubles

    def _trouble_of(self, worker: Worker) -> str:
        if worker.unsaved_since is not None:
            return "unsaved"
        if not worker.turned_s:
            return "starting"
        return "stuck" if asyncio.get_running_loop().time() - worker.turned_s > TURN_WITHIN_S else ""

    # Life.

    async def start(self, fallbacks: Sequence[Fallback] = ()) -> None:
        """Load what is known and start the tasks. `fallbacks`: what is broken, and said so on every console."""
        if self.bus.start is not None:
            await self.bus.start()
        await self.catalogue.load()
        await self.directory.load()
        fence = await self.store.write(next_fence)
        self.bus.leases.continue_from(fence)
        self.screens.overview.epoch = fence
        if self.owner is not None:
            notices = Notices(fallbacks, start=fence, desk=self.desk, directory=self.directory, store=self.store)
            self._run(self.owner.run(), "worker")
            self._run(notices.run(), "notices")
            left_live = LeftLive(
                store=self.store, desk=self.desk, clock=self.clock, after_hours=self.settings.end_silent_hours
            )
            self._run(left_live.run(), "left-live")
            purger = Purger(store=self.store, clock=self.clock, keep=self.settings.keep, purged=self.session_purged)
            self._run(purger.run(), "purge")
        if self.standby is not None:
            self._run(self.standby.run(), "pump")
        if "web" in self.roles:
            for name, work in self.screens.works().items():
                self._run(work(), name)
            self._run(self._keep_tally(), "tally")
        self._run(self._read_again(), "reload")
        self._run(self._tidy(), "tidy")
        self._run(self.observed.watch_lag(), "lag")
        gc.collect()
        gc.freeze()  # rules, lexicon, routes: they live as long as the process
        gc.set_threshold(*COLLECTOR)

    async def stop(self) -> None:
        """Commit what waits, then let go of everything."""
        self.draining = self.closing = True
        for tell in self.last_words:
            tell()
        if self.standby is not None:
            await self.standby.stop()
        if self.owner is not None:
            await self.owner.stop()
        await self.door.save_tally()
        for task in (*self._tasks, *self._short):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._short, return_exceptions=True)
        if self.bus.close is not None:
            await self.bus.close()
        await self.store.close()

    def session_purged(self, session: str, at: Instant) -> None:
        """Retention has removed a session's log: no process shows it any more."""
        self.news.tell(SessionPurged(session, at))

    def session_rewritten(self, session: str) -> None:
        """A viewer's words have been taken out of an ended session: it is built anew where it is needed."""
        self.news.tell(SessionRewritten(session))

    def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("task_died", task=task.get_name(), exc_info=task.exception())
            self.failed.set()

    # News.

    def _hear(self, fact: Fact) -> None:
        match fact:
            case SessionMoved(session=session) if self.directory.known(session) is None:
                self._soon(self.directory.learn(session))
            case SessionMoved(session=session, state=state, clock=clock, now_ms=now_ms):
                self.directory.note(session, state, clock, now_ms)
            case SessionOpened(session=session) if self.directory.known(session) is None:
                self._soon(self.directory.learn(session))
            case SessionPurged(session=session, at_ms=at):
                self.directory.purged(session, Instant(at))
            case OutboxMoved() if self.pump is not None:
                self.pump.wake()
            case WorkspaceChanged():
                self._outdated.set()
            case TailTold(ask=ask, rows=rows) if (asked := self._tails.get(ask)) is not None and not asked.done():
                asked.set_result(rows)
            case _:
                pass
        self.screens.hear(fact)

    def _missed(self) -> None:
        """Others may have told what was not heard: read it again."""
        self.screens.doubt()
        self._outdated.set()

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        """Follow a piece of news beside; after what could not be followed everything is read again."""

        async def patiently() -> None:
            try:
                await work
            except ControlRoomError as refusal:
                log.warning("news_not_followed", code=refusal.code, detail=refusal.detail)
                self._outdated.set()
            except Exception:
                log.exception("news_break")
                self._outdated.set()

        task = asyncio.create_task(patiently())
        self._short.add(task)
        task.add_done_callback(self._short.discard)

    async def reload_workspaces(self) -> None:
        """After a `setup`: rooms, channels and names as they are now, here and in every other process."""
        await self._reload()
        self.news.tell(WorkspaceChanged())

    async def _read_again(self) -> None:
        while True:
            await self._outdated.wait()
            self._outdated.clear()  # before it is read: what changes meanwhile is read once more
            try:
                await self._reload()
            except ControlRoomError as refusal:
                log.warning("not_read_again", code=refusal.code, detail=refusal.detail)
                self._outdated.set()
                await asyncio.sleep(READ_AGAIN_EVERY_S)

    async def _reload(self) -> None:
        await self.catalogue.load()
        await self.directory.load()
        if self.pump is not None:
            self.pump.wake()

    # What a page shows besides its board.

    async def series_tail(self, session: str) -> list[MinuteRow]:
        """The minute that is not in SQL yet, from whoever owns the session; nothing when nobody answers."""
        asked: asyncio.Future[list[MinuteRow]] = asyncio.get_running_loop().create_future()
        ask = secrets.token_hex(8)
        self._tails[ask] = asked
        try:
            self.news.tell(TailWanted(session, ask))
            known = self.directory.known(session)
            if not asked.done() and (known is None or not known.open):
                return []  # an ended session has its last minute in SQL
            async with asyncio.timeout(TAIL_WITHIN_S):
                return await asked
        except TimeoutError:
            return []
        finally:
            del self._tails[ask]

    # Keeping.

    async def _keep_tally(self) -> None:
        while True:
            await asyncio.sleep(TALLY_EVERY_S)
            await self.door.save_tally()

    async def _tidy(self) -> None:
        """Collect everything when nothing has come for a moment; events come in hundreds of thousands and make no
        cycles, so the collector finds little and must not look while they do."""
        waited = 0
        while True:
            position = self._positions()
            await asyncio.sleep(TIDY_EVERY_S)
            waited += 1
            if position == self._positions() or waited >= TIDY_AT_LATEST:
                gc.collect()
                waited = 0

    def _positions(self) -> int:
        return sum(live.engine.position for live in self.owner.worker.sessions.values()) if self.owner else 0


async def seal_key(store: Store, now: Instant) -> bytes:
    """The key under which viewers' ids are hashed; made once for this installation."""
    return await store.write(partial(key, name="seal", fresh=secrets.token_bytes(32), at=now))
