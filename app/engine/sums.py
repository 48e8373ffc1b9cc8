"""How far a session's sums may go: what a checkpoint and a database column hold is an integer of 64 bits."""

from typing import Final

MOST: Final = 2**62
"""Where a running sum stands still, so that even the sum of two fits. No honest session comes near it."""
MOST_INCREASE: Final = 10**9
"""The most that one event may add, as the door bounds `count`; a running total that grew by more has been restarted."""


def bounded(total: int) -> int:
    """Return a sum, or the most it may be."""
    return max(-MOST, min(MOST, total))
