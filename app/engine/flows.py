"""Units that came or went, by the instant at which they did: what of them lies after a stock reading."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from msgspec import Struct, field

from app.engine.sums import bounded

EXACT_MS: Final = 2 * 60 * 60 * 1_000
"""How far back every entry keeps its own instant."""
_BUCKET_MS: Final = 10 * 60 * 1_000


class Flow(Struct):
    """Amounts in order of time. Those older than two to four hours are kept as one sum in ten minutes.

    Nothing is dropped: a reading may be as old as the session, and all that was sold since must come off it.
    """

    times: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)

    def add(self, at: int, amount: int, marks: Iterable[int]) -> None:
        """Add an amount; `marks`: instants that no sum of older entries may span."""
        index = bisect_right(self.times, at)
        if index and self.times[index - 1] == at:
            self.amounts[index - 1] = bounded(self.amounts[index - 1] + amount)
            return
        self.times.insert(index, at)
        self.amounts.insert(index, amount)
        if len(self.times) > 1_000 and self.times[0] < self.times[-1] - 2 * EXACT_MS:
            self._gather(self.times[-1] - EXACT_MS, sorted(marks))

    def since(self, at: int) -> int:
        """Return the sum of what lies after an instant."""
        return bounded(sum(self.amounts[bisect_right(self.times, at) :]))

    def _gather(self, until: int, marks: list[int]) -> None:
        keep = bisect_right(self.times, until)
        old = zip(self.times[:keep], self.amounts[:keep], strict=True)
        sums = [
            list(entries)
            for _, entries in groupby(old, lambda entry: (entry[0] // _BUCKET_MS, bisect_right(marks, entry[0] - 1)))
        ]
        self.times[:keep] = [entries[-1][0] for entries in sums]
        self.amounts[:keep] = [bounded(sum(amount for _, amount in entries)) for entries in sums]
