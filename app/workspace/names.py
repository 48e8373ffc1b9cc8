"""The names a workspace file has defined so far: what a later line may refer to."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.domain.workspace import Room, Sku
from app.workspace.document import Mark, Node, Scalar
from app.workspace.fields import Fields


@dataclass(slots=True)
class Names:
    """Ids of each section with the line of their definition. `rules`, `categories` None: not known here, not checked.

    An entry that got a problem of its own is still known, so that one mistake is told once.
    """

    rules: Collection[str] | None = None
    categories: Collection[str] | None = None
    brands: dict[str, int] = field(default_factory=dict)
    room_lines: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    skus: dict[str, Sku] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)


def define(fields: Fields, known: dict[str, int], name: str, mark: Mark) -> None:
    """Note a new name; one that is there already is a problem and keeps its first line."""
    if not name:
        return
    if name in known:
        fields.wrong(mark, "id_duplicate", text=name, first=known[name])
    known.setdefault(name, mark.line)


def referred(fields: Fields, node: Node | None, known: Collection[str], code: str) -> str:
    """Return the name that a node refers to, or empty with a problem when nothing has that name."""
    return fields.one_of(node, known, code) or ""


def text_of(node: Node) -> str:
    """Return a leaf's text, else nothing."""
    return node.text if isinstance(node, Scalar) else ""
