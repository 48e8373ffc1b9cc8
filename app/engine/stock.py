"""Sellable units of one SKU: the authority's last level, less what was paid since, with the changes since."""

from typing import Final

from msgspec import Struct, field

from app.domain.events import StockReading
from app.engine.flows import Flow
from app.engine.sums import bounded

DEFAULT_LINE: Final = 500
MOST_WAREHOUSES: Final = 100
"""Of one SKU; what a source says of more of them is not taken."""


def stock_line(given: int | None, planned: int) -> int:
    """Return the stock line: the workspace's, else the lesser of 500 and a tenth of what was planned, else 0."""
    return given if given is not None else min(DEFAULT_LINE, planned // 10)


class Level(Struct):
    """The last absolute reading of one warehouse of the authority feed."""

    available: int
    occurred_ms: int


class Stock(Struct):
    """One SKU's stock.

    Where the plan names a warehouse that one alone counts, and a reading that names none is of it. Otherwise a level
    without a warehouse is that of all of them: the newest of the two kinds stands, never their sum.

    Levels of several warehouses are summed, and what was paid since the oldest of them is taken off: an order does not
    say which warehouse serves it, so units that a newer level has in it already may be taken off again until the oldest
    is read anew. What can be sold is then told too low for a while, never too high. A change counts from the level of
    its own warehouse on. Readings of other feeds are kept beside it and never mixed in.
    """

    authority: str
    warehouse: str = ""
    warehouses: set[str] = field(default_factory=set)
    """Those that any feed has named."""
    levels: dict[str, Level] = field(default_factory=dict)
    guessed: bool = False
    """The level is the workspace file's own: any reading of the authority takes its place."""
    versions: dict[str, int] = field(default_factory=dict)
    """Feed and warehouse -> the newest version taken."""
    stamps: dict[str, int] = field(default_factory=dict)
    """Feed and warehouse -> when its last level was read, by its own stamp."""
    seen_ms: int | None = None
    """When the authority last said anything; by its own stamp."""
    base_ms: int | None = None
    """The oldest of the levels that are summed."""
    feeds: dict[str, int] = field(default_factory=dict)
    paid: Flow = field(default_factory=Flow)
    paid_since: int = 0
    changes: dict[str, Flow] = field(default_factory=dict)
    """Warehouse -> the changes that the authority told of it."""
    changed_since: int = 0

    @property
    def sellable(self) -> int | None:
        """Units that can still be sold; negative is 超卖; None before the first level."""
        if self.base_ms is None:
            return None
        return bounded(self._available() - self.paid_since + self.changed_since)

    def guess(self, available: int, at_ms: int) -> None:
        """Begin with what the workspace file says."""
        self._put(self.warehouse, Level(available, at_ms))
        self.seen_ms, self.guessed = at_ms, True

    def pay(self, occurred_ms: int, units: int) -> None:
        """Take off what was paid, unless every level is newer than the order."""
        self.paid.add(occurred_ms, units, self._marks())
        if self.base_ms is not None and occurred_ms > self.base_ms:
            self.paid_since = bounded(self.paid_since + units)

    def read(self, reading: StockReading, occurred_ms: int) -> bool:
        """Take a reading; False when it is older than one that was taken, or of a warehouse that does not count."""
        warehouse = reading.warehouse or self.warehouse
        if self.warehouse and reading.feed == self.authority and warehouse != self.warehouse:
            return False
        if warehouse not in self.warehouses and len(self.warehouses) >= MOST_WAREHOUSES:
            return False
        self.warehouses.add(warehouse)
        if not self._is_newer(reading, f"{reading.feed}/{warehouse}", occurred_ms):
            return False
        if reading.feed != self.authority:
            if reading.available is not None:
                self.feeds[reading.feed] = reading.available
            return True
        if reading.available is not None:
            if not self._stands(warehouse, occurred_ms):
                return False
            self._put(warehouse, Level(reading.available, occurred_ms))
        elif reading.delta is not None:
            self._change(warehouse, reading.delta, occurred_ms)
        self.seen_ms = occurred_ms if self.guessed else max(self.seen_ms or occurred_ms, occurred_ms)
        self.guessed = self.guessed and reading.available is None
        return True

    def _is_newer(self, reading: StockReading, place: str, occurred_ms: int) -> bool:
        """Compare by the feed's version where it has one; a level without one by its stamp; a change always counts."""
        if reading.version is not None:
            if reading.version <= self.versions.get(place, -1):
                return False
            self.versions[place] = reading.version
        elif reading.available is not None and occurred_ms < self.stamps.get(place, occurred_ms):
            return False
        if reading.available is not None:
            self.stamps[place] = occurred_ms
        return True

    def _stands(self, warehouse: str, occurred_ms: int) -> bool:
        """Return whether a level may stand beside or instead of those there; what it takes the place of is dropped."""
        others = [name for name in self.levels if self.guessed or bool(name) != bool(warehouse)]
        if not self.guessed and any(self.levels[name].occurred_ms > occurred_ms for name in others):
            return False
        for name in others:
            del self.levels[name]
        return True

    def _put(self, warehouse: str, level: Level) -> None:
        self.levels[warehouse] = level
        self.base_ms = min(self._marks())
        self.paid_since = self.paid.since(self.base_ms)
        self.changed_since = bounded(sum(flow.since(self._from(name)) for name, flow in self.changes.items()))
        self.feeds[self.authority] = bounded(self._available())

    def _change(self, warehouse: str, delta: int, occurred_ms: int) -> None:
        self.changes.setdefault(warehouse, Flow()).add(occurred_ms, delta, self._marks())
        if self.base_ms is not None and occurred_ms > self._from(warehouse):
            self.changed_since = bounded(self.changed_since + delta)
        self.feeds[self.authority] = bounded(self.feeds.get(self.authority, 0) + delta)

    def _from(self, warehouse: str) -> int:
        """Return the instant from which a warehouse's changes count: its own level, else the oldest there is."""
        level = self.levels.get(warehouse)
        return level.occurred_ms if level is not None else self.base_ms or 0

    def _available(self) -> int:
        return sum(level.available for level in self.levels.values())

    def _marks(self) -> list[int]:
        return [level.occurred_ms for level in self.levels.values()]
