"""Faults: what a database driver reports, as refusals that hold no SQL text, no values and no address."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import ControlRoomError, Kind, Unavailable


class DiskFull(Unavailable):
    """The database has no room left; nothing of the transaction was written."""

    code: ClassVar[str] = "disk_full"


class TookTooLong(Unavailable):
    """A list or a search was not found within its time; a narrower one may be."""

    code: ClassVar[str] = "took_too_long"


class RowLocked(Unavailable):
    """Another transaction holds a row for longer than this one was to wait; the database itself is well."""

    code: ClassVar[str] = "row_locked"


class Clash(ControlRoomError):
    """A row is already there, or one that it needs is not; nothing of the transaction was written."""

    kind: ClassVar[Kind] = "conflict"
    code: ClassVar[str] = "clash"


class StoreBroken(ControlRoomError):
    """The database refused a statement as such: another schema, a damaged file, a mistake of ours."""

    kind: ClassVar[Kind] = "broken"
    code: ClassVar[str] = "store_broken"


_SQLITE_FULL = {"SQLITE_FULL"}
_SQLITE_AWAY = {
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_PROTOCOL",
    "SQLITE_NOMEM",
}
_POSTGRES_CANCELLED = "57014"
_POSTGRES_LOCKED = "55P03"
_POSTGRES_IDLE = "25P03"
_POSTGRES_FULL = {"53100"}
_POSTGRES_AWAY = {"08", "53", "57", "58", "40", "55"}
"""Classes: connection, resources, operator, system, deadlock, lock not available."""


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn whatever the driver raises into Unavailable, DiskFull, Clash or StoreBroken; let everything else pass."""
    try:
        yield
    except DBAPIError as fault:
        raise _of_driver(fault) from None
    except PoolTimeout:
        raise Unavailable("all connections to the database are busy", reason="pool") from None
    except SQLAlchemyError as fault:
        raise StoreBroken("the database could not be asked", reason=type(fault).__name__) from None
    except (OverflowError, UnicodeEncodeError) as fault:  # sqlite3's, of a value no column can hold
        raise StoreBroken("the database cannot hold a value", reason=type(fault).__name__) from None
    except (OSError, TimeoutError) as fault:
        raise Unavailable("the database does not answer", reason=type(fault).__name__) from None


def sqlstate(fault: DBAPIError) -> str:
    """Return the five characters by which PostgreSQL names what went wrong; empty when the driver itself did."""
    return str(getattr(fault.orig, "sqlstate", None) or getattr(fault.orig, "pgcode", None) or "")


def _of_driver(fault: DBAPIError) -> ControlRoomError:
    cause = fault.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if cause is not None and isinstance(cause.__cause__, ValueError | TypeError):  # asyncpg's, before anything was sent
        return StoreBroken("the database cannot hold a value", reason=type(cause.__cause__).__name__)
    state = sqlstate(fault)
    if state == _POSTGRES_CANCELLED:
        return TookTooLong("this takes too long; ask for less", reason=state)
    if state in _POSTGRES_FULL:
        return DiskFull("the database has no room left", reason=state)
    if state == _POSTGRES_LOCKED:
        return RowLocked("another holds what this needs; try again", reason=state)
    if state == _POSTGRES_IDLE:
        return Unavailable("the database ended a transaction that stood still", reason=state)
    if state[:2] in _POSTGRES_AWAY or fault.connection_invalidated or not state:
        return Unavailable("the database does not answer", reason=state or type(cause).__name__)
    if state.startswith("23"):
        return Clash("a row is already there, or one it needs is not", reason=state)
    return StoreBroken("the database refused a statement", reason=state)


def _of_sqlite(cause: sqlite3.Error) -> ControlRoomError:
    name = str(getattr(cause, "sqlite_errorname", "") or type(cause).__name__)
    base = "_".join(name.split("_")[:2])  # SQLITE_IOERR_WRITE -> SQLITE_IOERR
    if base in _SQLITE_FULL:
        return DiskFull("the database has no room left", reason=name)
    if base == "SQLITE_INTERRUPT":
        return TookTooLong("this takes too long; ask for less", reason=name)
    if base in _SQLITE_AWAY:
        return Unavailable("the database does not answer", reason=name)
    if base == "SQLITE_CONSTRAINT":
        return Clash("a row is already there, or one it needs is not", reason=name)
    return StoreBroken("the database refused a statement", reason=name)
