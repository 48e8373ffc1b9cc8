"""The running process: builds each part once and is the only place that picks an implementation.

Start: workspaces, directory, worker, pump. Stop: the other way round, with what waits committed first.
"""

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial

import structlog

from app import __version__
from app.access.access import Access
from app.bus.memory import MemoryFrameLog, MemorySessionLog
from app.bus.ports import FrameLog, SessionLog
from app.clock import Clock, SystemClock
from app.delivery.pump import Pump
from app.domain.board import DeviceRow
from app.domain.frames import Hello
from app.domain.people import Clearance
from app.domain.plan import SessionKind, SessionPlan
from app.domain.readings import MinuteRow
from app.domain.workspace import Channel, Room, Workspace
from app.instants import Instant
from app.intake.desk import Desk
from app.intake.directory import Directory, Recipe, SessionRef
from app.intake.door import Door
from app.intake.notices import Notices
from app.intake.recipe import Fallback
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.realtime.hub import Clocked, Hub, View
from app.realtime.overview import EVERY_BRAND, Overview, overview_view
from app.realtime.restore import Restorer
from app.realtime.sockets import Sockets
from app.realtime.viewers import Followed, Sink, Viewer
from app.realtime.worker import Note, Worker
from app.settings import Settings
from app.store.counters import next_fence
from app.store.database import Store
from app.store.keys import key
from app.store.workspace import workspaces
from app.workspace.plan import Levels, plan_session

log = structlog.get_logger()

OVERVIEW_EVERY_S = 1.0
TALLY_EVERY_S = 5.0
TIDY_EVERY_S = 5.0
TIDY_AT_LATEST = 120
"""After so many waits in which events came all the time, a full collection is made all the same."""
COLLECTOR = (50_000, 20, 1_000_000)
"""Young objects before a small collection; the last: no full one by itself."""


