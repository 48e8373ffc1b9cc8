"""The events of a batch, one after the other: which are new, when each counts, and who follows it."""

from collections.abc import Callable
from typing import Any, Final

from app.domain import events as ev
from app.domain.effects import MessageRow
from app.domain.events import KIND_NAMES, OPENING_KINDS, ORDER_KINDS, Event
from app.domain.plan import SessionPlan
from app.domain.records import Chunk, Events
from app.engine.acts import Acts
from app.engine.changes import Changes
from app.engine.clocks import SourceClock
from app.engine.counts import COUNTED_KINDS, RoomCounts
from app.engine.freshness import FAMILIES
from app.engine.health import Health
from app.engine.life import Life
from app.engine.lines import Lines
from app.engine.moment import Moment
from app.engine.readings import Readings
from app.engine.repeats import Repeats
from app.engine.seconds import LATE_MS, Seconds
from app.engine.seen import HORIZON_MS, SeenIds
from app.engine.sources import Source
from app.engine.spoken import JUDGED_SPEAKERS, Spoken
from app.engine.state import State
from app.engine.talk import Talk
from app.engine.trade import Trade
from app.engine.watch import Watch
from app.rules.phrases.matcher import Matcher

_OPENING: Final = frozenset(kind for kind, name in KIND_NAMES.items() if name in OPENING_KINDS)
_ORDERS: Final = frozenset(kind for kind, name in KIND_NAMES.items() if name in ORDER_KINDS)
_LOOKING: Final = frozenset({ev.SpeechEvent, ev.StatusEvent})
"""Kinds whose handlers read what others have counted."""
_GROUPS: Final = {
    kind: "viewers" if name == "viewers" else "orders" if name == "order_paid" else COUNTED_KINDS[name]
    for kind, name in KIND_NAMES.items()
    if name in COUNTED_KINDS or name in ("viewers", "order_paid")
}
"""Event kind -> the group of inputs it changes."""
_NEVER: Final = 1 << 62

