"""Prompts as they stand, with each tablet's receipts."""

import msgspec
from sqlalchemy import Connection, select

from app.domain.prompts import Prompt
from app.store import tables

_prompt = msgspec.json.Decoder(Prompt)


def of_session(
    conn: Connection, session_no: int, *, most: int | None = None, before: int | None = None
) -> list[Prompt]:
    """Return a session's prompts, oldest first; only the newest `most`, if given, of those numbered below `before`."""
    table = tables.prompts
    query = select(table.c.body).where(table.c.session_no == session_no).order_by(table.c.n.desc()).limit(most)
    if before is not None:
        query = query.where(table.c.n < before)
    return [_prompt.decode(body) for body in conn.scalars(query)][::-1]
