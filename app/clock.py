"""The one place that reads the system clock; everything else is handed a Clock or an Instant."""

import time
from typing import Protocol

from app.instants import Instant


class Clock(Protocol):
    """Wall time, for doors, workers and pumps; the engine is only ever told instants."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000)


class ManualClock:
    """A clock that stands until it is moved; for tests and for drivers that run a session ahead of time."""

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        return self._now

    def advance(self, span: int) -> Instant:
        """Move forward by `span` milliseconds and return the new instant."""
        self._now = Instant(self._now + span)
        return self._now
