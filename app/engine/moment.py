"""The event at hand while a batch is applied: who sent it, where it stands in the log, and when it counts."""

from app.domain.events import Event
from app.engine.sources import Source
from app.engine.windows import Tally


class Moment:
    """Written by the uptake alone, read by whoever follows an event.

    `taken`: how many of each kind had an effect in this batch; `touched`: the groups of inputs that changed.
    """

    __slots__ = ("applied", "at", "late", "position", "second", "source", "taken", "touched")

    def __init__(self) -> None:
        self.source = Source("", "", [])
        self.applied = self.at = self.second = self.position = 0
        self.late = False
        self.taken: dict[type[Event], int] = {}
        self.touched: set[str] = set()

    def begin(self, source: Source, applied: int) -> None:
        """A batch of this source begins."""
        self.source, self.applied = source, applied
        self.taken = {}

    def count(self, kind: type[Event], times: int = 1) -> None:
        """Say that events of a kind had an effect."""
        self.taken[kind] = self.taken.get(kind, 0) + times

    def add(self, tally: Tally, amount: int) -> None:
        """Add to a tally what counts now: in its second, or beside the windows when it is too late for them."""
        if self.late:
            tally.add_late(self.second, amount)
        else:
            tally.add(self.second, amount)
