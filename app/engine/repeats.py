"""What was sent before: it has a position and no effect but to be counted; other content under its id is an alert."""

from app.engine.changes import Changes
from app.engine.health import Health
from app.engine.moment import Moment
from app.engine.seen import Verdict
from app.engine.state import State


class Repeats:
    """Counts them for the session, the source and the answer to the batch."""

    def __init__(self, state: State, moment: Moment, health: Health, changes: Changes) -> None:
        self._state, self._moment, self._health, self._changes = state, moment, health, changes

    def note(self, verdict: Verdict) -> None:
        """The event at hand is none that is new."""
        state, effects, source = self._state, self._changes.effects, self._moment.source
        state.duplicates += 1
        source.duplicates += 1
        effects.duplicates += 1
        if verdict == "conflict":
            state.conflicts += 1
            effects.conflicts += 1
            self._health.conflict(source, self._moment.applied)
