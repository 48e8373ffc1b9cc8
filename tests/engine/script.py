"""A session as a script: what was sent when, in words a test can be read by, and the engine it was played to."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace

from app.domain import events as ev
from app.domain.commands import Command, Issued, Outcome
from app.domain.effects import Effects
from app.domain.events import Event
from app.domain.identity import Fence, Position
from app.domain.people import Actor, Clearance, Role
from app.domain.plan import (
    ChannelPlan,
    RoomPlan,
    RoutePlan,
    SegmentPlan,
    SendStep,
    SessionPlan,
    SkuPlan,
    StreamLine,
)
from app.domain.records import Body, Chunk, ClockSet, CommandIssued, Events, Gap, Opened, size_of
from app.engine.engine import Engine
from app.instants import Instant
from app.rules.pack import shipped_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text
from app.rules.rule import RuleSet

START = 1_764_000_000_000
"""The instant of second 0 of every script."""
CONTROLLER = Actor("operator", "op-1", "小林", Role.CONTROLLER)
TABLET = Actor("device", "dev-1", "平板", Role.HOST)

ROOM = RoomPlan("r1", "主直播间", "douyin", lines=(StreamLine("main", 4000.0),))
MIRROR = RoomPlan("r2", "视频号", "weixin")
PLAN = SessionPlan(
    kind="live",
    workspace="w1",
    brand="b1",
    brand_name="酱香酒业",
    title="周二晚场",
    rooms=(ROOM,),
    skus=(
        SkuPlan("SKU-1", "p1", "单瓶装", planned=3000, price=39_900),
        SkuPlan("SKU-2", "p2", "礼盒", planned=2000, price=69_900, stock_line=0),
    ),
    rundown=(
        SegmentPlan("open", {"zh-CN": "开场"}, kind="opening", length_ms=300_000),
        SegmentPlan("box", {"zh-CN": "礼盒"}, kind="product", sku="SKU-2", starts_ms=300_000, length_ms=600_000),
        SegmentPlan("rest", {"zh-CN": "休息"}, kind="break", starts_ms=900_000, length_ms=300_000),
    ),
    corrections={
        "health": {"zh-CN": "更正：酒不能御寒，请理性饮酒", "en": "Correction: liquor does not keep you warm"},
        "*": {"zh-CN": "更正：刚才的说法不准确"},
    },
    routes=(RoutePlan("all", (SendStep("desk"), SendStep("ops", "P2"))),),
    channels=(ChannelPlan("ops", "dingtalk", {"zh-CN": "运营群"}),),
)
TWO_ROOMS = replace(PLAN, rooms=(ROOM, MIRROR))
QUIET = RuleSet((), {}, "none")


@cache
def matcher() -> Matcher:
    """Return the matcher of the shipped lexicon, read once."""
    return Matcher(parse_lexicon(shipped_text()))


def opened(plan: SessionPlan = PLAN, *, live: bool = True) -> Opened:
    return Opened("s1", 1, plan.hash(), "rules", "lexicon", "build", live)


def user(name: str | int) -> ev.User:
    return ev.User(f"h:{name}", name=f"*{name}")


class Script:
    """An engine and what has been told to it. Seconds count from START; they may be fractions."""

    def __init__(
        self, plan: SessionPlan = PLAN, rules: RuleSet | None = None, *, live: bool = True, starts: int = START
    ) -> None:
        self.plan, self.rules, self.starts = plan, rules if rules is not None else shipped_rules(), starts
        self.opened = opened(plan, live=live)
        self.engine = self.fresh()
        self.chunks: list[Chunk] = []
        self._ids = self._keys = 0
        self._seen: dict[str, Any] = {}
        self.put(0, self.opened)

    def fresh(self) -> Engine:
        """Return an engine of the same session that has been told nothing."""
        return Engine(self.opened, self.plan, self.rules, matcher())

    # Telling

    def at(self, second: float) -> Instant:
        return Instant(self.starts + round(second * 1_000))

    def put(self, second: float, body: Body) -> None:
        """Append a record and apply it."""
        first = Position(self.engine.position + 1)
        at = Instant(max(self.engine.now, self.at(second)))
        last = Position(self.engine.position + size_of(body))
        chunk = Chunk(first, last, at, at, body, Fence(1))
        self.chunks.append(chunk)
        self.engine.apply(chunk)

    def send(self, second: float, *events: Event, source: str = "feed", rooms: Sequence[str] | None = None) -> None:
        """Send a batch of one source, received at `second`."""
        rooms = tuple(rooms) if rooms is not None else tuple(room.id for room in self.plan.rooms)
        self.put(second, Events(source, rooms, list(events), f"来源{source}"))

    def beat(self, second: float, source: str = "feed", rooms: Sequence[str] | None = None) -> None:
        """Send an empty batch: the source says that it is there."""
        self.send(second, source=source, rooms=rooms)

    def say(self, second: float, text: str, **fields: Any) -> None:
        self.send(second, self.speech(second, text, **fields), source="asr")

    def gap(self, start: float, end: float) -> None:
        self.put(end, Gap(self.at(start), self.at(end)))

    def clock(self, second: float, rate: float) -> None:
        self.put(second, ClockSet(self.at(second), rate))

    def wait(self, second: float) -> None:
        """Let time pass."""
        self.engine.advance(self.at(second))

    def order_to(self, second: float, command: Command, key: str = "", by: Actor = CONTROLLER) -> Outcome:
        """Issue a command and return its outcome."""
        self._keys += 1
        key = key or f"key-{self._keys}"
        self.put(second, CommandIssued(Issued(key, command, by)))
        outcome = self.engine.outcome_of(key)
        assert outcome is not None
        return outcome

    # Events. `second`: when they happened.

    def next_id(self) -> str:
        self._ids += 1
        return f"e{self._ids}"

    def viewers(self, second: float, online: int, room: str = "r1") -> Event:
        return ev.ViewersEvent(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=ev.Viewers(online))

    def act(
        self, kind: type[Any], second: float, who: str | int | None = None, room: str = "r1", **fields: Any
    ) -> Event:
        """An enter, like, share or follow."""
        payload = ev.Act(user=user(who) if who is not None else None, **fields)
        return kind(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=payload)  # type: ignore[no-any-return]

    def like(self, second: float, who: str | int | None = None, room: str = "r1", **fields: Any) -> Event:
        return self.act(ev.LikeEvent, second, who, room, **fields)

    def enter(self, second: float, who: str | int | None = None, room: str = "r1", **fields: Any) -> Event:
        return self.act(ev.EnterEvent, second, who, room, **fields)

    def comment(self, second: float, text: str = "好", who: str | int | None = None, room: str = "r1") -> Event:
        payload = ev.CommentText(text, user=user(who) if who is not None else None)
        return ev.CommentEvent(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def click(self, second: float, sku: str, **fields: Any) -> Event:
        payload = ev.SkuAct(sku, **fields)
        return ev.ClickEvent(room="r1", occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def paid(
        self,
        second: float,
        order: str,
        qty: int = 1,
        sku: str = "SKU-2",
        amount: int = 69_900,
        currency: str = "CNY",
        room: str = "r1",
    ) -> Event:
        payload = ev.Order(order, currency, (ev.OrderLine(sku, qty, amount * qty),))
        return ev.OrderPaidEvent(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def refunded(self, second: float, order: str, qty: int = 1, sku: str = "SKU-2", amount: int = 69_900) -> Event:
        payload = ev.Order(order, "CNY", (ev.OrderLine(sku, qty, amount * qty),))
        return ev.OrderRefundedEvent(room="r1", occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def stock(self, second: float, sku: str = "SKU-2", **fields: Any) -> Event:
        payload = ev.StockReading(sku, fields.pop("feed", "platform"), **fields)
        return ev.StockEvent(room="r1", occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def stream(self, second: float, kbps: float, line: str = "main", room: str = "r1", **fields: Any) -> Event:
        payload = ev.StreamHealth(line, bitrate_kbps=kbps, **fields)
        return ev.StreamEvent(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def speech(self, second: float, text: str, **fields: Any) -> Event:
        payload = ev.Speech(text, int(second * 1_000), int(second * 1_000) + 2_000, **fields)
        return ev.SpeechEvent(room="r1", occurred_ms=self.at(second), id=self.next_id(), payload=payload)

    def status(self, second: float, state: Any, room: str = "r1") -> Event:
        return ev.StatusEvent(room=room, occurred_ms=self.at(second), id=self.next_id(), payload=ev.Status(state))

    # Asking

    def topic(
        self, name: Any, audience: Any = "control", clearance: Clearance = Clearance.RESTRICTED
    ) -> dict[str, Any]:
        return self.engine.topic(name, audience, clearance)

    def value(self, metric: str, scope: Any = "session", scope_id: str = "") -> float | None:
        return self.engine.reading(metric, scope, scope_id).value

    def alerts(self) -> list[tuple[str, str, str]]:
        """Return (rule, severity, condition) of the listed alerts, oldest first."""
        rows = sorted(self.topic("alerts").values(), key=lambda alert: (alert.opened_ms, alert.id))
        return [(alert.rule, alert.severity, alert.condition) for alert in rows]

    def alert(self, rule: str) -> Any:
        """Return the one listed alert of a rule."""
        (found,) = [alert for alert in self.topic("alerts").values() if alert.rule == rule]
        return found


def merged(parts: Iterable[Effects]) -> Effects:
    """Return effects as one ledger transaction after another would leave them."""
    whole = Effects()
    for part in parts:
        whole.alerts.update(part.alerts)
        whole.prompts.update(part.prompts)
        for name in ("deliveries", "cancels", "outcomes", "readings", "messages", "orders", "changes"):
            getattr(whole, name).extend(getattr(part, name))
        whole.duplicates += part.duplicates
        whole.conflicts += part.conflicts
        whole.urgent = whole.urgent or part.urgent
    return whole
