"""How a session begins, pauses and ends, and its rooms with it."""

from typing import Final

from app.domain.effects import SessionChange
from app.engine.announcer import SESSION_END, Announcer
from app.engine.changes import Changes
from app.engine.charts import Charts
from app.engine.counts import RoomCounts
from app.engine.seconds import Seconds
from app.engine.state import State
from app.engine.watch import Watch

EDGE: Final = "edge"


class Life:
    """Moves the session from planned to live, paused and ended; knows nothing of who asked for it."""

    def __init__(
        self,
        state: State,
        seconds: Seconds,
        watch: Watch,
        announcer: Announcer,
        charts: Charts,
        changes: Changes,
    ) -> None:
        self._state, self._seconds = state, seconds
        self._watch, self._announcer, self._charts, self._changes = watch, announcer, charts, changes

    def start(self, at: int) -> None:
        """The session is on air."""
        state = self._state
        state.state = "live"
        if state.started_ms is None:
            state.started_ms = at
            if state.rundown.plan and state.rundown.index < 0:
                self.move_to(0, at)
        self._watch.touch_all(at)
        state.deadlines.set(EDGE, self._seconds.next_edge(at), at)
        self._changes.session(SessionChange("live", at))

    def move_to(self, index: int, at: int) -> None:
        """Put the marker of the rundown on a segment; what it shows is on air."""
        segment = self._state.rundown.move(index, at)
        self.put_on_air(segment.sku or "", at)
        self._watch.touch("state", at)
        self._announcer.review(at)
        self._changes.touch("rundown")

    def put_on_air(self, sku: str, at: int) -> None:
        """Say which SKU the host speaks about; empty: none."""
        before, self._state.on_air = self._state.on_air, sku
        for member in (before, sku):
            self._watch.touch(f"sku|{member}", at)
        self._changes.touch("skus", "rundown")

    def room_lives(self, room: RoomCounts, at: int) -> None:
        """A room is on air: it was said, or something came that only a room on air sends."""
        room.state = "live"
        self._changes.touch("rooms")
        if self._state.state in ("planned", "paused"):
            self.start(at)
        self._watch.touch_all(at)

    def room_pauses(self, room: RoomCounts, at: int) -> None:
        """A room stands still; the session does when no room of it is on air."""
        room.state = "paused"
        self._changes.touch("rooms")
        if self._state.state == "live" and not any(other.live for other in self._state.rooms.values()):
            self._state.state = "paused"
            self._changes.session(SessionChange("paused", at))
        self._watch.touch_all(at)

    def room_ends(self, room: RoomCounts, at: int) -> None:
        """A room is off; the session ends with its last one."""
        room.state = "ended"
        self._changes.touch("rooms")
        if not any(other.state in ("live", "paused") for other in self._state.rooms.values()):
            self.end(at, "status")
        else:
            self._watch.touch_all(at)

    def end(self, at: int, reason: str) -> None:
        """Close everything that is open, write what is charted, and count up."""
        state = self._state
        self._watch.end(at)
        for key in list(state.alerts.open):
            self._announcer.end(key, SESSION_END, at)
        for room in state.rooms.values():
            room.state = "ended" if room.state != "waiting" else "waiting"
        state.rundown.finish(at)
        state.state, state.ended_ms = "ended", at
        state.deadlines.due.clear()
        state.deadlines.heap.clear()
        state.dirty.clear()
        self._changes.effects.readings.extend(self._charts.write(at // 60_000))
        state.summary = self._summary(at)
        self._changes.session(SessionChange("ended", at, state.summary))
        self._changes.touch("readings", "skus", "sources")

    def _summary(self, at: int) -> dict[str, float]:
        state = self._state
        totals = {
            name: float(sum(room.tallies[name].total for room in state.rooms.values()))
            for name in ("gmv", "orders", "paid_units", "comments", "enters", "likes", "follows")
        }
        started = state.started_ms if state.started_ms is not None else at
        summary = {
            "viewers_peak": float(state.viewers_peak),
            "gmv": totals["gmv"],
            "orders": totals["orders"],
            "units": totals["paid_units"],
            "comments": totals["comments"],
            "enters": totals["enters"],
            "likes": totals["likes"],
            "follows": totals["follows"],
            "alerts": float(len(state.alerts.alerts)),
            "minutes": (at - started) / 60_000,
        }
        if state.interaction_seconds:
            summary["interaction_mean"] = state.interaction_sum / state.interaction_seconds
        for currency, amount in state.foreign.items():
            summary[f"gmv_{currency}"] = float(amount)
        return summary
