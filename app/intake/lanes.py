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
_APART: Final = frozenset({*ORDERS, StatusEvent})
_OPENING_TYPES: Final = frozenset({EnterEvent, LikeEvent, CommentEvent, GiftEvent, FollowEvent})
_SECONDS: Final = range(10**9, 10**10)

Placed = tuple[int, Event]
"""An event and its index in the body."""


@dataclass(slots=True)
class Lane:
    """One room of one batch. `fault`: why nothing of this room is taken; `low`, `high`: session time, else nothing."""

    room: str
    low: int = 1
    high: int = 0
    fault: Fault | None = None
    events: list[Placed] = field(default_factory=list)
    """All of them, orders too, in the order of the batch."""
    orders: list[tuple[int, OrderEvent]] = field(default_factory=list)
    has_status: bool = False

    def without_orders(self) -> list[Placed]:
        """Return the events whose session is the room's present one."""
        if not self.orders:
            return self.events
        return [placed for placed in self.events if type(placed[1]) not in _ORDER_TYPES]


def bounded_lane(room: str, now: Instant, limits: Limits) -> Lane:
    """Return a lane that takes what its session's clock allows."""
    return Lane(room, now - limits.past_ms, now + limits.ahead_ms)


def sort_into_lanes(body: bytes, batch: Batch, lane_of: Callable[[str], Lane], gate: Gate) -> dict[str, Lane]:
    """Return the good events by room, sealed and with ids; the others join the faults of the batch."""
    lanes: dict[str, Lane] = {}
    places = batch.places if batch.places is not None else range(len(batch.events))
    checks, short, faults = gate.checks, gate.short, batch.faults
    name, room, lane = "", None, Lane("")
    low, high, take = lane.low, lane.high, lane.events.append
    for placed in zip(places, batch.events, strict=True):
        index, event = placed
        if event.room != room:
            room = event.room
            lane = lanes.get(room) or lanes.setdefault(room, lane_of(room))
            low, high, take = lane.low, lane.high, lane.events.append
        kind = type(event)
        if low <= event.occurred_ms <= high and 0 < len(event.id) <= short:  # nearly all of them
            fault = checks[kind](event.payload)
        else:
            fault = lane.fault or _when(event.occurred_ms, lane)
            if fault is None and not event.id:
                name = name or content_hash(body)
                force_setattr(event, "id", derived_id(name, index))
            elif fault is None and gate.long(event.id):
                fault = ("too_long", "id")
            fault = fault or checks[kind](event.payload)
        if fault is not None:
            faults.append((index, fault))
            continue
        take(placed)
        if kind in _APART:
            if kind is StatusEvent:
                lane.has_status = True
            else:
                lane.orders.append(placed)  # type: ignore[arg-type]  # the other kinds are those of orders
    return lanes


def _when(occurred_ms: int, lane: Lane) -> Fault | None:
    if lane.low <= occurred_ms <= lane.high:
        return None
    if occurred_ms in _SECONDS:
        return ("seconds_not_milliseconds", "occurred_ms")
    return ("occurred_too_old" if occurred_ms < lane.low else "occurred_in_future", "occurred_ms")


def opens(event: Event) -> bool:
    """Return whether this record may open a session where the room's setting allows it."""
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
    ended, events = False, lane.without_orders()
    if not lane.has_status:
        return events, []
    for n, (_, event) in enumerate(events):
        if isinstance(event, StatusEvent):
            if ended and event.payload.state == "live":
                return events[:n], events[n:]
            ended = ended or event.payload.state == "ended"
    return events, []
