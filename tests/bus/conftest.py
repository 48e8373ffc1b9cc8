"""Both implementations of each port, over a real Valkey where it is not memory."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.bus.memory import MemoryFrameLog, MemoryNews, MemoryOwnership, MemorySessionLog
from app.bus.ports import FrameLog, News, SessionLog
from app.bus.redis_streams import RedisFrameLog, RedisLink, RedisNews, RedisOwnership, RedisSessionLog

ROOM = 100
"""How many events of one session may wait in the logs under test."""
RING = 8
"""How many deltas of a board the frame logs under test hold."""


@pytest.fixture(params=["memory", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    """Return None for the implementation in memory, else the URL of a real server."""
    return None if request.param == "memory" else str(request.getfixturevalue("valkey_url"))


@asynccontextmanager
async def own_link(url: str) -> AsyncIterator[RedisLink]:
    """A link whose keys are this test's own."""
    link = RedisLink(url, prefix=f"test-{uuid.uuid4().hex[:8]}")
    yield link
    await link.close()


@pytest.fixture
async def session_log(redis_url: str | None) -> AsyncIterator[SessionLog]:
    if redis_url is None:
        yield MemorySessionLog(waiting_events=ROOM)
        return
    async with own_link(redis_url) as link:
        log = RedisSessionLog(link, waiting_events=ROOM)
        yield log
        await log.close()


@pytest.fixture
async def frame_log(redis_url: str | None) -> AsyncIterator[FrameLog]:
    if redis_url is None:
        yield MemoryFrameLog(ring_frames=RING)
        return
    async with own_link(redis_url) as link:
        yield RedisFrameLog(link, ring_frames=RING)


@pytest.fixture
async def ownership(redis_url: str | None) -> AsyncIterator[MemoryOwnership | RedisOwnership]:
    if redis_url is None:
        yield MemoryOwnership()
        return
    async with own_link(redis_url) as link:
        yield RedisOwnership(link)


@pytest.fixture
async def news(redis_url: str | None) -> AsyncIterator[tuple[News, News]]:
    """The news of two processes; in memory both are one."""
    if redis_url is None:
        both = MemoryNews()
        yield both, both
        return
    async with own_link(redis_url) as link:
        one, other = RedisNews(link), RedisNews(link)
        await one.start()
        await other.start()
        yield one, other
        await one.close()
        await other.close()
