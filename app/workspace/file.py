"""The workspace file: YAML in, a checked Workspace out, or every problem with its line and column.

Lengths of time are written 30s, 2m or 1:30; money in the currency's main unit (128.00 is 12800 分), read from its
digits and never through a float; shares 5% or 0.05. The format is described in docs/workspace.md.
"""

from collections.abc import Collection
from typing import Final

from app.domain.words import LANGUAGES, Language
from app.domain.workspace import Workspace
from app.workspace.document import Node, compose
from app.workspace.fields import Fields
from app.workspace.goods import read_skus, read_targets
from app.workspace.groups import read_channels, read_mutes, read_people, read_routes
from app.workspace.names import Names
from app.workspace.places import read_brands, read_rooms
from app.workspace.problems import Problem, Problems, WorkspaceError
from app.workspace.show import read_corrections, read_quick, read_rundowns

__all__ = ["Problem", "WorkspaceError", "read_workspace"]

MAX_BYTES: Final = 512 * 1024
MAX_NODES: Final = 100_000
"""Enough for some 4,000 SKUs; a rule file is held to less."""
_SECTIONS: Final = (
    "version",
    "workspace",
    "brands",
    "rooms",
    "skus",
    "targets",
    "rundowns",
    "quick",
    "corrections",
    "channels",
    "routes",
    "mutes",
    "people",
)


def read_workspace(
    text: str | bytes,
    name: str,
    *,
    rules: Collection[str] | None = None,
    categories: Collection[str] | None = None,
) -> Workspace:
    """Return the workspace that a file describes; `name` is how its problems call the file.

    With `rules` (ids) and `categories` (of the lexicon) what the file says of them is checked too.
    Raises WorkspaceError with everything that is wrong, in the order of the file.
    """
    problems = Problems(name)
    root, refusals = compose(text, MAX_BYTES, MAX_NODES)
    for refusal in refusals:
        problems.add(refusal.mark, refusal.code, **refusal.context)
    if root is None:
        problems.refuse_if_any()
        raise AssertionError("a text without a tree has a refusal")
    workspace = _read(root, problems, Names(rules, categories))
    problems.refuse_if_any()
    return workspace


def _read(root: Node, problems: Problems, names: Names) -> Workspace:
    top = Fields(root, problems, _SECTIONS)
    if top.text("version") not in ("1", ""):
        top.wrong(top.place("version"), "version")
    head = Fields(top.need("workspace") or root, problems, ("id", "name", "language")) if "workspace" in top else None
    if head is None:
        top.need("workspace")
    return Workspace(
        id=head.id("id") if head else "",
        name=head.text("name", limit=60) if head else "",
        language=_language(head) if head else "zh-CN",
        brands=read_brands(top, problems, names),
        rooms=read_rooms(top, problems, names),
        skus=read_skus(top, problems, names),
        targets=read_targets(top, problems, names),
        rundowns=read_rundowns(top, problems, names),
        quick=read_quick(top, problems),
        corrections=read_corrections(top, names),
        channels=read_channels(top, problems, names),
        routes=read_routes(top, problems, names),
        mutes=read_mutes(top, problems, names),
        people=read_people(top, problems, names),
    )


def _language(head: Fields) -> Language:
    chosen = head.choice("language", LANGUAGES, "zh-CN")
    return next((language for language in LANGUAGES if language == chosen), "zh-CN")
