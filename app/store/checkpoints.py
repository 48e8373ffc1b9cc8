"""Checkpoints: an engine's state at a position; a shortcut that may be thrown away. One a session."""

from sqlalchemy import Connection, delete, select

from app.domain.identity import Fence, Position
from app.instants import Instant
from app.store import tables
from app.store.sessions import lock
from app.store.statements import insert_rows


def save(
    conn: Connection, session_no: int, position: Position, now: Instant, body: bytes, *, fence: Fence, build: str
) -> None:
    """Store the state and remove older ones of the session. Which version a body has is said in the body.

    Nothing is stored for an owner that is none any more: its state may hold words that have been removed since.
    """
    lock(conn, session_no)
    sessions = tables.sessions
    own = select(sessions.c.session_no).where(sessions.c.session_no == session_no, sessions.c.fence == fence)
    if conn.scalar(own.where(sessions.c.purged_ms.is_(None))) is None:
        return
    table = tables.checkpoints
    conn.execute(delete(table).where(table.c.session_no == session_no, table.c.position < position))
    insert_rows(conn, table, [(session_no, position, now, build, body)], "replace")


def newest(conn: Connection, session_no: int) -> bytes | None:
    """Return the newest state that the committed position covers; None when there is none."""
    table, sessions = tables.checkpoints, tables.sessions
    query = (
        select(table.c.body)
        .join_from(table, sessions, sessions.c.session_no == table.c.session_no)
        .where(table.c.session_no == session_no, table.c.position <= sessions.c.position)
        .order_by(table.c.position.desc())
        .limit(1)
    )
    body = conn.scalar(query)
    return None if body is None else bytes(body)
