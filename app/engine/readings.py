"""The session's numbers at one instant, each with its age and validity."""

from collections.abc import Callable, Iterable
from typing import Final

from app.domain.plan import RoomPlan, SessionPlan
from app.domain.readings import Reading, ReadingState, Scope
from app.engine.counts import RoomCounts, window_of
from app.engine.freshness import AUDIENCE, FAMILIES, KIND_OF_METRIC, ORDERS, STOCK, expected_every, patience_of
from app.engine.rates import Interaction, interaction
from app.engine.seconds import Seconds
from app.engine.state import State
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


class Readings:
    """Computes readings from the state; owns none of it. `before`: a look into the history, given by its keeper."""

    def __init__(self, state: State, plan: SessionPlan, seconds: Seconds) -> None:
        self._state, self._seconds = state, seconds
        self._plans: dict[str, RoomPlan] = {room.id: room for room in plan.rooms}
        self._targets = {target.metric: target.value for target in plan.targets}
        self._every: dict[tuple[str, str], int] = {}
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

    def fresh(self, room: RoomCounts, kind: str, seen_ms: int | None, at: int) -> bool:
        """Return whether what was seen then is still to be relied on."""
        if seen_ms is None or seen_ms < self._state.gap_end_ms:
            return False
        return at < seen_ms + patience_of(self.every(room.id, kind))

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
        seen, fresh = self._heard(rooms, kind, at, counted)
        second = self._seconds.of(at)
        value = sum(window_of(room.tallies[count], second, window) for room in counted)
        return Reading(
            metric=metric,
            scope=scope,
            scope_id=scope_id,
            value=float(value) if fresh else None,
            state="ok" if fresh else "unknown",
            seen_ms=seen,
            every_ms=self._slowest(rooms, kind),
            before=before,
            target=target,
        )

    def heard(self, count: str, at: int) -> tuple[int | None, bool]:
        """Return when the session's source of a count was last heard, and whether that is fresh."""
        return self._heard(self._state.speaking(), KIND_OF_METRIC[count], at, list(self._state.rooms.values()))

    def known_counts(self, rooms: list[RoomCounts], everyone: list[RoomCounts], at: int) -> dict[str, bool]:
        """Return for each count whether it is fresh."""
        return {count: self._heard(rooms, KIND_OF_METRIC[count], at, everyone)[1] for count in SESSION_COUNTS}

    def known_interaction(self, rooms: list[RoomCounts], at: int) -> Interaction | None:
        """Return the interaction rate, or None while its data is not fresh."""
        return self.interaction(rooms, at) if self._rate_fresh(rooms, at) else None

    def viewers(self, rooms: Iterable[RoomCounts]) -> tuple[int | None, int | None]:
        """Return the viewers of all these rooms together and the oldest of their instants; None while one has none."""
        total, seen = 0, None
        for room in rooms:
            gauge = room.viewers
            if gauge.seen_ms is None:
                return None, None
            total += gauge.value
            seen = gauge.seen_ms if seen is None else min(seen, gauge.seen_ms)
        return (total, seen) if seen is not None else (None, None)

    def viewers_fresh(self, rooms: Iterable[RoomCounts], at: int) -> bool:
        return all(self.fresh(room, "viewers", room.viewers.seen_ms, at) for room in rooms)

    def interaction(self, rooms: list[RoomCounts], at: int) -> Interaction:
        """Return the interaction rate of these rooms; whether its data is fresh is not its business."""
        second = self._seconds.of(at)
        distinct = rooms[0].active if len(rooms) == 1 else self._state.active
        active = distinct.at(second)
        return interaction(rooms, active, not distinct.estimated, second, at)

    def interaction_seen(self, rooms: Iterable[RoomCounts]) -> int | None:
        """Return the oldest instant behind the rate: of the acts, and of the viewer count where there is one."""
        seen: int | None = None
        for room in rooms:
            acts, gauge = self._state.family_seen(room, AUDIENCE), room.viewers.seen_ms
            for instant in (acts, gauge):
                if instant is not None:
                    seen = instant if seen is None else min(seen, instant)
        return seen

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

    def _heard(
        self, rooms: list[RoomCounts], kind: str, at: int, everyone: list[RoomCounts]
    ) -> tuple[int | None, bool]:
        """Return the oldest instant of those rooms that have this family at all, and whether all of them are fresh.

        Where none of them has it, `everyone` is asked: orders may come by a room that is not on air itself.
        """
        oldest: int | None = None
        fresh = True
        family = FAMILIES[kind]
        for room in rooms:
            seen = self._state.family_seen(room, family)
            if seen is not None:
                oldest = seen if oldest is None else min(oldest, seen)
                fresh = fresh and self.fresh(room, kind, seen, at)
        if oldest is None and rooms is not everyone:
            return self._heard(everyone, kind, at, everyone)
        return oldest, fresh and oldest is not None

    def _viewers(
        self, rooms: list[RoomCounts], scope: Scope, scope_id: str, at: int, before: float | None, target: float | None
    ) -> Reading:
        value, seen = self.viewers(rooms)
        fresh = value is not None and self.viewers_fresh(rooms, at)
        return Reading(
            metric="viewers",
            scope=scope,
            scope_id=scope_id,
            value=float(value) if fresh and value is not None else None,
            state="ok" if fresh else "unknown",
            seen_ms=seen,
            every_ms=self._slowest(rooms, "viewers"),
            before=before,
            target=target,
        )

    def _interaction(
        self, rooms: list[RoomCounts], scope: Scope, scope_id: str, at: int, before: float | None, target: float | None
    ) -> Reading:
        seen = self.interaction_seen(rooms)
        rate = self.interaction(rooms, at) if rooms else Interaction(None, "unknown", None, None, False)
        state: ReadingState = rate.state if self._rate_fresh(rooms, at) else "unknown"
        shown = state in ("ok", "estimated")
        return Reading(
            metric=INTERACTION,
            scope=scope,
            scope_id=scope_id,
            value=rate.value if shown else None,
            state=state,
            seen_ms=seen,
            every_ms=self._slowest(rooms, "viewers"),
            num=rate.num,
            den=rate.den,
            before=before,
            target=target,
        )

    def _rate_fresh(self, rooms: list[RoomCounts], at: int) -> bool:
        """Without a viewer count the acts decide; with one, both."""
        if not rooms:
            return False
        for room in rooms:
            gauge, acts = room.viewers.seen_ms, self._state.family_seen(room, AUDIENCE)
            if gauge is not None and not self.fresh(room, "viewers", gauge, at):
                return False
            if not self.fresh(room, "comment", acts if acts is not None else gauge, at):
                return False
        return True

    def _slowest(self, rooms: Iterable[RoomCounts], kind: str) -> int:
        chosen = [room.id for room in rooms] or list(self._plans)
        return max(self.every(room, kind) for room in chosen)
