"""The sample livestream, second by second: the script unrolled into events. The same loop number, the same events.

Nothing here is drawn by chance that an alert's time rests on: rates are counted out, and only what is said, by whom and
in which order is drawn, from a generator seeded with the loop's number.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from app.domain import events as ev
from app.domain.events import Event
from app.domain.workspace import Workspace
from app.engine.seconds import Seconds
from app.replay.script import Beat, Feed, Script, seconds, slope, step

MAIN_SHARE: Final = 0.8
"""Of the people who come and act: so many on the main feed, the rest on the mirror."""
VIEWERS_EVERY_S: Final[Mapping[Feed, int]] = {"main": 2, "mirror": 3}
LEVELS_EVERY_S: Final = 30
"""The platform tells its stock this often; in between the orders are counted off."""
CROWD_PER_MINUTE: Final = 30
"""From so many newcomers a minute on each says little: it is the draw."""


@dataclass(frozen=True, slots=True)
class Goods:
    """A SKU as the workspace has it."""

    sku: str
    price: int
    stock: int
    warehouse: str


@dataclass(frozen=True, slots=True)
class Second:
    """Everything that happened in the second that ends `at_s` seconds after 0:00, by feed."""

    at_s: int
    feeds: dict[Feed, list[Event]]


@dataclass(slots=True)
class Meter:
    """Counts a rate out into whole units without losing a fraction."""

    due: float = 0.0
    _carried: int = 0

    def take(self, per_minute: float) -> int:
        """Return how many of it fall into the next second."""
        self.due += per_minute / 60
        whole = math.floor(self.due + 1e-9)
        self.due -= whole
        return whole

    def take_paired(self, per_minute: float, second: int) -> int:
        """The same, with one unit in five seconds put off by a second, so that some seconds sell none and some two.

        The pattern repeats every five seconds: any two minutes hold the same number, and a forecast stands still.
        """
        units = self.take(per_minute) + self._carried
        self._carried = 1 if units and second % 5 == 2 else 0
        return units - self._carried


@dataclass(slots=True, order=True)
class _Due:
    """One act of one person, on its way."""

    at_s: int
    n: int
    user: ev.User = field(compare=False)
    feed: Feed = field(compare=False)
    kind: str = field(compare=False)


def goods_of(workspace: Workspace) -> dict[str, Goods]:
    """Return price and opening stock of every SKU."""
    return {sku.sku: Goods(sku.sku, sku.price, sku.stock or 0, sku.warehouse) for sku in workspace.skus}


def steady_id(draw: Callable[[], str]) -> str:
    """Return the first drawn session id whose seconds are cut well away from the full ones, at which the sample sends.

    Cut there, a window of two minutes would hold 119 or 120 seconds of sales by chance, and amber came seconds late.
    """
    while True:
        drawn = draw()
        if 200 <= Seconds(drawn).phase <= 800:
            return drawn


class Loop:
    """One unrolling of the script. Owns the tallies that make the next second; knows nothing of doors and clocks."""

    def __init__(self, script: Script, goods: Mapping[str, Goods], number: int, zero_ms: int) -> None:
        """`zero_ms`: the instant of 0:00."""
        self._script, self._goods, self._number, self._zero_ms = script, goods, number, zero_ms
        self._random = Random(f"cueroom sample {number}")
        self._meters: dict[str, Meter] = {}
        self._waiting: list[_Due] = []
        self._sold = dict.fromkeys(goods, 0)
        self._supplied = dict.fromkeys(goods, 0)
        self._told: dict[Feed, int] = {}
        self._spoken_until = script.first_s
        self._bags: dict[str, list[str]] = {}
        self._users = self._orders = self._ids = self._acts = self._versions = 0
        self._batch: dict[Feed, list[Event]] = {}
        self._at_s = 0

    def __iter__(self) -> Iterator[Second]:
        for at_s in range(self._script.first_s, self._script.length_s + 1):
            yield self._second(at_s)

    def _second(self, at_s: int) -> Second:
        self._at_s = at_s
        self._batch = {"main": [], "mirror": []}
        beats = [beat for beat in self._script.beats if seconds(beat.at) == at_s]
        if at_s == self._script.first_s:
            for feed in self._batch:
                self._put(feed, ev.StatusEvent, ev.Status("live"), late_ms=0)
        self._come(at_s)
        self._act(at_s)
        self._sell(at_s)
        self._watch(at_s)
        self._speak(at_s, beats)
        self._supply(at_s, beats)
        for events in self._batch.values():
            events.sort(key=lambda event: event.occurred_ms)
        if self._silent("mirror", at_s):
            self._batch["mirror"] = []
        return Second(at_s, self._batch)

    # People

    def _come(self, at_s: int) -> None:
        """Viewers enter; some of them will say something, all within a fixed time."""
        rates = {name: step(points, at_s) for name, points in self._script.per_minute.items()}
        for _ in range(self._take("enters", rates["enters"])):
            self._put(self._side(at_s), ev.EnterEvent, ev.Act(self._newcomer(), source=self._way_in()))
        for _ in range(self._take("fresh", rates["fresh"])):
            self._plan_acts(at_s, crowd=rates["fresh"] > CROWD_PER_MINUTE)
        shares: dict[Feed, float] = {"main": MAIN_SHARE, "mirror": 1 - MAIN_SHARE}
        for feed, share in shares.items():
            if taps := self._take(f"taps {feed}", rates["taps"] * share):
                self._put(feed, ev.LikeEvent, ev.Act(count=taps))
        on_air = self._on_air(at_s)
        for name, kind in (("clicks", ev.ClickEvent), ("cart_adds", ev.CartAddEvent)):
            if count := self._take(name, rates[name]):
                self._put("main", kind, ev.SkuAct(on_air, count=count))

    def _plan_acts(self, at_s: int, *, crowd: bool) -> None:
        """Somebody begins to take part. Between the first act and the last lies always the same time: the interaction
        rate, which counts people by their last act, then rests on the number of newcomers alone."""
        draw = self._random
        user, feed, span = self._newcomer(), self._side(at_s), self._script.acts_s
        comments = draw.choice((1, 1, 2)) if crowd else draw.choice((3, 4, 5, 5, 6))
        middle = ["comment"] * (comments - 1) + ["like"] * draw.randint(0, 2)
        middle += ["follow"] * (draw.random() < 0.35) + ["share"] * (draw.random() < 0.08)
        self._later(at_s, user, feed, "comment")
        for kind in middle:
            self._later(at_s + draw.randint(1, span - 1), user, feed, kind)
        self._later(at_s + span, user, feed, "like")

    def _later(self, at_s: int, user: ev.User, feed: Feed, kind: str) -> None:
        self._acts += 1
        heappush(self._waiting, _Due(at_s, self._acts, user, feed, kind))

    def _act(self, at_s: int) -> None:
        while self._waiting and self._waiting[0].at_s <= at_s:
            due = heappop(self._waiting)
            feed: Feed = "main" if self._silent(due.feed, at_s) else due.feed
            match due.kind:
                case "comment":
                    self._put(feed, ev.CommentEvent, ev.CommentText(self._comment(at_s), user=due.user))
                case "like":
                    self._put(feed, ev.LikeEvent, ev.Act(due.user, count=self._random.randint(1, 9)))
                case "follow":
                    self._put(feed, ev.FollowEvent, ev.Act(due.user))
                case _:
                    self._put(feed, ev.ShareEvent, ev.Act(due.user))

    def _newcomer(self) -> ev.User:
        self._users += 1
        name = self._random.choice(self._script.spoken.names)
        return ev.User(f"sample-{self._number}-{self._users}", name)

    def _side(self, at_s: int) -> Feed:
        side: Feed = "main" if self._random.random() < MAIN_SHARE else "mirror"
        return "main" if self._silent(side, at_s) else side

    def _way_in(self) -> str:
        return self._random.choice(("feed", "feed", "feed", "search", "share", "follow", "ad"))

    def _comment(self, at_s: int) -> str:
        topic = step(self._script.topics, at_s)
        pool = topic if self._random.random() < 0.62 else "general"
        return self._draw(f"comment {pool}", self._script.spoken.comments[pool])

    def _draw(self, bag: str, lines: tuple[str, ...]) -> str:
        """Return a line at random, but every other one before the same again."""
        left = self._bags.get(bag)
        if not left:
            left = self._bags[bag] = self._random.sample(lines, len(lines))
        return left.pop()

    # Goods

    def _sell(self, at_s: int) -> None:
        for sku, points in self._script.sells.items():
            meter = self._meters.setdefault(f"sell {sku}", Meter())
            units = meter.take_paired(step(points, at_s), at_s) + self._burst(sku, at_s)
            while units > 0:
                qty = min(units, self._random.choice((1, 1, 1, 2) if units < 20 else (1, 2, 2, 4, 6, 12)))
                units -= qty
                self._order(sku, qty)

    def _burst(self, sku: str, at_s: int) -> int:
        units = 0
        for beat in self._script.beats:
            sell = beat.sell
            if sell is not None and sell.sku == sku and 0 <= (n := at_s - seconds(beat.at)) < sell.over_s:
                units += sell.units * (n + 1) // sell.over_s - sell.units * n // sell.over_s
        return units

    def _order(self, sku: str, qty: int) -> None:
        self._orders += 1
        self._sold[sku] += qty
        buyer = f"sample-{self._number}-buyer-{self._random.randrange(100_000)}"
        line = ev.OrderLine(sku, qty, qty * self._goods[sku].price)
        order = ev.Order(f"YL{self._number:04d}{self._orders:06d}", "CNY", (line,), buyer=buyer, source="room")
        self._put("main", ev.OrderCreatedEvent, order, late_ms=self._random.randint(200, 900))
        # Paid at the very end of the second, when it is sent: wherever a window is cut, it holds the same number, and
        # the forecast does not flutter around its threshold.
        self._put("main", ev.OrderPaidEvent, order, late_ms=0)

    def _supply(self, at_s: int, beats: list[Beat]) -> None:
        """What the warehouse adds at once, and the platform's own level of every SKU now and then."""
        for beat in beats:
            if beat.supply is not None:
                self._supplied[beat.supply.sku] += beat.supply.units
                self._stock(beat.supply.sku, delta=beat.supply.units)
        if (at_s - self._script.first_s) % LEVELS_EVERY_S == LEVELS_EVERY_S // 2:
            for sku, goods in self._goods.items():
                self._stock(sku, available=goods.stock + self._supplied[sku] - self._sold[sku])

    def _stock(self, sku: str, *, available: int | None = None, delta: int | None = None) -> None:
        self._versions += 1
        warehouse = self._goods[sku].warehouse
        stock = ev.StockReading(sku, "platform", available, delta, warehouse, self._versions)
        self._put("main", ev.StockEvent, stock, late_ms=0)

    def _on_air(self, at_s: int) -> str:
        """The SKU the host shows: the one that sells best now."""
        return max(self._script.sells, key=lambda sku: float(step(self._script.sells[sku], at_s)))

    # The stream and the host

    def _watch(self, at_s: int) -> None:
        for feed, every in VIEWERS_EVERY_S.items():
            if at_s - self._told.get(feed, at_s - every) >= every and not self._silent(feed, at_s):
                self._told[feed] = at_s
                self._put(feed, ev.ViewersEvent, ev.Viewers(self._online(feed, at_s)), late_ms=0)
        kbps = self._script.line.kbps + self._random.randint(-180, 120)
        health = ev.StreamHealth(self._script.line.name, bitrate_kbps=float(kbps), fps=30.0)
        self._put("main", ev.StreamEvent, health, late_ms=20)

    def _online(self, feed: Feed, at_s: int) -> int:
        level = slope(self._script.viewers[feed], at_s)
        sway = math.sin(at_s / 13 + self._number) + 0.6 * math.sin(at_s / 4.3)
        return max(1, round(level + sway * level * 0.006))

    def _speak(self, at_s: int, beats: list[Beat]) -> None:
        """The host says what the script has for this second, else something of the topic when it is time."""
        for beat in beats:
            for n, line in enumerate(beat.say):
                self._say(line, 1_900 * (len(beat.say) - 1 - n))
                self._spoken_until = at_s + self._script.host_every_s
        if self._spoken_until <= at_s and self._is_free(at_s):
            topic = step(self._script.topics, at_s)
            lines = self._script.spoken.host
            topic = topic if topic in lines else "box"
            self._say(self._draw(f"host {topic}", lines[topic]), 0)
            self._spoken_until = at_s + self._script.host_every_s

    def _is_free(self, at_s: int) -> bool:
        """Return whether no fixed sentence comes within the next moments."""
        return not any(0 < seconds(beat.at) - at_s <= 5 for beat in self._script.beats if beat.say)

    def _say(self, line: str, late_ms: int) -> None:
        """A sentence ends with this second, or `late_ms` before; its time code counts from the start of the stream."""
        end = (self._at_s - self._script.first_s) * 1_000 - late_ms
        start = max(0, end - 160 * len(line))
        self._put("main", ev.SpeechEvent, ev.Speech(line, start, max(start, end), confidence=0.94), late_ms=late_ms)

    # Events

    def _take(self, name: str, per_minute: float) -> int:
        return self._meters.setdefault(name, Meter()).take(per_minute)

    def _silent(self, feed: Feed, at_s: int) -> bool:
        return any(
            beat.silent is not None and beat.silent.feed == feed and 0 < at_s - seconds(beat.at) < beat.silent.for_s
            for beat in self._script.beats
        )

    def _put(self, feed: Feed, kind: Any, payload: Any, late_ms: int | None = None) -> None:
        """Enter an event of this second; `late_ms` before its end, drawn when not given."""
        self._ids += 1
        late = self._random.randint(20, 980) if late_ms is None else late_ms
        event = kind(
            room=self._script.rooms[feed],
            occurred_ms=self._zero_ms + self._at_s * 1_000 - late,
            id=f"sample-{self._number}-{self._ids}",
            payload=payload,
        )
        self._batch[feed].append(event)
