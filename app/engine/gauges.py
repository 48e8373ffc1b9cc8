"""A level that holds until the next reading, such as the number of viewers, and its mean over time."""

from bisect import bisect_right
from typing import Final

from msgspec import Struct, field

KEPT_MS: Final = 13 * 60 * 1_000
MOST_READINGS: Final = 20_000
"""Of one level: ten a second for half an hour. Whoever sends more of them loses every second one of the past."""


class Gauge(Struct):
    """Readings of one level, by the instant at which windows count them.

    A reading holds until the next one, but not longer than `holds_ms`: after that the level is not known, and unknown
    time has no weight in a mean. Shape: the readings of 13 minutes with the integral up to each. Error: of more than
    MOST_READINGS every second one is dropped; the integral up to the others stays what it was.
    """

    holds_ms: int
    value: int = 0
    seen_ms: int | None = None
    """When the newest reading was applied."""
    peak: int = 0
    times: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    covers: list[int] = field(default_factory=list)

    def read(self, at: int, value: int, applied_ms: int) -> bool:
        """Take a reading; False when a newer one is known already, so that the level itself did not change."""
        self.seen_ms = applied_ms
        self.peak = max(self.peak, value)
        times = self.times
        newest = not times or at >= times[-1]
        if times and at == times[-1]:  # it held for no time at all
            self.value = self.values[-1] = value
            return True
        index = len(times) if newest else bisect_right(times, at)
        times.insert(index, at)
        self.values.insert(index, value)
        self.areas.insert(index, 0)
        self.covers.insert(index, 0)
        self._integrate(index)
        if newest:
            self.value = value
            if times[0] < at - 2 * KEPT_MS:
                self._forget(at - KEPT_MS)
        if len(times) > MOST_READINGS:
            for series in (times, self.values, self.areas, self.covers):
                del series[1:-1:2]
        return newest

    def at(self, instant: int) -> int | None:
        """Return the level at an instant of the last minutes, None where it was not known."""
        index = bisect_right(self.times, instant) - 1
        if index < 0 or instant - self.times[index] >= self.holds_ms:
            return None
        return self.values[index]

    def mean(self, start: int, end: int) -> float | None:
        """Return the mean over the known time in (start, end], weighted by time; None when none of it is known."""
        area, cover = self._upto(end)
        area_before, cover_before = self._upto(start)
        known = cover - cover_before
        return (area - area_before) / known if known > 0 else None

    def _upto(self, instant: int) -> tuple[int, int]:
        index = bisect_right(self.times, instant) - 1
        if index < 0:
            return 0, 0
        held = min(instant - self.times[index], self.holds_ms)
        return self.areas[index] + self.values[index] * held, self.covers[index] + held

    def _integrate(self, start: int) -> None:
        for index in range(max(start, 1), len(self.times)):
            held = min(self.times[index] - self.times[index - 1], self.holds_ms)
            self.areas[index] = self.areas[index - 1] + self.values[index - 1] * held
            self.covers[index] = self.covers[index - 1] + held
        if start == 0 and self.times:
            self.areas[0] = self.covers[0] = 0
            if len(self.times) > 1:
                self._integrate(1)

    def _forget(self, oldest: int) -> None:
        keep = bisect_right(self.times, oldest)
        del self.times[:keep], self.values[:keep], self.areas[:keep], self.covers[:keep]
