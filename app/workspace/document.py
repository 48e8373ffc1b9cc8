"""A YAML file as a tree in which every node knows its line and column, within bounds no file can talk its way out of.

Built from the parser's events without recursion: aliases, tags and deep nesting are refused where they stand, so there
is nothing to expand. Plain scalars are typed here (null, truth, number, text) and in no other way.
"""

import math
import re
from typing import Any, Final, NamedTuple

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_BYTES: Final = 128 * 1024
MAX_DEPTH: Final = 20
MAX_NODES: Final = 20_000

Plain = None | bool | float | str
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_TRUTHS: Final = {"true": True, "True": True, "false": False, "False": False}


class Mark(NamedTuple):
    """A place in a file, counted from 1, in characters."""

    line: int
    column: int


class Scalar(Struct, frozen=True):
    """A leaf. `quoted`: the quote character or block indicator, empty for a plain scalar. `verbatim`: it stands on one
    line of the file as it reads, without escapes."""

    mark: Mark
    value: Plain
    text: str
    quoted: str
    verbatim: bool

    def place(self, line: int, column: int) -> Mark:
        """Return the place in the file of a character of `text`, both counted from 0.

        Exact for a scalar that stands on one line as it reads; otherwise the line of a literal block, or its start.
        """
        if self.quoted == "|":
            return Mark(self.mark.line + 1 + line, 1)
        if line or not self.verbatim:
            return self.mark
        return Mark(self.mark.line, self.mark.column + bool(self.quoted) + column)


class Sequence(Struct, frozen=True):
    mark: Mark
    items: tuple["Node", ...]


class Mapping(Struct, frozen=True):
    """Entries in file order; keys are unique scalars of type text."""

    mark: Mark
    entries: tuple[tuple[Scalar, "Node"], ...]


Node = Scalar | Sequence | Mapping


class Refusal(NamedTuple):
    """One thing wrong with a document: where, a code of `sentences`, and what the sentence needs."""

    mark: Mark
    code: str
    context: dict[str, str | int]


class _Open:
    """A collection whose end has not been read yet."""

    def __init__(self, mark: Mark, *, mapping: bool) -> None:
        self.mark, self.mapping = mark, mapping
        self.children: list[Node] = []


def compose(
    body: str | bytes, max_bytes: int = MAX_BYTES, max_nodes: int = MAX_NODES
) -> tuple[Node | None, list[Refusal]]:
    """Return the tree of a YAML text (UTF-8), or None, with everything that is wrong with its form."""
    if len(body) > max_bytes:
        return None, [Refusal(Mark(1, 1), "file_big", {"limit": max_bytes // 1024})]
    try:
        text = (body if isinstance(body, bytes) else body.encode()).decode()
    except UnicodeError:
        return None, [Refusal(Mark(1, 1), "file_encoding", {})]
    composer = _Composer(text, max_nodes)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not composer.take(event):
                return None, composer.refusals
    except (YAMLError, ValueError, OverflowError) as error:  # ValueError: \U escapes beyond Unicode
        return None, [*composer.refusals, _syntax(error)]
    if composer.root is None or composer.empty:
        return None, composer.refusals or [Refusal(Mark(1, 1), "file_empty", {})]
    return composer.root, composer.refusals


class _Composer:
    """Owns the open collections of one document; knows nothing of what it says."""

    def __init__(self, text: str, max_nodes: int) -> None:
        self.root: Node | None = None
        self.refusals: list[Refusal] = []
        self._max_nodes = max_nodes
        self._lines = text.splitlines()
        self._stack: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    @property
    def empty(self) -> bool:
        return isinstance(self.root, Scalar) and self.root.value is None

    def take(self, event: Any) -> bool:
        """Add one event; False when reading must not go on."""
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            return self._documents == 1 or self._stop(mark, "yaml_documents")
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            return self._stop(mark, "yaml_alias")
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
            return True
        if not isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent):
            return True
        return self._add(event, mark)

    def _add(self, event: Any, mark: Mark) -> bool:
        self._nodes += 1
        if self._nodes > self._max_nodes:
            return self._stop(mark, "yaml_many", limit=self._max_nodes)
        if _tagged(event):
            return self._stop(mark, "yaml_tag", tag=str(event.tag)[:60])
        if isinstance(event, ScalarEvent):
            self._put(self._scalar(event, mark))
            return True
        if len(self._stack) >= MAX_DEPTH:
            return self._stop(mark, "yaml_deep", limit=MAX_DEPTH)
        self._stack.append(_Open(mark, mapping=isinstance(event, MappingStartEvent)))
        return True

    def _scalar(self, event: Any, mark: Mark) -> Scalar:
        quoted = event.style or ""
        text = str(event.value)
        line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
        start = mark.column - 1 + bool(quoted)
        return Scalar(mark, text if quoted else _plain(text), text, quoted, line[start : start + len(text)] == text)

    def _close(self) -> None:
        opened = self._stack.pop()
        self._put(self._mapping(opened) if opened.mapping else Sequence(opened.mark, tuple(opened.children)))

    def _mapping(self, opened: _Open) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(opened.children[::2], opened.children[1::2], strict=True):
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                self.refusals.append(Refusal(key.mark, "key_text", {}))
            elif key.text in entries:
                first = entries[key.text][0].mark.line
                self.refusals.append(Refusal(key.mark, "key_duplicate", {"key": key.text[:60], "first": first}))
            else:
                entries[key.text] = (key, value)
        return Mapping(opened.mark, tuple(entries.values()))

    def _put(self, node: Node) -> None:
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self.root = node

    def _stop(self, mark: Mark, code: str, **context: str | int) -> bool:
        self.refusals.append(Refusal(mark, code, context))
        return False


def _tagged(event: Any) -> bool:
    tag = event.tag
    return tag is not None and str(tag) not in ("!", "")


def _plain(text: str) -> Plain:
    if text in ("", "~", "null"):
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _syntax(error: Exception) -> Refusal:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
    detail = str(getattr(error, "problem", None) or error).splitlines()[0]
    return Refusal(place, "yaml_syntax", {"detail": detail[:120]})


def unfold(node: Node) -> object:
    """Return the plain value of a tree."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [unfold(item) for item in node.items]
    return {key.text: unfold(value) for key, value in node.entries}
