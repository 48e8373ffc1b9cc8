"""Slices: rows are removed a few milliseconds of the writer at a time, each slice in a transaction of its own.

Freed pages are overwritten on SQLite, so that the file does not keep what was removed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

SLICE_S: Final = 0.003
"""Of the writer, before others have their turn; the commit comes on top."""
_STEP: Final = {"chunks": 2, "checkpoints": 1, "quarantine": 2}
"""Rows removed at once, of those that may be large; else _ROWS."""
_ROWS: Final = 50


class Slice(Struct, frozen=True):
    """What one transaction removed, and whether there may be more."""

    rows: int
    more: bool


Removal = Callable[[Connection], Slice]


def remove(conn: Connection, table: Table, which: ColumnElement[bool], key: ColumnElement[Any] | None = None) -> Slice:
    """Remove a slice of the rows that meet a condition. `key`: the column they are found by, else the table's first."""
    found_by = key if key is not None else next(iter(table.primary_key))

    def some(step: int) -> int:
        few = select(found_by).where(which).limit(step)
        return conn.execute(delete(table).where(which, found_by.in_(few))).rowcount

    return in_slices(conn, table, some)


def in_slices(conn: Connection, table: Table, some: Callable[[int], int]) -> Slice:
    """Remove some rows again and again until the time is used up. `some`: removes about so many, returns how many."""
    began, rows, step = perf_counter(), 0, _STEP.get(table.name, _ROWS)
    with overwritten(conn):
        while True:
            gone = some(step)
            rows += gone
            if gone < step:
                return Slice(rows, False)
            if perf_counter() - began > SLICE_S:
                return Slice(rows, True)


@contextmanager
def overwritten(conn: Connection) -> Iterator[None]:
    """While the block runs, SQLite writes zeros over what is freed; afterwards what others free is as it was before."""
    if conn.dialect.name != "sqlite":
        yield
        return
    before = conn.exec_driver_sql("PRAGMA secure_delete").scalar_one()
    conn.exec_driver_sql("PRAGMA secure_delete=ON").close()
    try:
        yield
    finally:
        conn.exec_driver_sql(f"PRAGMA secure_delete={int(before)}").close()


def count_rows(conn: Connection, table: Table, which: ColumnElement[bool]) -> int:
    """Return how many rows would go."""
    return int(conn.scalar(select(func.count()).select_from(table).where(which)) or 0)
