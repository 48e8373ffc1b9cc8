"""A token bucket: so many records a second, with a burst; time is an argument."""

from dataclasses import dataclass

from app.instants import Instant


@dataclass(slots=True)
class Bucket:
    """`level`: records that may still be taken at once. Unit of `per_second`: records; of `burst`: records."""

    per_second: float
    burst: float
    level: float
    seen_ms: Instant

    @classmethod
    def full(cls, per_second: float, burst: float, now: Instant) -> "Bucket":
        return cls(per_second, burst, burst, now)

    def wait_ms(self, wanted: int, now: Instant) -> int:
        """Return 0 when `wanted` records may be taken now, else how long that will take."""
        if now > self.seen_ms:
            self.level = min(self.burst, self.level + (now - self.seen_ms) * self.per_second / 1_000)
            self.seen_ms = now
        missing = min(wanted, self.burst) - self.level
        return 0 if missing <= 0 else -int(-missing * 1_000 // self.per_second)

    def give(self, records: int) -> None:
        """Give back what was taken for nothing."""
        self.level = min(self.burst, self.level + records)

    def take(self, wanted: int, now: Instant) -> int:
        """Take `wanted` records and return 0, or take none and return the milliseconds to wait."""
        wait = self.wait_ms(wanted, now)
        if wait == 0:
            self.level -= wanted
        return wait
