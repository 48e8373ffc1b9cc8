"""A chat platform, a migrated store of each kind, and an outbox with a session behind it."""

from collections.abc import AsyncIterator

import pytest

from app.store.database import Store
from tests.delivery.chat import Chat, running_chat
from tests.delivery.outbox import Outbox
from tests.store.conftest import (  # noqa: F401  fixtures: pytest finds them by their names here
    database_url,
    migrated_postgres,
    sqlite_store,
    sqlite_url,
    store,
)


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    """Return a chat platform that accepts what is signed."""
    async with running_chat() as running:
        yield running


@pytest.fixture
async def outbox(sqlite_store: Store, chat: Chat) -> AsyncIterator[Outbox]:  # noqa: F811
    """Return an outbox on SQLite."""
    made = await Outbox.over(sqlite_store, chat)
    yield made
    await made.close()


@pytest.fixture
async def any_outbox(store: Store, chat: Chat) -> AsyncIterator[Outbox]:  # noqa: F811
    """Return an outbox, once on each database."""
    made = await Outbox.over(store, chat)
    yield made
    await made.close()
