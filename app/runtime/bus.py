"""The bus of a process: what carries entries, frames, leases and news, in memory or over Redis."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from app.bus.memory import MemoryFrameLog, MemoryNews, MemoryOwnership, MemorySessionLog
from app.bus.ports import FrameLog, News, Ownership, SessionLog
from app.bus.redis_streams import RedisFrameLog, RedisLink, RedisNews, RedisOwnership, RedisSessionLog, prefix_of
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Bus:
    """The ports between processes, in one implementation."""

    log: SessionLog
    frames: FrameLog
    leases: Ownership
    news: News
    start: Callable[[], Coroutine[None, None, None]] | None = None
    close: Callable[[], Coroutine[None, None, None]] | None = None
    check: Callable[[], Coroutine[None, None, None]] | None = None
    """Returns when it answers; raises Unavailable."""


def memory_bus() -> Bus:
    """The bus of a process that is alone."""
    return Bus(MemorySessionLog(), MemoryFrameLog(), MemoryOwnership(), MemoryNews())


def redis_bus(url: str, installation: bytes) -> Bus:
    """The bus of one process among several of an installation."""
    link = RedisLink(url, prefix=prefix_of(installation))
    session_log, news = RedisSessionLog(link), RedisNews(link)

    async def close() -> None:
        await news.close()
        await session_log.close()
        await link.close()

    async def check() -> None:
        await link.command("PING")

    return Bus(session_log, RedisFrameLog(link), RedisOwnership(link), news, news.start, close, check)


def bus_of(settings: Settings, installation: bytes) -> Bus:
    """Return the bus the settings ask for. `installation`: a secret of its own (`seal_key`)."""
    return redis_bus(settings.redis_url.get_secret_value(), installation) if settings.scaled_out else memory_bus()
