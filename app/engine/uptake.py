"""What each kind of event changes: tallies, gauges, stock, lines, messages, and the life of the session."""

from collections.abc import Callable
from typing import Any, Final

from app.domain import events as ev
from app.domain.effects import MessageRow, OrderRow
from app.domain.events import OPENING_KINDS, ORDER_KINDS, Event
from app.domain.plan import SessionPlan
from app.domain.records import Chunk, Events
from app.engine.changes import Changes
from app.engine.counts import COUNTED_KINDS, RoomCounts
from app.engine.freshness import FAMILIES
from app.engine.goods import (
    MOST_UNLISTED_LINES,
    MOST_UNLISTED_SKUS,
    OTHER,
    LineState,
    SkuState,
    unlisted_sku,
)
from app.engine.health import Health
from app.engine.life import Life
from app.engine.readings import Readings
from app.engine.seconds import LATE_MS, Seconds
from app.engine.seen import HORIZON_MS, SeenIds
from app.engine.sources import Source
from app.engine.spoken import JUDGED_SPEAKERS, Spoken
from app.engine.state import State
from app.engine.sums import bounded
from app.engine.watch import Watch
from app.rules.phrases.matcher import Matcher

KIND_NAMES: Final[dict[type[Event], str]] = {kind: str(kind.__struct_config__.tag) for kind in Event.__args__}
_OPENING: Final = frozenset(kind for kind, name in KIND_NAMES.items() if name in OPENING_KINDS)
_GROUPS: Final = {
    kind: "viewers" if name == "viewers" else "orders" if name == "order_paid" else COUNTED_KINDS[name]
    for kind, name in KIND_NAMES.items()
    if name in COUNTED_KINDS or name in ("viewers", "order_paid")
}
"""Event kind -> the group of inputs it changes."""
_ORDERS: Final = frozenset(kind for kind, name in KIND_NAMES.items() if name in ORDER_KINDS)


def _has_own_key(event: Event) -> bool:
    """Return whether an event is known again however old it is; a change of stock without a version is not."""
    if type(event) in _ORDERS:
        return True
    return isinstance(event, ev.StockEvent) and (event.payload.delta is None or event.payload.version is not None)


