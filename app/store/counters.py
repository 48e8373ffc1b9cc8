"""Numbers of the whole installation that only grow: the fence, and the number of a session."""

from sqlalchemy import Connection

from app.domain.identity import Fence
from app.store import tables
from app.store.dialects import upsert


def next_number(conn: Connection, name: str) -> int:
    """Count `name` one up and return it; the first is 1. Others who count it wait until this transaction ends."""
    counters = tables.counters
    statement = upsert(conn, counters).values(name=name, value=1)
    statement = statement.on_conflict_do_update(
        index_elements=[counters.c.name], set_={"value": counters.c.value + 1}
    ).returning(counters.c.value)
    return int(conn.execute(statement).scalar_one())


def next_fence(conn: Connection) -> Fence:
    """Return a fence higher than every one before."""
    return Fence(next_number(conn, "fence"))
