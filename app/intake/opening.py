"""What a session is opened with: the plan of the workspace, with the levels its rooms have kept since the last one."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from app.domain.events import ListingEvent, PriceEvent, StockEvent
from app.domain.plan import OpeningLevel, SessionPlan, SkuPlan
from app.store.levels import LevelEvent
from app.workspace.plan import Levels


def stock_levels(events: Iterable[LevelEvent]) -> Levels:
    """Return the last stock level of each SKU, feed and warehouse; `events` are in order of time."""
    kept: dict[tuple[str, str], dict[str, OpeningLevel]] = {}
    for event in events:
        if not isinstance(event, StockEvent) or (available := event.payload.available) is None:
            continue
        stock = event.payload
        places = kept.setdefault((stock.sku, stock.feed), {})
        places.pop(stock.warehouse, None)  # so that the order stays that of time
        places[stock.warehouse] = OpeningLevel(available, event.occurred_ms, stock.warehouse, stock.version)
    return {key: tuple(places.values()) for key, places in kept.items()}


def with_listings(plan: SessionPlan, events: Sequence[LevelEvent]) -> SessionPlan:
    """Return the plan with the prices and listings that were kept; SKUs that it does not know stay out."""
    skus = {sku.sku: sku for sku in plan.skus}
    for event in events:
        if (sku := skus.get(event.payload.sku)) is not None:
            skus[sku.sku] = _told(sku, event)
    return replace(plan, skus=tuple(skus.values()))


def _told(sku: SkuPlan, event: LevelEvent) -> SkuPlan:
    match event:
        case PriceEvent(payload=price):
            return replace(sku, price=price.amount, currency=price.currency)
        case ListingEvent(payload=listing):
            planned = sku.planned if listing.planned is None else listing.planned
            return replace(sku, on_sale=listing.on_sale, planned=planned)
        case StockEvent():
            return sku
