"""隔离: records that failed twice alone, set aside with the reason so that their session goes on."""

from msgspec import Struct
from sqlalchemy import Connection, select

from app.domain.records import CODEC, SCHEMA, Entry, Events, decode_entry, encode_entry
from app.instants import Instant
from app.store import tables
from app.store.statements import insert_rows


class SetAside(Struct, frozen=True, kw_only=True):
    id: int
    session_no: int
    at_ms: int
    reason: str
    kind: str
    events: int
    entry: Entry | None
    """None when its bytes cannot be read any more."""


def set_aside(conn: Connection, session_no: int, entry: Entry, reason: str, at: Instant) -> None:
    """Keep the whole entry and why it could not be applied."""
    body = entry.body
    events = len(body.events) if isinstance(body, Events) else 0
    kind = str(body.__struct_config__.tag)
    row = (session_no, at, reason, kind, events, CODEC, SCHEMA, encode_entry(entry))
    insert_rows(conn, tables.quarantine, [row])


def set_aside_in(conn: Connection, session_no: int) -> list[SetAside]:
    """Return what was set aside in a session, oldest first."""
    table = tables.quarantine
    rows = conn.execute(select(table).where(table.c.session_no == session_no).order_by(table.c.id)).mappings()
    return [
        SetAside(
            id=row["id"],
            session_no=row["session_no"],
            at_ms=row["at_ms"],
            reason=row["reason"],
            kind=row["kind"],
            events=row["events"],
            entry=decode_entry(row["body"]) if (row["codec"], row["schema"]) == (CODEC, SCHEMA) else None,
        )
        for row in rows
    ]
