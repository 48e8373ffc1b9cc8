"""The seconds of a session: buckets that end at k·1000 + phase, so that a thousand sessions do not wake together."""

from typing import Final

from app.domain.identity import id_hash
from app.instants import Instant

LATE_MS: Final = 30_000
"""An event that is later than this counts in totals, stock and charts, but in no window of a rule."""
KEPT_SECONDS: Final = 13 * 60
"""How far back the counts of single seconds are kept: the longest window, and the charts of ten minutes before it."""


class Seconds:
    """Turns instants into seconds of one session. A second holds the instants (edge - 1000, edge].

    At an edge a window of n seconds therefore holds exactly the last n·1000 ms; between edges, the part of its newest
    second that has passed.
    """

    __slots__ = ("phase",)

    def __init__(self, session: str) -> None:
        self.phase = id_hash(session) % 1_000

    def of(self, instant: int) -> int:
        """Return the number of the second that holds `instant`."""
        return (instant - self.phase - 1) // 1_000

    def edge(self, second: int) -> Instant:
        """Return the last instant of a second."""
        return Instant((second + 1) * 1_000 + self.phase)

    def next_edge(self, now: int) -> Instant:
        """Return the first edge after `now`."""
        return Instant(((now - self.phase) // 1_000 + 1) * 1_000 + self.phase)
