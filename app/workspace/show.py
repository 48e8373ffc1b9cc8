"""Sections `rundowns`, `quick` and `corrections` of the workspace file: what is shown and said in which order."""

from typing import Final, get_args

from app.domain.commands import PROMPT_CHARS, PromptLevel
from app.domain.plan import QuickPrompt, SegmentPlan
from app.domain.words import Words
from app.domain.workspace import RundownPlan
from app.instants import HOUR, SECOND
from app.workspace.document import Node
from app.workspace.fields import Fields
from app.workspace.goods import EVERY_ROOM, sku_of
from app.workspace.names import Names, define, referred
from app.workspace.problems import Problems

SEGMENT_KINDS: Final = ("opening", "talk", "product", "draw", "flash", "break", "closing")


def read_rundowns(top: Fields, problems: Problems, names: Names) -> tuple[RundownPlan, ...]:
    """Return the rundowns, at most one a room; segments follow each other from the planned start."""
    lines: dict[str, int] = {}
    led = {mirror: room.id for room in names.rooms.values() for mirror in room.session_rooms}
    rundowns: list[RundownPlan] = []
    for node in top.items("rundowns", 200):
        fields = Fields(node, problems, ("room", "start", "segments"))
        room = referred(fields, fields.need("room"), names.rooms, "unknown_room")
        define(fields, lines, room, fields.place("room"))
        if room in led:
            fields.wrong(fields.place("room"), "rundown_mirror", text=room, first=led[room])
        rundowns.append(RundownPlan(room, _segments(fields, problems, names, room), fields.clock("start")))
    return tuple(rundowns)


def _segments(rundown: Fields, problems: Problems, names: Names, room: str) -> tuple[SegmentPlan, ...]:
    lines: dict[str, int] = {}
    segments: list[SegmentPlan] = []
    starts = 0
    for node in rundown.items("segments", 200, least=1):
        fields = Fields(node, problems, ("id", "title", "kind", "sku", "length", "talking_points"))
        if "length" not in fields:
            fields.wrong(fields.mark, "key_missing", key="length")
        segment = SegmentPlan(
            id=fields.id("id"),
            title=fields.words("title", limit=40),
            kind=fields.choice("kind", SEGMENT_KINDS, "talk"),
            sku=sku_of(fields, names, room),
            starts_ms=starts,
            length_ms=fields.span("length", least=SECOND, most=12 * HOUR) or 0,
            talking_points=fields.words("talking_points", limit=200, default=True),
        )
        define(fields, lines, segment.id, fields.place("id"))
        starts += segment.length_ms
        segments.append(segment)
    return tuple(segments)


def read_quick(top: Fields, problems: Problems) -> tuple[QuickPrompt, ...]:
    """Return the quick prompts in the order of their keys, 1 to 9."""
    lines: dict[str, int] = {}
    return tuple(_quick(node, problems, lines) for node in top.items("quick", 9))


def _quick(node: Node, problems: Problems, lines: dict[str, int]) -> QuickPrompt:
    fields = Fields(node, problems, ("id", "label", "text", "level"))
    name = fields.id("id")
    define(fields, lines, name, fields.place("id"))
    chosen = fields.choice("level", get_args(PromptLevel), "normal")
    level: PromptLevel = next((level for level in get_args(PromptLevel) if level == chosen), "normal")
    return QuickPrompt(name, fields.words("label", limit=24), fields.words("text", limit=PROMPT_CHARS), level)


def read_corrections(top: Fields, names: Names) -> dict[str, Words]:
    """Return lexicon category -> the line the host reads; `*` is the general one."""
    corrections: dict[str, Words] = {}
    for key, node in top.entries("corrections", 100):
        category = key.text
        if names.categories is not None and category != EVERY_ROOM:
            category = referred(top, key, names.categories, "unknown_category")
        words = top.words_of(node, limit=PROMPT_CHARS)
        if category and words:
            corrections[category] = words
    return corrections
