"""The few words in which the two databases differ."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(conn: Connection, table: Table) -> Any:
    """Return an insert that knows `on_conflict_do_...`; both dialects spell it alike, SQLAlchemy has it in each."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)
