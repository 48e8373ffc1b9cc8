"""Breath: gives the event loop away in the middle of long work, so that nothing holds it up for long."""

import asyncio
from typing import Final

SLICE_S: Final = 0.005


class Breath:
    """Owns since when one piece of work has held the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def take(self) -> None:
        """Give the loop away once when it has been held for SLICE_S."""
        if self._loop.time() - self._began > SLICE_S:
            await asyncio.sleep(0)
            self._began = self._loop.time()
