"""Counts over sliding windows: one running total, remembered at the start of each second in which it grew."""

from bisect import bisect_right

from msgspec import Struct, field

from app.engine.seconds import KEPT_SECONDS
from app.engine.sums import MOST, bounded


class Tally(Struct):
    """One count, of whatever unit is added to it.

    Shape:  a running total, and for each of the last KEPT_SECONDS seconds that added something the total before it.
            Any window is then one search and one difference, whatever its length, and adding is one sum.
    Source: prefix sums; sparse, because most counts of most seconds are zero.
    Error:  what would take a total beyond MOST is not added, so amounts that are not negative may be summed first.
    """

    total: int = 0
    """Everything that was added, the late included."""
    in_time: int = 0
    """What was added in time: the running total of the windows."""
    last: int = -1
    """The newest second in which something was added in time."""
    seconds: list[int] = field(default_factory=list)
    befores: list[int] = field(default_factory=list)
    late: dict[int, int] = field(default_factory=dict)
    """Second -> what came too late for the windows, for charts only."""

    def add(self, second: int, amount: int) -> None:
        """Add in time. Seconds mostly rise; one that lies back finds its place."""
        if not (-MOST <= self.total + amount <= MOST and -MOST <= self.in_time + amount <= MOST):
            amount = bounded(self.total + amount) - self.total
            amount = bounded(self.in_time + amount) - self.in_time
        if second == self.last:
            pass
        elif second > self.last:
            self.last = second
            self.seconds.append(second)
            self.befores.append(self.in_time)
            if len(self.seconds) > 2 * KEPT_SECONDS:
                self._forget(second - KEPT_SECONDS)
        else:
            self._add_back(second, amount)
        self.in_time += amount
        self.total += amount

    def add_late(self, second: int, amount: int) -> None:
        """Add to the total and to the charts, but to no window."""
        amount = bounded(self.total + amount) - self.total
        self.total += amount
        self.late[second] = self.late.get(second, 0) + amount
        if len(self.late) > KEPT_SECONDS:
            newest = max(max(self.late), self.last)
            self.late = {at: late for at, late in self.late.items() if at > newest - KEPT_SECONDS}

    def window(self, second: int, length: int) -> int:
        """Return what was added in time in the `length` seconds up to and with `second`, the newest there is."""
        if self.last <= second - length:
            return 0
        return self.in_time - self._before(second - length + 1)

    def charted(self, second: int, length: int) -> int:
        """Return what belongs to the `length` seconds up to and with `second`, which may lie back; with the late."""
        start = second - length + 1
        amount = self._before(second + 1) - self._before(start)
        if self.late:
            amount += sum(late for at, late in self.late.items() if start <= at <= second)
        return amount

    def charted_total(self, second: int) -> int:
        """Return what the total was at the end of `second`, by what is known now."""
        after = self.in_time - self._before(second + 1)
        if self.late:
            after += sum(late for at, late in self.late.items() if at > second)
        return self.total - after

    def _before(self, second: int) -> int:
        """Return the running total before `second` began."""
        if second > self.last or not self.seconds:
            return self.in_time
        index = bisect_right(self.seconds, second - 1)
        return self.befores[index]

    def _add_back(self, second: int, amount: int) -> None:
        index = bisect_right(self.seconds, second)
        if index == 0 or self.seconds[index - 1] != second:
            self.seconds.insert(index, second)
            self.befores.insert(index, self.befores[index])
            index += 1
        for later in range(index, len(self.befores)):
            self.befores[later] += amount

    def _forget(self, oldest: int) -> None:
        keep = bisect_right(self.seconds, oldest)
        del self.seconds[:keep], self.befores[:keep]
