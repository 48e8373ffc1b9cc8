"""Sections `brands` and `rooms` of the workspace file: who sells, and where."""

from typing import Final
from zoneinfo import ZoneInfo

from app.domain.events import KINDS
from app.domain.plan import StreamLine
from app.domain.workspace import Brand, Room
from app.instants import HOUR, SECOND
from app.workspace.document import Node
from app.workspace.fields import Fields
from app.workspace.keyed import shown
from app.workspace.names import Names, define, referred, text_of
from app.workspace.problems import Problems

MOST_ROOMS: Final = 200
_ROOM_KEYS: Final = ("id", "brand", "name", "platform", "zone", "every", "lines", "opens_itself", "session_rooms")


def read_brands(top: Fields, problems: Problems, names: Names) -> tuple[Brand, ...]:
    """Return the brands; every other section refers to one."""
    return tuple(_brand(node, problems, names) for node in top.items("brands", 50, least=1))


def _brand(node: Node, problems: Problems, names: Names) -> Brand:
    fields = Fields(node, problems, ("id", "name"))
    brand = Brand(fields.id("id"), fields.text("name"))
    define(fields, names.brands, brand.id, fields.place("id"))
    return brand


def read_rooms(top: Fields, problems: Problems, names: Names) -> tuple[Room, ...]:
    """Return the rooms; which are broadcast together is checked when all of them are known."""
    together: list[tuple[Room, tuple[Node, ...]]] = []
    for node in top.items("rooms", MOST_ROOMS, least=1):
        fields = Fields(node, problems, _ROOM_KEYS)
        together.append((_room(fields, problems, names), fields.items("session_rooms", 20)))
    _check_together(together, names, problems)
    return tuple(room for room, _ in together)


def _room(fields: Fields, problems: Problems, names: Names) -> Room:
    room = Room(
        id=fields.id("id"),
        brand=referred(fields, fields.need("brand"), names.brands, "unknown_brand"),
        name=fields.text("name", limit=40),
        platform=fields.text("platform", limit=32),
        zone=_zone(fields),
        every_ms=_every(fields),
        lines=_lines(fields, problems),
        opens_itself=fields.truth("opens_itself", default=True),
        session_rooms=tuple(text_of(item) for item in fields.items("session_rooms", 20)),
    )
    define(fields, names.room_lines, room.id, fields.place("id"))
    names.rooms.setdefault(room.id, room)
    return room


def _zone(fields: Fields) -> str:
    zone = fields.text("zone", default="Asia/Shanghai")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # a name that is no path, a folder of the database, and the like
        fields.wrong(fields.place("zone"), "zone", text=shown(zone))
        return "Asia/Shanghai"
    return zone


def _every(fields: Fields) -> dict[str, int]:
    every: dict[str, int] = {}
    for key, node in fields.entries("every", len(KINDS)):
        kind = referred(fields, key, KINDS, "unknown_kind")
        span = fields.span_of(node, least=SECOND, most=HOUR)
        if kind and span:
            every[kind] = span
    return every


def _lines(fields: Fields, problems: Problems) -> tuple[StreamLine, ...]:
    lines: list[StreamLine] = []
    known: dict[str, int] = {}
    for node in fields.items("lines", 10):
        line = Fields(node, problems, ("name", "target_kbps", "title"))
        name = line.id("name")
        define(line, known, name, line.place("name"))
        target = line.number("target_kbps", least=1, most=1_000_000)
        lines.append(StreamLine(name, target or 1.0, line.words("title", limit=40, default=True)))
    return tuple(lines)


def _check_together(rooms: list[tuple[Room, tuple[Node, ...]]], names: Names, problems: Problems) -> None:
    leader: dict[str, str] = {}
    for room, nodes in rooms:
        for node in nodes:
            other = names.rooms.get(text_of(node))
            if other is None:
                problems.add(node.mark, "unknown_room", text=text_of(node)[:60])
            elif other.id == room.id:
                problems.add(node.mark, "room_itself")
            elif other.brand != room.brand:
                problems.add(node.mark, "other_brand", text=other.id, brand=other.brand, wanted=room.brand)
            elif other.session_rooms:
                problems.add(node.mark, "room_chain", text=other.id)
            elif other.id in leader:
                problems.add(node.mark, "room_taken", text=other.id, first=leader[other.id])
            else:
                leader[other.id] = room.id
