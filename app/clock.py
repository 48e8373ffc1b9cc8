"""The one place that reads the system clock; everything else is handed a Clock or an Instant."""

import time
from collections.abc import Callable
from typing import Protocol

from app.instants import Instant


class Clock(Protocol):
    """Wall time, for doors, workers and pumps; the engine is only ever told instants."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class SystemClock:
    """The machine's own clock; when that is set back, time goes on here at nine tenths of its pace until the machine's
    has caught up. If it fell, or stood, all that waits for an instant would wait as long: boards, holds, messages."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """`steady_ns`: what nobody can set."""
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._told, self._asked = wall_ns(), steady_ns()

    def now(self) -> Instant:
        wall, asked = self._wall_ns(), self._steady_ns()
        self._told = max(wall, self._told + (asked - self._asked) * 9 // 10)
        self._asked = asked
        return Instant(self._told // 1_000_000)


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
