"""The sample played to an engine on a manual clock: no door, no log, no database; what it told, and when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

from app.domain.alerts import Alert
from app.domain.effects import Effects
from app.domain.identity import Fence, Position
from app.domain.people import Clearance
from app.domain.plan import SessionPlan
from app.domain.records import Body, Chunk, ClockSet, Events, Opened, size_of
from app.domain.workspace import Workspace
from app.engine.engine import Engine
from app.instants import Instant
from app.replay.sample import Loop, Second, goods_of, steady_id
from app.replay.script import Script, shipped_script
from app.rules.pack import shipped_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text
from app.workspace.file import read_workspace
from app.workspace.plan import plan_session

WINERY = Path(__file__).parents[2] / "app/workspace/sample/winery.yaml"
STARTS = 1_764_072_000_000
"""2025-11-25 20:00 in Shanghai."""
ZERO = STARTS + 22 * 60_000


@cache
def workspace() -> Workspace:
    return read_workspace(WINERY.read_bytes(), WINERY.name)


@cache
def matcher() -> Matcher:
    return Matcher(parse_lexicon(shipped_text()), tuple(sku.name for sku in workspace().skus))


def plan() -> SessionPlan:
    return plan_session(workspace(), "qingtan-douyin", "demo", {}, STARTS)


def loop(number: int) -> Iterator[Second]:
    return iter(Loop(shipped_script(), goods_of(workspace()), number, ZERO))


@dataclass(frozen=True, slots=True)
class Told:
    """A change of an alert: when (seconds from 0:00), of which rule and member, what it became."""

    at_s: float
    rule: str
    member: str
    condition: str
    severity: str


@dataclass(slots=True)
class Played:
    """What a loop told."""

    engine: Engine
    told: list[Told] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    first: dict[tuple[str, str], Alert] = field(default_factory=dict)
    """(rule, severity) -> the alert as it was when it first stood at that severity."""
    unknown: list[tuple[int, str]] = field(default_factory=list)
    """Second and rule: every second at which a rule had no data."""
    texts: list[str] = field(default_factory=list)
    """Of the messages planned for chat groups."""
    states: set[str] = field(default_factory=set)
    """Of those messages."""
    interaction: dict[int, float | None] = field(default_factory=dict)
    sellable: dict[int, dict[str, tuple[int | None, int]]] = field(default_factory=dict)
    """Second -> SKU -> sellable units and stock line."""


class Stage:
    """An engine with the sample's plan, told one second after another."""

    def __init__(self, number: int) -> None:
        numbers = count()
        name = steady_id(lambda: f"loop-{number}-{next(numbers)}")
        opened = Opened(name, number, plan().hash(), "rules", "lexicon", "build")
        self.engine = Engine(opened, plan(), shipped_rules(), matcher())
        self.script: Script = shipped_script()
        self.put(STARTS, opened)

    def put(self, at: int, body: Body) -> None:
        engine = self.engine
        instant = Instant(max(engine.now, at))
        last = Position(engine.position + size_of(body))
        engine.apply(Chunk(Position(engine.position + 1), last, instant, instant, body, Fence(1)))

    def second(self, second: Second) -> Effects:
        """Tell one second of the loop, let it pass, and return what came of it."""
        at = ZERO + second.at_s * 1_000
        self.put(at, ClockSet(at, 0.0 if second.at_s <= 0 else 1.0))
        for feed, events in second.feeds.items():
            if events:
                self.put(at, Events(feed, (self.script.rooms[feed],), events, self.script.names[feed]))
        self.engine.advance(Instant(at + 999))
        return self.engine.take_effects()


@cache
def played(number: int) -> Played:
    """Play a whole loop, lead-in and all, and return what it told. Nobody acts in it."""
    stage = Stage(number)
    seen: dict[str, tuple[str, str]] = {}
    result = Played(stage.engine)
    for second in loop(number):
        effects = stage.second(second)
        result.alerts.update(effects.alerts)
        for alert in effects.alerts.values():
            if seen.get(alert.id) != (alert.condition, alert.severity):
                seen[alert.id] = (alert.condition, alert.severity)
                at_s = (alert.changed_ms - ZERO) / 1_000
                result.told.append(Told(at_s, alert.rule, alert.scope_id, alert.condition, alert.severity))
                result.first.setdefault((alert.rule, alert.severity), alert)
        views = stage.engine.topic("rules", "control", Clearance.RESTRICTED).values()
        result.unknown += [(second.at_s, view.rule) for view in views if view.condition == "unknown"]
        result.texts += [row.text for row in effects.deliveries]
        result.states |= {row.state for row in effects.deliveries}
        result.interaction[second.at_s] = stage.engine.reading("interaction_rate_5m").value
        if second.at_s < 0 and second.at_s % 10:
            continue
        rows = stage.engine.topic("skus", "control", Clearance.OPEN)
        result.sellable[second.at_s] = {sku: (row.sellable, row.stock_line) for sku, row in rows.items()}
    return result
