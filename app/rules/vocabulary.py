"""The names a rule may use, as data: the checker reads their types, the engine iterates them to know what to supply."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from app.instants import MINUTE, SECOND, Span

ValueType = Literal["number", "truth", "text"]
Value = float | bool | str
Owner = Literal["session", "member", "event"]

WINDOWS: Final[Mapping[str, Span | None]] = {
    "10s": Span(10 * SECOND),
    "60s": Span(60 * SECOND),
    "2m": Span(2 * MINUTE),
    "5m": Span(5 * MINUTE),
    "10m": Span(10 * MINUTE),
    "session": None,
}
"""Window as written at the end of a name -> its length; None is the whole session."""

SESSION_COUNTS: Final = (
    "enters",
    "comments",
    "likes",
    "shares",
    "follows",
    "clicks",
    "cart_adds",
    "orders",
    "paid_units",
    "gmv",
)
SKU_COUNTS: Final = ("clicks", "cart_adds", "orders", "paid_units")


class Name(Struct, frozen=True):
    """One name of the vocabulary.

    path:   as rules write it, `i.paid_units_2m`; `metric` and `window` are its parts (`paid_units`, `2m`).
    owner:  session (`s.`, `m.`), member (`i.`, `labels.` of a rule with `each`) or event (`e.`); `kind` says which
            members or events (`sku`, `line`, `speech`), and is empty for the session.
    ages:   whether it becomes unknown when its source falls silent; facts of the plan and of the session do not.
    moves:  whether it changes with time alone, so that a rule that uses it is looked at each second.
    Unit:   counts and levels as they are, rates a share of 1 or per minute, money in the main unit (yuan), `_min`
            minutes.
    """

    path: str
    type: ValueType
    owner: Owner
    kind: str = ""
    metric: str = ""
    window: str = ""
    ages: bool = False
    moves: bool = False


class Vocabulary(Struct, frozen=True):
    """All names there are; `visible` is what one rule may use of them."""

    names: tuple[Name, ...]

    def kinds(self, owner: Owner) -> frozenset[str]:
        """Return the member or event kinds that have names, as `each` and `event` may say them."""
        return frozenset(name.kind for name in self.names if name.owner == owner)

    def visible(self, *, each: str = "", event: str = "") -> dict[str, Name]:
        """Return path -> name for a rule with this `each` or `event`."""
        return {
            name.path: name
            for name in self.names
            if name.owner == "session"
            or (name.owner == "member" and name.kind == each)
            or (name.owner == "event" and name.kind == event)
        }

    def extended(self, more: Iterable[Name]) -> "Vocabulary":
        """Return a vocabulary with these names too; a path of the same kind given again replaces the old one."""
        merged = {(name.kind, name.path): name for name in (*self.names, *more)}
        return Vocabulary(tuple(merged.values()))


def _windowed(prefix: str, counts: Iterable[str], owner: Owner, kind: str) -> list[Name]:
    return [
        Name(f"{prefix}.{count}_{window}", "number", owner, kind, count, window, ages=True)
        for count in counts
        for window in WINDOWS
    ]


def _session_names() -> list[Name]:
    return [
        Name("s.live", "truth", "session", metric="live"),
        Name("s.elapsed_min", "number", "session", metric="elapsed_min", moves=True),
        Name("s.phase", "text", "session", metric="phase"),
        Name("m.viewers", "number", "session", metric="viewers", ages=True),
        Name("m.gmv", "number", "session", metric="gmv", window="session", ages=True),
        Name("m.interaction_rate_5m", "number", "session", metric="interaction_rate", window="5m", ages=True),
        *_windowed("m", SESSION_COUNTS, "session", ""),
    ]


def _sku_names() -> list[Name]:
    plain: list[tuple[str, ValueType, bool]] = [
        ("sellable", "number", True),
        ("sell_rate", "number", True),
        ("sell_rate_ok", "truth", True),
        ("stock_line", "number", False),
        ("planned", "number", False),
        ("on_sale", "truth", False),
        ("on_air", "truth", False),
    ]
    return [
        *(Name(f"i.{metric}", type_, "member", "sku", metric, ages=ages) for metric, type_, ages in plain),
        *_windowed("i", SKU_COUNTS, "member", "sku"),
        Name("labels.sku", "text", "member", "sku", "sku"),
        Name("labels.sku_name", "text", "member", "sku", "sku_name"),
    ]


def _line_names() -> list[Name]:
    plain: list[tuple[str, ValueType, bool]] = [
        ("bitrate_kbps", "number", True),
        ("target_kbps", "number", False),
        ("reconnecting", "truth", True),
        ("fps", "number", True),
        ("dropped", "number", True),
    ]
    return [
        *(Name(f"i.{metric}", type_, "member", "line", metric, ages=ages) for metric, type_, ages in plain),
        Name("labels.line", "text", "member", "line", "line"),
    ]


def _speech_names() -> list[Name]:
    numbers = ("hits", "grade", "conf", "at")
    texts = ("phrase", "correction", "category", "law", "text")
    return [
        *(Name(f"e.{metric}", "number", "event", "speech", metric) for metric in numbers),
        *(Name(f"e.{metric}", "text", "event", "speech", metric) for metric in texts),
    ]


VOCABULARY: Final = Vocabulary((*_session_names(), *_sku_names(), *_line_names(), *_speech_names()))
"""What the engine supplies today. `m.gmv` is the session's paid amount; `e.at` is the instant of the words, in ms."""
