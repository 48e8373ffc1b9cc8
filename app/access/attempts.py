"""Attempts: who has failed how often, and how long that one must wait."""

import ipaddress
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from app.errors import ControlRoomError
from app.instants import MINUTE, SECOND, Instant

FREE: Final = 5
FIRST_WAIT_MS: Final = 30 * SECOND
LONGEST_WAIT_MS: Final = 15 * MINUTE
FORGET_MS: Final = 60 * MINUTE
KNOWN: Final = 10_000


class LockedOut(ControlRoomError):
    """Too many wrong ones; `wait_s` says how long to wait."""

    kind, code, retryable = "busy", "locked_out", True


@dataclass(slots=True)
class _Record:
    failures: int
    until_ms: int
    seen_ms: Instant


class Attempts:
    """Owns the failures of the last hour. The first five are free, then 30 s, 1, 2, 4, 8 and 15 minutes."""

    def __init__(self, *, free: int = FREE) -> None:
        self._free = free
        self._records: dict[Hashable, _Record] = {}

    def begin(self, who: Hashable, now: Instant) -> int:
        """Count one attempt as failed before its answer is known, so that many at once gain nothing.

        Returns how many that makes. Raises LockedOut while `who` must wait; such a knock is not counted.
        """
        record = self._records.pop(who, None)
        if record is None or now - record.seen_ms > FORGET_MS:
            record = _Record(0, 0, now)
        self._records[who] = record  # the last in the line to be forgotten
        while len(self._records) > KNOWN:
            del self._records[next(iter(self._records))]
        if now < record.until_ms:
            wait = -(-(record.until_ms - now) // SECOND)
            raise LockedOut(f"too many attempts; wait {wait} s", wait_s=wait)
        record.failures += 1
        record.seen_ms = now
        over = record.failures - self._free
        if over >= 0:
            record.until_ms = now + min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(over, 10))
        return record.failures

    def succeeded(self, who: Hashable) -> None:
        """It was the right one: forget what was before."""
        self._records.pop(who, None)


def network_of(address: str) -> str:
    """Return whom an address belongs to: of IPv6 one house has 2**64 at least."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False)) if ip.version == 6 else address
