"""Stored chunks: a session's log as it was applied, and the truth a session is rebuilt from."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, select

from app.domain.identity import Fence, Position
from app.domain.records import CODEC, SCHEMA, Chunk, CommandIssued, Events, Opened, decode_body, encode_body
from app.errors import ControlRoomError
from app.instants import Instant
from app.store import tables
from app.store.statements import Row

HEARD: Final = tuple(str(body.__struct_config__.tag) for body in (Opened, Events, CommandIssued))
"""Kinds of chunks that somebody outside made: a source, or a person."""


class LastHeard(Struct, frozen=True):
    """Where in its log, and when by its own time, a session last had something from outside."""

    position: int
    applied_ms: int


class UnknownCodec(ControlRoomError):
    """A stored body was written by a program that this one does not understand; it was probably a newer one."""

    kind, code = "broken", "unknown_codec"


def chunk_row(session_no: int, chunk: Chunk, build: str) -> Row:
    """Return the row of a chunk, in the table's order."""
    body = chunk.body
    return (
        session_no,
        chunk.first,
        chunk.last,
        body.__struct_config__.tag,
        len(body.events) if isinstance(body, Events) else 0,
        chunk.applied_ms,
        chunk.received_ms,
        chunk.fence,
        CODEC,
        SCHEMA,
        build,
        encode_body(body),
    )


def chunks_after(conn: Connection, session_no: int, position: int = 0, *, most: int | None = None) -> Iterator[Chunk]:
    """Yield the chunks after a position, oldest first, decoded one by one; raises UnknownCodec."""
    table = tables.chunks
    query = select(
        table.c.first,
        table.c.last,
        table.c.applied_ms,
        table.c.received_ms,
        table.c.fence,
        table.c.codec,
        table.c.schema,
        table.c.body,
    )
    query = query.where(table.c.session_no == session_no, table.c.first > position).order_by(table.c.first)
    for first, last, applied, received, fence, codec, schema, body in conn.execute(query.limit(most)):
        if codec != CODEC or schema != SCHEMA:
            raise UnknownCodec("a stored chunk is of another format", codec=codec, schema=schema, first=first)
        yield Chunk(
            Position(first), Position(last), Instant(applied), Instant(received), decode_body(body), Fence(fence)
        )


def last_heard(conn: Connection, session_no: int) -> LastHeard:
    """Return when a session last had something from outside: at its opening at the least."""
    table = tables.chunks
    query = select(table.c.last, table.c.applied_ms).where(table.c.session_no == session_no, table.c.kind.in_(HEARD))
    return LastHeard(*conn.execute(query.order_by(table.c.first.desc()).limit(1)).one())
