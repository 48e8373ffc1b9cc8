"""One viewer's words: found and taken out of the messages, the log and what was set aside, session by session."""

from time import perf_counter
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, exists, or_, select, update

from app.domain.events import CommentEvent, Event
from app.domain.records import CODEC, SCHEMA, Events, decode_body, decode_entry, encode_body
from app.store import tables
from app.store.counters import next_fence
from app.store.purge_session import StillRuns
from app.store.sessions import lock
from app.store.slices import SLICE_S, Slice, count_rows, overwritten, remove


def sessions_of_user(conn: Connection, user: str) -> list[tuple[int, str, str]]:
    """Return (number, id, state) of each session in which a viewer wrote, be it set aside alone."""
    table, sessions = tables.messages, tables.sessions
    wrote = exists().where(table.c.session_no == sessions.c.session_no, table.c.user_id == user)
    aside = exists().where(tables.quarantine.c.session_no == sessions.c.session_no)
    query = select(sessions.c.session_no, sessions.c.id, sessions.c.state, wrote.label("wrote"))
    found = conn.execute(query.where(or_(wrote, aside)).order_by(sessions.c.session_no)).all()
    return [
        (row.session_no, row.id, row.state) for row in found if row.wrote or _set_aside_of(conn, row.session_no, user)
    ]


def take_from_owner(conn: Connection, session_no: int) -> None:
    """Put a new fence on an ended session, and forget its checkpoints, which may repeat words. Raises StillRuns."""
    lock(conn, session_no)
    table = tables.sessions
    ended = update(table).where(table.c.session_no == session_no, table.c.state == "ended")
    if conn.execute(ended.values(fence=next_fence(conn)).returning(table.c.session_no)).first() is None:
        raise StillRuns("the session has not ended", session_no=session_no)
    with overwritten(conn):
        conn.execute(delete(tables.checkpoints).where(tables.checkpoints.c.session_no == session_no))


def count_of_user(conn: Connection, user: str) -> dict[str, int]:
    """Return how many rows of a viewer would go, by table."""
    aside = conn.scalars(select(tables.quarantine.c.session_no).distinct()).all()
    return {
        "messages": count_rows(conn, tables.messages, tables.messages.c.user_id == user),
        "quarantine": sum(len(_set_aside_of(conn, session_no, user)) for session_no in aside),
    }


def remove_messages(conn: Connection, session_no: int, user: str) -> Slice:
    table = tables.messages
    return remove(conn, table, and_(table.c.session_no == session_no, table.c.user_id == user), table.c.position)


def silence_chunks(conn: Connection, session_no: int, user: str, after: int) -> tuple[Slice, int]:
    """Empty what a viewer wrote in a slice of the session's chunks; the position to go on from beside it."""
    with overwritten(conn):
        return _silenced_chunks(conn, session_no, user, after)


def _silenced_chunks(conn: Connection, session_no: int, user: str, after: int) -> tuple[Slice, int]:
    began, rows, table = perf_counter(), 0, tables.chunks
    while True:
        query = select(table.c.first, table.c.codec, table.c.schema, table.c.body).order_by(table.c.first).limit(1)
        row = conn.execute(query.where(table.c.session_no == session_no, table.c.first > after)).first()
        if row is None:
            return Slice(rows, False), after
        after = row.first
        if (row.codec, row.schema) == (CODEC, SCHEMA):
            body = decode_body(row.body)
            if isinstance(body, Events) and (changed := _silenced(body, user)) is not None:
                which = and_(table.c.session_no == session_no, table.c.first == row.first)
                conn.execute(update(table).where(which).values(body=encode_body(changed)))
                rows += 1
        if perf_counter() - began > SLICE_S:
            return Slice(rows, True), after


def _silenced(body: Events, user: str) -> Events | None:
    """Return the records without a viewer's words, None when there are none. Positions and counts stay as they were."""
    events: list[Event] = [_without_words(event) if _by(event, user) else event for event in body.events]
    return replace(body, events=events) if any(_by(event, user) for event in body.events) else None


def _by(event: Event, user: str) -> bool:
    return isinstance(event, CommentEvent) and event.payload.user is not None and event.payload.user.id == user


def _without_words(event: Event) -> Event:
    assert isinstance(event, CommentEvent)
    assert event.payload.user is not None
    nameless = replace(event.payload.user, name="")
    return replace(event, payload=replace(event.payload, text="", user=nameless, ext=msgspec.UNSET))


def remove_set_aside(conn: Connection, session_no: int, user: str) -> int:
    """Remove what was set aside in a session and holds words of a viewer, or cannot be looked into any more."""
    gone = _set_aside_of(conn, session_no, user)
    table = tables.quarantine
    with overwritten(conn):
        return sum(conn.execute(delete(table).where(table.c.id == each)).rowcount for each in gone)


def _set_aside_of(conn: Connection, session_no: int, user: str) -> list[int]:
    table = tables.quarantine
    query = select(table.c.id, table.c.codec, table.c.schema, table.c.body).where(table.c.session_no == session_no)
    return [row.id for row in conn.execute(query) if _may_repeat(row, user)]


def _may_repeat(row: Any, user: str) -> bool:
    if (row.codec, row.schema) != (CODEC, SCHEMA):
        return True
    body = decode_entry(row.body).body
    return isinstance(body, Events) and any(_by(event, user) for event in body.events)
