"""Reaching the installation: the lock file says whether a server runs; then it is asked, else the work is done here."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from app.access.access import Access
from app.bus.owner import AlreadyRunning, hold_database, hold_folder
from app.clock import SystemClock
from app.errors import ControlRoomError
from app.operations.answer import Answer, refused
from app.operations.installation import Installation
from app.operations.socket import NotAnswering, ask
from app.operations.table import OPERATIONS
from app.settings import Settings
from app.store import migrate
from app.store.database import Store, normalised

WAIT_S: Final = 10.0
"""How long another command, or a server that is just starting, may hold the folder without answering."""
EVERY_S: Final = 0.1


class NoInstallation(ControlRoomError):
    """There is nothing in the data folder yet."""

    kind, code = "missing", "no_installation"


class BadFolder(ControlRoomError):
    """The data folder cannot be made or written."""

    kind, code = "broken", "bad_data_folder"


def perform(settings: Settings, name: str, args: dict[str, Any], *, creates: bool = False) -> Answer:
    """Have an operation done by the running server, or do it here. `creates`: also where nothing is yet."""
    try:
        if not creates and not exists(settings):
            raise NoInstallation(
                "there is no control room in this data folder yet; begin with `cueroom setup FILE`",
                folder=str(settings.data),
            )
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _perform(settings, name, args)
    except ControlRoomError as refusal:
        return refused(refusal)
    except OSError as fault:
        return refused(BadFolder(f"the data folder cannot be used: {fault.strerror}", folder=str(settings.data)))


def exists(settings: Settings) -> bool:
    """Return whether the database has been made; a database server is taken to be there."""
    url = normalised(settings.database)
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


def _perform(settings: Settings, name: str, args: dict[str, Any]) -> Answer:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            with hold_folder(settings.data):
                return asyncio.run(_here(settings, name, args))
        except AlreadyRunning as running:
            if "folder" not in running.context:
                raise  # another machine holds the database
            try:
                return asyncio.run(ask(settings.data, name, args))
            except NotAnswering as silent:
                if "reason" not in silent.context:
                    raise  # it was asked, and may have done it
                if time.monotonic() >= until:
                    raise running from None
                time.sleep(EVERY_S)


async def _here(settings: Settings, name: str, args: dict[str, Any]) -> Answer:
    async with _opened(settings) as (here, before):
        if name == "db upgrade":
            args = args | {"before": before, "opened": True}
        return await OPERATIONS[name](here, args)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Installation, str | None]]:
    """Open the database in the shape this program needs; the revision it was found in beside it."""
    url = normalised(settings.database)
    async with contextlib.AsyncExitStack() as held:
        if url.get_backend_name() == "postgresql":
            await held.enter_async_context(hold_database(url))
        before = await asyncio.to_thread(migrate.current, settings.database)
        if before != migrate.head():
            await asyncio.to_thread(migrate.upgrade, settings.database)
        store = await Store.open(settings.database)
        held.push_async_callback(store.close)
        clock = SystemClock()
        yield Installation(settings=settings, store=store, clock=clock, access=Access(store=store, clock=clock)), before
