"""Sessions: opened in one transaction, found by room or id, owned under a fence."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, RowMapping, Select, func, select, update

from app.domain.effects import SessionState
from app.domain.identity import Fence, Position
from app.domain.plan import SessionKind, SessionPlan
from app.domain.records import Chunk, Opened
from app.domain.session_clock import LIVE, SessionClock
from app.errors import ControlRoomError, NotFound
from app.instants import Instant
from app.store import tables
from app.store.chunks import chunk_row
from app.store.contents import keep
from app.store.counters import next_fence, next_number
from app.store.dialects import upsert
from app.store.statements import insert_rows

LOCK_MS: Final = 1_000
"""So long the row of a session is waited for; the other sessions of a worker wait meanwhile."""

UNFINISHED: Final = "unfinished"
"""Among what was removed of a session: the purge that was begun is not at its end."""


class RoomTaken(ControlRoomError):
    """The room has a planned or live session already; `session` in the context is that one."""

    kind, code = "conflict", "room_taken"


class SessionRow(Struct, frozen=True, kw_only=True):
    """A session as its row has it: what it is run by, how far it is, and who owns it.

    `plan`, `rules`, `lexicon` are hashes. `now_ms`, `position` are those of the last commit, in session time.
    """

    session_no: int
    id: str
    kind: SessionKind
    state: SessionState
    brand: str
    title: str
    rooms: tuple[str, ...]
    plan: str
    rules: str
    lexicon: str
    opened_ms: int
    started_ms: int | None
    ended_ms: int | None
    position: int
    now_ms: int
    fence: Fence
    clock: SessionClock
    planned_length_ms: int | None
    build: str
    summary: dict[str, float] = field(default_factory=dict)
    purged_ms: int | None = None
    removed: dict[str, int] | None = None


class Purged(NotFound):
    """The session's log and texts were removed by retention; it can be read but not be rebuilt."""

    code = "session_purged"


class Opening(Struct, frozen=True, kw_only=True):
    """What a session is opened with. `rules`, `lexicon`: the whole texts; they are stored once, by their hashes.

    `opened_ms` is session time: `clock.at(wall_ms)`. A session that is not `live` is planned.
    """

    id: str
    plan: SessionPlan
    rules: bytes
    lexicon: bytes
    build: str
    wall_ms: Instant
    live: bool = True
    clock: SessionClock = LIVE


def open_session(conn: Connection, opening: Opening) -> tuple[SessionRow, bool]:
    """Make the session with its number, fence, rooms, contents and position 1; True beside it when it is new.

    The same id again returns the session that is there. Raises RoomTaken when one of the rooms of a session of kind
    live has an open one, and then has made nothing.
    """
    if (found := _one(conn, _select().where(tables.sessions.c.id == opening.id))) is not None:
        return found, False
    row = _make(conn, opening)
    _take_rooms(conn, row)
    body = Opened(row.id, row.session_no, row.plan, row.rules, row.lexicon, row.build, opening.live)
    now = Instant(row.now_ms)
    chunk = Chunk(Position(1), Position(1), now, now, body, row.fence)
    insert_rows(conn, tables.chunks, [chunk_row(row.session_no, chunk, row.build)])
    return row, True


def _make(conn: Connection, opening: Opening) -> SessionRow:
    plan, wall = opening.plan, opening.wall_ms
    now = opening.clock.at(wall)
    row = SessionRow(
        session_no=next_number(conn, "session_no"),
        id=opening.id,
        kind=plan.kind,
        state="live" if opening.live else "planned",
        brand=plan.brand,
        title=plan.title,
        rooms=tuple(room.id for room in plan.rooms),
        plan=keep(conn, "plan", plan.body(), wall),
        rules=keep(conn, "rules", opening.rules, wall),
        lexicon=keep(conn, "lexicon", opening.lexicon, wall),
        opened_ms=now,
        started_ms=now if opening.live else None,
        ended_ms=None,
        position=1,
        now_ms=now,
        fence=next_fence(conn),
        clock=opening.clock,
        planned_length_ms=plan.planned_length_ms,
        build=opening.build,
    )
    conn.execute(tables.sessions.insert().values(_values(row)))
    return row


def _take_rooms(conn: Connection, row: SessionRow) -> None:
    table = tables.session_rooms
    rooms = [
        {"session_no": row.session_no, "room": room, "place": place, "kind": row.kind, "state": row.state}
        for place, room in enumerate(row.rooms)
    ]
    taken = upsert(conn, table).values(rooms).on_conflict_do_nothing().returning(table.c.room)
    if len(conn.execute(taken).all()) < len(rooms):
        for room in row.rooms:
            if (holder := open_session_of(conn, room)) is not None and holder.id != row.id:
                raise RoomTaken("the room has an open session already", room=room, session=holder.id)
        raise RoomTaken("a room is named twice in the plan", session=row.id)


def session(conn: Connection, session_id: str) -> SessionRow:
    """Return the session of that id; raises NotFound."""
    found = _one(conn, _select().where(tables.sessions.c.id == session_id))
    if found is None:
        raise NotFound("no such session", session=session_id)
    return found


def session_numbered(conn: Connection, session_no: int) -> SessionRow:
    """Return the session of that number; raises NotFound."""
    found = _one(conn, _select().where(tables.sessions.c.session_no == session_no))
    if found is None:
        raise NotFound("no such session", session_no=session_no)
    return found


