"""Outcomes: what became of a command, by its Idempotency-Key."""

import msgspec
from sqlalchemy import Connection, select

from app.domain.commands import Outcome
from app.store import tables

_outcome = msgspec.json.Decoder(Outcome)


def outcome(conn: Connection, session_no: int, key: str) -> Outcome | None:
    """Return the committed outcome; None while there is none."""
    table = tables.outcomes
    body = conn.scalar(select(table.c.body).where(table.c.session_no == session_no, table.c.key == key))
    return None if body is None else _outcome.decode(body)
