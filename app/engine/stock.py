"""Sellable units of one SKU: the authority's last level, less what was paid since, with the changes since (§9)."""

from bisect import bisect_right
from typing import Final

from msgspec import Struct, field

from app.domain.events import StockReading

DEFAULT_LINE: Final = 500
PAID_KEPT_MS: Final = 2 * 60 * 60 * 1_000


def stock_line(given: int | None, planned: int) -> int:
    """Return the stock line: the workspace's, else the lesser of 500 and a tenth of what was planned, else 0."""
    return given if given is not None else min(DEFAULT_LINE, planned // 10)


class Level(Struct):
    """The last absolute reading of one warehouse of one feed."""

    available: int
    occurred_ms: int


class Stock(Struct):
    """One SKU's stock.

    Levels of several warehouses of the authority are summed, and what was paid is taken off since the newest of them
    (an order does not say which warehouse serves it); a plan that names a warehouse counts that one alone.
    Readings of other feeds are kept beside it and never mixed in.
    """

    authority: str
    warehouse: str = ""
    levels: dict[str, Level] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    """Feed and warehouse -> the newest version taken."""
    stamps: dict[str, int] = field(default_factory=dict)
    """Feed and warehouse -> when its last level was read, by its own stamp."""
    seen_ms: int | None = None
    """When the authority last said anything; by its own stamp."""
    base_ms: int | None = None
    feeds: dict[str, int] = field(default_factory=dict)
    paid_times: list[int] = field(default_factory=list)
    paid_units: list[int] = field(default_factory=list)
    paid_since: int = 0
    delta_times: list[int] = field(default_factory=list)
    deltas: list[int] = field(default_factory=list)
    delta_since: int = 0

    @property
    def sellable(self) -> int | None:
        """Units that can still be sold; negative is 超卖; None before the first level."""
        if self.base_ms is None:
            return None
        return sum(level.available for level in self.levels.values()) - self.paid_since + self.delta_since

    def pay(self, occurred_ms: int, units: int) -> None:
        """Take off what was paid, unless the level is newer than the order."""
        self._insert(self.paid_times, self.paid_units, occurred_ms, units)
        if self.base_ms is not None and occurred_ms > self.base_ms:
            self.paid_since += units

    def read(self, reading: StockReading, occurred_ms: int) -> bool:
        """Take a reading; False when it is older than one that was taken."""
        if not self._is_newer(reading, occurred_ms):
            return False
        if reading.available is not None:
            self.feeds[reading.feed] = reading.available
        if reading.feed != self.authority or (self.warehouse and reading.warehouse not in ("", self.warehouse)):
            return True
        self.seen_ms = max(self.seen_ms or occurred_ms, occurred_ms)
        if reading.available is not None:
            self.levels[reading.warehouse] = Level(reading.available, occurred_ms)
            self._rebase()
        elif reading.delta is not None:
            self._insert(self.delta_times, self.deltas, occurred_ms, reading.delta)
            if self.base_ms is not None and occurred_ms > self.base_ms:
                self.delta_since += reading.delta
            self.feeds[reading.feed] = self.feeds.get(reading.feed, 0) + reading.delta
        return True

    def _is_newer(self, reading: StockReading, occurred_ms: int) -> bool:
        """Compare by the feed's version where it has one; a level without one by its stamp; a change always counts."""
        place = f"{reading.feed}/{reading.warehouse}"
        if reading.version is not None:
            if reading.version <= self.versions.get(place, -1):
                return False
            self.versions[place] = reading.version
        elif reading.available is not None and occurred_ms < self.stamps.get(place, occurred_ms):
            return False
        if reading.available is not None:
            self.stamps[place] = occurred_ms
        return True

    def _rebase(self) -> None:
        self.base_ms = base = max(level.occurred_ms for level in self.levels.values())
        self.paid_since = sum(self.paid_units[bisect_right(self.paid_times, base) :])
        self.delta_since = sum(self.deltas[bisect_right(self.delta_times, base) :])

    def _insert(self, times: list[int], amounts: list[int], at: int, amount: int) -> None:
        index = bisect_right(times, at)
        times.insert(index, at)
        amounts.insert(index, amount)
        if times[0] < times[-1] - 2 * PAID_KEPT_MS:
            keep = bisect_right(times, times[-1] - PAID_KEPT_MS)
            del times[:keep], amounts[:keep]
