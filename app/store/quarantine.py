"""隔离: records that failed twice alone, set aside with the reason so that their session goes on."""

from msgspec import Struct
from sqlalchemy import Connection, func, select

from app.domain.records import CODEC, SCHEMA, Entry, Events, encode_entry
from app.instants import Instant
from app.store import tables
from app.store.statements import insert_rows


class SetAside(Struct, frozen=True):
    """What was set aside for one reason. `kind`: of the entries; `events`: how many records are in them."""

    reason: str
    kind: str
    entries: int
    events: int
    last_ms: int


def set_aside(conn: Connection, session_no: int, entry: Entry, reason: str, at: Instant) -> None:
    """Keep the whole entry and why it could not be applied."""
    body = entry.body
    events = len(body.events) if isinstance(body, Events) else 0
    kind = str(body.__struct_config__.tag)
    row = (session_no, at, reason, kind, events, CODEC, SCHEMA, encode_entry(entry))
    insert_rows(conn, tables.quarantine, [row])


def set_aside_in(conn: Connection, session_no: int, *, most: int = 20) -> list[SetAside]:
    """Return what was set aside in a session by reason, the newest first."""
    table = tables.quarantine
    last = func.max(table.c.at_ms)
    query = (
        select(table.c.reason, table.c.kind, func.count(), func.sum(table.c.events), last)
        .where(table.c.session_no == session_no)
        .group_by(table.c.reason, table.c.kind)
        .order_by(last.desc(), table.c.reason)
        .limit(most)
    )
    return [SetAside(reason, kind, n, int(events), at) for reason, kind, n, events, at in conn.execute(query)]
