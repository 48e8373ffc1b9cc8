"""A migrated, empty store of each kind."""

import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.store import migrate
from app.store.database import Store
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer, worker_id: str) -> str:
    """Return the name of a migrated PostgreSQL database to copy."""
    name = f"template_{worker_id}_{secrets.token_hex(4)}"  # two folders of tests may each ask for one
    migrate.upgrade(postgres_server.create_database(name=name))
    return name


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """Return the URL of a migrated file of the test's own."""
    file = tmp_path / "cueroom.db"
    with sqlite3.connect(migrated_file) as source, sqlite3.connect(file) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a migrated, empty database of the test's own, once of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database(template=request.getfixturevalue("migrated_postgres"))
    yield url
    server.drop_database(url)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """Return an open store over it."""
    opened = await Store.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    """Return an open SQLite store, for what only a file can do."""
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()
