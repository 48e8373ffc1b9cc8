"""Texts of a rule: `{{ path | format }}` with at most one arithmetic step, checked at load, rendered in each language.

No code, no loops, no escapes. Whoever shows a text escapes it for the place it is shown in.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import add, mul, sub, truediv
from typing import Final, NamedTuple

from app.domain.words import Words, in_language
from app.rules.cel import nearest
from app.rules.vocabulary import Value, ValueType

Shown = Value | Words | None
"""What a path stands for in a text: a value, a text by language, or nothing known."""

MAX_LENGTH: Final = 300
UNKNOWN: Final = "—"
"""Stands where a value is not known."""
NEVER_MIN: Final = 9_999.0
"""A forecast of this many minutes or more is none: the pace is too small to tell."""

_PATH = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"
_OPERAND = rf"{_PATH}|\d+(?:\.\d+)?"
_INNER: Final = re.compile(
    rf"\s*(?P<left>{_OPERAND})\s*(?:(?P<sign>[-+*/])\s*(?P<right>{_OPERAND})\s*)?(?:\|\s*(?P<format>\w+)\s*)?", re.ASCII
)
_HOLE: Final = re.compile(r"\{\{([^{}]*)\}\}")
_SIGNS: Final[Mapping[str, Callable[[float, float], float]]] = {"+": add, "-": sub, "*": mul, "/": truediv}


def _units(number: float, language: str) -> str:
    count = f"{abs(round(number)):,}"
    oversold, sellable = {
        "en": ("oversold by {}", "{} left"),
        "zh-TW": ("超賣 {} 件", "可售 {} 件"),
    }.get(language, ("超卖 {} 件", "可售 {} 件"))
    return (oversold if round(number) < 0 else sellable).format(count)


def _eta(minutes: float, language: str) -> str:
    never, gone, soon = {
        "en": ("too few sales to forecast", "sold out", "sold out in about {} min"),
        "zh-TW": ("銷量不足，無法預估", "已售完", "約 {} 分鐘售完"),
    }.get(language, ("销量不足，无法预计", "已售罄", "约 {} 分钟售罄"))
    if minutes >= NEVER_MIN:
        return never
    if minutes <= 0:
        return gone
    return soon.format(f"{minutes:.1f}" if minutes < 99.95 else f"{minutes:,.0f}")


def _reconnecting(truth: float, language: str) -> str:
    """Say it where it is so, and nothing where it is not: the bitrate that stands beside it may look healthy."""
    return {"en": "reconnecting, ", "zh-TW": "正在重連，"}.get(language, "正在重连，") if truth else ""


def _hms(instant_ms: float, zone_ms: int) -> str:
    local = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant_ms + zone_ms)
    return f"{local:%H:%M:%S}"


FORMATS: Final[Mapping[str, Callable[[float, str, int], str]]] = {
    "int": lambda number, _language, _zone: f"{round(number):,}",
    "1f": lambda number, _language, _zone: f"{number:.1f}",
    "2f": lambda number, _language, _zone: f"{number:.2f}",
    "pct0": lambda number, _language, _zone: f"{number * 100:.0f}%",
    "pct1": lambda number, _language, _zone: f"{number * 100:.1f}%",
    "hms": lambda number, _language, zone: _hms(number, zone),
    "units": lambda number, language, _zone: _units(number, language),
    "eta": lambda number, language, _zone: _eta(number, language),
    "reconnecting": lambda truth, language, _zone: _reconnecting(truth, language),
}
"""Format -> text of a value in a language; `hms` takes an instant in ms and the zone's offset from UTC in ms."""
JOINER: Final = "\u200d"
"""Between the parts of an emoji."""
OF_TRUTHS: Final = frozenset({"reconnecting"})
"""Formats that put a truth into words; without one of them a truth is not shown."""


def one_line(value: str) -> str:
    """Return a value as it may stand in a text: a name from elsewhere brings no further line and nothing hidden."""
    if value.isprintable():
        return value
    return " ".join("".join(each if each.isprintable() or each == JOINER else " " for each in value).split())


class TextFault(NamedTuple):
    """One thing wrong in a template: its place in characters from 0, code of `sentences`, what the sentence needs."""

    start: int
    code: str
    context: dict[str, str | int]


