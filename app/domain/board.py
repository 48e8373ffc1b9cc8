"""Boards: a pure view of one session for one audience and clearance, as topics of keyed values.

A board is `{topic: {key: value}}` where every value is a frozen Struct (or plain data). A delta is what changed by key,
so old snapshot + deltas = fresh snapshot for every topic alike, and a page needs one small function to follow.
"""

from typing import Any, Literal

from msgspec import Struct, field

from app.domain.alerts import Mark, Severity
from app.domain.effects import SessionState
from app.domain.plan import SessionKind
from app.domain.words import Words

Audience = Literal["control", "tablet", "wall"]
Topic = Literal[
    "session",  # head -> SessionHead
    "rooms",  # room id -> RoomHead
    "readings",  # reading key -> Reading
    "skus",  # sku -> SkuRow
    "lines",  # line -> LineRow
    "alerts",  # alert id -> Alert (listed ones, worst and newest first by the page)
    "rules",  # rule|scope|id -> RuleView (pending and unknown ones only)
    "limits",  # rule|n -> LimitRow, of the rule set in force
    "prompts",  # prompt id -> Prompt (the last 30)
    "rundown",  # "now" -> Rundown
    "messages",  # position, zero-padded to 12 -> Message (the last 100)
    "sources",  # source -> SourceRow
    "quick",  # n -> QuickPrompt
    "gaps",  # start_ms -> GapRow
    "guide",  # "line" -> GuideLine
    "deliveries",  # delivery id -> Delivery (the last 50); laid over by the worker from SQL
    "channels",  # channel -> Standing, of those that rest or are stopped; laid over by the worker from SQL
    "devices",  # device id -> DeviceRow; laid over by the worker
    "health",  # "store" -> HealthRow; laid over by the worker
]
Board = dict[str, dict[str, Any]]


class SessionHead(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`started_ms`, `ended_ms` are session time. `history_ms`: the instant up to which `/series` reaches."""

    id: str
    no: int
    kind: SessionKind
    state: SessionState
    title: str
    brand: str
    rooms: tuple[str, ...]
    zone: str
    currency: str
    opened_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    planned_length_ms: int | None = None
    position: int = 0
    history_ms: int = 0
    duplicates: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    """Event kind -> events that had an effect, since the session opened."""
    summary: dict[str, float] = field(default_factory=dict)
    skus_more: int = 0
    """SKUs that the board leaves out, and below the alerts that it does."""
    alerts_more: int = 0


class RoomHead(Struct, frozen=True, omit_defaults=True):
    id: str
    name: str
    platform: str
    state: Literal["waiting", "live", "ended"] = "waiting"


class SkuRow(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A line of the 商品 table. Units, except rates (units a minute) and money (smallest unit).

    `sellable` None: no stock reading yet. `eta_min` None: too few sold to forecast. `feeds`: feed -> newest reading.
    """

    sku: str
    name: str
    listed: bool = True
    on_sale: bool = True
    on_air: bool = False
    sellable: int | None = None
    stock_line: int = 0
    planned: int = 0
    sell_rate: float | None = None
    eta_min: float | None = None
    paid_units: int = 0
    paid_amount: int = 0
    price: int = 0
    clicks_5m: int = 0
    cart_adds_5m: int = 0
    stock_seen_ms: int | None = None
    orders_seen_ms: int | None = None
    feeds: dict[str, int] = field(default_factory=dict)


class LineRow(Struct, frozen=True, omit_defaults=True):
    """A stream line. `seen_ms` None: it has never spoken. `title`: what the workspace calls it."""

    name: str
    target_kbps: float
    bitrate_kbps: float | None = None
    fps: float | None = None
    dropped: int = 0
    reconnecting: bool = False
    seen_ms: int | None = None
    title: Words = field(default_factory=dict)


class LimitRow(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A line of a rule: it fires while `metric` is below (or above) `value`, or `value` times the metric `of`."""

    rule: str
    severity: Severity
    metric: str
    scope: str
    below: bool
    value: float
    of: str = ""


class Message(Struct, frozen=True, omit_defaults=True):
    """A row of 弹幕与口播. Positions order them; `skipped`: how many before it were left out of the frames."""

    kind: Literal["comment", "speech"]
    at_ms: int
    who: str
    text: str
    marks: tuple[Mark, ...] = ()
    room: str = ""
    skipped: int = 0


class SourceRow(Struct, frozen=True, omit_defaults=True):
    """A source's health. `offset_ms`: how far its clock lies behind ours (positive: its events look old)."""

    id: str
    name: str
    rooms: tuple[str, ...]
    kinds: tuple[str, ...]
    seen_ms: int
    every_ms: int
    offset_ms: int = 0
    slow_clock: bool = False


class GapRow(Struct, frozen=True):
    start_ms: int
    end_ms: int


class GuideLine(Struct, frozen=True, omit_defaults=True):
    line: Words
    at_ms: int
    hint: Words = field(default_factory=dict)


class DeviceRow(Struct, frozen=True, omit_defaults=True):
    """A paired tablet of the session's room; `connected` is whether its socket is open now."""

    id: str
    name: str
    connected: bool
    seen_ms: int
    simulated: bool = False


class HealthRow(Struct, frozen=True, omit_defaults=True):
    """`unsaved_since_ms`: the store takes nothing since then (未保存). `reason`: the code of why."""

    unsaved_since_ms: int | None = None
    reason: str = ""
