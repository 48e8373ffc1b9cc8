"""The whole control room in the test's own process, over a SQLite file: what operations are tried on."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from app.clock import SystemClock
from app.domain.commands import EndSession
from app.domain.people import SYSTEM
from app.intake.door import Answer, Source
from app.intake.recipe import find_recipe
from app.main import build
from app.operations.installation import Installation
from app.runtime import Runtime, seal_key
from app.settings import Settings
from app.store import migrate
from app.store.database import Store
from app.store.workspace import replace_workspace
from app.workspace.file import read_workspace
from tests.system.server import OTHER_ROOM, ROOM, WORKSPACE, comment, speech, viewers

__all__ = ["OTHER_ROOM", "ROOM", "House", "comment", "open_house", "speech", "viewers"]
FEED = Source("feed", "feed", None, operator=True)


class House:
    """A running control room, and ways to make something happen in it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.store, self.clock = runtime, runtime.store, runtime.clock

    @property
    def installation(self) -> Installation:
        """What a command works on beside it."""
        return Installation(
            settings=self.runtime.settings,
            store=self.store,
            clock=self.clock,
            access=self.runtime.access,
            purged=self.runtime.session_purged,
            rewritten=self.runtime.session_rewritten,
        )

    async def send(self, *records: Mapping[str, Any], room: str = ROOM) -> Answer:
        """Have records of now taken."""
        now = self.clock.now()
        body = json.dumps([{"room": room, "occurred_ms": now, **each} for each in records]).encode()
        return await self.runtime.door.take(FEED, body, "json")

    async def end(self, session: str) -> None:
        assert await self.runtime.desk.submit(session, f"end-{session}", EndSession(), SYSTEM) is not None

    async def client(self) -> httpx2.AsyncClient:
        """Return a client with an admin's token."""
        _, secret = await self.runtime.access.tokens.create("admin", "admin", [], SYSTEM)
        transport = httpx2.ASGITransport(app=build(self.runtime))
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx2.AsyncClient(transport=transport, base_url="http://control.test", headers=headers)

    async def rows(self, sql: str) -> list[Any]:
        """Return what a plain question to the database finds."""
        return await self.store.read(lambda conn: list(conn.exec_driver_sql(sql)))


@asynccontextmanager
async def open_house(data: Path, **settings: Any) -> AsyncIterator[House]:
    """Run a control room with two rooms; stop it in order."""
    data.mkdir(parents=True, exist_ok=True)
    made = Settings(_env_file=None, data=data, **settings)
    await asyncio.to_thread(migrate.upgrade, made.database)
    store, clock = await Store.open(made.database), SystemClock()
    new = read_workspace(WORKSPACE, "two.yaml")
    await store.write(partial(replace_workspace, new=new, source=WORKSPACE, by="test", at=clock.now()))
    recipe, _ = await find_recipe(store, data, clock.now(), "test")
    runtime = Runtime(made, store, recipe, await seal_key(store, clock.now()), clock=clock)
    await runtime.start()
    try:
        yield House(runtime)
    finally:
        await runtime.stop()
