"""A copy of a SQLite database that can be trusted: taken beside a running server, checked, with a manifest inside.

The copy is a plain SQLite file plus one table, `backup_manifest`, which says what it must hold. It comes under its name
only when it is whole and on disk; a name that is taken is never written over.
"""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from app.errors import ControlRoomError, Unavailable
from app.store.faults import DiskFull

MANIFEST: Final = "backup_manifest"
PAGES: Final = 1_024
"""Copied at once (4 MB), before others get the interpreter again."""
STEPS: Final = 100_000
"""Of SQLite's machine, between two looks whether to give up."""
BUSY_S: Final = 30.0
FENCE_ABOVE: Final = (
    "INSERT INTO counters (name, value) VALUES ('fence', ?) "
    "ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
)


class FileTaken(ControlRoomError):
    """There is something under that name already."""

    kind, code = "conflict", "file_taken"


class NoBackup(ControlRoomError):
    """The file is none that `cueroom backup` made, or not as it made it."""

    code = "no_backup"


class CannotWrite(ControlRoomError):
    """The file cannot be written there."""

    kind, code = "broken", "cannot_write"


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds. `rows`: by table; `revision`: the shape of the database it was taken from."""

    build: str
    taken_ms: int
    revision: str
    rows: dict[str, int]


class _GivenUp(Exception):
    """Whoever asked for it does not want it any more."""


def back_up(
    source: Path, target: Path, *, build: str, taken_ms: int, given_up: Callable[[], bool] = lambda: False
) -> Manifest:
    """Write a checked copy under a new name and return what it holds. Takes a thread's time, and its own connections.

    Writers go on meanwhile: what they commit after the start is not in it. Raises FileTaken, DiskFull, CannotWrite,
    Unavailable, NoBackup (the copy does not pass its check); then nothing is left behind.
    """
    if target.exists():
        raise FileTaken("there is a file of that name already; choose another", file=str(target))
    with _complaints(target), _unfinished(target) as part:
        with closing(_open(source)) as reading, closing(sqlite3.connect(part, isolation_level=None)) as writing:
            _stop_when(given_up, writing)
            reading.execute("BEGIN")  # one state of the database, however long the copying takes
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reading.backup(writing, pages=PAGES, progress=lambda *_: _go_on(given_up))
            reading.rollback()
            manifest = _sealed(writing, build, taken_ms)
        _on_disk(part)
        publish(part, target)
    return manifest


def check(file: Path) -> Manifest:
    """Return the manifest of a backup that is whole: sound pages, no loose ends, every table as it was counted.

    Raises NoBackup.
    """
    try:
        with closing(_open(file)) as reading:
            manifest = _manifest(reading)
            _check_soundness(reading)
            if (found := _counts(reading)) != manifest.rows:
                differing = sorted(name for name in manifest.rows if manifest.rows[name] != found.get(name))
                raise NoBackup("the tables do not hold what the manifest says", tables=", ".join(differing))
            return manifest
    except (sqlite3.Error, msgspec.DecodeError) as fault:
        raise NoBackup(f"the file cannot be read: {fault}", file=str(file)) from None


def restore(file: Path, target: Path, *, now_s: int) -> None:
    """Put the database of a backup that has passed its check under a name where there is none. Raises NoBackup when
    the copy is not sound, FileTaken, DiskFull.

    Its next fence is above `now_s`, seconds of the wall clock, and so above every one that was given after the backup:
    screens that were open then know the epochs of those, and would take lower ones for the past.
    """
    for taken in (target, Path(f"{target}-wal"), Path(f"{target}-shm")):
        if taken.exists():  # what lies in a -wal is of the database beside it, and may be its newest part
            raise FileTaken("there is a database already; move it away first, all its files", file=str(taken))
    with _complaints(target), _unfinished(target) as part:
        with closing(_open(file)) as reading, closing(sqlite3.connect(part, isolation_level=None)) as writing:
            reading.backup(writing, pages=PAGES)
            writing.execute(f"DROP TABLE {MANIFEST}")
            writing.execute(FENCE_ABOVE, (now_s,))
            _check_soundness(writing)
        _on_disk(part)
        publish(part, target)


def _open(file: Path) -> sqlite3.Connection:
    if not file.exists():
        raise NoBackup("there is no such file", file=str(file))
    connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _sealed(writing: sqlite3.Connection, build: str, taken_ms: int) -> Manifest:
    """Make the copy one plain file, write its manifest into it, and check it."""
    writing.execute("PRAGMA journal_mode=DELETE")
    row = writing.execute("SELECT version_num FROM alembic_version").fetchone()
    counts = _counts(writing)
    manifest = Manifest(build=build, taken_ms=taken_ms, revision=str(row[0]) if row else "", rows=counts)
    writing.execute(f"CREATE TABLE {MANIFEST} (body TEXT NOT NULL)")
    writing.execute(f"INSERT INTO {MANIFEST} VALUES (?)", (msgspec.json.encode(manifest).decode(),))  # noqa: S608
    _check_soundness(writing)
    return manifest


def _manifest(reading: sqlite3.Connection) -> Manifest:
    found = reading.execute("SELECT name FROM sqlite_master WHERE name = ?", (MANIFEST,)).fetchone()
    if found is None:
        raise NoBackup("there is no manifest in it: `cueroom backup` did not make this file")
    (body,) = reading.execute(f"SELECT body FROM {MANIFEST}").fetchone()  # noqa: S608  a name of ours
    return msgspec.json.decode(body, type=Manifest)


def _counts(reading: sqlite3.Connection) -> dict[str, int]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    names = [name for (name,) in reading.execute(query) if name != MANIFEST]
    return {name: reading.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def _check_soundness(reading: sqlite3.Connection) -> None:
    found = [row[0] for row in reading.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise NoBackup(f"the database is damaged: {'; '.join(map(str, found))}")
    if (loose := reading.execute("PRAGMA foreign_key_check").fetchone()) is not None:
        raise NoBackup("a row names another that is not there", table=str(loose[0]))


def _go_on(given_up: Callable[[], bool]) -> None:
    if given_up():
        raise _GivenUp


def _stop_when(given_up: Callable[[], bool], connection: sqlite3.Connection) -> None:
    connection.set_progress_handler(lambda: given_up(), STEPS)


def unfinished_name(target: Path) -> Path:
    """Return a name beside the target that no other try has, be it of another container with the same process ids."""
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A file of this account only, beside the target; gone when the block ends, unless it got its name."""
    part = unfinished_name(target)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield part
    finally:
        for name in (part, Path(f"{part}-journal"), Path(f"{part}-wal"), Path(f"{part}-shm")):
            with contextlib.suppress(OSError):
                name.unlink(missing_ok=True)


@contextmanager
def _complaints(target: Path) -> Iterator[None]:
    """What SQLite and the file system say, as refusals."""
    try:
        yield
    except sqlite3.Error as fault:
        name = getattr(fault, "sqlite_errorname", "") or ""
        if name == "SQLITE_FULL":
            raise DiskFull("there is no room for the copy", file=str(target)) from None
        if name.startswith("SQLITE_IOERR"):
            raise CannotWrite("the copy cannot be written", file=str(target), reason=name) from None
        raise Unavailable("the database cannot be read now", reason=name or type(fault).__name__) from None
    except _GivenUp:
        raise Unavailable("the copy was given up") from None
    except OSError as fault:
        raise CannotWrite(f"the file cannot be written: {fault.strerror}", file=str(target)) from None


def _on_disk(file: Path) -> None:
    number = os.open(file, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def publish(part: Path, target: Path) -> None:
    """Give the finished file its name at once, if nobody has taken it meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise FileTaken("there is a file of that name already; choose another", file=str(target)) from None
    except OSError:  # a file system without links: the look and the renaming are two steps there
        if target.exists():
            raise FileTaken("there is a file of that name already; choose another", file=str(target)) from None
        part.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
