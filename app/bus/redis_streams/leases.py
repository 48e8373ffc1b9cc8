"""Leases over Redis. Their fences come from a counter that goes on from what SQL has, also in an emptied Redis.

There a fence may come again that another process was given; so a lease holds its fence and who has it, and both count.
A lease is a key that Redis itself lets run out, so no process's clock is asked, and who stood still past the end finds
nothing left to renew.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Final

from app.bus.redis_streams.link import RedisLink
from app.domain.identity import Fence

ACQUIRE: Final = """
local fence = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1]))
local given = {}
for i = 2, #KEYS do
  given[i - 1] = 0
  if redis.call('SET', KEYS[i], string.format('%d:%s', fence + 1, ARGV[3]), 'NX', 'PX', ARGV[2]) then
    fence = fence + 1
    given[i - 1] = fence
  end
end
redis.call('SET', KEYS[1], fence)
return given
"""
"""KEYS: the counter, then the leases. Answers a fence for each, 0 for one that is held."""
RENEW: Final = """
local lost = {}
for i, lease in ipairs(KEYS) do
  if redis.call('GET', lease) ~= ARGV[i + 1] or redis.call('PEXPIRE', lease, ARGV[1]) == 0 then
    lost[#lost + 1] = i - 1
  end
end
return lost
"""
FREE: Final = """
local free = {}
for i, lease in ipairs(KEYS) do
  if redis.call('EXISTS', lease) == 0 then free[#free + 1] = i - 1 end
end
return free
"""
RELEASE: Final = """
for i, lease in ipairs(KEYS) do
  if redis.call('GET', lease) == ARGV[i] then redis.call('DEL', lease) end
end
"""


class RedisOwnership:
    """Knows how leases lie in Redis; keeps only the newest fence it was told of."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._acquire, self._renew, self._release = link.script(ACQUIRE), link.script(RENEW), link.script(RELEASE)
        self._free = link.script(FREE)
        self._newest = Fence(0)
        self._holder = uuid.uuid4().hex

    def continue_from(self, fence: Fence) -> None:
        """Give only fences above `fence` from now on: the newest one in SQL."""
        self._newest = max(self._newest, fence)

    async def free(self, names: Collection[str]) -> Collection[str]:
        asked = list(names)
        if not asked:
            return ()
        return [asked[place] for place in await self._link.run(self._free, list(map(self._key, asked)), [])]

    async def acquire(self, name: str, within_ms: int) -> Fence | None:
        return (await self.acquire_all([name], within_ms)).get(name)

    async def acquire_all(self, names: Collection[str], within_ms: int) -> Mapping[str, Fence]:
        asked = [*names]
        if not asked:
            return {}
        keys = [self._link.name("fence"), *map(self._key, asked)]
        given = await self._link.run(self._acquire, keys, [self._newest, within_ms, self._holder])
        self._newest = max(self._newest, *given)
        return {name: Fence(fence) for name, fence in zip(asked, given, strict=True) if fence}

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        return not await self.renew_all({name: fence}, within_ms)

    async def renew_all(self, held: Mapping[str, Fence], within_ms: int) -> Collection[str]:
        if not held:
            return ()
        names = [*held]
        lost = await self._link.run(self._renew, [*map(self._key, names)], [within_ms, *self._values(held)])
        return [names[n] for n in lost]

    async def release(self, name: str, fence: Fence) -> None:
        await self.release_all({name: fence})

    async def release_all(self, held: Mapping[str, Fence]) -> None:
        if held:
            await self._link.run(self._release, [*map(self._key, held)], self._values(held))

    def _values(self, held: Mapping[str, Fence]) -> list[str]:
        return [f"{fence}:{self._holder}" for fence in held.values()]

    def _key(self, name: str) -> str:
        return self._link.name("lease", name)
