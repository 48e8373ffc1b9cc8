"""Alerts as they stand, and every version of them that was committed."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, or_, select, tuple_

from app.domain.alerts import Alert
from app.errors import NotFound
from app.store import tables

_alert = msgspec.json.Decoder(Alert)


def of_session(conn: Connection, session_no: int, *, listed: bool = False) -> list[Alert]:
    """Return a session's alerts, oldest first; `listed`: without those that ended and were acknowledged."""
    return [_alert.decode(body) for body in conn.scalars(_of_session(session_no, listed=listed))]


def page(
    conn: Connection, session_no: int, *, most: int, listed: bool = False, after: tuple[int, str] | None = None
) -> list[Alert]:
    """Return the next `most` alerts, oldest first; `after`: when the last one of the page before opened, and its id."""
    table, query = tables.alerts, _of_session(session_no, listed=listed)
    if after is not None:
        query = query.where(tuple_(table.c.opened_ms, table.c.id) > after)
    return [_alert.decode(body) for body in conn.scalars(query.limit(most))]


def _of_session(session_no: int, *, listed: bool) -> Select[Any]:
    table = tables.alerts
    query = select(table.c.body).where(table.c.session_no == session_no).order_by(table.c.opened_ms, table.c.id)
    return query.where(or_(table.c.condition != "ended", table.c.acked_ms.is_(None))) if listed else query


def alert(conn: Connection, session_no: int, alert_id: str) -> Alert:
    """Return one alert of a session; raises NotFound."""
    table = tables.alerts
    body = conn.scalar(select(table.c.body).where(table.c.id == alert_id, table.c.session_no == session_no))
    if body is None:
        raise NotFound("no such alert", alert=alert_id)
    return _alert.decode(body)


def changes(conn: Connection, alert_id: str) -> list[Alert]:
    """Return the alert as it was after each commit that changed it, oldest first."""
    table = tables.alert_changes
    query = select(table.c.body).where(table.c.alert == alert_id).order_by(table.c.version)
    return [_alert.decode(body) for body in conn.scalars(query)]
