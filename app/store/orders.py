"""Order events that had an effect, and which session holds an order."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from app.domain.effects import OrderRow
from app.domain.plan import SessionKind
from app.store import tables
from app.store.statements import Row

_HOLDERS: Final = {
    "sqlite": "SELECT o.order_id, s.id FROM orders o JOIN sessions s ON s.session_no = o.session_no "
    "WHERE o.room = ? AND o.order_id IN (SELECT value FROM json_each(?)) AND s.kind = ? "
    "ORDER BY o.session_no DESC, o.position DESC",
    "postgresql": "SELECT o.order_id, s.id FROM orders o JOIN sessions s ON s.session_no = o.session_no "
    "WHERE o.room = $1 AND o.order_id = ANY ($2::text[]) AND s.kind = $3 "
    "ORDER BY o.session_no DESC, o.position DESC",
}
"""Asked for almost every batch of a busy room: built by SQLAlchemy it costs three times as much."""


def order_row(session_no: int, row: OrderRow) -> Row:
    """Return the row of an order event, in the table's order."""
    return (
        session_no,
        row.position,
        row.room,
        row.order,
        row.kind,
        row.at_ms,
        row.currency,
        row.amount,
        row.units,
    )


def holders(conn: Connection, room: str, orders: Sequence[str], kind: SessionKind = "live") -> dict[str, str]:
    """Return order -> id of the session of that kind that first took it; orders nobody took are missing."""
    names = json.dumps(orders) if conn.dialect.name == "sqlite" else list(orders)
    rows = conn.exec_driver_sql(_HOLDERS[conn.dialect.name], (room, names, kind))
    return {row[0]: row[1] for row in rows}  # the first one is last


def of_session(conn: Connection, session_no: int, *, after: int = 0, most: int = 1_000) -> list[OrderRow]:
    """Return a session's order events after a position, oldest first."""
    table = tables.orders
    query = select(table).where(table.c.session_no == session_no, table.c.position > after)
    return [
        OrderRow(
            position=row.position,
            room=row.room,
            order=row.order_id,
            kind=row.kind,
            at_ms=row.at_ms,
            currency=row.currency,
            amount=row.amount,
            units=row.units,
        )
        for row in conn.execute(query.order_by(table.c.position).limit(most))
    ]
