"""Goods and orders: what each of their kinds changes in counts, stock and prices."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain import events as ev
from app.domain.effects import OrderRow
from app.domain.events import KIND_NAMES, Event
from app.domain.plan import SessionPlan
from app.engine.changes import Changes
from app.engine.counts import COUNTED_KINDS, RoomCounts
from app.engine.goods import MOST_UNLISTED_SKUS, OTHER, SkuState, unlisted_sku
from app.engine.health import Health
from app.engine.life import Life
from app.engine.moment import Moment
from app.engine.repeats import Repeats
from app.engine.state import State
from app.engine.sums import bounded
from app.engine.watch import Watch

Handler = Callable[[Any, RoomCounts], None]


class Trade:
    """Applies clicks, orders, stock, prices and listings. Owns nothing but the bound on SKUs nobody registered."""

    def __init__(
        self,
        state: State,
        plan: SessionPlan,
        watch: Watch,
        life: Life,
        health: Health,
        repeats: Repeats,
        moment: Moment,
        changes: Changes,
    ) -> None:
        self._state, self._plan, self._watch, self._life, self._health = state, plan, watch, life, health
        self._repeats, self._moment, self._changes = repeats, moment, changes
        self._most_skus = len({sku.sku for sku in plan.skus}) + MOST_UNLISTED_SKUS

    def handlers(self) -> Mapping[type[Event], Handler]:
        """Return what follows each kind of event."""
        return {
            ev.ClickEvent: self._sku_act,
            ev.CartAddEvent: self._sku_act,
            ev.OrderCreatedEvent: self._order,
            ev.OrderPaidEvent: self._order,
            ev.OrderCancelledEvent: self._order,
            ev.OrderRefundedEvent: self._order,
            ev.StockEvent: self._stock,
            ev.PriceEvent: self._price,
            ev.ListingEvent: self._listing,
            ev.OnAirEvent: self._on_air,
        }

    def _sku_act(self, event: ev.ClickEvent | ev.CartAddEvent, room: RoomCounts) -> None:
        payload = event.payload
        name, sku = KIND_NAMES[type(event)], self._sku(payload.sku)
        amount = payload.count
        if payload.total is not None and sku.sku == OTHER:
            amount = 0  # running totals of many SKUs have no difference
        elif payload.total is not None:
            amount = self._moment.source.increase(f"{room.id}|{name}|{payload.sku}", payload.total, event.occurred_ms)
        metric = COUNTED_KINDS[name]
        self._moment.add(room.tallies[metric], amount)
        self._add_sku(sku, metric, amount)

    def _add_sku(self, sku: SkuState, metric: str, amount: int) -> None:
        self._moment.add(sku.counts.tallies[metric], amount)
        self._moment.touched.add(f"sku|{sku.sku}")

    def _sku(self, sku: str) -> SkuState:
        """Return a SKU; one that the workspace does not know is kept as 未登记商品, beyond the most of them as 其他."""
        skus = self._state.skus
        known = skus.get(sku)
        if known is None:
            if len(skus) >= self._most_skus:
                self._health.crowd("skus", MOST_UNLISTED_SKUS, self._moment.applied)
                sku = OTHER
            known = skus.get(sku)
            if known is None:
                known = skus[sku] = unlisted_sku(sku, self._plan.currency)
        if known.listed:
            self._judge(known)
        return known

    def _judge(self, sku: SkuState) -> None:
        """Let the rules look at a SKU from now on, if they are to."""
        if not sku.judged and sku.worth_judging and sku.sku != OTHER:
            sku.judged = True
            self._watch.member("sku", sku.sku)

    def _order(self, event: Any, room: RoomCounts) -> None:
        order: ev.Order = event.payload
        kind = KIND_NAMES[type(event)]
        verdict = self._state.keys.take(f"{kind}|{order.order}", order)
        if verdict != "new":
            self._repeats.note(verdict)
            self._moment.count(type(event), -1)
            return
        amount = bounded(sum(line.amount for line in order.lines))
        units = bounded(sum(line.qty for line in order.lines))
        self._changes.effects.orders.append(
            OrderRow(
                position=self._moment.position,
                room=room.id,
                order=order.order,
                kind=kind,  # type: ignore[arg-type]  # one of the four kinds of orders
                at_ms=self._moment.at,
                currency=order.currency,
                amount=amount,
                units=units,
            )
        )
        if kind == "order_paid":
            self._pay(event, order, room, amount, units)

    def _pay(self, event: Any, order: ev.Order, room: RoomCounts, amount: int, units: int) -> None:
        moment = self._moment
        moment.add(room.tallies["orders"], 1)
        moment.add(room.tallies["paid_units"], units)
        if order.currency == self._plan.currency:
            moment.add(room.tallies["gmv"], amount)
        else:
            foreign = self._state.foreign
            foreign[order.currency] = bounded(foreign.get(order.currency, 0) + amount)
        for line in order.lines:
            sku = self._sku(line.sku)
            if sku.sku != OTHER:
                sku.stock.pay(event.occurred_ms, line.qty)
            if order.currency == sku.currency:
                sku.counts.paid_amount = bounded(sku.counts.paid_amount + line.amount)
            self._add_sku(sku, "paid_units", line.qty)
            self._judge(sku)
        for name in {self._sku(line.sku).sku for line in order.lines}:
            self._add_sku(self._state.skus[name], "orders", 1)

    def _stock(self, event: ev.StockEvent, room: RoomCounts) -> None:
        sku = self._sku(event.payload.sku)
        if sku.sku != OTHER and sku.stock.read(event.payload, event.occurred_ms):
            self._judge(sku)
            self._moment.touched.add(f"sku|{sku.sku}")

    def _price(self, event: ev.PriceEvent, room: RoomCounts) -> None:
        sku = self._sku(event.payload.sku)
        if sku.sku == OTHER:
            return
        sku.price, sku.currency = event.payload.amount, event.payload.currency

    def _listing(self, event: ev.ListingEvent, room: RoomCounts) -> None:
        sku = self._sku(event.payload.sku)
        if sku.sku == OTHER:
            return
        sku.on_sale = event.payload.on_sale
        if event.payload.planned is not None:
            sku.planned = event.payload.planned
        self._moment.touched.add(f"sku|{sku.sku}")

    def _on_air(self, event: ev.OnAirEvent, room: RoomCounts) -> None:
        if event.payload.sku:
            self._sku(event.payload.sku)
        self._life.put_on_air(event.payload.sku or "", self._moment.applied)
