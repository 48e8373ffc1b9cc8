"""Reading one mapping of a rule file: each answer is typed, each thing wrong becomes a problem with its place."""

import re
from collections.abc import Iterable
from typing import Final

from app.domain.words import LANGUAGES, Words
from app.instants import DAY, Span
from app.rules.problems import Problems
from app.rules.vocabulary import Value
from app.workspace.document import Mapping, Mark, Node, Scalar
from app.workspace.keyed import Keyed

MAX_TEXT: Final = 500
_DURATION: Final = re.compile(r"(\d{1,9})(ms|s|m|h)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Fields(Keyed):
    """One mapping and the keys it may have; reports every other key when made."""

    def __init__(self, node: Node, file: str, problems: Problems, known: Iterable[str]) -> None:
        self.file, self.problems = file, problems
        super().__init__(node, known)

    def wrong(self, mark: Mark, code: str, **context: str | int | float) -> None:
        self.problems.add(self.file, mark, code, **context)

    def key_mark(self, key: str) -> Mark:
        return self._entries[key][0].mark

    def scalar(self, key: str, limit: int = MAX_TEXT) -> Scalar | None:
        """Return the leaf that holds a text, if the key is there."""
        node = self.node(key)
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

    def duration(self, key: str, default: Span | None = None) -> Span | None:
        """Return a length of time written as 500ms, 30s, 5m or 1h."""
        node = self.node(key)
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
        node = self.node(key)
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
        node = self.need(key)
        return {language: scalar.text for language, scalar in self.words(node)} if node is not None else {}
