"""Reading one mapping of a workspace file: each answer is typed, each thing wrong becomes a problem with its place."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Final

from app.domain.money import digits_of
from app.domain.words import LANGUAGES, Words
from app.instants import DAY
from app.workspace.document import Mapping, Mark, Node, Scalar, Sequence
from app.workspace.keyed import Keyed, shown
from app.workspace.problems import Problems

MAX_TEXT: Final = 500
MAX_COUNT: Final = 1_000_000_000
MAX_AMOUNT: Final = 1_000_000_000_000

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PARTS: Final = re.compile(r"(?:(\d{1,2})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s)?")
_CLOCKED: Final = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_PLAIN_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,9})?")


class Fields(Keyed):
    """One mapping and the keys it may have; reports every other key when made."""

    def __init__(self, node: Node, problems: Problems, known: Iterable[str]) -> None:
        self.problems = problems
        super().__init__(node, known)

    def wrong(self, mark: Mark, code: str, **context: str | int | float) -> None:
        self.problems.add(mark, code, **context)

    def node(self, key: str) -> Node | None:
        """Return what stands under a key; a key with nothing after it counts as absent."""
        node = super().node(key)
        return None if isinstance(node, Scalar) and node.value is None else node

    def place(self, key: str) -> Mark:
        """Return where to point for a key: its value, else the mapping itself."""
        entry = self._entries.get(key)
        return entry[1].mark if entry else self.mark

    def scalar(self, node: Node | None, limit: int = MAX_TEXT) -> str | None:
        """Return a leaf's text as written; numbers and truths are texts too where a text is meant."""
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.wrong(node.mark, "expected_text")
            return None
        if len(node.text) > limit:
            self.wrong(node.mark, "too_long", length=len(node.text), limit=limit)
            return None
        return node.text

    def text(self, key: str, *, limit: int = 100, default: str | None = None) -> str:
        """Return a text; without a default the key must be there and hold something."""
        if default is not None and self.node(key) is None:
            return default
        text = self.scalar(self.need(key), limit)
        if text is not None and not text.strip():
            self.wrong(self.place(key), "empty_text")
        elif text is not None and not text.isprintable():
            self.wrong(self.place(key), "one_line")
        return text or ""

    def id(self, key: str) -> str:
        """Return a name that others refer to."""
        return self.id_of(self.need(key))

    def id_of(self, node: Node | None) -> str:
        text = self.scalar(node)
        if node is None or text is None:
            return ""
        if not _ID.fullmatch(text):
            self.wrong(node.mark, "id_form", text=shown(text))
            return ""
        return text

    def choice(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        """Return one of the known words."""
        node = self.node(key) if default is not None else self.need(key)
        return self.one_of(node, known) or default or ""

    def one_of(self, node: Node | None, known: Iterable[str], code: str = "choice") -> str | None:
        text, known = self.scalar(node), tuple(known)
        if node is None or text is None or text in known:
            return text
        near = get_close_matches(text, known, 3)
        self.wrong(node.mark, code, text=shown(text), known=", ".join(near or known[:20]))
        return None

    def count(self, key: str, default: int | None = None, *, least: int = 0, most: int = MAX_COUNT) -> int | None:
        """Return a whole number; a decimal point is refused, not rounded."""
        node = self.node(key)
        return default if node is None else self.count_of(node, least=least, most=most)

    def count_of(self, node: Node, *, least: int = 0, most: int = MAX_COUNT) -> int | None:
        text = node.text if isinstance(node, Scalar) else ""
        if not re.fullmatch(r"[0-9]{1,15}", text):
            self.wrong(node.mark, "expected_count")
            return None
        if not least <= int(text) <= most:
            self.wrong(node.mark, "too_big", least=least, most=most)
            return None
        return int(text)

    def number(self, key: str, *, least: float, most: float) -> float | None:
        """Return a number that must be there."""
        node = self.need(key)
        return None if node is None else self.number_of(node, least=least, most=most)

    def number_of(self, node: Node, *, least: float, most: float) -> float | None:
        text = node.text if isinstance(node, Scalar) else ""
        if not _PLAIN_NUMBER.fullmatch(text):
            self.wrong(node.mark, "expected_number")
            return None
        if not least <= float(text) <= most:
            self.wrong(node.mark, "too_big", least=least, most=most)
            return None
        return float(text)

    def money_of(self, node: Node, currency: str) -> int | None:
        """Return an amount in the smallest unit, from its digits as written in the main unit (128.00 is 12800)."""
        digits = digits_of(currency)
        text = node.text if isinstance(node, Scalar) else ""
        try:
            exact = Decimal(text).scaleb(digits) if _PLAIN_NUMBER.fullmatch(text) else None
        except InvalidOperation:  # pragma: no cover  the expression lets nothing through that Decimal refuses
            exact = None
        if exact is None or exact != exact.to_integral_value() or exact > MAX_AMOUNT:
            self.wrong(node.mark, "money", text=shown(text), currency=currency, digits=digits)
            return None
        return int(exact)

    def share_of(self, node: Node) -> float | None:
        """Return a share of 1, written as 5% or 0.05."""
        text = node.text if isinstance(node, Scalar) else ""
        digits, percent = text.removesuffix("%").strip(), text.endswith("%")
        value = float(Decimal(digits).scaleb(-2 if percent else 0)) if _PLAIN_NUMBER.fullmatch(digits) else -1.0
        if not 0 <= value <= 1:
            self.wrong(node.mark, "share", text=shown(text))
            return None
        return value

    def span(self, key: str, default: int | None = None, *, least: int = 0, most: int = DAY) -> int | None:
        """Return a length of time in milliseconds, from 30s, 2m, 1h, 1m30s or 1:30 (minutes and seconds)."""
        node = self.node(key)
        return default if node is None else self.span_of(node, least=least, most=most)

    def span_of(self, node: Node, *, least: int = 0, most: int = DAY) -> int | None:
        text = node.text.strip() if isinstance(node, Scalar) else ""
        match = _CLOCKED.fullmatch(text) or (_PARTS.fullmatch(text) if text else None)
        if match is None:
            self.wrong(node.mark, "duration", text=shown(text))
            return None
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        span = ((hours * 60 + minutes) * 60 + seconds) * 1_000
        if not least <= span <= most:
            self.wrong(node.mark, "duration_long", least=f"{least // 1000}s", most=f"{most // 1000}s")
            return None
        return span

    def clock(self, key: str) -> str:
        """Return a time of day HH:MM, or empty when the key is not there."""
        node = self.node(key)
        text = self.scalar(node)
        if node is None or text is None:
            return ""
        if not _TIME.fullmatch(text):
            self.wrong(node.mark, "clock", text=shown(text))
            return ""
        return text

    def words(self, key: str, *, limit: int, default: bool = False) -> Words:
        """Return a text that is written once (Chinese) or by language; with `default` it may be absent."""
        node = self.node(key) if default else self.need(key)
        return self.words_of(node, limit=limit) if node is not None else {}

    def words_of(self, node: Node, *, limit: int) -> Words:
        if isinstance(node, Scalar):
            text = self._said(node, limit)
            return {"zh-CN": text} if text else {}
        if not isinstance(node, Mapping):
            self.wrong(node.mark, "expected_text")
            return {}
        fields = Fields(node, self.problems, LANGUAGES)
        if "zh-CN" not in fields:
            self.wrong(node.mark, "text_chinese")
        found = {language: fields.node(language) for language in LANGUAGES if language in fields}
        return {language: text for language, said in found.items() if said and (text := self._said(said, limit))}

    def _said(self, node: Node, limit: int) -> str | None:
        text = self.scalar(node, limit)
        if text is not None and not text.strip():
            self.wrong(node.mark, "empty_text")
            return None
        if text is not None and not text.isprintable():
            self.wrong(node.mark, "one_line")
            return None
        return text

    def items(self, key: str, limit: int, *, least: int = 0) -> tuple[Node, ...]:
        """Return the items of a list; with `least` it must be there and hold as many."""
        node = self.need(key) if least else None
        if isinstance(node, Sequence) and len(node.items) < least:
            self.wrong(node.mark, "too_few", key=key)
        return super().items(key, limit)
