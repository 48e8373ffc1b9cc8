"""Live events: one envelope for every kind, as it travels, is stored and is applied.

Amounts are integers in the currency's smallest unit; `count`, `spend`, `value`, `impressions`, `attributed` are
increases since the source's last message; `online`, `available` are levels; `total` is a running total of a source that
has no increases (a fall is a restart). Bounds on every field are the door's business (app.intake), not the type's.

`gc=False` (the kinds have it from Envelope): an event holds nothing that could hold it, so the collector need not visit
hundreds of thousands of them.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import UNSET, Struct, UnsetType

Ext = dict[str, str | int | float | bool | None]
"""What a source wants kept (at most 1 KiB encoded, never users' data); read by nobody."""


Feed = Literal["platform", "erp", "own"]
"""Who says how much stock there is."""


class User(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A viewer. Inside the house `id` is always hashed (`h:` + 16 hex) and `name` always masked."""

    id: str
    name: str = ""
    tier: str = ""


class Viewers(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    online: int
    ext: Ext | UnsetType = UNSET


class Act(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """enter, leave, like, share, follow, fan_join."""

    user: User | None = None
    count: int = 1
    total: int | None = None
    source: str = ""
    ext: Ext | UnsetType = UNSET


class CommentText(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    text: str
    user: User | None = None
    tier: str = ""
    ext: Ext | UnsetType = UNSET


class Gifted(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    gift: str
    user: User | None = None
    count: int = 1
    value: int = 0
    currency: str = "CNY"
    ext: Ext | UnsetType = UNSET


class SkuAct(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """exposure, click, cart_add."""

    sku: str
    user: User | None = None
    count: int = 1
    total: int | None = None
    source: str = ""
    ext: Ext | UnsetType = UNSET


class StreamHealth(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One reading of an encoder or an ingest server. `dropped`: frames dropped since the last reading."""

    line: str
    bitrate_kbps: float | None = None
    target_kbps: float | None = None
    fps: float | None = None
    dropped: int = 0
    reconnecting: bool = False
    ext: Ext | UnsetType = UNSET


class OrderLine(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`amount` is the total of the line, not the price of one."""

    sku: str
    qty: int
    amount: int


class Order(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """order_created, order_paid, order_cancelled, order_refunded. `buyer`, `address`, `device` are hashes."""

    order: str
    currency: str
    lines: tuple[OrderLine, ...]
    buyer: str = ""
    address: str = ""
    device: str = ""
    source: str = ""
    ext: Ext | UnsetType = UNSET


class StockReading(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Either `available` (a level) or `delta` (a change); `version` grows with each reading of one feed."""

    sku: str
    feed: Feed
    available: int | None = None
    delta: int | None = None
    warehouse: str = ""
    version: int | None = None
    ext: Ext | UnsetType = UNSET


class Price(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    sku: str
    amount: int
    currency: str
    ext: Ext | UnsetType = UNSET


class Listing(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    sku: str
    on_sale: bool
    planned: int | None = None
    ext: Ext | UnsetType = UNSET


class OnAir(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    sku: str | None = None
    ext: Ext | UnsetType = UNSET


class Speech(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A segment of the transcript; only `final` ones are judged. `start_ms`, `end_ms`: the recording's time code."""

    text: str
    start_ms: int
    end_ms: int
    final: bool = True
    confidence: float = 1.0
    speaker: str = "host"
    ext: Ext | UnsetType = UNSET


class AdSpend(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    plan: str
    spend: int = 0
    attributed: int = 0
    impressions: int = 0
    currency: str = "CNY"
    ext: Ext | UnsetType = UNSET


class Ticket(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """service_question, service_reply."""

    ticket: str
    tier: str = ""
    ext: Ext | UnsetType = UNSET


class Status(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    state: Literal["live", "paused", "ended"]
    ext: Ext | UnsetType = UNSET


class Envelope(Struct, frozen=True, gc=False, tag_field="kind", forbid_unknown_fields=True, kw_only=True):
    """`id` is the source's own; when it sends none the door fills in hash(body, index)."""

    room: str
    occurred_ms: int
    id: str = ""


class ViewersEvent(Envelope, frozen=True, tag="viewers", forbid_unknown_fields=True, kw_only=True):
    payload: Viewers


class EnterEvent(Envelope, frozen=True, tag="enter", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class LeaveEvent(Envelope, frozen=True, tag="leave", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class LikeEvent(Envelope, frozen=True, tag="like", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class ShareEvent(Envelope, frozen=True, tag="share", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class FollowEvent(Envelope, frozen=True, tag="follow", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class FanJoinEvent(Envelope, frozen=True, tag="fan_join", forbid_unknown_fields=True, kw_only=True):
    payload: Act = Act()


class CommentEvent(Envelope, frozen=True, tag="comment", forbid_unknown_fields=True, kw_only=True):
    payload: CommentText


class GiftEvent(Envelope, frozen=True, tag="gift", forbid_unknown_fields=True, kw_only=True):
    payload: Gifted


class ExposureEvent(Envelope, frozen=True, tag="exposure", forbid_unknown_fields=True, kw_only=True):
    payload: SkuAct


class ClickEvent(Envelope, frozen=True, tag="click", forbid_unknown_fields=True, kw_only=True):
    payload: SkuAct


class CartAddEvent(Envelope, frozen=True, tag="cart_add", forbid_unknown_fields=True, kw_only=True):
    payload: SkuAct


class StreamEvent(Envelope, frozen=True, tag="stream", forbid_unknown_fields=True, kw_only=True):
    payload: StreamHealth


class OrderCreatedEvent(Envelope, frozen=True, tag="order_created", forbid_unknown_fields=True, kw_only=True):
    payload: Order


class OrderPaidEvent(Envelope, frozen=True, tag="order_paid", forbid_unknown_fields=True, kw_only=True):
    payload: Order


class OrderCancelledEvent(Envelope, frozen=True, tag="order_cancelled", forbid_unknown_fields=True, kw_only=True):
    payload: Order


class OrderRefundedEvent(Envelope, frozen=True, tag="order_refunded", forbid_unknown_fields=True, kw_only=True):
    payload: Order


class StockEvent(Envelope, frozen=True, tag="stock", forbid_unknown_fields=True, kw_only=True):
    payload: StockReading


class PriceEvent(Envelope, frozen=True, tag="price", forbid_unknown_fields=True, kw_only=True):
    payload: Price


class ListingEvent(Envelope, frozen=True, tag="listing", forbid_unknown_fields=True, kw_only=True):
    payload: Listing


class OnAirEvent(Envelope, frozen=True, tag="on_air", forbid_unknown_fields=True, kw_only=True):
    payload: OnAir = OnAir()


class SpeechEvent(Envelope, frozen=True, tag="speech", forbid_unknown_fields=True, kw_only=True):
    payload: Speech


class AdEvent(Envelope, frozen=True, tag="ad", forbid_unknown_fields=True, kw_only=True):
    payload: AdSpend


class ServiceQuestionEvent(Envelope, frozen=True, tag="service_question", forbid_unknown_fields=True, kw_only=True):
    payload: Ticket


class ServiceReplyEvent(Envelope, frozen=True, tag="service_reply", forbid_unknown_fields=True, kw_only=True):
    payload: Ticket


class StatusEvent(Envelope, frozen=True, tag="status", forbid_unknown_fields=True, kw_only=True):
    payload: Status


Event = (
    ViewersEvent
    | EnterEvent
    | LeaveEvent
    | LikeEvent
    | ShareEvent
    | FollowEvent
    | FanJoinEvent
    | CommentEvent
    | GiftEvent
    | ExposureEvent
    | ClickEvent
    | CartAddEvent
    | StreamEvent
    | OrderCreatedEvent
    | OrderPaidEvent
    | OrderCancelledEvent
    | OrderRefundedEvent
    | StockEvent
    | PriceEvent
    | ListingEvent
    | OnAirEvent
    | SpeechEvent
    | AdEvent
    | ServiceQuestionEvent
    | ServiceReplyEvent
    | StatusEvent
)
"""Every kind that is taken; a record of another kind is refused."""

KIND_NAMES: Final[Mapping[type[Event], str]] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Event)}
"""Kind -> its name, as it stands on the wire."""
KINDS: Final = tuple(KIND_NAMES.values())

OPENING_KINDS: Final = frozenset({"viewers", "enter", "like", "comment", "gift", "follow"})
"""Kinds that may open a session by themselves where the room's setting allows it (`viewers` only with online > 0)."""
ORDER_KINDS: Final = frozenset({"order_created", "order_paid", "order_cancelled", "order_refunded"})