def open_sessions(conn: Connection) -> list[SessionRow]:
    """Return every session that has not ended, oldest first."""
    table = tables.sessions
    return _all(conn, _select().where(table.c.state != "ended").order_by(table.c.session_no))


def sessions_called(conn: Connection, ids: Collection[str]) -> list[SessionRow]:
    """Return the sessions of those ids, oldest first."""
    table = tables.sessions
    return _all(conn, _select().where(table.c.id.in_(ids)).order_by(table.c.session_no)) if ids else []


def open_session_ids(conn: Connection) -> list[str]:
    """Return what every session that has not ended is called, oldest first: asked every two seconds."""
    table = tables.sessions
    query = select(table.c.id).where(table.c.state != "ended").order_by(table.c.session_no)
    return list(conn.scalars(query))


def open_session_of(conn: Connection, room: str, kind: SessionKind = "live") -> SessionRow | None:
    """Return the room's planned or live session of a kind; the newest, where a kind may have several."""
    return _one(conn, _of_room(room).where(tables.sessions.c.kind == kind, tables.sessions.c.state != "ended"))


def last_session_of(conn: Connection, room: str, kinds: Collection[SessionKind] | None = None) -> SessionRow | None:
    """Return the room's newest session, ended or not; of some kinds only, or of any."""
    query = _of_room(room)
    return _one(conn, query if kinds is None else query.where(tables.sessions.c.kind.in_(kinds)))


def sessions_of(
    conn: Connection, rooms: Collection[str], *, before_no: int | None = None, most: int = 50
) -> list[SessionRow]:
    """Return sessions that span any of the rooms, newest first; `before_no` is the last number of the page before."""
    table = tables.sessions
    held = select(tables.session_rooms.c.session_no).where(tables.session_rooms.c.room.in_(rooms))
    query = _select().where(table.c.session_no.in_(held)).order_by(table.c.session_no.desc()).limit(most)
    return _all(conn, query if before_no is None else query.where(table.c.session_no < before_no))


def lock(conn: Connection, session_no: int, within_ms: int = LOCK_MS) -> None:
    """Hold the session's row until this transaction ends, where rows can be held. To be done before the fence is
    counted, for which everybody else would wait as well. Raises RowLocked when another holds it for longer."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.set_config("lock_timeout", f"{within_ms}ms", True)))  # of this transaction only
        table = tables.sessions
        conn.execute(select(table.c.session_no).where(table.c.session_no == session_no).with_for_update())


def own(conn: Connection, session_no: int, fence: Fence) -> SessionRow:
    """Put an owner's fence on a session and return its row. From then on no older owner can commit it.

    A higher fence stays: the row's own is then the one to commit under, when the caller made it, or another owner's.
    """
    table = tables.sessions
    conn.execute(update(table).where(table.c.session_no == session_no, table.c.fence < fence).values(fence=fence))
    return session_numbered(conn, session_no)


def _select() -> Select[Any]:
    return select(tables.sessions)


def _of_room(room: str) -> Select[Any]:
    held = tables.session_rooms
    join = tables.sessions.join(held, held.c.session_no == tables.sessions.c.session_no)
    query = select(tables.sessions).select_from(join).where(held.c.room == room)
    return query.order_by(tables.sessions.c.session_no.desc()).limit(1)


def _one(conn: Connection, query: Select[Any]) -> SessionRow | None:
    found = conn.execute(query).mappings().first()
    return None if found is None else _row(found, _rooms(conn, [found["session_no"]]))


def _all(conn: Connection, query: Select[Any]) -> list[SessionRow]:
    found = conn.execute(query).mappings().all()
    rooms = _rooms(conn, [row["session_no"] for row in found])
    return [_row(row, rooms) for row in found]


def _rooms(conn: Connection, session_nos: Sequence[int]) -> dict[int, tuple[str, ...]]:
    table = tables.session_rooms
    query = select(table.c.session_no, table.c.room).where(table.c.session_no.in_(session_nos)).order_by(table.c.place)
    rooms: dict[int, tuple[str, ...]] = {}
    for session_no, room in conn.execute(query):
        rooms[session_no] = (*rooms.get(session_no, ()), room)
    return rooms


def _row(found: RowMapping, rooms: dict[int, tuple[str, ...]]) -> SessionRow:
    values = dict(found)
    clock = SessionClock(values.pop("clock_wall_ms"), values.pop("clock_session_ms"), values.pop("clock_rate"))
    values["summary"] = msgspec.json.decode(values["summary"], type=dict[str, float])
    if values["removed"] is not None:
        removed = removed_of(values["removed"])
        values["removed"] = None if UNFINISHED in removed else removed
    return SessionRow(**values, clock=clock, rooms=rooms.get(values["session_no"], ()))


def removed_of(body: str) -> dict[str, int]:
    """Return table -> rows removed of a session, with UNFINISHED among them while there may be more."""
    return msgspec.json.decode(body, type=dict[str, int])


def _values(row: SessionRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__struct_fields__ if name not in ("rooms", "clock")}
    values["summary"] = msgspec.json.encode(row.summary).decode()
    clock = row.clock
    return values | {
        "clock_wall_ms": clock.wall_ms,
        "clock_session_ms": clock.session_ms,
        "clock_rate": clock.rate,
    }
