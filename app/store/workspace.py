"""The workspace as last set up: replaced whole or not at all, with what that changed and who did it."""

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Table, delete, select

from app.domain.identity import derived_id
from app.domain.people import SYSTEM
from app.domain.workspace import Channel, Person, Room, Workspace
from app.errors import ControlRoomError, NotFound
from app.instants import Instant
from app.store import tables
from app.store.audit import note
from app.store.dialects import upsert
from app.store.people import PersonRow, add_person, change_person, disable_person, person_named
from app.store.sessions import open_session_of
from app.store.statements import insert_rows
from app.workspace.changes import Change, diff

_workspace = msgspec.json.Decoder(Workspace)
_room = msgspec.json.Decoder(Room)
_channel = msgspec.json.Decoder(Channel)
_changes = msgspec.json.Decoder(list[Change])


class BelongsToAnother(ControlRoomError):
    """A brand, room or channel of the file is there already, in another workspace."""

    kind, code = "conflict", "belongs_to_another_workspace"


class RoomInUse(ControlRoomError):
    """A room that the file leaves out has an open session."""

    kind, code = "conflict", "room_in_use"


class Version(Struct, frozen=True):
    """One accepted file. `source`: its text; `changes`: what it changed."""

    version: int
    at_ms: int
    by: str
    source: str
    changes: list[Change]


def replace_workspace(conn: Connection, new: Workspace, *, source: str, by: str, at: Instant) -> list[Change]:
    """Put `new` in the place of the workspace of the same id and return what changed; nothing: nothing is written.

    Of people the file counts where it is new: one it did not name before is made or let in, one whose entry changed is
    given its role and brand, one it no longer names is shut out; what was done to the others since stays. Open sessions
    go on with the plan they were opened with. Raises BelongsToAnother, RoomInUse.
    """
    old = find_workspace(conn, new.id)
    changes = diff(old, new)
    if not changes:
        return []
    _refuse_used_rooms(conn, old, new)
    _forget(conn, new.id)
    version = _latest(conn, new.id) + 1
    body = _json(new)
    insert_rows(conn, tables.workspaces, [(new.id, new.name, version, body)], "replace")
    _write(conn, new)
    _write_people(conn, old, new, at)
    told = msgspec.json.encode(changes).decode()
    insert_rows(conn, tables.workspace_versions, [(new.id, version, at, by, source, told)])
    return changes


def find_workspace(conn: Connection, workspace_id: str) -> Workspace | None:
    """Return the workspace of that id."""
    body = conn.scalar(select(tables.workspaces.c.body).where(tables.workspaces.c.id == workspace_id))
    return None if body is None else _workspace.decode(body)


def workspaces(conn: Connection) -> list[Workspace]:
    """Return all workspaces by id; most installations have one."""
    bodies = conn.scalars(select(tables.workspaces.c.body).order_by(tables.workspaces.c.id))
    return [_workspace.decode(body) for body in bodies]


def room(conn: Connection, room_id: str) -> Room:
    """Raises NotFound."""
    body = conn.scalar(select(tables.rooms.c.body).where(tables.rooms.c.id == room_id))
    if body is None:
        raise NotFound("no such room", room=room_id)
    return _room.decode(body)


def all_rooms(conn: Connection, *, brand: str = "") -> list[Room]:
    """Return the rooms in the order of their files; of one brand only, if given."""
    query = select(tables.rooms.c.body).order_by(tables.rooms.c.brand, tables.rooms.c.place)
    if brand:
        query = query.where(tables.rooms.c.brand == brand)
    return [_room.decode(body) for body in conn.scalars(query)]


def require_brand(conn: Connection, brand: str) -> None:
    """Raise NotFound unless there is such a brand; empty is the agency itself."""
    if brand and conn.execute(select(tables.brands.c.id).where(tables.brands.c.id == brand)).first() is None:
        raise NotFound("no such brand", brand=brand)


def channel(conn: Connection, name: str) -> Channel:
    """Raises NotFound."""
    body = conn.scalar(select(tables.channels.c.body).where(tables.channels.c.name == name))
    if body is None:
        raise NotFound("no such channel", channel=name)
    return _channel.decode(body)


def all_channels(conn: Connection) -> list[Channel]:
    """Return every chat group by name."""
    bodies = conn.scalars(select(tables.channels.c.body).order_by(tables.channels.c.name))
    return [_channel.decode(body) for body in bodies]


