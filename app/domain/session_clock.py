"""A session's clock: session time as a function of wall time. Live sessions: the same."""

from typing import Final

from msgspec import Struct

from app.instants import Instant


class SessionClock(Struct, frozen=True):
    """At wall time `wall_ms` the session's clock read `session_ms`, and it has run at `rate` since (0: it stands)."""

    wall_ms: int = 0
    session_ms: int = 0
    rate: float = 1.0

    def at(self, wall: Instant) -> Instant:
        """Return session time at a wall instant."""
        return Instant(self.session_ms + int((wall - self.wall_ms) * self.rate))

    def wall_until(self, session: Instant, wall: Instant) -> int | None:
        """Return how many wall milliseconds are left until the session's clock reads `session`; None: never."""
        left = session - self.at(wall)
        if left <= 0:
            return 0
        if self.rate <= 0:
            return None
        return -int(-left // self.rate)


LIVE: Final = SessionClock()
"""The clock of every live session: wall time itself."""
