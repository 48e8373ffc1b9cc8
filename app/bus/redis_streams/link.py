"""The connections to Redis: one bounded pool for quick commands, one for those that wait, and their errors."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.commands.core import AsyncScript
from redis.connection import HiredisRespSerializer
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from app.errors import Unavailable

BLOCK_MS: Final = 2_000
"""Longest wait in one command."""
SILENCE_S: Final = 3.0
"""A server that says nothing for this long (beyond what it was asked to wait) is taken for dead; a connection that is
not made by then too."""
RETRY_S: Final = 0.2
"""What runs in the background asks a Redis that is away this often."""


def prefix_of(installation: bytes) -> str:
    """Return the beginning of an installation's keys, told by a secret that its processes share and no other has: two
    that are given one Redis must not take each other's sessions for their own."""
    return f"cueroom:{blake2b(installation, digest_size=6, person=b'cueroom-bus').hexdigest()}"


@contextmanager
def as_refusals() -> Iterator[None]:
    """Turn what the client raises into Unavailable; addresses and passwords stay out of it."""
    try:
        yield
    except (RedisError, OSError) as fault:
        _be_cancelled()
        raise Unavailable("Redis does not answer", reason=type(fault).__name__) from None
    _be_cancelled()


def _be_cancelled() -> None:
    """Raise the cancellation that redis-py may swallow while it connects; else a stopped reader would read on."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class RedisLink:
    """Owns the connections of one process; knows nothing of what is kept in Redis."""

    def __init__(self, url: str, *, prefix: str, connections: int = 16, silence_s: float = SILENCE_S) -> None:
        self.prefix = prefix
        self._within_s = silence_s * 1.5  # a quick command in all: a connection of the pool, connecting, answering
        self._quick = _client(url, connections, silence_s, silence_s)
        # Apart from it: what waits must not keep a settle waiting.
        self._patient = _client(url, connections, silence_s, BLOCK_MS / 1000 + silence_s)
        self._background: set[asyncio.Task[None]] = set()

    def name(self, *parts: str) -> str:
        """Return a key of this installation."""
        return ":".join((self.prefix, *parts))

    def script(self, lua: str) -> AsyncScript:
        """Return a script that is sent once and then called by its hash."""
        return self._quick.register_script(lua)

    async def run(self, script: AsyncScript, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run a script: all of it or, when Redis does not answer, Unavailable."""
        with as_refusals():
            async with asyncio.timeout(self._within_s):
                return await script(keys=keys, args=args)

    async def command(self, *words: str | int | bytes) -> Any:
        """Run one quick command."""
        with as_refusals():
            async with asyncio.timeout(self._within_s):
                return await self._quick.execute_command(*words)  # type: ignore[no-untyped-call]

    async def read(
        self, streams: dict[str, str], *, most: int, block_ms: int | None = None
    ) -> list[tuple[str, list[tuple[str, dict[bytes, bytes]]]]]:
        """Return what lies after the given id in each stream, waiting up to `block_ms` (at most 2 s) for the first."""
        client = self._quick if block_ms is None else self._patient
        block = () if block_ms is None else ("BLOCK", max(1, min(block_ms, BLOCK_MS)))
        with as_refusals():
            words = ("XREAD", "COUNT", most, *block, "STREAMS", *streams, *streams.values())
            async with asyncio.timeout(self._within_s + (block_ms is not None) * BLOCK_MS / 1000):
                answer: Any = await client.execute_command(*words)  # type: ignore[no-untyped-call]
        return [
            (name.decode(), [(entry.decode(), fields) for entry, fields in entries if fields is not None])
            for name, entries in answer or ()
        ]

    def in_background(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something that ends with the link at the latest."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def close(self) -> None:
        await end(*self._background)
        for client in (self._quick, self._patient):
            await client.aclose(close_connection_pool=True)


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel what runs in the background and wait for its end, whatever it ends with."""
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()  # again, should the client have swallowed the one before
        done, left = await asyncio.wait(left, timeout=0.05)
        for task in done:
            if not task.cancelled():
                task.exception()  # else the loop would complain that nobody asked for it


def _client(url: str, connections: int, connect_s: float, silence_s: float) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=connect_s,
        socket_timeout=silence_s,
        socket_connect_timeout=connect_s,
        health_check_interval=30,
        # With these on, a connection that the server has closed is not noticed before a command fails on it.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    pool.connection_class = type("Packed", (_Packed, pool.connection_class), {})
    return Redis(connection_pool=pool)


class _Packed:
    """A connection that packs its commands as the client's own do where they are not of asyncio: in C. Else to name the
    thousand streams of an owner takes longer than to read them."""

    _packer = HiredisRespSerializer()

    def pack_command(self, *words: Any) -> list[bytes]:
        packed: list[bytes] = self._packer.pack(*words)
        return packed
