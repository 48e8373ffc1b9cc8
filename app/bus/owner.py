"""One process a database: a lock file in the data folder, and beside it an advisory lock where it is PostgreSQL."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import URL, make_url

from app.errors import ControlRoomError, Unavailable

LOCK_FILE: Final = "cueroom.lock"
OWNER_LOCK: Final = 0x63756572_6F6F6D31
"""The advisory lock of this program; a database serves one installation."""
CONNECT_S: Final = 5.0
KEEP_EVERY_S: Final = 2.0
NAMED: Final = 3
"""Most holders of a shared database that a refusal names."""


class AlreadyRunning(ControlRoomError):
    """Another process holds the data folder or the database. `pid` or `holder` in the context names it."""

    kind, code = "conflict", "already_running"


def holder_of(folder: Path) -> int | None:
    """Return the pid of the process that holds the data folder now; None when none does."""
    try:
        with (folder / LOCK_FILE).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0)
    except (FileNotFoundError, ValueError):
        pass
    return None


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder while the block runs. Raises AlreadyRunning, which names the other's pid.

    The kernel lets go when the process ends, however it ends; the file itself stays.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "?"
            raise AlreadyRunning(
                f"the data folder is in use by process {pid}; stop it first", pid=pid, folder=str(folder)
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


class DatabaseHold:
    """Owns the connection that holds a PostgreSQL database for this program, for as long as the program runs.

    `shared`: with the other processes of one cluster; else alone. Either shuts out the other kind.
    A lost connection means a lost lock: `keep` takes it again as soon as the database answers, and gives up when
    another process was quicker.
    """

    def __init__(self, url: str | URL, *, shared: bool = False) -> None:
        self._url, self._shared = make_url(url), shared
        self._connection: asyncpg.Connection | None = None

    async def take(self) -> None:
        """Take the lock. Raises AlreadyRunning, which names the other as pg_stat_activity does, and Unavailable."""
        connection = await _connect(self._url)
        try:
            await _lock(connection, shared=self._shared)
        except BaseException:
            await connection.close(timeout=CONNECT_S)
            raise
        self._connection = connection

    async def keep(self) -> None:
        """Look after the lock for ever. Raises AlreadyRunning when another process has it."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if await self._answers():
                continue
            try:
                await self.take()
            except Unavailable:
                continue

    async def _answers(self) -> bool:
        if self._connection is None or self._connection.is_closed():
            return False
        try:
            await self._connection.fetchval("SELECT 1", timeout=CONNECT_S)
        except _FAULTS:
            self._connection.terminate()
            return False
        return True

    async def release(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            self._connection.terminate()


@asynccontextmanager
async def hold_database(url: str | URL, *, shared: bool = False) -> AsyncIterator[asyncpg.Connection]:
    """Hold a PostgreSQL database while the block runs, on a connection of its own that lives as long.

    `shared`: with the other processes of one cluster; else alone. Either shuts out the other kind.
    Raises AlreadyRunning, which names the other as pg_stat_activity does, and Unavailable. When the connection breaks
    the lock is gone: ask the yielded connection's `is_closed()`; until somebody does, the fence keeps the data whole.
    """
    connection = await _connect(make_url(url))
    try:
        await _lock(connection, shared=shared)
        yield connection
    finally:
        await connection.close(timeout=CONNECT_S)


_FAULTS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_HOLDERS: Final = """
SELECT a.application_name || ' (server process ' || a.pid || ')'
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::bigint = $1 AND l.objid::bigint = $2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.backend_start
"""


async def _lock(connection: asyncpg.Connection, *, shared: bool) -> None:
    kind = "_shared" if shared else ""
    with _as_refusal():  # it may be cut off once it is connected
        if await connection.fetchval(f"SELECT pg_try_advisory_lock{kind}($1)", OWNER_LOCK, timeout=CONNECT_S):
            return
        rows = await connection.fetch(_HOLDERS, OWNER_LOCK >> 32, OWNER_LOCK & 0xFFFFFFFF, timeout=CONNECT_S)
    holders = [row[0] for row in rows]
    holder = ", ".join(holders[:NAMED]) or "?"
    if len(holders) > NAMED:
        holder += f" and {len(holders) - NAMED} more"
    raise AlreadyRunning(f"the database is in use by {holder}; stop it first", holder=holder)


async def _connect(url: URL) -> asyncpg.Connection:
    if mode := url.query.get("ssl"):  # SQLAlchemy's name for it; in an address the driver knows libpq's
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": mode})
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    name = f"cueroom {os.uname().nodename}:{os.getpid()}"[:63]
    with _as_refusal():
        return await asyncpg.connect(plain, timeout=CONNECT_S, server_settings={"application_name": name})


@contextmanager
def _as_refusal() -> Iterator[None]:
    try:
        yield
    except _FAULTS as fault:
        raise Unavailable("the database does not answer", reason=type(fault).__name__) from None
