"""The whole state of one session as plain structs: what a checkpoint holds, and nothing that can be derived from it."""

from typing import Final

from msgspec import Struct, field

from app.domain.alerts import Evidence
from app.domain.commands import Outcome
from app.domain.effects import SessionState
from app.domain.plan import SessionPlan
from app.domain.records import Opened
from app.domain.words import Words
from app.engine.alerts import AlertBook
from app.engine.counts import RoomCounts
from app.engine.deadlines import Deadlines
from app.engine.distinct import Distinct
from app.engine.freshness import expected_every, patience_of
from app.engine.gauges import Gauge
from app.engine.goods import LineState, SkuState
from app.engine.history import History
from app.engine.messages import MessageBook
from app.engine.prompts import PromptBook
from app.engine.rundown import RunningOrder
from app.engine.seen import SeenKeys, SeenSlices
from app.engine.sources import Source
from app.rules.machine import Memory

FORMAT: Final = 6
"""Of a checkpoint; one of another format is thrown away. Grows with every change of a struct in here."""


class Guide(Struct):
    line: Words
    hint: Words
    at_ms: int


class State(Struct):
    """Everything an engine knows of its session."""

    opened: Opened
    alerts: AlertBook
    rundown: RunningOrder
    active: Distinct
    """Users of all rooms with a comment, like, share or follow in the last five minutes; unused with one room."""
    format: int = FORMAT
    position: int = 0
    now: int = 0
    shown_ms: int = 0
    """When numbers last moved: a batch of events, or the end of a second. Boards show this instant."""
    state: SessionState = "planned"
    opened_ms: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    rate: float = 1.0
    gap_end_ms: int = 0
    """What was seen before the last gap ended is not fresh."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    heard_ms: int = 0
    rooms: dict[str, RoomCounts] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    skus: dict[str, SkuState] = field(default_factory=dict)
    lines: dict[str, LineState] = field(default_factory=dict)
    on_air: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    backfill: int = 0
    duplicates: int = 0
    conflicts: int = 0
    viewers_peak: int = 0
    foreign: dict[str, int] = field(default_factory=dict)
    """Currency -> paid amount of orders in another currency than the session's; never summed with it."""
    interaction_sum: float = 0.0
    interaction_seconds: int = 0
    """Of the interaction rate, once a second while it was known; for its mean in the summary."""
    summary: dict[str, float] = field(default_factory=dict)
    seen: SeenSlices = field(default_factory=SeenSlices)
    keys: SeenKeys = field(default_factory=SeenKeys)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of the last hour; older ones are in the store alone."""
    prompts: PromptBook = field(default_factory=PromptBook)
    messages: MessageBook = field(default_factory=MessageBook)
    history: History = field(default_factory=History)
    guide: Guide | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    dirty: set[str] = field(default_factory=set)
    """Groups of inputs that changed since the rules were last looked at."""
    transcript: list[Evidence] = field(default_factory=list)
    """The newest segments that were judged, oldest first: what was said before the next hit."""
    machines: dict[str, Memory] = field(default_factory=dict)
    """Filled when a checkpoint is made; in between the machines are the record."""

    @property
    def board_ms(self) -> int:
        """The instant boards show: an ended session stands still."""
        return self.shown_ms if self.ended_ms is None else self.ended_ms

    def speaking(self) -> list[RoomCounts]:
        """Return the rooms whose readings make up the session's: the live ones, else those that were."""
        live = [room for room in self.rooms.values() if room.live]
        return live or [room for room in self.rooms.values() if room.state != "waiting"]

    def roll(self, second: int) -> None:
        """A second has ended: users who were active too long ago are forgotten."""
        self.active.roll(second)
        for room in self.rooms.values():
            room.active.roll(second)
            room.entered.roll(second)

    def family_seen(self, room: RoomCounts, family: str) -> int | None:
        """Return when a source of this family was last heard in a room; None: never."""
        sources = room.sources.get(family)
        return max(self.sources[source].seen_ms for source in sources) if sources else None

    def session_seen(self, family: str) -> int | None:
        """Return the oldest of the speaking rooms' instants, of those that have this family at all."""
        rooms = self.speaking() or list(self.rooms.values())
        seen = [at for room in rooms if (at := self.family_seen(room, family)) is not None]
        if not seen:
            seen = [at for room in self.rooms.values() if (at := self.family_seen(room, family)) is not None]
        return min(seen, default=None)


def begin(opened: Opened, plan: SessionPlan) -> State:
    """Return the state before the first record."""
    rooms = {room.id: RoomCounts(room.id, Gauge(patience_of(expected_every(room, "viewers")))) for room in plan.rooms}
    return State(
        opened=opened,
        alerts=AlertBook(opened.session),
        rundown=RunningOrder(plan.rundown),
        active=Distinct(300),
        rooms=rooms,
    )
