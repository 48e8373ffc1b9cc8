"""The session's numbers at one instant, each with its age and validity."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from app.domain.plan import RoomPlan, SessionPlan
from app.domain.readings import Reading, ReadingState, Scope
from app.engine.counts import RoomCounts, window_of
from app.engine.freshness import AUDIENCE, FAMILIES, KIND_OF_METRIC, ORDERS, STOCK, expected_every, patience_of
from app.engine.rates import Interaction, interaction
from app.engine.seconds import Seconds
from app.engine.state import State
from app.instants import Instant
from app.rules.vocabulary import SESSION_COUNTS

INTERACTION: Final = "interaction_rate_5m"
WINDOWED: Final = tuple(f"{count}_60s" for count in SESSION_COUNTS)
SESSION_METRICS: Final = (
    "viewers",
    "gmv",
    INTERACTION,
    *WINDOWED,
    *(f"{count}_session" for count in SESSION_COUNTS if count != "gmv"),
)
ROOM_METRICS: Final = (
    *("viewers", "gmv", INTERACTION, "enters_60s", "comments_60s", "likes_60s", "orders_60s"),
    *("comments_session", "orders_session"),
)


def split(metric: str) -> tuple[str, str]:
    """Return count and window of a metric's name: `comments_60s`; `gmv` alone is the whole session's."""
    if metric == "gmv":
        return "gmv", "session"
    count, _, window = metric.rpartition("_")
    return count, window


class Heard(NamedTuple):
    """When data last came: the oldest instant of the rooms behind it, and when the first of them falls silent."""

    seen_ms: Instant
    silent_ms: Instant


NEVER: Final = Heard(Instant(-1), Instant(-1))
_COUNTED_KINDS: Final = tuple(dict.fromkeys(KIND_OF_METRIC[count] for count in SESSION_COUNTS))


class Readings:
    """Computes readings from the state; owns none of it. `before`: a look into the history, given by its keeper."""

    def __init__(self, state: State, plan: SessionPlan, seconds: Seconds) -> None:
        self._state, self._seconds = state, seconds
        self._plans: dict[str, RoomPlan] = {room.id: room for room in plan.rooms}
        self._targets = {target.metric: target.value for target in plan.targets}
        self._every: dict[tuple[str, str], int] = {}
        self._patience: dict[tuple[str, str], int] = {}
        self.before: Callable[[str, Scope, str, int], float | None] = lambda *_: None

    def every(self, room: str, kind: str) -> int:
        """Return the expected interval of a kind in a room."""
        key = (room, kind)
        if key not in self._every:
            self._every[key] = expected_every(self._plans[room], kind)
        return self._every[key]

    def patience(self, metric: str) -> int:
        """Return the silence after which the session's reading of a metric is missing: its slowest room's."""
        kind = KIND_OF_METRIC[metric]
        return max(patience_of(self.every(room, kind)) for room in self._plans)

    def reading(self, metric: str, scope: Scope, scope_id: str, at: int) -> Reading:
        """Return one metric of the session or of a room."""
        rooms = [self._state.rooms[scope_id]] if scope == "room" else self._state.speaking()
        target = self._targets.get(metric) if scope == "session" else None
        before = self.before(metric, scope, scope_id, at)
        if metric == "viewers":
            return self._viewers(rooms, scope, scope_id, at, before, target)
        if metric == INTERACTION:
            return self._interaction(rooms, scope, scope_id, at, before, target)
        count, window = split(metric)
        kind = KIND_OF_METRIC[count]
        counted = rooms if scope == "room" else list(self._state.rooms.values())
        heard = self._heard(rooms, kind, counted)
        fresh = self._lately(heard, at)
        second = self._seconds.of(at)
        value = sum(window_of(room.tallies[count], second, window) for room in counted)
        return Reading(
            metric=metric,
            scope=scope,
            scope_id=scope_id,
            value=float(value) if fresh else None,
            state="ok" if fresh else "unknown",
            seen_ms=None if heard is NEVER else heard.seen_ms,
            every_ms=self._slowest(rooms, kind),
            before=before,
            target=target,
        )

    def heard(self, count: str) -> Heard:
        """Return when the session's source of a count was last heard."""
        return self._heard(self._state.speaking(), KIND_OF_METRIC[count], list(self._state.rooms.values()))

    def known_counts(self, rooms: list[RoomCounts], everyone: list[RoomCounts], at: int) -> dict[str, bool]:
        """Return for each count whether it is fresh."""
        known = {kind: self._lately(self._heard(rooms, kind, everyone), at) for kind in _COUNTED_KINDS}
        return {count: known[KIND_OF_METRIC[count]] for count in SESSION_COUNTS}

    def known_interaction(self, rooms: list[RoomCounts], at: int) -> Interaction | None:
        """Return the interaction rate, or None while its data is not fresh."""
        return self.interaction(rooms, at) if self._lately(self.interaction_heard(rooms), at) else None

    def viewers(self, rooms: Iterable[RoomCounts]) -> tuple[int | None, Heard]:
        """Return the viewers of all these rooms together and when they were heard; None while one has none."""
        total, heard = 0, NEVER
        for room in rooms:
            gauge = room.viewers
            if gauge.seen_ms is None:
                return None, NEVER
            total += gauge.value
            heard = self._and(heard, room, "viewers", gauge.seen_ms)
        return (None if heard is NEVER else total), heard

    def known_viewers(self, rooms: Iterable[RoomCounts], at: int) -> int | None:
        """Return the viewers of all these rooms together, or None while they are not fresh."""
        value, heard = self.viewers(rooms)
        return value if self._lately(heard, at) else None

    def interaction(self, rooms: list[RoomCounts], at: int) -> Interaction:
        """Return the interaction rate of these rooms; whether its data is fresh is not its business."""
        second = self._seconds.of(at)
        distinct = rooms[0].active if len(rooms) == 1 else self._state.active
        active = distinct.at(second)
        return interaction(rooms, active, not distinct.estimated, second, at)

    def interaction_heard(self, rooms: Iterable[RoomCounts]) -> Heard:
        """Return when what is behind the rate was heard: the acts, and the viewer count where there is one.

        Never, while one of the rooms has sent neither.
        """
        heard = NEVER
        for room in rooms:
            acts, gauge = self._state.family_seen(room, AUDIENCE), room.viewers.seen_ms
            if acts is None:
                return NEVER
            heard = self._and(heard, room, "comment", acts)
            if gauge is not None:
                heard = self._and(heard, room, "viewers", gauge)
        return heard

    def goods_seen(self) -> int | None:
        """Return when the orders were last heard, or, before any, the stock feed: as fresh is what can be sold."""
        seen = self._state.session_seen(ORDERS)
        return seen if seen is not None else self._state.session_seen(STOCK)

    def goods_fresh(self, at: int) -> bool:
        """Return whether the orders have been heard lately; before any source of them there is nothing to doubt."""
        seen = self.goods_seen()
        if seen is None:
            return True
        return seen >= self._state.gap_end_ms and at < seen + self.patience("orders")

    def _heard(self, rooms: list[RoomCounts], kind: str, everyone: list[RoomCounts]) -> Heard:
        """Return when those rooms were heard that have this family at all.

        Where none of them has it, `everyone` is asked: orders may come by a room that is not on air itself.
        """
        family, heard = FAMILIES[kind], NEVER
        for room in rooms:
            if (seen := self._state.family_seen(room, family)) is not None:
                heard = self._and(heard, room, kind, seen)
        if heard is NEVER and rooms is not everyone:
            return self._heard(everyone, kind, everyone)
        return heard

    def _and(self, heard: Heard, room: RoomCounts, kind: str, seen: int) -> Heard:
        """Return what was heard and what was heard in one more room, by that room's own interval."""
        patience = self._patience.get((room.id, kind)) or self._patience_of(room.id, kind)
        if heard is NEVER:
            return Heard(Instant(seen), Instant(seen + patience))
        return Heard(Instant(min(heard[0], seen)), Instant(min(heard[1], seen + patience)))

    def _patience_of(self, room: str, kind: str) -> int:
        patience = self._patience[room, kind] = patience_of(self.every(room, kind))
        return patience

    def _lately(self, heard: Heard, at: int) -> bool:
        """Return whether what was heard is still to be relied on."""
        return at < heard.silent_ms and heard.seen_ms >= self._state.gap_end_ms

    def _viewers(
        self, rooms: list[RoomCounts], scope: Scope, scope_id: str, at: int, before: float | None, target: float | None
    ) -> Reading:
        total, heard = self.viewers(rooms)
        value = total if self._lately(heard, at) else None
        return Reading(
            metric="viewers",
            scope=scope,
            scope_id=scope_id,
            value=None if value is None else float(value),
            state="unknown" if value is None else "ok",
            seen_ms=None if heard is NEVER else heard.seen_ms,
            every_ms=self._slowest(rooms, "viewers"),
            before=before,
            target=target,
        )

    def _interaction(
        self, rooms: list[RoomCounts], scope: Scope, scope_id: str, at: int, before: float | None, target: float | None
    ) -> Reading:
        heard = self.interaction_heard(rooms)
        rate = self.interaction(rooms, at) if rooms else Interaction(None, "unknown", None, None, False)
        state: ReadingState = rate.state if self._lately(heard, at) else "unknown"
        shown = state in ("ok", "estimated")
        return Reading(
            metric=INTERACTION,
            scope=scope,
            scope_id=scope_id,
            value=rate.value if shown else None,
            state=state,
            seen_ms=None if heard is NEVER else heard.seen_ms,
            every_ms=self._slowest(rooms, "viewers"),
            num=rate.num,
            den=rate.den,
            before=before,
            target=target,
        )

    def _slowest(self, rooms: Iterable[RoomCounts], kind: str) -> int:
        chosen = [room.id for room in rooms] or list(self._plans)
        return max(self.every(room, kind) for room in chosen)
