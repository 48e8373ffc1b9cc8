"""Lanes: the good records of one batch by room, each with the bounds of time of its room's session."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import force_setattr

from app.domain.events import (
    CommentEvent,
    EnterEvent,
    Event,
    FollowEvent,
    GiftEvent,
    LikeEvent,
    ListingEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderPaidEvent,
    OrderRefundedEvent,
    PriceEvent,
    StatusEvent,
    StockEvent,
    ViewersEvent,
)
from app.domain.identity import content_hash, derived_id
from app.instants import Instant
from app.intake.batch import Batch
from app.intake.gate import Gate
from app.intake.refusals import Fault
from app.settings import Limits

OrderEvent = OrderCreatedEvent | OrderPaidEvent | OrderCancelledEvent | OrderRefundedEvent
ORDERS: Final = (OrderCreatedEvent, OrderPaidEvent, OrderCancelledEvent, OrderRefundedEvent)
LEVELS: Final = (StockEvent, PriceEvent, ListingEvent)
_ORDER_TYPES: Final = frozenset(ORDERS)
_OPENING_TYPES: Final = frozenset({EnterEvent, LikeEvent, CommentEvent, GiftEvent, FollowEvent})
_SECONDS: Final = range(10**9, 10**10)

Placed = tuple[int, Event]
"""An event and its index in the body."""


@dataclass(slots=True)
class Lane:
    """One room of one batch. `fault`: why nothing of this room is taken; `low`, `high`: session time."""

    room: str
    low: int = 0
    high: int = 0
    fault: Fault | None = None
    events: list[Placed] = field(default_factory=list)
    orders: list[tuple[int, OrderEvent]] = field(default_factory=list)
    has_status: bool = False


def bounded_lane(room: str, now: Instant, limits: Limits) -> Lane:
    """Return a lane that takes what its session's clock allows."""
    return Lane(room, now - limits.past_ms, now + limits.ahead_ms)


def sort_into_lanes(body: bytes, batch: Batch, lane_of: Callable[[str], Lane], gate: Gate) -> dict[str, Lane]:
    """Return the good events by room, sealed and with ids; the others join the faults of the batch."""
    lanes: dict[str, Lane] = {}
    places = batch.places if batch.places is not None else range(len(batch.events))
    check, long, faults = gate.check, gate.long, batch.faults
    name = ""
    for index, event in zip(places, batch.events, strict=True):
        lane = lanes.get(event.room)
        if lane is None:
            lane = lanes[event.room] = lane_of(event.room)
        fault = lane.fault
        if fault is None:
            if not lane.low <= event.occurred_ms <= lane.high:
                fault = _when(event.occurred_ms, lane)
            elif not event.id:
                name = name or content_hash(body)
                force_setattr(event, "id", derived_id(name, index))
            elif long(event.id):
                fault = ("too_long", "id")
            fault = fault or check(event.payload)
        if fault is not None:
            faults.append((index, fault))
        elif type(event) in _ORDER_TYPES:
            lane.orders.append((index, event))  # type: ignore[arg-type]  # the line above says which types they are
        else:
            lane.events.append((index, event))
            lane.has_status = lane.has_status or type(event) is StatusEvent
    return lanes


def _when(occurred_ms: int, lane: Lane) -> Fault:
    if occurred_ms in _SECONDS:
        return ("seconds_not_milliseconds", "occurred_ms")
    return ("occurred_too_old" if occurred_ms < lane.low else "occurred_in_future", "occurred_ms")


def opens(event: Event) -> bool:
    """Return whether this record may open a session where the room's setting allows it (DESIGN §6)."""
    if type(event) in _OPENING_TYPES:
        return True
    return isinstance(event, ViewersEvent) and event.payload.online > 0


def starts(event: Event) -> bool:
    """Return whether this record always opens a session."""
    return isinstance(event, StatusEvent) and event.payload.state == "live"


def cut_at_restart(lane: Lane) -> tuple[list[Placed], list[Placed]]:
    """Return what belongs to the session of now, and what follows a `live` that comes after an `ended`.

    The next session cannot open before this batch is committed, so its sender is asked to send the rest again.
    """
    ended, events = False, lane.events
    if not lane.has_status:
        return events, []
    for n, (_, event) in enumerate(events):
        if isinstance(event, StatusEvent):
            if ended and event.payload.state == "live":
                return events[:n], events[n:]
            ended = ended or event.payload.state == "ended"
    return events, []
