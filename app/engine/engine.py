"""The engine of one session: records in, effects and boards out. No input or output, no clock."""

from collections.abc import Iterable
from typing import Any

from app.domain.alerts import Alert
from app.domain.board import Audience, Topic
from app.domain.commands import Outcome
from app.domain.effects import Effects, SessionState
from app.domain.identity import Position
from app.domain.people import Clearance
from app.domain.plan import SessionPlan
from app.domain.prompts import Prompt
from app.domain.readings import MinuteRow, Reading, Scope
from app.domain.records import Body, Chunk, ClockSet, CommandIssued, Events, Gap, Opened
from app.engine.announcer import REPEAT, Announcer
from app.engine.board import Boards
from app.engine.changes import Changes
from app.engine.charts import Charts
from app.engine.checkpoint import decode, encode
from app.engine.desk import PROMPT, Desk
from app.engine.goods import LineState, planned_sku
from app.engine.health import CALM, SOURCE, Health
from app.engine.inputs import Inputs
from app.engine.life import EDGE, Life
from app.engine.readings import Readings
from app.engine.record import Difference, adopt
from app.engine.seconds import Seconds
from app.engine.state import State, begin
from app.engine.uptake import Uptake
from app.engine.watch import LOOK, MACHINE, Watch
from app.errors import ControlRoomError
from app.instants import Instant
from app.rules.phrases.matcher import Matcher
from app.rules.rule import RuleSet

IDLE_MS = 13 * 60 * 1_000
"""A session that is not live goes on counting seconds this long after its last record: until its windows are empty."""


class OutOfOrder(ControlRoomError):
    """A chunk that does not follow the last one; the log was read wrongly."""

    kind, code = "broken", "chunk_out_of_order"


