"""Secrets that this installation made itself, such as the key under which viewers' ids are hashed."""

from sqlalchemy import Connection, select

from app.instants import Instant
from app.store import tables
from app.store.dialects import upsert


def find_key(conn: Connection, name: str) -> bytes | None:
    """Return the key of that name, None when none was made yet."""
    value = conn.scalar(select(tables.keys.c.value).where(tables.keys.c.name == name))
    return None if value is None else bytes(value)


def key(conn: Connection, name: str, fresh: bytes, at: Instant) -> bytes:
    """Return the key of that name; `fresh` (random bytes of the caller) becomes it when there is none yet."""
    table = tables.keys
    conn.execute(upsert(conn, table).values(name=name, created_ms=at, value=fresh).on_conflict_do_nothing())
    return bytes(conn.execute(select(table.c.value).where(table.c.name == name)).scalar_one())
