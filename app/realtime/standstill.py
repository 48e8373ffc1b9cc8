"""Standstill: notices that this process itself stood still (paused, swapped out, asleep) and so took no events."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

LOOK_EVERY_S: Final = 0.5
FROM_S: Final = 5.0
"""A shorter one is a moment of too much to do: what was sent meanwhile is read as soon as it is over."""


def steady_s() -> float:
    """Seconds that nobody can set, a machine's sleep among them where it counts that."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Standstill:
    """Owns when this process was last seen to move."""

    def __init__(self, steady: Callable[[], float] = steady_s) -> None:
        self._steady = steady
        self._moved = steady()
        self._stood = False

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    def is_over(self) -> bool:
        """Return once True after the process has stood still."""
        self._look()
        stood, self._stood = self._stood, False
        return stood

    def _look(self) -> None:
        now = self._steady()
        self._stood = self._stood or now - self._moved > FROM_S
        self._moved = now
