"""A trial: something as large as a commit of a busy turn is kept and removed again, to learn whether a commit fits.

A full disk still takes small writes and answers every read.
"""

import os
from typing import Final

from sqlalchemy import Connection, delete

from app.store import tables
from app.store.dialects import upsert

SIZE: Final = 1024 * 1024
"""Bytes: what a turn of some thousand events writes."""
NAME: Final = "trial"
"""No hash: so nothing else has it. A process that dies between the two leaves it to the next trial."""


def keep(conn: Connection) -> None:
    """Write it: bytes that no database can make smaller, and not what was there before."""
    row = {"hash": NAME, "kind": NAME, "kept_ms": 0, "body": os.urandom(SIZE)}
    insert = upsert(conn, tables.contents).values(row)
    conn.execute(insert.on_conflict_do_update(index_elements=["hash"], set_={"body": row["body"]}))


def remove(conn: Connection) -> None:
    """Take it away. In a transaction of its own: what one both adds and removes, SQLite never writes."""
    conn.execute(delete(tables.contents).where(tables.contents.c.hash == NAME))