class TextRefused(Exception):
    """A template that cannot be rendered; `faults` are all of them."""

    def __init__(self, faults: list[TextFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(str(faults))


class Hole(NamedTuple):
    """One `{{ }}`: one or two operands (a path or a number), the sign between them, a format or none."""

    left: str | float
    sign: str
    right: str | float
    format: str

    def paths(self) -> frozenset[str]:
        return frozenset(operand for operand in (self.left, self.right) if isinstance(operand, str) and operand)

    def fill(self, values: Mapping[str, Shown], language: str, zone_ms: int) -> str:
        value = self._value(values)
        if isinstance(value, dict):
            return one_line(in_language(value, language)) or UNKNOWN
        if value is None:
            return UNKNOWN
        if isinstance(value, str):
            return one_line(value)
        if not math.isfinite(value):
            return UNKNOWN
        return FORMATS[self.format](value, language, zone_ms) if self.format else f"{value:.12g}"

    def _value(self, values: Mapping[str, Shown]) -> float | str | Words | None:
        left = values.get(self.left) if isinstance(self.left, str) else self.left
        if not self.sign or left is None:
            return left
        right = values.get(self.right) if isinstance(self.right, str) else self.right
        if right is None or not isinstance(left, int | float) or not isinstance(right, int | float):
            return None
        try:
            return _SIGNS[self.sign](left, right)
        except (ZeroDivisionError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Template:
    """A checked text of one language: literal parts and holes in turn."""

    source: str
    parts: tuple[str | Hole, ...]

    def paths(self) -> frozenset[str]:
        """Return every path this text may show."""
        return frozenset().union(*(part.paths() for part in self.parts if isinstance(part, Hole)))

    def render(self, values: Mapping[str, Shown], language: str, zone_ms: int) -> str:
        return "".join(
            part if isinstance(part, str) else part.fill(values, language, zone_ms) for part in self.parts
        ).strip()


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the languages its author gave; zh-CN is always one of them."""

    languages: Mapping[str, Template]

    def paths(self) -> frozenset[str]:
        return frozenset().union(*(template.paths() for template in self.languages.values()))

    def render(self, values: Mapping[str, Shown], *, zone_ms: int = 0) -> Words:
        """Return the text in each language. A path that `values` does not know shows as —."""
        return {language: template.render(values, language, zone_ms) for language, template in self.languages.items()}


def compile_template(source: str, paths: Mapping[str, ValueType]) -> Template:
    """Check one text against the paths it may show; raise TextRefused with everything that is wrong in it."""
    if len(source) > MAX_LENGTH:
        raise TextRefused([TextFault(0, "too_long", {"limit": MAX_LENGTH})])
    parts: list[str | Hole] = []
    faults: list[TextFault] = []
    done = 0
    for match in _HOLE.finditer(source):
        parts.append(_literal(source, done, match.start(), faults))
        hole = _hole(match.group(1), match.start(1), paths, faults)
        if hole is not None:
            parts.append(hole)
        done = match.end()
    parts.append(_literal(source, done, len(source), faults))
    if faults:
        raise TextRefused(faults)
    return Template(source, tuple(part for part in parts if part != ""))


def _literal(source: str, start: int, end: int, faults: list[TextFault]) -> str:
    literal = source[start:end]
    for braces in ("{{", "}}"):
        if braces in literal:
            faults.append(TextFault(start + literal.index(braces), "text_braces", {}))
            break
    return literal


def _hole(inner: str, start: int, paths: Mapping[str, ValueType], faults: list[TextFault]) -> Hole | None:
    match = _INNER.fullmatch(inner)
    if match is None:
        code = "text_expression" if inner.strip() else "text_braces"
        faults.append(TextFault(start, code, {"text": inner.strip()[:60]}))
        return None
    left, sign, right, form = (match.group(name) or "" for name in ("left", "sign", "right", "format"))
    if form and form not in FORMATS:
        known = " ".join(FORMATS)
        faults.append(TextFault(start + match.start("format"), "text_format", {"text": form, "known": known}))
    showable = {path: type_ for path, type_ in paths.items() if (type_ == "truth") == (form in OF_TRUTHS)}
    for name, operand in (("left", left), ("right", right)):
        if operand and not operand[0].isdigit():
            _check_path(operand, start + match.start(name), showable, faults, number=bool(sign or form))
    return Hole(_operand(left), sign, _operand(right), form)


def _check_path(
    path: str, start: int, paths: Mapping[str, ValueType], faults: list[TextFault], *, number: bool
) -> None:
    if path not in paths:
        meant = nearest(path, paths)
        faults.append(TextFault(start, "name_unknown", {"text": path, "hint": f" ({meant}?)" if meant else ""}))
    elif number and paths[path] == "text":
        faults.append(TextFault(start, "text_type", {"text": path}))


def _operand(text: str) -> str | float:
    return float(text) if text[:1].isdigit() else text
