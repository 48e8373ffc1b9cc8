"""Whose clock an event was stamped by, and when it counts: the offset of each source."""

from typing import Final

from msgspec import Struct, field

MEMORY_SECONDS: Final = 5 * 60
CLAMP_MS: Final = 10 * 60 * 1_000
SLOW_MS: Final = 5_000
BACKFILL_MS: Final = 10 * 60 * 1_000
"""An event this far back says nothing about its source's clock."""


class SourceClock(Struct):
    """How far one source's clock lies behind ours: the least (applied - occurred) of the last five minutes.

    Shape: the least of the running second, and a queue of the rising least values of the 300 seconds before it.
    """

    offset_ms: int = 0
    second: int = -1
    least_ms: int = 0
    seconds: list[int] = field(default_factory=list)
    leasts: list[int] = field(default_factory=list)

    @property
    def slow(self) -> bool:
        return self.offset_ms > SLOW_MS

    def place(self, applied_ms: int, occurred_ms: int) -> int:
        """Learn from one event and return the instant at which windows count it."""
        behind = applied_ms - occurred_ms
        if behind <= BACKFILL_MS:
            second = applied_ms // 1_000
            if second != self.second:
                self._begin(second, behind)
            elif behind < self.least_ms:
                self.least_ms = behind
                if behind < self.offset_ms:
                    self.offset_ms = max(behind, -CLAMP_MS)
        counted = occurred_ms + self.offset_ms
        return counted if counted < applied_ms else applied_ms  # noqa: FURB136  min() costs three times as much

    def _begin(self, second: int, behind: int) -> None:
        """Close the running second, forget what is older than five minutes, and take the least of what is left."""
        if self.second >= 0:
            while self.leasts and self.leasts[-1] >= self.least_ms:
                self.leasts.pop()
                self.seconds.pop()
            self.seconds.append(self.second)
            self.leasts.append(self.least_ms)
        while self.seconds and self.seconds[0] <= second - MEMORY_SECONDS:
            del self.seconds[0], self.leasts[0]
        self.second, self.least_ms = second, behind
        least = min(behind, self.leasts[0]) if self.leasts else behind
        self.offset_ms = max(-CLAMP_MS, min(CLAMP_MS, least))
