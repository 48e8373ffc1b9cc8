"""Order events that had an effect, and which session holds an order."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from app.domain.effects import OrderRow
from app.domain.plan import SessionKind
from app.store import tables
from app.store.statements import Row

_AT_ONCE: Final = 500  # bound parameters a query


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
    table, sessions = tables.orders, tables.sessions
    held: dict[str, str] = {}
    for start in range(0, len(orders), _AT_ONCE):
        query = (
            select(table.c.order_id, sessions.c.id)
            .join_from(table, sessions, sessions.c.session_no == table.c.session_no)
            .where(table.c.room == room, table.c.order_id.in_(orders[start : start + _AT_ONCE]))
            .where(sessions.c.kind == kind)
            .order_by(table.c.session_no.desc(), table.c.position.desc())
        )
        held.update({row.order_id: row.id for row in conn.execute(query)})  # the first one is last
    return held


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
