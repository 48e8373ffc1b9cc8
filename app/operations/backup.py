"""`backup`: a copy of the database beside the running server; and its rehearsal, a restore that is thrown away."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, Protocol, TypeVar

from msgspec import Struct
from sqlalchemy import URL

from app import __version__
from app.clock import SystemClock
from app.errors import ControlRoomError
from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import mebibytes, word
from app.realtime.restore import Restorer
from app.store import backup as copies
from app.store import migrate
from app.store.backup import FileTaken, Manifest, NoBackup
from app.store.database import Store, normalised

DUMP_S: Final = 6 * 3_600
LOOK_EVERY_S: Final = 0.1
"""How often it is asked whether a dump is still wanted."""
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class NoDump(ControlRoomError):
    """The database is a server's, and its own tool is not here."""

    kind, code = "missing", "no_pg_dump"


class DumpFailed(ControlRoomError):
    """pg_dump ended with an error; its words stand in the detail."""

    kind, code = "broken", "dump_failed"


class Backup(Struct, frozen=True):
    """`file`: an absolute path, on the machine of whoever does it."""

    language: str
    file: str


async def back_up(here: Installation, wanted: Backup) -> Answer:
    """Write the copy and say what is in it. Raises FileTaken, DiskFull, CannotWrite, NoDump, DumpFailed."""
    target, url = Path(wanted.file), normalised(here.settings.database)
    if url.get_backend_name() != "sqlite":
        size = await _in_a_thread(partial(_dump, url, target))
        told = word("dumped", wanted.language, file=str(target), size=mebibytes(size))
        return Answer((told,), data={"file": str(target), "bytes": size})
    copy = partial(_copy, Path(str(url.database)), target, taken_ms=here.clock.now())
    manifest, size = await _in_a_thread(copy)
    lines = (word("backed_up", wanted.language, file=str(target), size=mebibytes(size)), *_counted(manifest.rows))
    return Answer(lines, data={"file": str(target), "bytes": size, **_data(manifest)})


class _GiveUp(Protocol[T_co]):
    """Work of a thread that asks now and then whether it is still wanted."""

    def __call__(self, *, given_up: Callable[[], bool]) -> T_co: ...


async def _in_a_thread(work: _GiveUp[T]) -> T:
    unwanted = threading.Event()
    try:
        return await asyncio.to_thread(work, given_up=unwanted.is_set)
    finally:
        unwanted.set()  # cancelled: the thread ends soon, and takes its half file with it


def _copy(source: Path, target: Path, *, taken_ms: int, given_up: Callable[[], bool]) -> tuple[Manifest, int]:
    manifest = copies.back_up(source, target, build=__version__, taken_ms=taken_ms, given_up=given_up)
    return manifest, target.stat().st_size


def _dump(url: URL, target: Path, *, given_up: Callable[[], bool]) -> int:
    """Let the server's own tool write the copy; the password goes by the environment, never by the command line.

    Returns the size of the file.
    """
    tool = shutil.which("pg_dump")
    if tool is None:
        raise NoDump("a PostgreSQL database is backed up by pg_dump, which is not installed here; run it where it is")
    if target.exists():
        raise FileTaken("there is a file of that name already; choose another", file=str(target))
    part = copies.unfinished_name(target)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        command = [tool, "--format=custom", "--no-password", f"--file={part}"]
        code, complaints = _run(command, {**os.environ, **_server(url)}, given_up)
        if code != 0:
            raise DumpFailed(complaints[-1][:300] if complaints else "pg_dump failed")
        copies.publish(part, target)
        return target.stat().st_size
    except OSError as fault:
        raise copies.CannotWrite(f"the file cannot be written: {fault.strerror}", file=str(target)) from None
    finally:
        part.unlink(missing_ok=True)


def _run(command: list[str], environ: Mapping[str, str], given_up: Callable[[], bool]) -> tuple[int, list[str]]:
    """Run a tool to its end, or to its being given up, and return its code and what it complained of, line by line."""
    began = monotonic()
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        while True:
            try:
                _, complaints = running.communicate(timeout=LOOK_EVERY_S)
                return running.returncode, complaints.strip().splitlines()
            except subprocess.TimeoutExpired:
                late = monotonic() - began > DUMP_S
                if late or given_up():
                    running.kill()  # it writes nothing but a file that is thrown away
                if late:
                    raise DumpFailed(f"pg_dump was not done within {DUMP_S // 3_600} hours") from None


