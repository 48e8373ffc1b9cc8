"""Writes static/types/frames.d.ts from the frozen types of app/domain, so that pages and server cannot drift apart.

Run `python -m scripts.frame_types` after a change of the domain; `--check` exits 1 when the file is out of date.
Fields that the server leaves out when they have their default are optional here.
"""

import enum
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from app.domain import alerts, board, commands, deliveries, effects, frames, people, plan, prompts, readings, rundown

TARGET = Path(__file__).parent.parent / "static" / "types" / "frames.d.ts"
HEAD = "// Generated from app/domain by scripts/frame_types.py; do not edit.\n"
SCALARS = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}

STRUCTS: tuple[type[msgspec.Struct], ...] = (
    people.Actor,
    alerts.Mark,
    alerts.Evidence,
    alerts.Alert,
    alerts.RuleView,
    readings.Reading,
    readings.MinuteRow,
    rundown.Segment,
    rundown.Rundown,
    prompts.PromptReceipt,
    prompts.Prompt,
    deliveries.Standing,
    deliveries.Delivery,
    plan.QuickPrompt,
    board.SessionHead,
    board.RoomHead,
    board.SkuRow,
    board.LineRow,
    board.LimitRow,
    board.Message,
    board.SourceRow,
    board.GapRow,
    board.GuideLine,
    board.DeviceRow,
    board.HealthRow,
    commands.Outcome,
    effects.SessionChange,
    frames.RoomCard,
    frames.Changed,
    frames.Hello,
    frames.Snapshot,
    frames.Delta,
    frames.Beat,
    frames.Ask,
)
TOPICS: dict[str, type[msgspec.Struct]] = {
    "session": board.SessionHead,
    "rooms": board.RoomHead,
    "readings": readings.Reading,
    "skus": board.SkuRow,
    "lines": board.LineRow,
    "alerts": alerts.Alert,
    "rules": alerts.RuleView,
    "limits": board.LimitRow,
    "prompts": prompts.Prompt,
    "rundown": rundown.Rundown,
    "messages": board.Message,
    "sources": board.SourceRow,
    "quick": plan.QuickPrompt,
    "gaps": board.GapRow,
    "guide": board.GuideLine,
    "deliveries": deliveries.Delivery,
    "channels": deliveries.Standing,
    "devices": board.DeviceRow,
    "health": board.HealthRow,
}


def spelt(hint: Any) -> str:
    """Return a Python annotation in TypeScript."""
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " | ".join(f"'{member.value}'" for member in hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f"'{arg}'" for arg in args)
    if origin in (UnionType, Union):
        return " | ".join(spelt(arg) for arg in args)
    if origin is dict:
        return f"{{ [key: string]: {spelt(args[1])} }}"
    if origin in (list, tuple, frozenset):
        inner = spelt(args[0])
        return f"readonly ({inner})[]" if " | " in inner else f"readonly {inner}[]"
    raise TypeError(f"no TypeScript for {hint!r}")


def interface(struct: type[msgspec.Struct]) -> str:
    """Return one interface: the tag first, then the fields in their order."""
    config = struct.__struct_config__
    hints = get_type_hints(struct)
    lines = [f"  {config.tag_field}: '{config.tag}'"] if config.tag is not None else []
    for field in msgspec.structs.fields(struct):
        left_out = config.omit_defaults and not field.required
        lines.append(f"  {field.encode_name}{'?' if left_out else ''}: {spelt(hints[field.name])}")
    return "\n".join([f"export interface {struct.__name__} {{", *lines, "}"])


def rendered() -> str:
    """Return the whole file."""
    topics = "\n".join(f"  {name}: {struct.__name__}" for name, struct in TOPICS.items())
    return "\n\n".join(
        [
            HEAD.rstrip(),
            "export type Words = { [language: string]: string }",
            *(interface(struct) for struct in STRUCTS),
            f"export interface TopicValues {{\n{topics}\n}}",
            "export type Frame = Hello | Snapshot | Delta | Beat\n",
        ]
    )


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it."""
    if "--check" in arguments:
        return 0 if TARGET.read_text() == rendered() else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(rendered())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
