"""Leases in memory, for one process."""

import asyncio
from collections.abc import Collection, Mapping

from app.domain.identity import Fence


class MemoryOwnership:
    """Owns the leases of this process. Their time is the event loop's, which no clock change moves."""

    def __init__(self) -> None:
        self._newest = Fence(0)
        self._leases: dict[str, tuple[Fence, float]] = {}

    def continue_from(self, fence: Fence) -> None:
        """Give only fences above `fence` from now on: the newest one in SQL."""
        self._newest = max(self._newest, fence)

    async def free(self, names: Collection[str]) -> Collection[str]:
        now = asyncio.get_running_loop().time()
        return [name for name in names if name not in self._leases or self._leases[name][1] <= now]

    async def acquire(self, name: str, within_ms: int) -> Fence | None:
        now = asyncio.get_running_loop().time()
        if name in self._leases and self._leases[name][1] > now:
            return None
        self._newest = Fence(self._newest + 1)
        self._leases[name] = (self._newest, now + within_ms / 1000)
        return self._newest

    async def acquire_all(self, names: Collection[str], within_ms: int) -> Mapping[str, Fence]:
        given = {name: await self.acquire(name, within_ms) for name in names}
        return {name: fence for name, fence in given.items() if fence is not None}

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        now = asyncio.get_running_loop().time()
        held = self._leases.get(name)
        if held is None or held[0] != fence or held[1] <= now:
            return False
        self._leases[name] = (fence, now + within_ms / 1000)
        return True

    async def renew_all(self, held: Mapping[str, Fence], within_ms: int) -> Collection[str]:
        return [name for name, fence in held.items() if not await self.renew(name, fence, within_ms)]

    async def release(self, name: str, fence: Fence) -> None:
        if name in self._leases and self._leases[name][0] == fence:
            del self._leases[name]

    async def release_all(self, held: Mapping[str, Fence]) -> None:
        for name, fence in held.items():
            await self.release(name, fence)