class Engine:
    """Owns the state of one session. Time is what records and `advance` say; a deadline acts at its own instant.

    Effects depend on the records and their instants alone: not on how they were cut into chunks, nor on how often
    `advance` was called in between.
    """

    def __init__(
        self, opened: Opened, plan: SessionPlan, rules: RuleSet, matcher: Matcher, state: State | None = None
    ) -> None:
        """`state`: from a checkpoint; without it the engine stands before position 1."""
        fresh = state is None
        self._state = state = begin(opened, plan) if state is None else state
        self._plan = plan
        self._changes = Changes()
        self._seconds = Seconds(opened.session)
        self._readings = Readings(state, plan, self._seconds)
        self._charts = Charts(state, self._readings, self._seconds)
        inputs = Inputs(state, self._readings, self._seconds, plan.currency)
        if fresh:
            self._fill()
        self._announcer = Announcer(state, plan, rules, self._changes)
        self._watch = Watch(state, rules, inputs, self._announcer, self._changes, plan.rooms[0].zone)
        self._life = Life(state, self._seconds, self._watch, self._announcer, self._charts, self._changes)
        self._health = Health(state, self._readings, self._announcer)
        self._uptake = Uptake(
            state, plan, self._seconds, self._readings, self._watch, self._life, self._health, matcher, self._changes
        )
        self._desk = Desk(state, plan, self._life, self._announcer, self._changes)
        self._boards = Boards(state, plan, self._seconds, self._readings, self._watch)

    @classmethod
    def restore(cls, body: bytes, opened: Opened, plan: SessionPlan, rules: RuleSet, matcher: Matcher) -> "Engine":
        """Return the engine of a checkpoint; raises CheckpointMismatch when it cannot be one of this session."""
        return cls(opened, plan, rules, matcher, decode(body, opened.session))

    # What the engine is told

    def apply(self, chunk: Chunk) -> None:
        """Apply the next chunk; deadlines up to its instant act before it."""
        state = self._state
        if chunk.first != state.position + 1:
            raise OutOfOrder("a chunk must follow the last one", expected=state.position + 1, found=chunk.first)
        if isinstance(chunk.body, Gap):
            self._gap(chunk.body, chunk.applied_ms)
        else:
            self.advance(chunk.applied_ms)
            self._record(chunk.body, chunk)
        state.position = int(chunk.last)
        self._changes.touch("session")
        if state.state == "ended" and state.history.dirty:
            self._changes.effects.readings.extend(self._charts.rewrite())

    def advance(self, to: Instant) -> None:
        """Let time pass: every deadline up to `to` acts at its own instant, and nothing else happens."""
        state, deadlines = self._state, self._state.deadlines
        while (due := deadlines.next()) is not None and due <= to:
            at, name = deadlines.pop()
            state.now = max(state.now, at)
            self._act(name, state.now)
        state.now = max(state.now, to)

    def adopt(self, alerts: Iterable[Alert], prompts: Iterable[Prompt]) -> list[Difference]:
        """Take listed alerts and prompts from SQL, which is the record; return where the rebuilt ones differed."""
        differences = adopt(self._state, self._changes, list(alerts), list(prompts))
        for difference in differences:
            if difference.kind == "alert":
                self._changes.touch("alerts", "session")
            else:
                self._changes.touch("prompts")
        return differences

    def discard_effects(self) -> None:
        """Drop what a rebuild made again: it has been written and told already."""
        self.take_effects()

    # What it tells

    @property
    def next_deadline(self) -> Instant | None:
        """When the engine must be advanced to, if nothing comes before."""
        return self._state.deadlines.next()

    @property
    def now(self) -> Instant:
        return Instant(self._state.now)

    @property
    def position(self) -> Position:
        return Position(self._state.position)

    @property
    def state(self) -> SessionState:
        return self._state.state

    @property
    def duplicates(self) -> int:
        """Events that had been taken before, since the session opened."""
        return self._state.duplicates

    @property
    def versions(self) -> dict[Topic, int]:
        """A number for each topic, which grows whenever the topic may look different."""
        return self._changes.versions

    def take_effects(self) -> Effects:
        """Return what has come out since the last call."""
        self._uptake.list_messages()
        return self._changes.take()

    def topic(self, name: Topic, audience: Audience, clearance: Clearance) -> dict[str, Any]:
        """Return a topic of the board for an audience, by key."""
        if name == "messages":
            self._uptake.list_messages()
        return self._boards.topic(name, audience, clearance)

    def reading(self, metric: str, scope: Scope = "session", scope_id: str = "") -> Reading:
        """Return one metric as it stands, over any window of the vocabulary (`comments_10s` to `comments_session`)."""
        return self._readings.reading(metric, scope, scope_id, self._state.board_ms)

    def tail(self, *metrics: str) -> list[MinuteRow]:
        """Return the minute that is not full yet, of these metrics or of all."""
        return self._charts.tail(metrics)

    def outcome_of(self, key: str) -> Outcome | None:
        """Return what became of a command, by its key."""
        return self._state.outcomes.get(key)

    def checkpoint(self) -> bytes:
        """Return the whole state as bytes."""
        self._watch.pack()
        self._uptake.pack()
        body = encode(self._state)
        self._state.machines = {}
        return body

    # Records

    def _record(self, body: Body, chunk: Chunk) -> None:
        state = self._state
        match body:
            case Events():
                self._uptake.take(chunk, body)
                state.shown_ms = state.now
                self._changes.touch("readings", "skus", "messages", "sources")
                if state.state != "ended" and EDGE not in state.deadlines.due:
                    state.deadlines.set(EDGE, self._seconds.next_edge(state.now), state.now)
            case CommandIssued(issued):
                self._desk.take(issued, int(chunk.first), state.now)
            case ClockSet(session_ms, rate):
                state.rate = rate
                self.advance(Instant(session_ms))
            case Opened():
                state.opened_ms = state.shown_ms = state.now
                self._changes.touch("readings", "skus")
                if body.live:
                    self._life.start(state.now)
            case Gap():
                raise AssertionError("a gap moves the clock by itself")

    def _gap(self, gap: Gap, applied_ms: int) -> None:
        """Nobody took events: what is due before it acts, and then everything waits as long as it lasted."""
        state = self._state
        self.advance(Instant(gap.start_ms))
        start, end = state.now, max(gap.end_ms, state.now)
        span = end - start
        if span and state.state != "ended":
            state.deadlines.postpone(span, start, lambda name: name != EDGE and not name.startswith(MACHINE))
            state.gap_end_ms = end
            state.gaps.append((start, end))
            self._watch.gap(start, end)
            self._health.gap(span)
            if EDGE in state.deadlines.due:
                state.deadlines.set(EDGE, self._seconds.next_edge(end), end)
            self._changes.touch("gaps", "readings", "skus")
        state.now = state.shown_ms = end
        self.advance(Instant(applied_ms))

    # Deadlines

    def _act(self, name: str, at: int) -> None:
        if name == EDGE:
            self._edge(at)
        elif name == LOOK:
            self._watch.look(at)
        elif name.startswith(MACHINE):
            self._watch.due(name.removeprefix(MACHINE), at)
        elif name.startswith(PROMPT):
            if prompt := self._state.prompts.expire(name.removeprefix(PROMPT)):
                self._changes.prompt(prompt)
        elif name.startswith(REPEAT):
            self._announcer.repeat(name.removeprefix(REPEAT), at)
        elif name.startswith(SOURCE):
            self._health.silence(name.removeprefix(SOURCE), at)
        elif name.startswith(CALM):
            self._health.calm(name.removeprefix(CALM), at)

    def _edge(self, at: int) -> None:
        """A second has ended: it is charted, and what slides with time is judged."""
        state = self._state
        state.shown_ms = at
        state.roll(self._seconds.of(at))
        rows = self._charts.sample(at)
        if rows:
            self._changes.effects.readings.extend(rows)
            self._changes.touch("session")
        self._watch.edge(at, self._seconds.of(at))
        self._changes.touch("readings", "skus")
        if state.state in ("live", "paused") or at - state.heard_ms < IDLE_MS:
            state.deadlines.set(EDGE, at + 1_000, at)

    def _fill(self) -> None:
        """Enter what the plan knows: its SKUs and lines."""
        state = self._state
        for sku in self._plan.skus:
            state.skus[sku.sku] = planned_sku(sku)
        for room in self._plan.rooms:
            for line in room.lines:
                name = line.name if line.name not in state.lines else f"{room.id}:{line.name}"
                state.lines[name] = LineState(name, room.id, line.target_kbps, title=line.title)
