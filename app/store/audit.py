"""Audit: who did what, when, to what, and what became of it. Commands of sessions are written by the ledger."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from app.domain.people import Actor
from app.instants import Instant
from app.store import tables
from app.store.statements import insert_rows


class AuditRow(Struct, frozen=True, kw_only=True):
    """`detail` holds places and figures, never a secret. `session` empty: of the installation."""

    id: int
    wall_ms: int
    actor_kind: str
    actor: str
    actor_name: str
    role: str
    action: str
    subject: str
    session: str
    request: str | None
    code: str
    detail: dict[str, Any]


def note(
    conn: Connection,
    at: Instant,
    by: Actor,
    action: str,
    subject: str = "",
    *,
    code: str = "done",
    session: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one line, in the transaction of what it tells of."""
    body = msgspec.json.encode(detail or {}).decode()
    row = (at, by.kind, by.id, by.name, by.role, action, subject, session, None, code, body)
    insert_rows(conn, tables.audit, [row])


def audit(
    conn: Connection, *, session: str | None = None, before: int | None = None, most: int = 100
) -> list[AuditRow]:
    """Return lines, newest first; `before`: the last id of the page before."""
    table = tables.audit
    query = select(table).order_by(table.c.id.desc()).limit(most)
    if session is not None:
        query = query.where(table.c.session == session)
    if before is not None:
        query = query.where(table.c.id < before)
    return [AuditRow(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in conn.execute(query).mappings()]
