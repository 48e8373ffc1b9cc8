"""The few words in which the two databases differ."""

from typing import Any, Final

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite


def upsert(conn: Connection, table: Table) -> Any:
    """Return an insert that knows `on_conflict_do_...`; both dialects spell it alike, SQLAlchemy has it in each."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


LOCKS: Final = 20_261
"""The first half of the names of locks that last as long as a transaction; the second says what is held."""


def hold(conn: Connection, what: int, *, together: bool = False) -> None:
    """Let nobody else hold this until the transaction ends, or nobody who does not hold it `together` with others.

    SQLite has one writer at a time and needs no word for it.
    """
    if conn.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if together else func.pg_advisory_xact_lock
        conn.execute(select(lock(LOCKS, what)))
