"""The event API as documented: a pydantic model for every kind, saying the same as the door (a property test holds both
to it). The door itself never uses them: a pydantic model costs more an event than the door's whole work.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Union

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, create_model

from app.domain.events import Feed
from app.intake.gate import FPS, KBPS, NAME_CHARS, TIME_CODE_MS, TOTAL, VERSION
from app.settings import Limits

LIMITS: Final = Limits()


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text must not hold the character NUL")
    return text


def _in_bytes(most: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text.encode()) > most:
            raise ValueError(f"at most {most} bytes of UTF-8")
        return text

    return check


def _small_ext(ext: dict[str, Any]) -> dict[str, Any]:
    if any(type(value) is int and not -VERSION <= value <= VERSION for value in ext.values()):
        raise ValueError("a number has more than 63 bits")
    if len(msgspec.json.encode(ext)) > LIMITS.ext_bytes:
        raise ValueError(f"at most {LIMITS.ext_bytes} bytes")
    return ext


def _small_payload(payload: Any) -> Any:
    if isinstance(payload, dict) and len(msgspec.json.encode(payload)) > LIMITS.payload_bytes:
        raise ValueError(f"at most {LIMITS.payload_bytes} bytes")
    return payload


_ID = _in_bytes(LIMITS.id_bytes)
Plain = Annotated[str, AfterValidator(_no_nul)]
Short = Annotated[Plain, Field(max_length=LIMITS.id_bytes), AfterValidator(_ID)]
Id = Annotated[Short, Field(min_length=1)]
Text = Annotated[Plain, Field(max_length=LIMITS.text_chars)]
Count = Annotated[int, Field(ge=0, le=LIMITS.count)]
Change = Annotated[int, Field(ge=-LIMITS.count, le=LIMITS.count)]
Amount = Annotated[int, Field(ge=-LIMITS.amount, le=LIMITS.amount)]
Increase = Annotated[int, Field(ge=0, le=LIMITS.amount)]
Total = Annotated[int, Field(ge=0, le=TOTAL)]
Kbps = Annotated[float, Field(ge=0, le=KBPS, allow_inf_nan=False)]
TimeCode = Annotated[int, Field(ge=0, le=TIME_CODE_MS)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Ext = Annotated[dict[Plain, Plain | int | float | bool | None], AfterValidator(_small_ext)]


class Wire(BaseModel):
    """Fields that are not named here are dropped, and counted by name for whoever connects the source."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Viewer(Wire):
    """`id` is hashed with the workspace's key unless it comes as `h:` + 16 hex; of `name` one character is kept."""

    id: Id
    name: Annotated[Plain, Field(max_length=NAME_CHARS)] = ""
    tier: Short = ""


class Payload(Wire):
    """`ext`: what a source wants kept; at most 1 KiB, never users' data."""

    ext: Ext = Field(default={}, description="at most 1 KiB, never users' data")


class Viewers(Payload):
    """How many are watching now (a level)."""

    online: Count


class Act(Payload):
    """`count`: since the source's last message. `total`: of a source that only has running totals."""

    user: Viewer | None = None
    count: Count = 1
    total: Total | None = None
    source: Short = ""


class CommentText(Payload):
    text: Text
    user: Viewer | None = None
    tier: Short = ""


class Gifted(Payload):
    """`value`: in the currency's smallest unit."""

    gift: Id
    user: Viewer | None = None
    count: Count = 1
    value: Increase = 0
    currency: Currency = "CNY"


class SkuAct(Payload):
    sku: Id
    user: Viewer | None = None
    count: Count = 1
    total: Total | None = None
    source: Short = ""


class StreamHealth(Payload):
    """One reading of an encoder or an ingest server. `dropped`: frames since the last reading."""

    line: Id
    bitrate_kbps: Kbps | None = None
    target_kbps: Kbps | None = None
    fps: Annotated[float, Field(ge=0, le=FPS, allow_inf_nan=False)] | None = None
    dropped: Count = 0
    reconnecting: bool = False


class OrderLine(Wire):
    """`amount`: the total of the line, in the smallest unit (分)."""

    sku: Id
    qty: Count
    amount: Amount


