"""The lower half of the house for tests of the door: a real store and log, and a small loop in the worker's place."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from argon2 import PasswordHasher

from app.access.access import Access
from app.access.passwords import Passwords
from app.bus.memory import MemorySessionLog
from app.bus.ports import Committed, Waiting
from app.clock import ManualClock
from app.domain.commands import EndSession, Outcome, command_name, digest_of
from app.domain.effects import SessionState
from app.domain.events import Event, StatusEvent
from app.domain.people import Role
from app.domain.records import CommandIssued, Events
from app.domain.workspace import Brand, Room, Sku, Workspace
from app.errors import ControlRoomError
from app.instants import Instant
from app.intake.desk import Desk
from app.intake.directory import Directory, Recipe
from app.intake.door import Answer, Door, Source
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.settings import Limits
from app.store import tables
from app.store.database import Store
from app.store.statements import insert_rows
from app.store.workspace import replace_workspace
from app.workspace.plan import plan_session

NOON = Instant(1_790_000_000_000)
WORKSPACE = Workspace(
    id="agency",
    name="青坛",
    brands=(Brand("wine", "青坛酒业"), Brand("tea", "云岭茶事")),
    rooms=(
        Room(id="wine-dy", brand="wine", name="青坛 · 抖音", platform="douyin"),
        Room(id="wine-sph", brand="wine", name="青坛 · 视频号", platform="channels"),
        Room(id="quiet", brand="wine", name="不自动开播", platform="douyin", opens_itself=False),
        Room(id="tea-dy", brand="tea", name="云岭 · 抖音", platform="douyin"),
        Room(id="duo", brand="tea", name="双平台", platform="douyin", session_rooms=("duo-2",)),
        Room(id="duo-2", brand="tea", name="双平台之二", platform="channels"),
    ),
    skus=(Sku(sku="SKU-2", product="gift", brand="wine", name="礼盒", planned=1_000, price=19_900, stock=670),),
)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
WINE = Source("t-wine", "聚合", frozenset({"wine-dy", "wine-sph", "quiet"}))


@dataclass
class Applied:
    """What the loop took of one session."""

    position: int = 1
    ids: dict[str, Event] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    entries: list[Waiting] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


class Loop:
    """In the worker's place: gives positions, finds duplicates, keeps outcomes in SQL, says when a session ended."""

    def __init__(self, log: MemorySessionLog, directory: Directory, store: Store) -> None:
        self._log, self._directory, self._store = log, directory, store
        self.sessions: dict[str, Applied] = {}
        self.refuse: dict[str, ControlRoomError] = {}
        self.held = asyncio.Event()
        self.held.set()

    async def run(self) -> None:
        while True:
            for session, waiting in (await self._log.take(None, 10_000, 1_000)).items():
                await self.held.wait()
                for one in waiting:
                    await self._log.settle(one, self.refuse.get(session) or await self._apply(session, one))

    async def _apply(self, session: str, one: Waiting) -> Committed:
        applied = self.sessions.setdefault(session, Applied())
        applied.entries.append(one)
        first, body = applied.position + 1, one.entry.body
        if isinstance(body, Events):
            return await self._events(session, applied, first, body, one.entry.received_ms)
        applied.position = first
        assert isinstance(body, CommandIssued)
        return Committed(first, first, 0, await self._command(session, applied, body, one.entry.received_ms))

    async def _events(self, session: str, applied: Applied, first: int, body: Events, at: Instant) -> Committed:
        duplicates = len(body.events)
        for event in body.events:
            duplicates -= applied.ids.setdefault(event.id, event) is event
        applied.position += max(1, len(body.events))
        applied.events += body.events
        for event in body.events:
            if isinstance(event, StatusEvent):
                await self.become(session, event.payload.state, at)
        return Committed(first, applied.position, duplicates)

    async def _command(self, session: str, applied: Applied, body: CommandIssued, at: Instant) -> Outcome:
        issued = body.issued
        if issued.key not in applied.outcomes:
            name = command_name(issued.command)
            stale = getattr(issued.command, "expects", None) == 0
            digest = digest_of(issued.command, issued.by)
            code = "stale" if stale else "done"
            outcome = Outcome(issued.key, code, applied.position, at, issued.by, name, digest=digest)
            applied.outcomes[issued.key] = outcome
            no = (await self._directory.find(session)).no
            row = (no, outcome.key, outcome.position, outcome.code, msgspec.json.encode(outcome).decode())
            await self._store.write(lambda conn: insert_rows(conn, tables.outcomes, [row], "ignore"))
            if isinstance(issued.command, EndSession):
                await self.become(session, "ended", at)
        return applied.outcomes[issued.key]

    async def become(self, session: str, state: SessionState, at: Instant) -> None:
        """Write a session's state down and say so, as the worker does after a commit."""
        ref = self._directory.known(session)
        assert ref is not None
        if ref.state == "ended":
            return
        no = ref.no
        for table in (tables.sessions, tables.session_rooms):
            change = table.update().where(table.c.session_no == no).values(state=state)
            await self._store.write(lambda conn, change=change: conn.execute(change))  # type: ignore[misc]
        self._directory.note(session, state, ref.clock, at)