def versions(conn: Connection, workspace_id: str, *, most: int = 50) -> list[Version]:
    """Return the accepted files, newest first."""
    table = tables.workspace_versions
    query = select(table).where(table.c.workspace == workspace_id).order_by(table.c.version.desc()).limit(most)
    return [
        Version(row.version, row.at_ms, row.by, row.source, _changes.decode(row.changes)) for row in conn.execute(query)
    ]


def _latest(conn: Connection, workspace_id: str) -> int:
    latest = versions(conn, workspace_id, most=1)
    return latest[0].version if latest else 0


def _refuse_used_rooms(conn: Connection, old: Workspace | None, new: Workspace) -> None:
    kept = {room.id for room in new.rooms}
    for gone in old.rooms if old is not None else ():
        if gone.id not in kept and (used := open_session_of(conn, gone.id)) is not None:
            raise RoomInUse("the room has an open session; end it first", room=gone.id, session=used.id)


def _forget(conn: Connection, workspace_id: str) -> None:
    """Remove the rows made from the workspace's file, children before what they hang on."""
    brands = select(tables.brands.c.id).where(tables.brands.c.workspace == workspace_id)
    rooms = select(tables.rooms.c.id).where(tables.rooms.c.brand.in_(brands))
    conn.execute(delete(tables.rundowns).where(tables.rundowns.c.room.in_(rooms)))
    conn.execute(delete(tables.skus).where(tables.skus.c.brand.in_(brands)))
    conn.execute(delete(tables.rooms).where(tables.rooms.c.brand.in_(brands)))
    conn.execute(delete(tables.channels).where(tables.channels.c.workspace == workspace_id))
    conn.execute(delete(tables.brands).where(tables.brands.c.workspace == workspace_id))


def _write(conn: Connection, new: Workspace) -> None:
    """Write the rows by which things are looked up. What is still there under its id is another workspace's."""
    for brand in new.brands:
        _insert(conn, tables.brands, "brand", brand.id, {"id": brand.id, "workspace": new.id, "name": brand.name})
    for place, one in enumerate(new.rooms):
        values = {"id": one.id, "brand": one.brand, "place": place, "body": _json(one)}
        _insert(conn, tables.rooms, "room", one.id, values)
    insert_rows(conn, tables.skus, [(sku.brand, sku.sku, place, _json(sku)) for place, sku in enumerate(new.skus)])
    for group in new.channels:
        values = {"name": group.name, "workspace": new.id, "body": _json(group)}
        _insert(conn, tables.channels, "channel", group.name, values)
    insert_rows(conn, tables.rundowns, [(rundown.room, _json(rundown)) for rundown in new.rundowns])


def _insert(conn: Connection, table: Table, what: str, name: str, values: dict[str, object]) -> None:
    statement = upsert(conn, table).values(values).on_conflict_do_nothing().returning(*table.primary_key)
    if conn.execute(statement).first() is None:
        raise BelongsToAnother(f"the {what} belongs to another workspace", what=what, id=name)


def _write_people(conn: Connection, old: Workspace | None, new: Workspace, at: Instant) -> None:
    before = {one.name: one for one in old.people} if old is not None else {}
    for listed in new.people:
        if listed != before.get(listed.name):
            _write_person(conn, listed, at, named_anew=listed.name not in before)
    for name in before.keys() - {one.name for one in new.people}:
        if (held := person_named(conn, name)) is not None and held.disabled_ms is None:
            disable_person(conn, held.id, at)
            note(conn, at, SYSTEM, "disable_person", held.id)


def _write_person(conn: Connection, listed: Person, at: Instant, *, named_anew: bool) -> None:
    held = person_named(conn, listed.name)
    if held is None:
        made = PersonRow(
            id=derived_id("person", listed.name, at),
            name=listed.name,
            password=None,
            role=listed.role,
            brand=listed.brand,
            created_ms=at,
        )
        add_person(conn, made)
        return
    if (held.role, held.brand) != (listed.role, listed.brand):
        change_person(conn, held.id, role=listed.role, brand=listed.brand)
    if named_anew and held.disabled_ms is not None:
        disable_person(conn, held.id, None)
        note(conn, at, SYSTEM, "enable_person", held.id)


def _json(value: Struct) -> str:
    return msgspec.json.encode(value).decode()
