"""A SKU and a stream line as they stand now."""

from typing import Final

from msgspec import Struct, field

from app.domain.board import LineRow, SkuRow
from app.domain.events import StockReading, StreamHealth
from app.domain.plan import SkuPlan
from app.domain.words import Words
from app.engine.counts import SkuCounts
from app.engine.rates import eta_min, sell_rate
from app.engine.stock import Stock, stock_line
from app.engine.sums import bounded

OTHER: Final = "*"
"""The one row of all unlisted SKUs, or lines, beyond the most that are kept apart."""
OTHER_NAME: Final = "其他"
MOST_UNLISTED_SKUS: Final = 500
MOST_UNLISTED_LINES: Final = 64


class SkuState(Struct):
    """One SKU of the session; `listed` False: it was sold or read, but the workspace does not know it (未登记商品)."""

    sku: str
    name: str
    stock: Stock
    listed: bool = True
    judged: bool = False
    """Something has been heard of it, so that rules look at it."""
    on_sale: bool = True
    planned: int = 0
    given_line: int | None = None
    price: int = 0
    currency: str = "CNY"
    counts: SkuCounts = field(default_factory=SkuCounts)

    @property
    def worth_judging(self) -> bool:
        """Return whether rules look at it once it is heard of: not at every name that a source may make up."""
        return self.listed or self.stock.base_ms is not None or self.counts.tallies["paid_units"].total > 0

    @property
    def line(self) -> int:
        return stock_line(self.given_line, self.planned)

    def sell_rate(self, second: int) -> float | None:
        return sell_rate(self.counts.tallies["paid_units"], second)

    def row(self, second: int, *, on_air: bool, orders_seen_ms: int | None, fresh: bool) -> SkuRow:
        """Return the SKU as boards show it; `fresh` False: the orders are silent, so pace and forecast are unknown."""
        sellable = self.stock.sellable
        rate = self.sell_rate(second) if fresh else None
        tallies = self.counts.tallies
        return SkuRow(
            sku=self.sku,
            name=self.name,
            listed=self.listed,
            on_sale=self.on_sale,
            on_air=on_air,
            sellable=sellable,
            stock_line=self.line,
            planned=self.planned,
            sell_rate=rate,
            eta_min=eta_min(sellable, rate),
            paid_units=tallies["paid_units"].total,
            paid_amount=self.counts.paid_amount,
            price=self.price,
            clicks_5m=tallies["clicks"].window(second, 300),
            cart_adds_5m=tallies["cart_adds"].window(second, 300),
            stock_seen_ms=self.stock.seen_ms,
            orders_seen_ms=orders_seen_ms,
            feeds=dict(self.stock.feeds),
        )


def planned_sku(plan: SkuPlan) -> SkuState:
    """Return a SKU of the plan as a session begins with it."""
    stock = Stock(authority=plan.authority, warehouse=plan.warehouse)
    for level in plan.opening_levels:
        reading = StockReading(
            plan.sku, plan.authority, level.available, warehouse=level.warehouse, version=level.version
        )
        stock.read(reading, level.at_ms)
    if plan.opening_stock is not None and not plan.opening_levels:
        stock.guess(plan.opening_stock, plan.opening_stock_ms or 0)
    return SkuState(
        sku=plan.sku,
        name=plan.name,
        stock=stock,
        judged=stock.base_ms is not None,
        on_sale=plan.on_sale,
        planned=plan.planned,
        given_line=plan.stock_line,
        price=plan.price,
        currency=plan.currency,
    )


def unlisted_sku(sku: str, currency: str) -> SkuState:
    """Return a SKU that the workspace does not know (未登记商品), or the row of all those beyond the most."""
    name = OTHER_NAME if sku == OTHER else sku
    return SkuState(sku=sku, name=name, stock=Stock("platform"), listed=False, currency=currency)


class LineState(Struct):
    """One stream line. `seen_ms`: when it last spoke; None: never. All lines beyond the most have but their drops."""

    name: str
    room: str
    target_kbps: float = 0.0
    bitrate_kbps: float | None = None
    fps: float | None = None
    dropped: int = 0
    reconnecting: bool = False
    seen_ms: int | None = None
    occurred_ms: int = 0
    title: Words = field(default_factory=dict)

    def read(self, health: StreamHealth, occurred_ms: int, applied_ms: int) -> bool:
        """Take a reading; False when it is older than the last one, whose figures then stand."""
        self.seen_ms = applied_ms
        self.dropped = bounded(self.dropped + health.dropped)
        if self.name == OTHER:
            return False
        if occurred_ms < self.occurred_ms:
            return False
        self.occurred_ms = occurred_ms
        self.bitrate_kbps = health.bitrate_kbps if health.bitrate_kbps is not None else self.bitrate_kbps
        self.target_kbps = health.target_kbps if health.target_kbps is not None else self.target_kbps
        self.fps = health.fps if health.fps is not None else self.fps
        self.reconnecting = health.reconnecting
        return True

    def row(self) -> LineRow:
        """Return the line as boards show it."""
        return LineRow(
            name=OTHER_NAME if self.name == OTHER else self.name,
            target_kbps=self.target_kbps,
            bitrate_kbps=self.bitrate_kbps,
            fps=self.fps,
            dropped=self.dropped,
            reconnecting=self.reconnecting,
            seen_ms=self.seen_ms,
            title=self.title,
        )
