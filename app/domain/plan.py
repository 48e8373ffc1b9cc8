"""What a session is run by: an immutable plan made from the workspace when it opens, named in the log by its hash.

Every step of the engine reads only its plan, its rule set, its lexicon and the log.
"""

from typing import Literal

import msgspec
from msgspec import Struct, field

from app.domain.alerts import Severity
from app.domain.commands import PromptLevel
from app.domain.events import Feed
from app.domain.identity import content_hash
from app.domain.words import Words

SessionKind = Literal["live", "replay", "drill", "demo"]
REAL: frozenset[SessionKind] = frozenset({"live"})
"""Kinds whose messages may leave the house; the others are marked 演练 everywhere."""
ChannelKind = Literal["dingtalk", "feishu", "wecom", "webhook"]


class StreamLine(Struct, frozen=True, omit_defaults=True):
    """An encoder's line: name as events send it, target in kbit/s."""

    name: str
    target_kbps: float
    title: Words = field(default_factory=dict)


class RoomPlan(Struct, frozen=True, omit_defaults=True):
    """One room of the session. `every_ms`: expected interval between records, per event kind."""

    id: str
    name: str
    platform: str
    zone: str = "Asia/Shanghai"
    every_ms: dict[str, int] = field(default_factory=dict)
    lines: tuple[StreamLine, ...] = ()
    opens_itself: bool = True


class OpeningLevel(Struct, frozen=True, omit_defaults=True):
    """A stock level of the authority feed that a session begins with: one of each warehouse."""

    available: int
    at_ms: int
    warehouse: str = ""
    version: int | None = None


class SkuPlan(Struct, frozen=True, omit_defaults=True):
    """One SKU. `price` in the currency's smallest unit; `stock_line`: None means min(500, 10 % of planned), else 0."""

    sku: str
    product: str
    name: str
    planned: int = 0
    price: int = 0
    currency: str = "CNY"
    warehouse: str = ""
    authority: Feed = "platform"
    stock_line: int | None = None
    on_sale: bool = True
    opening_stock: int | None = None
    """Units when the session opened, with the instant from which sales come off them below."""
    opening_stock_ms: int | None = None
    opening_levels: tuple[OpeningLevel, ...] = ()
    """The readings it rests on; none: it is the workspace file's own, until the authority feed speaks."""


class SegmentPlan(Struct, frozen=True, omit_defaults=True):
    """One item of the rundown (流程). `starts_ms` is counted from the planned start of the session."""

    id: str
    title: Words
    kind: str = "talk"
    sku: str | None = None
    starts_ms: int = 0
    length_ms: int = 0
    talking_points: Words = field(default_factory=dict)


class QuickPrompt(Struct, frozen=True, omit_defaults=True):
    id: str
    label: Words
    text: Words
    level: PromptLevel = "normal"


class ChannelPlan(Struct, frozen=True, omit_defaults=True):
    """A chat group as a plan names it; its secrets are known to the pump alone."""

    name: str
    kind: ChannelKind
    title: Words = field(default_factory=dict)
    language: str = "zh-CN"


class SendStep(Struct, frozen=True, omit_defaults=True):
    to: str
    min: Severity = "P4"


class RoutePlan(Struct, frozen=True, omit_defaults=True):
    """Who is told of which alerts. `teams` empty: all; times in milliseconds; `repeat_ms` None: never."""

    name: str
    send: tuple[SendStep, ...]
    teams: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gather_ms: dict[str, int] = field(default_factory=lambda: {"P1": 0, "P2": 5_000})
    repeat_ms: dict[str, int | None] = field(default_factory=lambda: {"P1": 120_000})
    useful_ms: int = 300_000


class MutePlan(Struct, frozen=True):
    """While the current segment is of one of `segment_kinds`, the named rules are judged but not annunciated."""

    name: str
    segment_kinds: tuple[str, ...]
    rules: tuple[str, ...]


class Target(Struct, frozen=True):
    """A session's target for one metric, in the metric's own unit (money: smallest unit; rates: a share of 1)."""

    metric: str
    value: float


class SessionPlan(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All a session's engine knows beforehand. Hashed, stored once, never changed."""

    kind: SessionKind
    workspace: str
    brand: str
    brand_name: str
    title: str
    rooms: tuple[RoomPlan, ...]
    currency: str = "CNY"
    skus: tuple[SkuPlan, ...] = ()
    targets: tuple[Target, ...] = ()
    rundown: tuple[SegmentPlan, ...] = ()
    quick: tuple[QuickPrompt, ...] = ()
    corrections: dict[str, Words] = field(default_factory=dict)
    """Lexicon category -> the line the host reads; the key `*` is the general one."""
    routes: tuple[RoutePlan, ...] = ()
    mutes: tuple[MutePlan, ...] = ()
    channels: tuple[ChannelPlan, ...] = ()
    planned_start_ms: int | None = None
    planned_length_ms: int | None = None

    def body(self) -> bytes:
        """Return the bytes that are hashed and stored."""
        return msgspec.json.encode(self, order="deterministic")

    def hash(self) -> str:
        """Return the name under which the log refers to this plan."""
        return content_hash(self.body())


def decode_plan(body: bytes) -> SessionPlan:
    """Return the plan whose `body()` this is."""
    return msgspec.json.decode(body, type=SessionPlan)
