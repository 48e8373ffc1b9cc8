"""Comments and transcript segments, as listed and as searched."""

from typing import Literal

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, select

from app.domain.alerts import Mark
from app.domain.effects import MessageRow
from app.store import tables
from app.store.statements import Row

_marks = msgspec.json.Decoder(tuple[Mark, ...])


def message_row(session_no: int, row: MessageRow) -> Row:
    """Return the row of a message, in the table's order, which is also that of its fields."""
    *told, marks = astuple(row)
    return (session_no, *told, msgspec.json.encode(marks).decode() if marks else "")


def messages(
    conn: Connection, session_no: int, *, before: int | None = None, most: int = 100,
    kind: Literal["comment", "speech"] | None = None, containing: str = "", marked: bool = False,
) -> list[MessageRow]:  # fmt: skip
    """Return messages, newest first; `before`: the last position of the page before. `containing` is taken as it is."""
    table = tables.messages
    query = select(table).where(table.c.session_no == session_no).order_by(table.c.position.desc()).limit(most)
    if before is not None:
        query = query.where(table.c.position < before)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if containing:
        query = query.where(table.c.text.contains(containing, autoescape=True))
    if marked:
        query = query.where(table.c.marks != "")
    return [
        MessageRow(
            position=row.position,
            room=row.room,
            kind=row.kind,
            at_ms=row.at_ms,
            who=row.who,
            text=row.text,
            user=row.user_id,
            tier=row.tier,
            marks=_marks.decode(row.marks) if row.marks else (),
        )
        for row in conn.execute(query)
    ]
