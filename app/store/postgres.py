"""PostgreSQL over asyncpg: bounded pools, one for reading and one for writing, every statement with an end."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.store.faults import sqlstate

T = TypeVar("T")

WRITERS: Final = 3
"""The worker's commits, the pump, and people; more would only wait for each other's rows."""
LOOKERS: Final = 2
CONNECT_S: Final = 5.0
STATEMENT_MS: Final = 30_000
IDLE_MS: Final = 60_000
WRITE_IDLE_MS: Final = 3_000
"""A writer that stands still, or was cut off, in the middle of a transaction holds rows for which others wait: the
server ends it before the leases of its sessions run out."""
POOL_WAIT_S: Final = 5.0
KEEPALIVE: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""By these the server notices that this process is gone without a word. Over a Unix socket they mean nothing."""
ROLLED_BACK: Final = "40"
"""The class of deadlocks and of serialisation: nothing was written, and the same again may well succeed."""
REPEATS: Final = 2
REPEAT_AFTER_S: Final = 0.02


def application_name() -> str:
    """Return how this process shows in pg_stat_activity: by it a refused second process names the first."""
    return f"cueroom {socket.gethostname()}:{os.getpid()}"[:63]


def postgres_engine(
    url: URL,
    *,
    connections: int,
    read_only: bool = False,
    statement_ms: int = STATEMENT_MS,
    idle_ms: int = IDLE_MS,
) -> AsyncEngine:
    """Return an engine with at most `connections` connections; a caller waits 5 s for one. 0 ms: no end."""
    settings = {
        "application_name": application_name(),
        "statement_timeout": str(statement_ms),
        "lock_timeout": str(statement_ms),
        "idle_in_transaction_session_timeout": str(idle_ms),
        "timezone": "UTC",
        **KEEPALIVE,
    }
    options: dict[str, Any] = {"postgresql_readonly": True} if read_only else {}
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,  # after a restart of the server the next caller gets a fresh connection, not an error
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_S,
            "command_timeout": statement_ms / 1_000 + 5 if statement_ms else None,
            "server_settings": settings,
        },
        execution_options=options,
    )


class PostgresBackend:
    """Owns three pools, so that no list is in the way of a commit or of a look-up; knows nothing of what is read."""

    def __init__(self, url: URL, *, readers: int, look_ms: int) -> None:
        self._looking = postgres_engine(url, connections=LOOKERS, read_only=True, statement_ms=look_ms)
        self._writing = postgres_engine(url, connections=WRITERS, idle_ms=WRITE_IDLE_MS)
        self._reading = postgres_engine(url, connections=readers + 1, read_only=True)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        async with self._reading.begin() as conn:
            return await conn.run_sync(fn)

    async def look(self, fn: Callable[[Connection], T]) -> T:
        async with self._looking.begin() as conn:
            return await conn.run_sync(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        for repeated in range(REPEATS):
            try:
                return await self._write(fn)
            except DBAPIError as fault:
                if not sqlstate(fault).startswith(ROLLED_BACK):
                    raise
                await asyncio.sleep(REPEAT_AFTER_S * (repeated + 1))
        return await self._write(fn)

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        async with self._writing.begin() as conn:
            return await conn.run_sync(fn)

    async def close(self) -> None:
        await self._looking.dispose()
        await self._reading.dispose()
        await self._writing.dispose()