def _server(url: URL) -> dict[str, str]:
    """Return where the database is, as libpq reads it from the environment."""
    host = url.host or url.query.get("host", "")
    found = {
        "PGHOST": str(host or ""),
        "PGPORT": str(url.port or url.query.get("port", "") or ""),
        "PGUSER": url.username or str(url.query.get("user", "")),
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
        "PGSSLMODE": str(url.query.get("ssl", "")),
    }
    return {name: value for name, value in found.items() if value}


class NotOfHere(ControlRoomError):
    """A backup of a PostgreSQL database is restored by PostgreSQL's own tool."""

    code = "not_of_here"


def restore(database: str, file: Path, language: str) -> Answer:
    """Put a backup in the place of a SQLite database that is not there; the caller holds the folder.

    Raises NoBackup, FileTaken, DiskFull, NotOfHere.
    """
    url = normalised(database)
    if url.get_backend_name() != "sqlite":
        raise NotOfHere("restore a PostgreSQL database with pg_restore --clean --if-exists --no-owner -d DATABASE FILE")
    manifest = copies.check(file)
    _known(manifest)
    copies.restore(file, Path(str(url.database)), now_s=SystemClock().now() // 1_000)
    migrate.upgrade(database)
    lines = (word("restored", language, file=str(url.database)), *_counted(manifest.rows))
    return Answer(lines, data={"file": str(url.database), **_data(manifest)})


def rehearse(file: Path, language: str) -> Answer:
    """Restore a backup into a folder beside it that is thrown away, and bring every running session to where it was.

    Raises NoBackup, DiskFull, CannotWrite.
    """
    if not file.exists():
        raise NoBackup("there is no such file", file=str(file))
    with _thrown_away(file.absolute().parent) as folder:
        database = f"sqlite:///{folder / 'cueroom.sqlite3'}"
        answer = restore(database, file, language)
        sessions = asyncio.run(_open_each(database))
    lines = [word("rehearsed", language, file=str(file)), *answer.lines[1:]]
    lines += [word("session_rebuilt", language, session=name, position=told) for name, told in sessions.items()]
    lines.append(word("sessions_rebuilt", language, sessions=len(sessions)))
    return Answer(tuple(lines), data={**answer.data, "file": str(file), "sessions": sessions})


@contextmanager
def _thrown_away(beside: Path) -> Iterator[Path]:
    """A folder where a backup of this size has its place: /tmp may be small, and in memory. Raises CannotWrite."""
    try:
        made = tempfile.TemporaryDirectory(prefix=".cueroom-rehearsal-", dir=beside)
    except OSError as fault:
        raise copies.CannotWrite(f"there is no place beside the backup: {fault.strerror}", file=str(beside)) from None
    with made as folder:
        yield Path(folder)


async def _open_each(database: str) -> dict[str, int]:
    """Rebuild the sessions that run, by the code of every start; return the position of each. Raises NoBackup."""
    store = await Store.open(database)
    try:
        restorer = Restorer(store, build=__version__)
        rebuilt: dict[str, int] = {}
        for session in await restorer.running():
            try:
                live = await restorer.restore(session)
            except ControlRoomError as refusal:
                raise NoBackup(f"a session cannot be rebuilt: {refusal.detail}", session=session) from None
            rebuilt[session] = int(live.engine.position)
        return rebuilt
    finally:
        await store.close()


def _known(manifest: Manifest) -> None:
    """Raise NoBackup for a database of a newer release."""
    if not migrate.is_known(manifest.revision):
        raise NoBackup("the backup is of a newer release; restore it with that one", revision=manifest.revision)


def _data(manifest: Manifest) -> dict[str, object]:
    return {"taken_ms": manifest.taken_ms, "revision": manifest.revision, "rows": manifest.rows}


def _counted(rows: Mapping[str, int]) -> list[str]:
    return [f"  {name}  {times}" for name, times in rows.items() if times]
