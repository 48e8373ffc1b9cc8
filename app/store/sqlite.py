"""SQLite: one writer thread with a connection of its own, a few reader threads; WAL, and every commit on disk."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import Unavailable

T = TypeVar("T")

LOOKERS: Final = 2
STEPS: Final = 10_000
"""Of SQLite's machine, between two looks at the time: a fraction of a millisecond."""
BUSY_MS: Final = 5_000
"""How long a transaction waits for another process (a command line tool) before it is refused."""
SWITCH_AGAIN_S: Final = 0.01
NOWHERE: Final = (0, 0)
"""Of a file that is not there: its device and number."""
PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA synchronous=FULL",  # a 202 means on disk, also when the power goes
    "PRAGMA wal_autocheckpoint=1000",  # commit p99 15.7 ms at 100,000 events/s; a checkpoint thread made it 61
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
)


def sqlite_engine(file: Path, *, begin: str, connections: int, pragmas: tuple[str, ...] = ()) -> Engine:
    """Return an engine whose transactions start with `begin`; the driver itself starts none."""
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1_000, "cached_statements": 256},
    )

    def prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # BEGIN is ours; otherwise the driver would begin late and only for writes
        _switch_to_wal(connection)
        for pragma in (*PRAGMAS, *pragmas):
            connection.execute(pragma).close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Give the file its write-ahead log. Of two programs that find a new file the second waits for the first: SQLite's
    own waiting does not hold here, it refuses at once while another writes (2 % of starts side by side)."""
    end = time.monotonic() + BUSY_MS / 1_000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(SWITCH_AGAIN_S)
        else:
            return


class _Files:
    """Owns which files were written to first. One that was moved away, or removed, still takes everything through the
    descriptors that are open, and all of it is lost with them: so it is looked for by its name before each write."""

    def __init__(self, file: Path) -> None:
        self._paths = (str(file), f"{file}-wal")
        self._found: list[tuple[int, int]] | None = None

    def begin(self) -> None:
        """A new connection writes from now on: a log of writes that nobody had open may be another by then."""
        self._found = None

    def note(self) -> None:
        """Something was written."""
        if self._found is None:
            found = [*map(_identity, self._paths)]
            self._found = found if NOWHERE not in found else None

    def must_be_there(self) -> None:
        """Raise Unavailable when they are not those that were written to."""
        if self._found is not None and self._found != [*map(_identity, self._paths)]:
            raise Unavailable(
                "the database's files are not where they were: put them back, or end this process in order",
                reason="moved",
            )


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  before each write: a Path takes four times as long
    except FileNotFoundError:
        return NOWHERE
    return found.st_dev, found.st_ino


class SqliteBackend:
    """Owns the file's connections and threads; knows nothing of what is read or written."""

    def __init__(self, file: Path, *, readers: int, look_ms: int) -> None:
        self._look_s = look_ms / 1_000
        if not file.exists() and file.parent.is_dir():
            # People's hashes and viewers' texts: for this account only. SQLite gives the WAL file the same rights.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self._writing = sqlite_engine(file, begin="BEGIN IMMEDIATE", connections=1)
        self._reading = sqlite_engine(file, begin="BEGIN", connections=readers, pragmas=("PRAGMA query_only=ON",))
        self._looking = sqlite_engine(file, begin="BEGIN", connections=LOOKERS, pragmas=("PRAGMA query_only=ON",))
        self._files = _Files(file)
        event.listen(self._writing, "connect", lambda *_: self._files.begin())
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="store-looker")

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, _run, self._reading, fn)

    async def look(self, fn: Callable[[Connection], T]) -> T:
        run = partial(_run_within, self._look_s)
        return await asyncio.get_running_loop().run_in_executor(self._lookers, run, self._looking, fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, fn)

    def _write(self, fn: Callable[[Connection], T]) -> T:
        self._files.must_be_there()
        result = _run(self._writing, fn)
        self._files.note()
        return result

    async def close(self) -> None:
        for threads in (self._lookers, self._readers, self._writer):
            await asyncio.to_thread(threads.shutdown)
        self._looking.dispose()
        self._reading.dispose()
        self._writing.dispose()  # the last connection to go folds the WAL back into the file


def _run(engine: Engine, fn: Callable[[Connection], T]) -> T:
    with engine.begin() as conn:
        return fn(conn)


def _run_within(limit_s: float, engine: Engine, fn: Callable[[Connection], T]) -> T:
    """Run `fn`; its statements are interrupted once it has taken so long."""
    with engine.begin() as conn:
        driver = conn.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        end = time.monotonic() + limit_s
        driver.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            return fn(conn)
        finally:
            driver.set_progress_handler(None, 0)
