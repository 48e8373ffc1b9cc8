"""The database handle: reads and writes as plain functions of a connection, on SQLite or PostgreSQL.

A function handed to `read` or `write` is synchronous and gets a SQLAlchemy Connection inside a transaction. So every
query is written once; which database it meets is decided by the URL, here and nowhere else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from sqlalchemy import URL, Connection, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.errors import ControlRoomError
from app.store import trial
from app.store.faults import as_refusals
from app.store.postgres import PostgresBackend
from app.store.sqlite import SqliteBackend

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
LOOK_MS: Final = 2_000
"""How long a list or a search may take."""


class BadDatabaseUrl(ControlRoomError):
    """The URL names no database that this program can use; its text is not repeated, it may hold a password."""

    code = "bad_database_url"


def normalised(url: str) -> URL:
    """Return the URL with this program's driver: sqlite:///path, postgresql://... or postgres://... are all meant."""
    try:
        parsed = make_url(url)
        match parsed.drivername.partition("+")[0]:
            case "sqlite" if parsed.database and parsed.database != ":memory:":
                return parsed.set(drivername="sqlite")
            case "sqlite":
                raise BadDatabaseUrl("a SQLite database must be a file: sqlite:///path/to/file")
            case "postgresql" | "postgres":
                return _with_tls(parsed.set(drivername="postgresql+asyncpg"))
    except (ArgumentError, NoSuchModuleError):
        pass
    raise BadDatabaseUrl("the database URL must begin with sqlite:/// or postgresql://")


def _with_tls(url: URL) -> URL:
    """Return the URL with libpq's `sslmode` under the name that this driver has for it."""
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


class Backend(Protocol):
    """What a kind of database must be able to do; its drivers' errors may come out as they are."""

    async def read(self, fn: Callable[[Connection], T]) -> T: ...
    async def look(self, fn: Callable[[Connection], T]) -> T: ...
    async def write(self, fn: Callable[[Connection], T]) -> T: ...
    async def close(self) -> None: ...


class Store:
    """Owns one open database. Errors of a driver come out as app.errors; errors of a function come out as they are."""

    def __init__(self, backend: Backend, dialect: Dialect) -> None:
        self._backend = backend
        self.dialect: Dialect = dialect

    @classmethod
    async def open(cls, url: str, *, readers: int = 2, look_ms: int = LOOK_MS) -> "Store":
        """Open the database and ask it once. Raises BadDatabaseUrl, or Unavailable when it does not answer."""
        parsed = normalised(url)
        if parsed.get_backend_name() == "sqlite":
            store = cls(SqliteBackend(Path(str(parsed.database)), readers=readers, look_ms=look_ms), "sqlite")
        else:
            store = cls(PostgresBackend(parsed, readers=readers, look_ms=look_ms), "postgresql")
        try:
            await store.check()
        except ControlRoomError:
            await store.close()
            raise
        return store

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction that may not write, beside other reads and writes."""
        with as_refusals():
            return await self._backend.read(fn)

    async def look(self, fn: Callable[[Connection], T]) -> T:
        """Read what somebody wants to see as a list, which may be long: beside `read`, never in front of it.

        Raises TookTooLong when it is not found within the time for it.
        """
        with as_refusals():
            return await self._backend.look(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction: committed when this returns, nothing of it when it raises.

        SQLite runs writes one after the other, in the order of the calls. PostgreSQL may run `fn` again when it ended a
        deadlock by undoing it, so it must have no effect but in the database. A caller that is cancelled while it waits
        does not know whether the transaction was committed.
        """
        with as_refusals():
            return await self._backend.write(fn)

    async def check(self) -> None:
        """Return when the database answers; raises Unavailable. For readiness."""
        await self.read(lambda conn: conn.execute(select(1)).scalar_one())

    async def try_commit(self) -> None:
        """Return when a commit of usual size goes through. Raises Unavailable, of a full disk DiskFull."""
        await self.write(trial.keep)
        await self.write(trial.remove)

    async def close(self) -> None:
        """Let running transactions end, then close every connection."""
        await self._backend.close()