@dataclass
class Catalogue:
    workspace: Workspace

    @property
    def name(self) -> str:
        return self.workspace.name

    def all(self) -> Workspace:
        return self.workspace

    def of_room(self, room_id: str) -> Workspace:
        return self.workspace

    def rooms(self) -> Iterable[Room]:
        return self.workspace.rooms

    def room(self, room_id: str) -> Room | None:
        return next((room for room in self.workspace.rooms if room.id == room_id), None)


class House:
    """Everything under the routers, on a manual clock."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self.store = store
        self.clock = ManualClock(NOON)
        self.limits = limits or Limits()
        self.catalogue = Catalogue(WORKSPACE)
        self.log = MemorySessionLog()
        self.directory = Directory(
            store=store,
            clock=self.clock,
            workspace=self.catalogue.all,
            recipe=lambda: Recipe(b"rules", b"lexicon", "test"),
            plan=plan_session,
        )
        self.tally = Tally()
        self.door = Door(
            log=self.log,
            store=store,
            directory=self.directory,
            clock=self.clock,
            limits=self.limits,
            seal=Seal(b"k" * 32),
            tally=self.tally,
        )
        self.desk = Desk(log=self.log, store=store, directory=self.directory, clock=self.clock)
        self.access = Access(store=store, clock=self.clock, passwords=Passwords(CHEAP))
        self.loop = Loop(self.log, self.directory, store)

    async def post(self, *records: dict[str, Any], source: Source = WINE, session: str = "") -> Answer:
        """Send records as an array through the door."""
        return await self.door.take(source, msgspec.json.encode(list(records)), "json", session)

    async def person(self, name: str, role: Role, brand: str = "") -> str:
        """Return the cookie of a person who has just signed in."""
        from app.domain.people import SYSTEM

        await self.access.people.add(name, role, brand, SYSTEM, password=PASSWORD)
        return (await self.access.people.sign_in(name, PASSWORD)).cookie

    def record(self, kind: str = "enter", room: str = "wine-dy", **payload: Any) -> dict[str, Any]:
        """Return a record of now."""
        return {"room": room, "kind": kind, "occurred_ms": self.clock.now(), "payload": payload}


PASSWORD = "correct horse battery"


@contextlib.asynccontextmanager
async def open_house(template: Path, folder: Path, limits: Limits | None = None) -> AsyncIterator[House]:
    """Yield a running house over a copy of a migrated file."""
    file = folder / "cueroom.db"
    shutil.copyfile(template, file)
    store = await Store.open(f"sqlite:///{file}")
    await store.write(partial(replace_workspace, new=WORKSPACE, source="", by="test", at=NOON))
    house = House(store, limits)
    await house.directory.load()
    running = asyncio.create_task(house.loop.run())
    try:
        yield house
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await store.close()
