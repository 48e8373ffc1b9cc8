"""Reading one mapping of a rule file: each answer is typed, each thing wrong becomes a problem with its place."""

import re
from collections.abc import Iterable
from typing import Final

from app.domain.words import LANGUAGES, Words
from app.instants import DAY, Span
from app.rules.cel import nearest
from app.rules.problems import Problems
from app.rules.vocabulary import Value
from app.workspace.document import Mapping, Mark, Node, Scalar, Sequence

MAX_TEXT: Final = 500
_DURATION: Final = re.compile(r"(\d{1,9})(ms|s|m|h)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Fields:
    """One mapping and the keys it may have; reports every other key when made."""

    def __init__(self, node: Node, file: str, problems: Problems, known: Iterable[str]) -> None:
        self.node, self.file, self.problems = node, file, problems
        self._entries: dict[str, tuple[Scalar, Node]] = {}
        if not isinstance(node, Mapping):
            self.wrong(node.mark, "expected_mapping")
            return
        known = tuple(known)
        self._entries = {key.text: (key, value) for key, value in node.entries}
        for key, _ in node.entries:
            if key.text not in known:
                listed = nearest(key.text, known) or ", ".join(known)
                self.wrong(key.mark, "key_unknown", key=key.text[:60], known=listed)

    def wrong(self, mark: Mark, code: str, **context: str | int | float) -> None:
        self.problems.add(self.file, mark, code, **context)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def node_of(self, key: str) -> Node | None:
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def key_mark(self, key: str) -> Mark:
        return self._entries[key][0].mark

    def required(self, key: str) -> Node | None:
        """Return the node of a key that must be there."""
        if key not in self._entries:
            self.wrong(self.node.mark, "key_missing", key=key)
            return None
        return self._entries[key][1]

    def scalar(self, key: str, limit: int = MAX_TEXT) -> Scalar | None:
        """Return the leaf that holds a text, if the key is there."""
        node = self.node_of(key)
        return None if node is None else self.text_node(node, limit)

    def text_node(self, node: Node, limit: int = MAX_TEXT) -> Scalar | None:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            self.wrong(node.mark, "expected_text")
            return None
        if len(node.text) > limit:
            self.wrong(node.mark, "too_long", limit=limit)
            return None
        return node

    def text(self, key: str, default: str = "") -> str:
        scalar = self.scalar(key)
        return scalar.text if scalar else default

    def truth(self, key: str, default: bool = False) -> bool:
        node = self.node_of(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(node.mark, "expected_truth")
        return default

    def duration(self, key: str, default: Span | None = None) -> Span | None:
        """Return a length of time written as 500ms, 30s, 5m or 1h."""
        node = self.node_of(key)
        if node is None:
            return default
        text = node.text if isinstance(node, Scalar) else ""
        match = _DURATION.fullmatch(text)
        if match is None:
            self.wrong(node.mark, "duration", text=text[:40])
            return default
        span = int(match.group(1)) * _UNIT_MS[match.group(2)]
        if span > DAY:
            self.wrong(node.mark, "duration_long")
            return default
        return Span(span)

    def choice(self, key: str, known: Iterable[str], default: str) -> str:
        """Return one of the known words."""
        node = self.node_of(key)
        if node is None:
            return default
        return self.one_of(node, known) or default

    def one_of(self, node: Node, known: Iterable[str]) -> str | None:
        known = sorted(known)
        text = node.text if isinstance(node, Scalar) else ""
        if text in known:
            return text
        self.wrong(node.mark, "choice", text=text[:60], known=", ".join(known))
        return None

    def items(self, key: str, limit: int) -> tuple[Node, ...]:
        """Return the items of a list; no list is no items."""
        node = self.node_of(key)
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.wrong(node.mark, "expected_list")
            return ()
        if len(node.items) > limit:
            self.wrong(node.mark, "too_many", key=key, limit=limit)
        return node.items[:limit]

    def entries(self, key: str, limit: int) -> tuple[tuple[Scalar, Node], ...]:
        """Return the entries of a mapping whose keys the author chooses."""
        node = self.node_of(key)
        if node is None:
            return ()
        if not isinstance(node, Mapping):
            self.wrong(node.mark, "expected_mapping")
            return ()
        if len(node.entries) > limit:
            self.wrong(node.mark, "too_many", key=key, limit=limit)
        return node.entries[:limit]

    def value(self, node: Node) -> Value | None:
        """Return a number, a truth or a text; whole numbers are doubles too."""
        if isinstance(node, Scalar) and node.value is not None:
            return node.value
        self.wrong(node.mark, "expected_number")
        return None

    def words(self, node: Node) -> list[tuple[str, Scalar]]:
        """Return language and leaf of a text that is written once (Chinese) or by language."""
        if isinstance(node, Scalar):
            scalar = self.text_node(node)
            return [("zh-CN", scalar)] if scalar else []
        fields = Fields(node, self.file, self.problems, LANGUAGES)
        if isinstance(node, Mapping) and "zh-CN" not in fields:
            self.wrong(node.mark, "text_chinese")
        return [(language, scalar) for language in LANGUAGES if (scalar := fields.scalar(language))]

    def plain_words(self, key: str) -> Words:
        """Return a text without templates, by language."""
        node = self.required(key)
        return {language: scalar.text for language, scalar in self.words(node)} if node is not None else {}
