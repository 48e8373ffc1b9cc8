"""Leases over Redis. Their fences come from a counter that goes on from what SQL has, also in an emptied Redis."""

from typing import Final

from app.bus.redis_streams.link import RedisLink
from app.domain.identity import Fence

ACQUIRE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1])) + 1
redis.call('SET', KEYS[2], fence)
redis.call('SET', KEYS[1], fence, 'PX', ARGV[2])
return fence
"""
RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisOwnership:
    """Knows how leases lie in Redis; keeps only the newest fence it was told of."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._acquire, self._renew, self._release = link.script(ACQUIRE), link.script(RENEW), link.script(RELEASE)
        self._newest = Fence(0)

    def continue_from(self, fence: Fence) -> None:
        """Give only fences above `fence` from now on: the newest one in SQL."""
        self._newest = max(self._newest, fence)

    async def acquire(self, name: str, within_ms: int) -> Fence | None:
        keys = [self._key(name), self._link.name("fence")]
        fence = int(await self._link.run(self._acquire, keys, [self._newest, within_ms]))
        return Fence(fence) if fence else None

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        return bool(await self._link.run(self._renew, [self._key(name)], [fence, within_ms]))

    async def release(self, name: str, fence: Fence) -> None:
        await self._link.run(self._release, [self._key(name)], [fence])

    def _key(self, name: str) -> str:
        return self._link.name("lease", name)