class Uptake:
    """Applies the events of one chunk after another. What it holds besides the state is the event it is at."""

    def __init__(
        self,
        state: State,
        plan: SessionPlan,
        seconds: Seconds,
        readings: Readings,
        watch: Watch,
        life: Life,
        health: Health,
        matcher: Matcher,
        changes: Changes,
    ) -> None:
        self._state, self._plan, self._seconds, self._readings = state, plan, seconds, readings
        self._watch, self._life, self._health, self._matcher, self._changes = watch, life, health, matcher, changes
        self._opens_itself = {room.id for room in plan.rooms if room.opens_itself}
        self._several = len(plan.rooms) > 1
        self._most_skus = len({sku.sku for sku in plan.skus}) + MOST_UNLISTED_SKUS
        self._most_lines = sum(len(room.lines) for room in plan.rooms) + MOST_UNLISTED_LINES
        self._seen = SeenIds(state.seen)
        self._fed: dict[str, set[tuple[str, type[Event]]]] = {}
        self._comments: list[tuple[int, ev.CommentEvent, int]] = []
        self._rows: list[MessageRow] = []
        self._source = Source("", "", [])
        self._applied = self._at = self._second = self._position = 0
        self._late = False
        self._taken: dict[type[Event], int] = {}
        self._touched: set[str] = set()
        self._handlers: dict[type[Event], Callable[[Any, RoomCounts], None]] = {
            ev.ViewersEvent: self._viewers,
            ev.EnterEvent: self._acting(ev.EnterEvent),
            ev.LikeEvent: self._acting(ev.LikeEvent),
            ev.ShareEvent: self._acting(ev.ShareEvent),
            ev.FollowEvent: self._acting(ev.FollowEvent),
            ev.CommentEvent: self._comment,
            ev.ClickEvent: self._sku_act,
            ev.CartAddEvent: self._sku_act,
            ev.StreamEvent: self._stream,
            ev.OrderCreatedEvent: self._order,
            ev.OrderPaidEvent: self._order,
            ev.OrderCancelledEvent: self._order,
            ev.OrderRefundedEvent: self._order,
            ev.StockEvent: self._stock,
            ev.PriceEvent: self._price,
            ev.ListingEvent: self._listing,
            ev.OnAirEvent: self._on_air,
            ev.SpeechEvent: self._speech,
            ev.StatusEvent: self._status,
        }

    def take(self, chunk: Chunk, batch: Events) -> None:
        """Apply a batch; one without events says only that its source is there."""
        state, applied, events = self._state, chunk.applied_ms, batch.events
        source = self._source = self._health.hear(batch, applied)
        self._applied = applied
        clock, rooms, handlers = source.clock, state.rooms, self._handlers
        fed = self._fed.setdefault(source.id, set())
        taken = self._taken = {}
        verdicts = self._seen.take(events, applied)
        forgotten = max(applied - HORIZON_MS, self._seen.forgotten_ms)
        late, shift = applied - LATE_MS, self._seconds.phase + 1  # the same as Seconds.of, without the call
        current, running, spoiled = (applied - shift) // 1_000, applied // 1_000, -1
        for index, event in enumerate(events):
            self._position = chunk.first + index
            if verdicts is not None and verdicts[index] != "new":
                self._repeated(conflict=verdicts[index] == "conflict")
                continue
            kind = type(event)
            occurred = event.occurred_ms
            if applied - occurred >= clock.least_ms and clock.second == running:  # nothing to learn: most events
                at = occurred + clock.offset_ms
                at = self._at = at if at < applied else applied  # noqa: FURB136  min() costs three times as much
            else:
                at = self._at = clock.place(applied, occurred)
            if at < forgotten and not _has_own_key(event):
                state.backfill += 1
                continue
            taken[kind] = taken.get(kind, 0) + 1
            room = rooms.get(event.room)
            if room is None:
                continue
            self._late = at < late
            second = self._second = (at - shift) // 1_000
            if second < current and second != spoiled:
                spoiled = second
                state.history.spoil(second + 1)
            if (event.room, kind) not in fed:
                self._feed(fed, room, kind)
            if room.state != "live" and kind in _OPENING:
                self._open(room, event)
            handler = handlers.get(kind)
            if handler is not None:
                handler(event, room)
        self._count(source, taken)
        if self._comments or self._rows:
            self._list_messages()
        self._touched.update(_GROUPS[kind] for kind in taken if kind in _GROUPS)
        if state.state != "ended":
            for group in sorted(self._touched):
                self._watch.touch(group, applied)
        self._touched.clear()

    def pack(self) -> None:
        """Put what is kept beside the state into it, for a checkpoint."""
        self._seen.pack()

    def _count(self, source: Source, taken: dict[type[Event], int]) -> None:
        counters = self._state.counters
        for kind, number in taken.items():
            name = KIND_NAMES[kind]
            counters[name] = counters.get(name, 0) + number
            source.kinds[name] = source.kinds.get(name, 0) + number
        if self._state.backfill:
            counters["backfill"] = self._state.backfill
        self._health.watch(source, self._applied)

    def _repeated(self, *, conflict: bool) -> None:
        self._state.duplicates += 1
        self._source.duplicates += 1
        self._changes.effects.duplicates += 1
        if conflict:
            self._state.conflicts += 1
            self._changes.effects.conflicts += 1
            self._health.conflict(self._source, self._applied)

    def _feed(self, fed: set[tuple[str, type[Event]]], room: RoomCounts, kind: type[Event]) -> None:
        """Note that this source sends this kind for this room."""
        fed.add((room.id, kind))
        name = KIND_NAMES[kind]
        sources = room.sources.setdefault(FAMILIES.get(name, name), [])
        if self._source.id not in sources:
            sources.append(self._source.id)
        every = self._readings.every(room.id, name)
        self._source.every_ms = min(self._source.every_ms or every, every)
        self._health.expect(self._source, room.id, name, self._applied)

    def _open(self, room: RoomCounts, event: Event) -> None:
        """Something came that only a room on air sends."""
        if self._state.state == "ended" or room.state != "waiting" or self._late:
            return
        if self._state.state == "planned" and room.id not in self._opens_itself:
            return
        if isinstance(event, ev.ViewersEvent) and event.payload.online <= 0:
            return
        self._life.room_lives(room, self._applied)

    # Kinds that are counted

    def _add(self, room: RoomCounts, metric: str, amount: int) -> None:
        if self._late:
            room.tallies[metric].add_late(self._second, amount)
        else:
            room.tallies[metric].add(self._second, amount)

    def _viewers(self, event: ev.ViewersEvent, room: RoomCounts) -> None:
        if self._late:
            return
        if room.viewers.read(self._at, event.payload.online, self._applied):
            total, _ = self._readings.viewers(self._state.speaking())
            self._state.viewers_peak = max(self._state.viewers_peak, total or 0)

    def _acting(self, kind: type[Event]) -> Callable[[Any, RoomCounts], None]:
        """Return the handler of enter, like, share or follow: more than half of all events, so each has its own."""
        name = KIND_NAMES[kind]
        metric, active = COUNTED_KINDS[name], kind is not ev.EnterEvent

        def act(event: Any, room: RoomCounts) -> None:
            payload: ev.Act = event.payload
            amount = payload.count
            if payload.total is not None:
                amount = self._source.increase(f"{room.id}|{name}", payload.total, event.occurred_ms)
            self._add(room, metric, amount)
            if payload.user is None or self._late:
                return
            if active:
                self._active(room, payload.user.id)
            elif room.viewers.seen_ms is None:
                room.entered.add(self._second, payload.user.id)

        return act

    def _comment(self, event: ev.CommentEvent, room: RoomCounts) -> None:
        self._add(room, "comments", 1)
        self._comments.append((self._position, event, self._at))
        user = event.payload.user
        if user is not None and not self._late:
            room.named_comments.add(self._second, 1)
            self._active(room, user.id)

    def _active(self, room: RoomCounts, user: str) -> None:
        room.active.add(self._second, user)
        if self._several:
            self._state.active.add(self._second, user)

    def _sku_act(self, event: ev.ClickEvent | ev.CartAddEvent, room: RoomCounts) -> None:
        payload = event.payload
        name, sku = KIND_NAMES[type(event)], self._sku(event.payload.sku)
        amount = payload.count
        if payload.total is not None and sku.sku == OTHER:
            amount = 0  # running totals of many SKUs have no difference
        elif payload.total is not None:
            amount = self._source.increase(f"{room.id}|{name}|{payload.sku}", payload.total, event.occurred_ms)
        metric = COUNTED_KINDS[name]
        self._add(room, metric, amount)
        self._add_sku(sku, metric, amount)

    def _add_sku(self, sku: SkuState, metric: str, amount: int) -> None:
        tally = sku.counts.tallies[metric]
        if self._late:
            tally.add_late(self._second, amount)
        else:
            tally.add(self._second, amount)
        self._touched.add(f"sku|{sku.sku}")

    def _list_messages(self) -> None:
        """Match the comments of the batch in one go, which is a third of the cost, and list them with what was said."""
        comments, self._comments = self._comments, []
        rows, self._rows = self._rows, []
        found = self._matcher.find_many([event.payload.text for _, event, _ in comments])
        for (position, event, at), hits in zip(comments, found, strict=True):
            user = event.payload.user
            row = MessageRow(
                position=position,
                room=event.room,
                kind="comment",
                at_ms=at,
                who=user.name if user else "",
                text=event.payload.text,
                user=user.id if user else "",
                tier=event.payload.tier or (user.tier if user else ""),
                marks=tuple(hit.mark() for hit in hits) if hits else (),
            )
            rows.append(row)
        rows.sort(key=lambda row: row.position)
        self._changes.effects.messages.extend(rows)
        self._state.messages.extend(rows, self._applied, self._state.rate)

    # Goods

    def _sku(self, sku: str) -> SkuState:
        """Return a SKU; one that the workspace does not know is kept as 未登记商品, beyond the most of them as 其他."""
        skus = self._state.skus
        known = skus.get(sku)
        if known is None:
            if len(skus) >= self._most_skus:
                self._health.crowd("skus", MOST_UNLISTED_SKUS, self._applied)
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
            self._repeated(conflict=verdict == "conflict")
            self._taken[type(event)] -= 1
            return
        amount = bounded(sum(line.amount for line in order.lines))
        units = bounded(sum(line.qty for line in order.lines))
        self._changes.effects.orders.append(
            OrderRow(
                position=self._position,
                room=room.id,
                order=order.order,
                kind=kind,  # type: ignore[arg-type]  # one of the four kinds of orders
                at_ms=self._at,
                currency=order.currency,
                amount=amount,
                units=units,
            )
        )
        if kind == "order_paid":
            self._pay(event, order, room, amount, units)

    def _pay(self, event: Any, order: ev.Order, room: RoomCounts, amount: int, units: int) -> None:
        self._add(room, "orders", 1)
        self._add(room, "paid_units", units)
        if order.currency == self._plan.currency:
            self._add(room, "gmv", amount)
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
            self._touched.add(f"sku|{sku.sku}")

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
        self._touched.add(f"sku|{sku.sku}")

    def _on_air(self, event: ev.OnAirEvent, room: RoomCounts) -> None:
        if event.payload.sku:
            self._sku(event.payload.sku)
        self._life.put_on_air(event.payload.sku or "", self._applied)

    # What is said, and how it is sent

    def _speech(self, event: ev.SpeechEvent, room: RoomCounts) -> None:
        speech = event.payload
        if not speech.final:
            return
        spoken = Spoken(speech, self._matcher.find(speech.text, "speech"), self._at, self._plan.corrections)
        row = MessageRow(
            position=self._position,
            room=room.id,
            kind="speech",
            at_ms=self._at,
            who=speech.speaker,
            text=speech.text,
            marks=tuple(hit.mark() for hit in spoken.hits),
        )
        self._rows.append(row)
        if speech.speaker in JUDGED_SPEAKERS and not self._late and self._state.state != "ended":
            self._watch.speech(spoken, self._applied)

    def _stream(self, event: ev.StreamEvent, room: RoomCounts) -> None:
        if self._late:  # a level of the past says nothing of now
            return
        line = self._line(room.id, event.payload.line)
        line.read(event.payload, event.occurred_ms, self._applied)
        self._touched.add(f"line|{line.name}")
        self._changes.touch("lines")

    def _line(self, room: str, name: str) -> LineState:
        """Return a line by its name; where two rooms have lines of one name, the second goes by its room too.

        Beyond the most lines that the workspace does not know it is the one of all others.
        """
        known = self._state.lines.get(name)
        if known is not None and known.room != room:
            name = f"{room}:{name}"
            known = self._state.lines.get(name)
        if known is None and len(self._state.lines) >= self._most_lines:
            self._health.crowd("lines", MOST_UNLISTED_LINES, self._applied)
            name = OTHER
            known = self._state.lines.get(name)
        if known is None:
            known = self._state.lines[name] = LineState(name=name, room=room)
        if known.seen_ms is None and name != OTHER:
            known.seen_ms = self._applied
            self._watch.member("line", name)
        return known

    def _status(self, event: ev.StatusEvent, room: RoomCounts) -> None:
        if self._state.state == "ended" or self._late:
            return
        match event.payload.state:
            case "live" if room.state != "live":
                self._life.room_lives(room, self._applied)
            case "paused" if room.state == "live":
                self._life.room_pauses(room, self._applied)
            case "ended" if room.state != "ended":
                self._life.room_ends(room, self._applied)
