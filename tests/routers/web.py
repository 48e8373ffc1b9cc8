"""The application over a House, spoken to by HTTP without a network."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE, Access
from app.access.principal import Principal
from app.clock import Clock
from app.domain.people import SYSTEM, Role
from app.domain.readings import MinuteRow
from app.instants import Instant
from app.intake.desk import Desk
from app.intake.directory import Directory
from app.intake.door import Door
from app.operations.observed import Observed
from app.routers.api import Front, install_api
from app.settings import Settings
from app.store.database import Store
from app.store.tokens import Scope
from tests.intake.house import Catalogue, House

BASE = "http://control.test"


@dataclass
class TestRuntime:
    """What routes need, over a House."""

    __test__ = False

    settings: Settings
    store: Store
    clock: Clock
    access: Access
    desk: Desk
    directory: Directory
    catalogue: Catalogue
    door: Door
    build: str = "test"
    draining: bool = False
    closing: bool = False
    last_words: list[Callable[[], None]] = field(default_factory=list)
    address: str = ""
    unsaved_since: Instant | None = None
    tail: list[MinuteRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.observed = Observed(store=self.store, clock=self.clock, build=self.build)

    async def troubles(self) -> dict[str, str]:
        found = {"process": "draining"} if self.draining else {}
        return found if self.unsaved_since is None else found | {"worker": "unsaved"}

    async def series_tail(self, session: str) -> Sequence[MinuteRow]:
        return self.tail


class Web:
    """Owns the application; makes clients."""

    def __init__(self, house: House, runtime: TestRuntime, front: Front) -> None:
        self.house = house
        self.runtime = runtime
        self._transport = httpx2.ASGITransport(app=front, raise_app_exceptions=False)
        self._clients: list[httpx2.AsyncClient] = []

    def client(self, **headers: str) -> httpx2.AsyncClient:
        """Return a client that is nobody yet."""
        made = httpx2.AsyncClient(transport=self._transport, base_url=BASE, headers=headers)
        self._clients.append(made)
        return made

    async def person(self, role: Role, brand: str = "", name: str = "") -> httpx2.AsyncClient:
        """Return the browser of a signed-in person."""
        made = self.client(**{"Sec-Fetch-Site": "same-origin"})
        made.cookies.set(SIGN_IN_COOKIE, await self.house.person(name or f"{role.value}{brand}", role, brand))
        return made

    async def tablet(self, room: str = "wine-dy", name: str = "平板 A") -> tuple[httpx2.AsyncClient, Principal]:
        """Return the browser of a paired tablet, and who it is."""
        code = await self.house.access.devices.offer(room, SYSTEM)
        _, secret = await self.house.access.devices.pair(code.code, name)
        made = self.client(**{"Sec-Fetch-Site": "same-origin"})
        made.cookies.set(DEVICE_COOKIE, secret)
        return made, await self.house.access.devices.principal(secret)

    async def machine(self, scope: Scope, *rooms: str) -> httpx2.AsyncClient:
        """Return the client of a machine with a token."""
        _, secret = await self.house.access.tokens.create(f"{scope} 令牌", scope, rooms, SYSTEM)
        return self.client(Authorization=f"Bearer {secret}")

    async def open_session(self, room: str = "wine-dy") -> str:
        """Return the id of a live session of a room."""
        return (await self.house.directory.open(room, "live"))[0].id

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@contextlib.asynccontextmanager
async def open_web(house: House, **settings: Any) -> AsyncIterator[Web]:
    """Yield the application over a house."""
    runtime = TestRuntime(
        settings=Settings(_env_file=None, limits=house.limits, **settings),
        store=house.store,
        clock=house.clock,
        access=house.access,
        desk=house.desk,
        directory=house.directory,
        catalogue=house.catalogue,
        door=house.door,
    )
    app = FastAPI(docs_url=None, redoc_url=None)
    app.state.runtime = runtime
    install_api(app)
    web = Web(house, runtime, Front(app, runtime, house.door))
    try:
        yield web
    finally:
        await web.close()


def key(name: str = "k-1") -> dict[str, str]:
    """Return the header that names a command."""
    return {"Idempotency-Key": name}
