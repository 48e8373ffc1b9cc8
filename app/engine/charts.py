"""What is charted: sampled at each second's edge, handed out at each full minute, corrected by what came late."""

from collections.abc import Iterator
from math import isnan, nan
from typing import Final

from app.domain.readings import MinuteRow, Scope, reading_key
from app.engine.counts import WINDOW_SECONDS, RoomCounts
from app.engine.freshness import patience_of
from app.engine.rates import Interaction
from app.engine.readings import INTERACTION, WINDOWED, Readings, split
from app.engine.seconds import Seconds
from app.engine.state import State

SESSION_CHARTS: Final = ("viewers", "gmv", INTERACTION, *WINDOWED)
ROOM_CHARTS: Final = ("viewers", "gmv", INTERACTION, "comments_60s")
COUNTED: Final = frozenset({"gmv", *WINDOWED})
"""Metrics that are computed again from the tallies when they are written; of the others the sample stands."""
BEFORE_SECONDS: Final = 600


class Charts:
    """Samples the state into its history and reads it back; a room of its own is charted where there are several."""

    def __init__(self, state: State, readings: Readings, seconds: Seconds) -> None:
        self._state, self._readings, self._seconds = state, readings, seconds
        self._places: dict[str, tuple[str, Scope, str]] = {}
        self._keys: dict[tuple[str, Scope, str], str] = {}
        readings.before = self.before

    def sample(self, edge: int) -> list[MinuteRow]:
        """Take the values at an edge; return the rows of a minute when it is full."""
        state, history = self._state, self._state.history
        slot = edge // 1_000
        rate = self._readings.known_interaction(state.speaking(), edge)
        if state.state == "live" and rate is not None and rate.value is not None:
            state.interaction_sum += rate.value
            state.interaction_seconds += 1
        history.put(slot, dict(self._values(edge, rate)))
        if slot % 60 != 59:
            return []
        return self.write(slot // 60)

    def write(self, minute: int) -> list[MinuteRow]:
        """Return the rows of every minute up to this one that is new or has changed."""
        history = self._state.history
        rows: list[MinuteRow] = []
        for known in sorted(history.minutes):
            if known <= minute and (known >= history.written or known in history.dirty):
                rows.extend(self._rows(known))
                history.dirty.discard(known)
        history.written = max(history.written, minute + 1)
        return rows

    def rewrite(self) -> list[MinuteRow]:
        """Return the rows of written minutes that have changed since; for an ended session, where no second ends."""
        history = self._state.history
        return self.write(history.written - 1) if any(minute < history.written for minute in history.dirty) else []

    def tail(self, metrics: tuple[str, ...]) -> list[MinuteRow]:
        """Return the minutes not yet written, of these metrics or of all."""
        history = self._state.history
        unwritten = [minute for minute in sorted(history.minutes) if minute >= history.written]
        return [row for minute in unwritten for row in self._rows(minute) if not metrics or row.metric in metrics]

    def before(self, metric: str, scope: Scope, scope_id: str, at: int) -> float | None:
        """Return a metric as it was ten minutes earlier, where it is charted."""
        slot = self._seconds.of(at) + 1 - BEFORE_SECONDS
        value = self._state.history.at(slot, reading_key(metric, scope, scope_id))
        if value is not None and metric in COUNTED:
            return self._counted(metric, scope, scope_id, slot)
        return value

    def _values(self, edge: int, rate: Interaction | None) -> Iterator[tuple[str, float]]:
        """Yield what is known now; of what is computed when it is written, only whether it is known."""
        state, rooms = self._state, self._state.speaking()
        everyone = list(state.rooms.values())
        yield from self._sampled(rooms, everyone, "session", "", SESSION_CHARTS, edge, rate)
        if len(everyone) > 1:
            for room in everyone:
                if room.state != "waiting":
                    one = [room]
                    own = self._readings.known_interaction(one, edge)
                    yield from self._sampled(one, one, "room", room.id, ROOM_CHARTS, edge, own)
        yield from self._goods(edge)
        for name, line in state.lines.items():
            if line.seen_ms is not None and line.bitrate_kbps is not None:
                patience = patience_of(self._readings.every(line.room, "stream"))
                known = edge < line.seen_ms + patience and line.seen_ms >= state.gap_end_ms
                yield self._key("bitrate_kbps", "line", name), line.bitrate_kbps if known else nan

    def _sampled(
        self,
        rooms: list[RoomCounts],
        everyone: list[RoomCounts],
        scope: Scope,
        scope_id: str,
        metrics: tuple[str, ...],
        edge: int,
        rate: Interaction | None,
    ) -> Iterator[tuple[str, float]]:
        known = self._readings.known_counts(rooms, everyone, edge)
        for metric in metrics:
            key = self._key(metric, scope, scope_id)
            if metric in COUNTED:
                yield key, 0.0 if known[split(metric)[0]] else nan
            elif metric == INTERACTION:
                yield key, nan if rate is None or rate.value is None else rate.value
            else:
                value, _ = self._readings.viewers(rooms)
                value = self._readings.known_viewers(rooms, edge)
                yield key, nan if value is None else float(value)

    def _goods(self, edge: int) -> Iterator[tuple[str, float]]:
        second, fresh = self._seconds.of(edge), self._readings.goods_fresh(edge)
        for sku in self._state.skus.values():
            sellable = sku.stock.sellable
            if sellable is None:
                continue
            yield self._key("sellable", "sku", sku.sku), float(sellable) if fresh else nan
            rate = sku.sell_rate(second) if fresh and sku.counts.tallies["paid_units"].last >= 0 else None
            yield self._key("sell_rate", "sku", sku.sku), nan if rate is None else rate

    def _rows(self, minute: int) -> Iterator[MinuteRow]:
        for key, values in self._state.history.minutes[minute].items():
            metric, scope, scope_id = self._place(key)
            if metric in COUNTED:
                slots = enumerate(values, minute * 60)
                values = [value if isnan(value) else self._counted(metric, scope, scope_id, at) for at, value in slots]
            yield MinuteRow(metric, scope, scope_id, minute * 60_000, tuple(values))

    def _counted(self, metric: str, scope: Scope, scope_id: str, slot: int) -> float:
        count, window = split(metric)
        rooms: list[RoomCounts] = list(self._state.rooms.values())
        if scope == "room":
            rooms = [self._state.rooms[scope_id]]
        second = slot - 1  # a slot is the edge at which the second before it has ended
        if window == "session":
            return float(sum(room.tallies[count].charted_total(second) for room in rooms))
        return float(sum(room.tallies[count].charted(second, WINDOW_SECONDS[window]) for room in rooms))

    def _key(self, metric: str, scope: Scope, scope_id: str) -> str:
        place = (metric, scope, scope_id)
        key = self._keys.get(place)
        if key is None:
            key = self._keys[place] = reading_key(metric, scope, scope_id)
            self._places[key] = place
        return key

    def _place(self, key: str) -> tuple[str, Scope, str]:
        """Return what a key was made of; read back from it after a restore."""
        if key not in self._places:
            metric, _, rest = key.partition("@")
            scope, _, scope_id = rest.partition(":")
            self._places[key] = (metric, scope, scope_id)  # type: ignore[assignment]  # reading_key wrote it
        return self._places[key]