class Order(Payload):
    """`buyer`, `address`, `device` are hashed at the door unless they come hashed."""

    order: Id
    currency: Currency
    lines: list[OrderLine]
    buyer: Short = ""
    address: Short = ""
    device: Short = ""
    source: Short = ""


class StockReading(Payload):
    """Either `available` (a level) or `delta` (a change); `version` grows with each reading of one feed."""

    sku: Id
    feed: Feed
    available: Count | None = None
    delta: Change | None = None
    warehouse: Short = ""
    version: Annotated[int, Field(ge=0, le=VERSION)] | None = None


def _one_of_two(reading: StockReading) -> StockReading:
    if (reading.available is None) == (reading.delta is None):
        raise ValueError("either available or delta")
    return reading


class Price(Payload):
    sku: Id
    amount: Amount
    currency: Currency


class Listing(Payload):
    sku: Id
    on_sale: bool
    planned: Count | None = None


class OnAir(Payload):
    """No `sku`: nothing is on air."""

    sku: Id | None = None


class Speech(Payload):
    """A segment of the transcript, by the recording's time code; only `final` ones are judged."""

    text: Text
    start_ms: TimeCode
    end_ms: TimeCode
    final: bool = True
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    speaker: Short = "host"


def _forwards(speech: Speech) -> Speech:
    if speech.end_ms < speech.start_ms:
        raise ValueError("end_ms lies before start_ms")
    return speech


class AdSpend(Payload):
    plan: Id
    spend: Increase = 0
    attributed: Increase = 0
    impressions: Count = 0
    currency: Currency = "CNY"


class Ticket(Payload):
    ticket: Id
    tier: Short = ""


class Status(Payload):
    state: Literal["live", "paused", "ended"]


class Envelope(Wire):
    """`id`: the source's own, so that the same record sent again has no second effect. `occurred_ms`: milliseconds."""

    room: Plain
    occurred_ms: int = Field(examples=[1_790_000_000_000], description="milliseconds since 1970, UTC")
    id: Short = ""


_Stock = Annotated[StockReading, AfterValidator(_one_of_two)]
_Speech = Annotated[Speech, AfterValidator(_forwards)]
PAYLOADS: Final[dict[str, Any]] = {
    "viewers": Viewers,
    "enter": Act,
    "leave": Act,
    "like": Act,
    "share": Act,
    "follow": Act,
    "fan_join": Act,
    "comment": CommentText,
    "gift": Gifted,
    "exposure": SkuAct,
    "click": SkuAct,
    "cart_add": SkuAct,
    "stream": StreamHealth,
    "order_created": Order,
    "order_paid": Order,
    "order_cancelled": Order,
    "order_refunded": Order,
    "stock": _Stock,
    "price": Price,
    "listing": Listing,
    "on_air": OnAir,
    "speech": _Speech,
    "ad": AdSpend,
    "service_question": Ticket,
    "service_reply": Ticket,
    "status": Status,
}
"""Kind -> model of its payload."""
_OPTIONAL: Final[dict[str, Payload]] = {kind: Act() for kind in PAYLOADS if PAYLOADS[kind] is Act} | {"on_air": OnAir()}


def _event(kind: str, payload: Any) -> type[Envelope]:
    name = "".join(part.capitalize() for part in kind.split("_")) + "Event"
    measured = Annotated[payload, BeforeValidator(_small_payload)]
    return create_model(
        name,
        __base__=Envelope,
        __doc__=f"A record of kind `{kind}`.",
        kind=(Literal[kind], ...),  # type: ignore[arg-type]  # one literal for each name
        payload=(measured, _OPTIONAL.get(kind, ...)),
    )


EVENTS: Final = {kind: _event(kind, payload) for kind, payload in PAYLOADS.items()}
AnyEvent: Any = Annotated[Union[tuple(EVENTS.values())], Field(discriminator="kind")]  # noqa: UP007  made of a tuple
EVENT: Final[TypeAdapter[Envelope]] = TypeAdapter(AnyEvent)
BATCH: Final[TypeAdapter[list[Envelope]]] = TypeAdapter(list[AnyEvent])