Fed = set[tuple[str, type[Event]]]
Takers = dict[type[Event], Callable[[Any], None]]


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
        self._seen = SeenIds(state.seen)
        self._fed: dict[str, Fed] = {}
        self._moment = moment = Moment()
        self._repeats = Repeats(state, moment, health, changes)
        self._talk = Talk(state, matcher, changes)
        everywhere = state.active if len(plan.rooms) > 1 else None
        self._acts = {room.id: Acts(room, everywhere, moment, self._talk) for room in state.rooms.values()}
        trade = Trade(state, plan, watch, life, health, self._repeats, moment, changes)
        self._takers: dict[str, dict[str, Takers]] = {}
        self._rooms_stood = 0
        self._handlers: dict[type[Event], Callable[[Any, RoomCounts], None]] = {
            **trade.handlers(),
            ev.ViewersEvent: self._viewers,
            ev.StreamEvent: Lines(state, plan, watch, health, moment, changes).take,
            ev.SpeechEvent: self._speech,
            ev.StatusEvent: self._status,
        }

    def take(self, chunk: Chunk, batch: Events) -> None:
        """Apply a batch; one without events says only that its source is there."""
        state, moment, applied = self._state, self._moment, chunk.applied_ms
        source = self._health.hear(batch, applied)
        moment.begin(source, applied)
        if batch.events:
            self._take_all(chunk, batch, source.clock, self._fed.setdefault(source.id, set()))
            self._talk.end_batch(applied)
        self._count()
        moment.touched.update(_GROUPS[kind] for kind in moment.taken if kind in _GROUPS)
        if state.state != "ended":
            for group in sorted(moment.touched):
                self._watch.touch(group, applied)
        moment.touched.clear()

    def list_messages(self) -> None:
        """Match and list what was said since the last call."""
        self._talk.list_all()

    def pack(self) -> None:
        """Put what is kept beside the state into it, for a checkpoint."""
        self._talk.list_all()
        self._seen.pack()

    def _take_all(self, chunk: Chunk, batch: Events, clock: SourceClock, fed: Fed) -> None:
        """Apply the events. Those of one second that only add up are set aside and counted together (Acts)."""
        moment, applied, comment = self._moment, chunk.applied_ms, ev.CommentEvent
        verdicts = self._seen.take(batch.events, applied)
        forgotten = max(applied - HORIZON_MS, self._seen.forgotten_ms)
        running = applied // 1_000
        least, offset = (clock.least_ms, clock.offset_ms) if clock.second == running else (_NEVER, 0)
        low = high = 0  # instants in [low, high) count in the second of the moment
        takers = self._takers_of(moment.source)
        for position, event in enumerate(batch.events, chunk.first):
            kind, occurred = type(event), event.occurred_ms
            if verdicts is not None and (verdict := verdicts[position - chunk.first]) != "new":
                self._repeats.note(verdict)
                continue
            if applied - occurred >= least:  # nothing to learn of the source's clock: most events
                at = occurred + offset
                if at > applied:
                    at = applied
            else:
                at = clock.place(applied, occurred)
                if clock.second == running:
                    least, offset = clock.least_ms, clock.offset_ms
            if not low <= at < high:
                if at < forgotten and not _has_own_key(event):
                    self._state.backfill += 1
                    continue
                if high:
                    self._settle()
                low, high = self._turn_to(at, forgotten)
            taking = takers.get(event.room)
            take = None if taking is None else taking.get(kind)
            if take is None:
                moment.position, moment.at = position, at
                if kind in _LOOKING:
                    self._settle()
                    self._follow(event, fed, takers)
                    takers, low, high = self._takers_of(moment.source), 0, 0  # a room may have ended
                else:
                    self._follow(event, fed, takers)
            elif kind is comment:
                take((position, event, at))
            else:
                take(event)
        self._settle()

    def _takers_of(self, source: Source) -> dict[str, Takers]:
        """Return by room who takes the kinds that this source has sent, as long as the rooms stand as they did."""
        stand = self._changes.versions["rooms"]
        if stand != self._rooms_stood:
            self._rooms_stood = stand
            self._takers.clear()
        return self._takers.setdefault(source.id, {})

    def _turn_to(self, at: int, forgotten: int) -> tuple[int, int]:
        """Let events count in the second of `at`; return for which instants that holds, [low, high)."""
        moment = self._moment
        second = moment.second = self._seconds.of(at)
        late = moment.applied - LATE_MS
        moment.late = at < late
        if second < self._seconds.of(moment.applied):
            self._state.history.spoil(second + 1)
        if at < forgotten:
            return at, at
        start, end = self._seconds.edge(second - 1) + 1, self._seconds.edge(second) + 1
        return (max(start, forgotten), min(end, late)) if moment.late else (max(start, forgotten, late), end)

    def _settle(self) -> None:
        for acts in self._acts.values():
            acts.settle()

    def _follow(self, event: Event, fed: Fed, takers: dict[str, Takers]) -> None:
        """Follow one event by itself; enter into `takers` who takes the next of its kind and room from now on."""
        kind = type(event)
        room = self._state.rooms.get(event.room)
        if room is None:
            self._moment.count(kind)
            return
        if (room.id, kind) not in fed:
            self._feed(fed, room, kind)
        if room.state != "live" and kind in _OPENING:
            self._open(room, event)
        take = self._acts[room.id].taker(kind)
        if take is None:
            self._moment.count(kind)
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(event, room)
            return
        if room.state == "live" or kind not in _OPENING:
            takers.setdefault(room.id, {})[kind] = take
        take((self._moment.position, event, self._moment.at) if kind is ev.CommentEvent else event)

    def _count(self) -> None:
        moment, counters = self._moment, self._state.counters
        kinds = moment.source.kinds
        for kind, number in moment.taken.items():
            name = KIND_NAMES[kind]
            counters[name] = counters.get(name, 0) + number
            kinds[name] = kinds.get(name, 0) + number
        if self._state.backfill:
            counters["backfill"] = self._state.backfill
        self._health.watch(moment.source, moment.applied)

    def _feed(self, fed: Fed, room: RoomCounts, kind: type[Event]) -> None:
        """Note that this source sends this kind for this room."""
        fed.add((room.id, kind))
        name, source = KIND_NAMES[kind], self._moment.source
        sources = room.sources.setdefault(FAMILIES.get(name, name), [])
        if source.id not in sources:
            sources.append(source.id)
        every = self._readings.every(room.id, name)
        source.every_ms = min(source.every_ms or every, every)
        self._health.expect(source, room.id, name, self._moment.applied)

    def _open(self, room: RoomCounts, event: Event) -> None:
        """Something came that only a room on air sends."""
        if self._state.state == "ended" or room.state != "waiting" or self._moment.late:
            return
        if self._state.state == "planned" and room.id not in self._opens_itself:
            return
        if isinstance(event, ev.ViewersEvent) and event.payload.online <= 0:
            return
        self._life.room_lives(room, self._moment.applied)

    # Kinds that say how it stands

    def _viewers(self, event: ev.ViewersEvent, room: RoomCounts) -> None:
        moment = self._moment
        if moment.late:
            return
        if room.viewers.seen_ms is None:
            self._acts[room.id].settle()  # who entered before it is counted; who enters after it is not
        if room.viewers.read(moment.at, event.payload.online, moment.applied):
            total, _ = self._readings.viewers(self._state.speaking())
            self._state.viewers_peak = max(self._state.viewers_peak, total or 0)

    def _speech(self, event: ev.SpeechEvent, room: RoomCounts) -> None:
        speech, moment = event.payload, self._moment
        if not speech.final:
            return
        spoken = Spoken(speech, self._matcher.find(speech.text, "speech"), moment.at, self._plan.corrections)
        row = MessageRow(
            position=moment.position,
            room=room.id,
            kind="speech",
            at_ms=moment.at,
            who=speech.speaker,
            text=speech.text,
            marks=tuple(hit.mark() for hit in spoken.hits),
        )
        self._talk.transcribe(row)
        if speech.speaker in JUDGED_SPEAKERS and not moment.late and self._state.state != "ended":
            self._watch.speech(spoken, moment.applied)

    def _status(self, event: ev.StatusEvent, room: RoomCounts) -> None:
        if self._state.state == "ended" or self._moment.late:
            return
        match event.payload.state:
            case "live" if room.state != "live":
                self._life.room_lives(room, self._moment.applied)
            case "paused" if room.state == "live":
                self._life.room_pauses(room, self._moment.applied)
            case "ended" if room.state != "ended":
                self._life.room_ends(room, self._moment.applied)
