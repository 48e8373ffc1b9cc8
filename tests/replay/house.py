"""The whole lower half of the house with the sample's driver in it, on a manual clock: sleeping moves the clock."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.bus.memory import MemoryFrameLog, MemoryOwnership, MemorySessionLog
from app.clock import ManualClock
from app.domain.alerts import Alert
from app.domain.board import DeviceRow
from app.domain.commands import Command, Outcome
from app.domain.people import Actor, Role
from app.domain.prompts import Prompt
from app.domain.records import Chunk
from app.errors import Unavailable
from app.instants import Instant
from app.intake.batch import Form
from app.intake.desk import Desk
from app.intake.directory import Directory, Recipe, SessionRef
from app.intake.door import Answer, Door, Source
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub
from app.realtime.restore import Restorer
from app.realtime.worker import Note, Worker
from app.replay.demo import Demo
from app.replay.process import Process
from app.replay.script import shipped_script
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import shipped_text
from app.settings import Limits
from app.store import alerts, chunks, prompts
from app.store.database import Store
from app.store.sessions import SessionRow, sessions_of
from app.workspace.plan import plan_session
from tests.replay.stage import STARTS, workspace

ROOM = "qingtan-douyin"
MORNING = Instant(STARTS - 11 * 3_600_000)
"""09:00 of the day whose 20:00 is STARTS: the sample's evening does not wait for the evening."""
ZHOU = Actor("operator", "p-zhou", "周敏", Role.CONTROLLER)


@dataclass
class _Shuttable:
    """The real door, or one that is closed."""

    door: Door
    shut: Callable[[], bool]

    async def take(self, source: Any, body: bytes, form: Form, session_id: str = "") -> Answer:
        if self.shut():
            raise Unavailable("the door is shut")
        return await self.door.take(source, body, form, session_id)


@dataclass
class House:
    """One process. `console`: somebody watches; `tablet`: a real one is there; `shown`: what the console was told."""

    store: Store
    clock: ManualClock
    log: MemorySessionLog = field(default_factory=MemorySessionLog)
    console: bool = True
    tablet: bool = False
    shut: bool = False
    """The door answers nobody."""
    shown: list[DeviceRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = Directory(
            store=self.store,
            clock=self.clock,
            workspace=workspace,
            recipe=lambda: Recipe(shipped_rules().body(), shipped_text().encode(), "test"),
            plan=plan_session,
        )
        self.desk = Desk(log=self.log, store=self.store, directory=self.directory, clock=self.clock)
        self.worker = Worker(
            store=self.store,
            session_log=self.log,
            hub=Hub(MemoryFrameLog()),
            clock=self.clock,
            restorer=Restorer(self.store, build="test"),
            holdings=Holdings(MemoryOwnership()),
        )
        door = Door(
            log=self.log,
            store=self.store,
            directory=self.directory,
            clock=self.clock,
            limits=Limits(),
            seal=Seal(b"k" * 32),
            tally=Tally(),
        )
        script = shipped_script()
        self.demo = Demo(
            Process(
                door=_Shuttable(door, lambda: self.shut),
                sources={
                    feed: Source(f"sample-{feed}", script.names[feed], frozenset({room}))
                    for feed, room in script.rooms.items()
                },
                directory=self.directory,
                desk=self.desk,
                log=self.log,
                store=self.store,
                clock=self.clock,
                console_open=lambda: self.console,
                real_tablet=lambda: self.tablet,
                show_device=lambda _, row: self.shown.append(row),
                sleep=self._sleep,
            ),
            workspace(),
            script,
        )
        self._stop_at: int | None = None
        self._stopped = asyncio.Event()
        self._go = asyncio.Event()
        self._stops: Callable[[], bool] = lambda: False
        self._happened = asyncio.Event()
        self._expected: Callable[[], bool] = lambda: False
        self.tasks: list[asyncio.Task[None]] = []

    def note(self, note: Note) -> None:
        self.directory.note(note.session, note.state, note.clock, note.now_ms)
        self.demo.hear(note.session, note.effects)
        if self._expected():
            self._happened.set()

    async def _sleep(self, seconds: float) -> None:
        if self._stops():
            self._go.clear()
            self._stopped.set()
            await self._go.wait()
        self.clock.advance(max(1, round(seconds * 1_000)))
        await asyncio.sleep(0)

    async def play_until(self, stops: Callable[[], bool]) -> None:
        """Let the driver go on until it sleeps and `stops` says so."""
        self._stopped.clear()
        self._stops = stops
        self._go.set()
        await self._unless_one_dies(self._stopped.wait())

    async def happens(self, what: Callable[[], bool]) -> None:
        """Wait for what a commit tells, without stopping the driver."""
        self._expected = what
        self._happened.clear()
        await self._unless_one_dies(self._happened.wait())

    async def _unless_one_dies(self, waiting: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(waiting)
        await asyncio.wait({task, *self.tasks}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise AssertionError("worker or driver died") from next(t.exception() for t in self.tasks if t.done())

    async def play_to(self, at_s: float) -> None:
        """Let the driver go on to a moment of the present loop."""
        await self.play_until(lambda: (now := self.loop_now()) is not None and now >= at_s * 1_000)

    def present(self) -> SessionRef | None:
        return self.directory.showing(ROOM)

    def loop_now(self) -> int | None:
        """Return the milliseconds since 0:00, None before the clock runs."""
        session = self.present()
        if session is None or session.clock.rate == 0 or not session.open:
            return None
        return session.clock.at(self.clock.now()) - STARTS - 22 * 60_000

    async def command(self, command: Command, key: str, by: Actor = ZHOU) -> Outcome | None:
        session = self.present()
        assert session is not None
        return await self.desk.submit(session.id, key, command, by)

    # What was stored

    async def sessions(self) -> list[SessionRow]:
        """Return the sample's sessions, oldest first."""
        return (await self.store.read(partial(sessions_of, rooms=[ROOM])))[::-1]

    async def chunks(self, session_no: int) -> list[Chunk]:
        return await self.store.read(lambda conn: list(chunks.chunks_after(conn, session_no, 0, most=100_000)))

    async def alerts(self, session_no: int) -> dict[str, Alert]:
        """Return a session's alerts by rule: the sample raises one of each."""
        found = await self.store.read(partial(alerts.of_session, session_no=session_no))
        assert len({alert.rule for alert in found}) == len(found)
        return {alert.rule: alert for alert in found}

    async def prompts(self, session_no: int) -> list[Prompt]:
        return await self.store.read(partial(prompts.of_session, session_no=session_no))


@contextlib.asynccontextmanager
async def open_house(file: Path, clock: ManualClock | None = None) -> AsyncIterator[House]:
    """Yield a running process over a database file; leaving it is a stop."""
    store = await Store.open(f"sqlite:///{file}")
    house = House(store, clock or ManualClock(MORNING))
    house.worker.listen(house.note)
    await house.directory.load()
    worker, demo = asyncio.create_task(house.worker.run()), asyncio.create_task(house.demo.run())
    house.tasks = [worker, demo]
    try:
        yield house
    finally:
        demo.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await demo
        await house.worker.stop()
        await worker
        await store.close()


def fresh_file(template: Path, folder: Path) -> Path:
    """Return a copy of a migrated file."""
    file = folder / "cueroom.db"
    shutil.copyfile(template, file)
    return file