class Catalogue:
    """The workspaces as last set up, in memory: which rooms there are, and whose they are. Joined once a `load`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fill(())

    async def load(self) -> None:
        """Read them again; after a `setup`."""
        self._fill(await self._store.read(workspaces))

    def _fill(self, found: Sequence[Workspace]) -> None:
        self._joined = Workspace(
            id="*",
            name=found[0].name if found else "",
            brands=tuple(brand for each in found for brand in each.brands),
            rooms=tuple(room for each in found for room in each.rooms),
        )
        self._rooms = {room.id: room for room in self._joined.rooms}
        self._of_room = {room.id: each for each in found for room in each.rooms}
        self._channels = {channel.name: channel for each in found for channel in each.channels}
        self._name = " · ".join(each.name for each in found)

    def all(self) -> Workspace:
        """Every workspace's rooms and brands as one, for looking rooms up; plans are made from `of_room`."""
        return self._joined

    @property
    def name(self) -> str:
        """What the top bar calls this installation."""
        return self._name

    def rooms(self) -> Sequence[Room]:
        return self._joined.rooms

    def room(self, room_id: str) -> Room | None:
        return self._rooms.get(room_id)

    def of_room(self, room_id: str) -> Workspace:
        """The workspace that has the room; an unknown room gets the joined one, in which nobody finds it either."""
        return self._of_room.get(room_id, self._joined)

    def plan(self, workspace: Workspace, room_id: str, kind: SessionKind, levels: Levels, now_ms: int) -> SessionPlan:
        """Plan a session of a room from the workspace it belongs to, whatever joined view was asked."""
        return plan_session(self.of_room(room_id), room_id, kind, levels, now_ms)

    def channel(self, name: str) -> Channel | None:
        return self._channels.get(name)


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
        session_log: SessionLog | None = None,
        frames: FrameLog | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock: Clock = clock or SystemClock()
        self.build = __version__
        self.log: SessionLog = session_log or MemorySessionLog()
        self.frames: FrameLog = frames or MemoryFrameLog()
        self.catalogue = Catalogue(store)
        self.recipe = recipe
        self.tally = Tally()
        self.directory = Directory(
            store=store,
            clock=self.clock,
            workspace=self.catalogue.all,
            recipe=lambda: self.recipe,
            plan=self.catalogue.plan,
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
        self.sockets = Sockets()
        self.access.revocations.listen(self.sockets.revoke)
        self.hub = Hub(self.frames)
        self.worker = Worker(
            store=store,
            session_log=self.log,
            hub=self.hub,
            clock=self.clock,
            restorer=Restorer(store, build=self.build),
            tablets=self._tablets_of,
        )
        self.pump = Pump(
            store=store,
            clock=self.clock,
            channel=self.catalogue.channel,
            on_change=self.worker.note_delivery,
            allow_private=settings.allow_private_webhooks,
            alone=True,
        )
        self._overviews: dict[str, Overview] = {}
        self._epoch = 0
        self._consoles: dict[str, int] = {}
        self._tablets: dict[str, dict[str, tuple[str, int]]] = {}  # room -> device -> its name and open sockets
        self._tasks: list[asyncio.Task[None]] = []
        self.failed: asyncio.Event = asyncio.Event()
        self.draining = False
        """About to stop: not ready for more, though what comes is still answered."""
        self.closing = False
        """Stopping: the door takes nothing new."""
        self.address = settings.public_url
        """How people reach this server; known once it listens."""

    # Life.

    async def start(self, fallbacks: Sequence[Fallback] = ()) -> None:
        """Load what is known and start the tasks. `fallbacks`: what is broken, and said so on every console."""
        await self.catalogue.load()
        await self.directory.load()
        self._epoch = await self.store.write(next_fence)
        self.worker.listen(self._note)
        self.directory.listen(self._opened)
        notices = Notices(fallbacks, start=self._epoch, desk=self.desk, directory=self.directory, store=self.store)
        self._run(self.worker.run(), "worker")
        self._run(notices.run(), "notices")
        self._run(self.pump.run(), "pump")
        self._run(self._watch_overviews(), "overview")
        self._run(self._keep_tally(), "tally")
        self._run(self._tidy(), "tidy")
        gc.collect()
        gc.freeze()  # rules, lexicon, routes: they live as long as the process
        gc.set_threshold(*COLLECTOR)

    async def stop(self) -> None:
        """Commit what waits, then let go of everything."""
        self.draining = self.closing = True
        await self.pump.stop()
        await self.worker.stop()
        await self.door.save_tally()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.store.close()

    def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("task_died", task=task.get_name(), exc_info=task.exception())
            self.failed.set()

    def _opened(self, session: SessionRef) -> None:
        """A session that nothing has been sent to yet is held all the same: its missing data must be noticed."""
        if session.open and session.id not in self.worker.sessions:
            self.worker.hold(session.id)

    def _note(self, note: Note) -> None:
        self.directory.note(note.session, note.state, note.clock, note.now_ms)
        if note.effects.deliveries or note.effects.cancels:
            self.pump.wake()

    # What a page shows besides its board.

    async def reload_workspaces(self) -> None:
        """After a `setup`: rooms, channels and names as they are now."""
        await self.catalogue.load()
        await self.directory.load()

    def series_tail(self, session: str) -> list[MinuteRow]:
        """The minute that is not in SQL yet, when this process holds the session."""
        live = self.worker.sessions.get(session)
        return live.engine.tail() if live is not None else []

    # Viewers.

    def viewer(self, sink: Sink, follow: Callable[[], Followed]) -> Viewer:
        """A viewer of whatever `follow` says at each moment."""
        return Viewer(
            sink,
            frames=self.frames,
            clock=self.clock,
            now=follow,
            show=self.show,
            keep=lambda view: self.hub.keep(view, self.clock.now()),
            clocked=self._clocked,
        )

    async def show(self, view: View) -> bool:
        """Make sure a board is in the frame log."""
        if view.of.startswith("overview:"):
            brand = view.of.removeprefix("overview:")
            overview = self._overview(brand)
            await self.worker.between_turns(lambda: self.hub.show(view, overview, self.clock.now()))
            return True
        return await self.worker.show(view)

    def follow_room(self, room: str, audience: str, clearance: Clearance) -> Followed:
        """What a viewer of the room follows now: its session, or none."""
        showing = self.directory.showing(room)
        view = None if showing is None else View(showing.id, audience, clearance)  # type: ignore[arg-type]
        hello = Hello(
            room=room,
            session=showing.id if showing is not None else None,
            audience=audience,  # type: ignore[arg-type]  # the route has checked it
            build=self.build,
            wall_ms=self.clock.now(),
        )
        return Followed(view, hello)

    def follow_session(self, session: str, clearance: Clearance) -> Followed:
        """One session for good."""
        hello = Hello(session=session, build=self.build, wall_ms=self.clock.now())
        return Followed(View(session, "control", clearance), hello)

    def follow_overview(self, brand: str, clearance: Clearance) -> Followed:
        """The rooms of a brand, or all of them."""
        hello = Hello(session="overview", build=self.build, wall_ms=self.clock.now())
        return Followed(overview_view(brand or EVERY_BRAND, clearance), hello)

    def _clocked(self, view: View) -> Clocked:
        wall = self.clock.now()
        session = self.directory.known(view.of)
        if session is None:
            return Clocked(wall, wall, 1.0)
        return Clocked(session.clock.at(wall), wall, session.clock.rate)

    @contextlib.contextmanager
    def console(self, room: str) -> Iterator[None]:
        """While a console of the room is open."""
        self._consoles[room] = self._consoles.get(room, 0) + 1
        try:
            yield
        finally:
            self._consoles[room] -= 1

    def console_open(self) -> bool:
        """Whether anybody watches the console of any room."""
        return any(self._consoles.values())

    def tablet_here(self, room: str, device: str, name: str, change: int) -> None:
        """A tablet's socket opened (+1) or closed (-1); its session's console shows it."""
        sockets = self._tablets.setdefault(room, {})
        sockets[device] = (name, sockets.get(device, (name, 0))[1] + change)
        if not sockets[device][1]:
            del sockets[device]
        showing = self.directory.showing(room)
        if showing is not None:
            row = DeviceRow(device, name, device in sockets, self.clock.now())
            self.worker.note_device(showing.id, row)

    def _tablets_of(self, rooms: Sequence[str]) -> Iterator[DeviceRow]:
        """The tablets that are connected now, for a session that has just come into memory."""
        wall = self.clock.now()
        for room in rooms:
            for device, (name, _) in self._tablets.get(room, {}).items():
                yield DeviceRow(device, name, True, wall)

    def tablets(self, room: str) -> int:
        """How many real tablets of the room are connected now."""
        return len(self._tablets.get(room, {}))

    # The overview.

    def _overview(self, brand: str) -> Overview:
        found = self._overviews.get(brand)
        if found is None:
            found = self._overviews[brand] = Overview(
                brand or EVERY_BRAND,
                epoch=self._epoch,
                rooms=self.catalogue.rooms,
                session_of=self._session_shown,
                live=self.worker.sessions.get,
            )
        return found

    def _session_shown(self, room: str) -> str | None:
        showing = self.directory.showing(room)
        return showing.id if showing is not None else None

    async def _watch_overviews(self) -> None:
        while True:
            await asyncio.sleep(OVERVIEW_EVERY_S)
            if self._overviews:
                await self.worker.between_turns(self._tell_overviews)

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
        return sum(live.engine.position for live in self.worker.sessions.values())

    async def _tell_overviews(self) -> None:
        for brand, overview in self._overviews.items():
            overview.touch()
            await self.hub.tell(f"overview:{brand}", overview, self.clock.now())


async def seal_key(store: Store, now: Instant) -> bytes:
    """The key under which viewers' ids are hashed; made once for this installation."""
    return await store.write(partial(key, name="seal", fresh=secrets.token_bytes(32), at=now))
