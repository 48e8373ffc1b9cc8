"""What is counted in one room, and for one SKU: the tallies behind every window of a metric."""

from typing import Final

from msgspec import Struct, field

from app.engine.distinct import Distinct
from app.engine.freshness import KIND_OF_METRIC
from app.engine.gauges import Gauge
from app.engine.windows import Tally
from app.rules.vocabulary import SESSION_COUNTS, SKU_COUNTS

WINDOW_SECONDS: Final = {"10s": 10, "60s": 60, "2m": 120, "5m": 300, "10m": 600}
INTERACTION_SECONDS: Final = 300


def _distinct() -> Distinct:
    return Distinct(INTERACTION_SECONDS)


class RoomCounts(Struct):
    """One room of the session. `state` as RoomHead has it, and `paused` beside."""

    id: str
    viewers: Gauge
    state: str = "waiting"
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in SESSION_COUNTS})
    named_comments: Tally = field(default_factory=Tally)
    active: Distinct = field(default_factory=_distinct)
    """Users with a comment, like, share or follow in the last five minutes."""
    entered: Distinct = field(default_factory=_distinct)
    """Users who entered in the last five minutes; kept only while the room has no viewer count."""
    sources: dict[str, list[str]] = field(default_factory=dict)
    """Family -> sources that have sent a kind of it."""

    @property
    def live(self) -> bool:
        return self.state == "live"


class SkuCounts(Struct):
    """What is counted for one SKU, over all rooms of the session."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in SKU_COUNTS})
    paid_amount: int = 0

    def moved_since(self, second: int) -> bool:
        """Return whether anything was counted after `second`."""
        return any(tally.last > second for tally in self.tallies.values())


def window_of(tally: Tally, second: int, window: str) -> int:
    """Return a tally's count over a window as names of the vocabulary end: `10s` to `10m`, or `session`."""
    return tally.total if window == "session" else tally.window(second, WINDOW_SECONDS[window])


COUNTED_KINDS: Final = {
    kind: metric for metric, kind in KIND_OF_METRIC.items() if metric in SESSION_COUNTS and kind != "order_paid"
}
"""Event kind -> the count it adds to; orders add to three."""
