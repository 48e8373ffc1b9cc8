"""YAML as nodes that know their place: maps, lists and words of a lexicon, read with every fault collected.

PyYAML's C parser when it is there: a lexicon is ten times the size of a rule file, and nobody writes it back.
"""

from typing import Final, NamedTuple

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from app.rules.phrases.lexicon import Fault

MAX_CHARACTERS: Final = 16_000_000
MAX_WORD: Final = 500
MAX_WORDS: Final = 5_000
MAX_FAULTS: Final = 100
MAX_DEPTH: Final = 8
Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
LOADER: Final[Loader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Word(NamedTuple):
    """A scalar as it is written (`1573` and `no` are words here), and where it stands, from 1."""

    text: str
    line: int
    column: int


NOWHERE: Final = Word("", 1, 1)


class Entries(NamedTuple):
    """The fields of one map, found by name; a field of the wrong kind has been reported and reads as empty."""

    reader: "Reader"
    place: Word
    nodes: dict[str, Node]
    complete: bool

    def has(self, key: str) -> bool:
        return key in self.nodes

    def word(self, key: str) -> Word:
        node = self.nodes.get(key)
        return self.reader.word(node, key) if node is not None else self.place._replace(text="")

    def text(self, key: str) -> str:
        return self.word(key).text

    def flag(self, key: str) -> bool:
        word = self.word(key)
        if word.text not in ("", "true", "false"):
            self.reader.fault("shape", f"{key} is true or false", word)
        return word.text == "true"

    def items(self, key: str, most: int = MAX_WORDS) -> list[Node]:
        node = self.nodes.get(key)
        return self.reader.items(node, key, most) if node is not None else []

    def words(self, key: str) -> list[Word]:
        return [self.reader.word(node, key) for node in self.items(key)]

    def texts_by_key(self, key: str) -> dict[str, Word]:
        node = self.nodes.get(key)
        if node is None:
            return {}
        entries = self.reader.mapping(node)
        return {name: entries.word(name) for name in entries.nodes}


class Reader:
    """Owns the faults of one reading; goes on after each, so that a person can mend all of them at once."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._places: set[tuple[int, int]] = set()

    def fault(self, code: str, detail: str, at: Word) -> None:
        """Note a fault; a second one at the same place only follows from the first."""
        place = at.line, at.column
        if len(self._faults) < MAX_FAULTS and place not in self._places:
            self._places.add(place)
            self._faults.append(Fault(code, detail, *place))

    def mapping(self, node: Node | None, known: frozenset[str] | None = None, needed: tuple[str, ...] = ()) -> Entries:
        """Return the fields of a map; unknown, doubled and missing ones are faults."""
        at = place(node)
        if not isinstance(node, MappingNode):
            self.fault("shape", "a map of fields is expected here", at)
            return Entries(self, at, {}, complete=False)
        fields: dict[str, Node] = {}
        for key_node, value in node.value:
            key = self.word(key_node, "a field's name")
            if key.text in fields:
                self.fault("doubled_field", f"{key.text} stands here twice", key)
            if known is not None and key.text not in known:
                self.fault("unknown_field", f"no field is called {key.text}", key)
            fields[key.text] = value
        missing = [key for key in needed if key not in fields]
        if missing:
            self.fault("missing_field", f"{', '.join(missing)} missing", at)
        return Entries(self, at, fields, complete=not missing)

    def items(self, node: Node, what: str, most: int) -> list[Node]:
        if not isinstance(node, SequenceNode):
            self.fault("shape", f"{what} is a list", place(node))
            return []
        if len(node.value) > most:
            self.fault("too_many", f"{what} holds {len(node.value)} items, {most} are allowed", place(node))
            return []
        return list(node.value)

    def word(self, node: Node, what: str) -> Word:
        if not isinstance(node, ScalarNode):
            self.fault("shape", f"{what} is one text", place(node))
            return place(node)
        word = place(node)._replace(text=str(node.value))
        if not word.text.strip() or len(word.text) > MAX_WORD:
            self.fault("shape", f"{what} is a text of 1 to {MAX_WORD} characters", word)
        return word


def place(node: Node | None) -> Word:
    """Return where a node begins, with no text."""
    return Word("", node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else NOWHERE


def compose(text: str, reader: Reader, loader: Loader = LOADER) -> Node | None:
    """Return the root node, or None and one fault at its place."""
    if len(text) > MAX_CHARACTERS:
        reader.fault("too_big", f"{len(text)} characters, {MAX_CHARACTERS} are allowed", NOWHERE)
        return None
    try:
        return _root(text, reader, loader) if _is_plain(text, reader, loader) else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Word("", mark.line + 1, mark.column + 1) if mark else NOWHERE
        reader.fault("not_yaml", f"not YAML: {error.problem or error.context}", at)
    except yaml.YAMLError as error:
        reader.fault("not_yaml", f"not YAML: {str(error).splitlines()[0]}", _reader_place(text, error))
    except UnicodeError:
        reader.fault("not_yaml", "not YAML: half of a surrogate pair", NOWHERE)
    return None


def _root(text: str, reader: Reader, loader: Loader) -> Node | None:
    root: Node | None = yaml.compose(text, Loader=loader)
    if root is None:
        reader.fault("not_yaml", "the file is empty", NOWHERE)
    return root


def _is_plain(text: str, reader: Reader, loader: Loader) -> bool:
    """Refuse depth and aliases before composing: both are how a small file becomes a large or endless one."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        deep, alias = depth > MAX_DEPTH, isinstance(event, AliasEvent)
        if deep or alias:
            mark = event.start_mark
            at = Word("", mark.line + 1, mark.column + 1) if mark else NOWHERE
            reader.fault("shape", "aliases (*name) are not allowed" if alias else "nested too deeply", at)
            return False
    return True


def _reader_place(text: str, error: yaml.YAMLError) -> Word:
    """A forbidden character is reported by its index alone."""
    index = getattr(error, "position", None)
    before = text[:index] if isinstance(index, int) else ""
    return Word("", before.count("\n") + 1, len(before) - before.rfind("\n"))
