"""Accepted rule sets and lexicons: the newest of each runs, also when its file is broken or gone at the next start."""

from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import Connection, Table, select, update

from app.instants import Instant
from app.store import tables
from app.store.contents import keep
from app.store.dialects import upsert

Kind = Literal["rules", "lexicon"]
_TABLES: Final[dict[Kind, Table]] = {"rules": tables.rule_sets, "lexicon": tables.lexicons}


class Accepted(Struct, frozen=True):
    """`source`: where it was read from, as a person would name it."""

    hash: str
    accepted_ms: int
    source: str
    body: bytes


def accept(conn: Connection, kind: Kind, body: bytes, source: str, at: Instant) -> str:
    """Make `body` the current one, and return its hash; one that is current already keeps its instant."""
    table = _TABLES[kind]
    name = keep(conn, kind, body, at)
    held = conn.scalar(select(table.c.hash).where(table.c.current))
    if held != name:
        conn.execute(update(table).where(table.c.current).values(current=False))
        row = {"hash": name, "accepted_ms": at, "source": source, "current": True}
        conn.execute(upsert(conn, table).values(row).on_conflict_do_update(index_elements=["hash"], set_=row))
    return name


def current(conn: Connection, kind: Kind) -> Accepted | None:
    """Return the last accepted one; None before the first."""
    table, contents = _TABLES[kind], tables.contents
    query = select(table.c.hash, table.c.accepted_ms, table.c.source, contents.c.body)
    row = conn.execute(query.join_from(table, contents, contents.c.hash == table.c.hash).where(table.c.current)).first()
    return None if row is None else Accepted(row.hash, row.accepted_ms, row.source, bytes(row.body))
