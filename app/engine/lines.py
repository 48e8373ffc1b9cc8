"""Stream health: the lines on which a session is sent."""

from app.domain import events as ev
from app.domain.plan import SessionPlan
from app.engine.changes import Changes
from app.engine.counts import RoomCounts
from app.engine.goods import MOST_UNLISTED_LINES, OTHER, LineState
from app.engine.health import Health
from app.engine.moment import Moment
from app.engine.state import State
from app.engine.watch import Watch


class Lines:
    """Applies readings of lines. Owns nothing but the bound on lines nobody registered."""

    def __init__(
        self, state: State, plan: SessionPlan, watch: Watch, health: Health, moment: Moment, changes: Changes
    ) -> None:
        self._state, self._watch, self._health = state, watch, health
        self._moment, self._changes = moment, changes
        self._most = sum(len(room.lines) for room in plan.rooms) + MOST_UNLISTED_LINES

    def take(self, event: ev.StreamEvent, room: RoomCounts) -> None:
        """Take one reading; a late one is a level of the past and says nothing of now."""
        if self._moment.late:
            return
        line = self._line(room.id, event.payload.line)
        line.read(event.payload, event.occurred_ms, self._moment.applied)
        self._moment.touched.add(f"line|{line.name}")
        self._changes.touch("lines")

    def _line(self, room: str, name: str) -> LineState:
        """Return a line by its name; where two rooms have lines of one name, the second goes by its room too.

        Beyond the most lines that the workspace does not know it is the one of all others.
        """
        known = self._state.lines.get(name)
        if known is not None and known.room != room:
            name = f"{room}:{name}"
            known = self._state.lines.get(name)
        if known is None and len(self._state.lines) >= self._most:
            self._health.crowd("lines", MOST_UNLISTED_LINES, self._moment.applied)
            name = OTHER
            known = self._state.lines.get(name)
        if known is None:
            known = self._state.lines[name] = LineState(name=name, room=room)
        if known.seen_ms is None and name != OTHER:
            known.seen_ms = self._moment.applied
            self._watch.member("line", name)
        return known
