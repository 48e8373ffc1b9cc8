"""Working alone: the database is opened here, under the same lock that a server would hold.

So where no server runs; and where several processes share the database, which are told by news what has changed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from app.access.access import Access
from app.bus.owner import AlreadyRunning, hold_database, hold_folder
from app.bus.redis_streams import RedisLink, RedisNews, prefix_of
from app.clock import SystemClock
from app.domain.facts import Revoked, SessionPurged, SessionRewritten, WorkspaceChanged
from app.errors import ControlRoomError
from app.logs import configure
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.patience import patiently
from app.operations.table import OPERATIONS
from app.settings import Settings
from app.store import migrate
from app.store.database import Store, normalised
from app.store.keys import find_key

__all__ = ["AlreadyRunning", "exists", "work_alone"]


class NoInstallation(ControlRoomError):
    """There is nothing in the data folder yet."""

    kind, code = "missing", "no_installation"


class OtherShape(ControlRoomError):
    """The database is of another release, and other processes may be at work in it."""

    kind, code = "conflict", "other_shape"


def work_alone(settings: Settings, name: str, args: dict[str, Any], *, creates: bool) -> Answer:
    """Do an operation here. Raises AlreadyRunning, and NoInstallation unless it `creates` one."""
    configure("warning")  # stdout is for the answer, and a terminal for what its owner asked
    if not creates and not exists(settings):
        raise NoInstallation(
            "there is no control room in this data folder yet; begin with `cueroom setup FILE`",
            folder=str(settings.data),
        )
    if settings.scaled_out:
        return asyncio.run(_work(settings, name, args))
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with hold_folder(settings.data):
        return asyncio.run(_work(settings, name, args))


def exists(settings: Settings) -> bool:
    """Return whether the database has been made; a database server is taken to be there."""
    url = normalised(settings.database)
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


async def _work(settings: Settings, name: str, args: dict[str, Any]) -> Answer:
    upgrades = name == "db upgrade"
    wait_s = settings.database_wait_s if upgrades else 0
    async with _opened(settings, migrates=upgrades or not settings.scaled_out, wait_s=wait_s) as (here, before):
        if upgrades:
            args = args | {"before": before, "opened": True}
        return await OPERATIONS[name](here, args)


@asynccontextmanager
async def _opened(settings: Settings, *, migrates: bool, wait_s: int) -> AsyncIterator[tuple[Installation, str | None]]:
    """Open the database in the shape this program needs; the revision it was found in beside it.

    Raises OtherShape when it has another and this is not to migrate it.
    """
    url = normalised(settings.database)
    async with contextlib.AsyncExitStack() as held:
        if url.get_backend_name() == "postgresql":
            await patiently(wait_s, lambda: held.enter_async_context(hold_database(url, shared=settings.scaled_out)))
        before = await asyncio.to_thread(migrate.current, settings.database)
        if before != migrate.head():
            if not migrates:
                raise OtherShape("the database does not have this release's shape; run `cueroom db upgrade` first")
            await asyncio.to_thread(migrate.upgrade, settings.database)
        store = await Store.open(settings.database)
        held.push_async_callback(store.close)
        clock = SystemClock()
        access = Access(store=store, clock=clock)
        if not settings.scaled_out:
            yield Installation(settings=settings, store=store, clock=clock, access=access), before
            return
        news = await held.enter_async_context(_news(settings, store))
        access.revocations.listen(lambda handle: news.tell(Revoked(handle)))

        async def changed() -> None:
            news.tell(WorkspaceChanged())

        here = Installation(
            settings=settings,
            store=store,
            clock=clock,
            access=access,
            changed=changed,
            purged=lambda session, at: news.tell(SessionPurged(session, at)),
            rewritten=lambda session: news.tell(SessionRewritten(session)),
        )
        yield here, before


@asynccontextmanager
async def _news(settings: Settings, store: Store) -> AsyncIterator[RedisNews]:
    """Tell the processes that run what has changed; what cannot be told now they read at their next start."""
    installation = await store.read(partial(find_key, name="seal"))  # made by the first process that starts
    link = RedisLink(settings.redis_url.get_secret_value(), prefix=prefix_of(installation or b""))
    news = RedisNews(link)
    await news.start()
    try:
        yield news
    finally:
        await news.close()
        await link.close()
