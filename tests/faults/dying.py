"""A control room that kills itself with SIGKILL at a named point, once its session has come to a position.

`python -m tests.faults.dying DATA PORT POINT POSITION`; POINT: append, before-commit, after-commit, tell, never.
The parts are the real ones; what is wrapped is only where they are handed in.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from sqlalchemy import Connection

from app.bus.memory import MemoryFrameLog, MemoryNews, MemoryOwnership, MemorySessionLog
from app.bus.ports import Stored, Ticket
from app.clock import SystemClock
from app.domain.records import Entry
from app.intake.recipe import find_recipe
from app.main import build
from app.runtime import Bus, Runtime, seal_key
from app.settings import Settings
from app.store.database import Store

T = TypeVar("T")


class Fate:
    """When to die. `position`: asked of the running worker once there is one."""

    def __init__(self, point: str, position: int) -> None:
        self.point, self.position = point, position
        self.runtime: Runtime | None = None

    def meet(self, point: str) -> None:
        if point != self.point or self.runtime is None:
            return
        if any(live.engine.position >= self.position for live in self.runtime.worker.sessions.values()):
            os.kill(os.getpid(), signal.SIGKILL)


class DyingStore:
    """The real store; a write may be the last thing that is begun, or the last thing that is done."""

    def __init__(self, store: Store, fate: Fate) -> None:
        self._store, self._fate = store, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        self._fate.meet("before-commit")
        result = await self._store.write(fn)
        self._fate.meet("after-commit")
        return result


class DyingLog(MemorySessionLog):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        tickets = await super().append_all(entries, weight)
        self._fate.meet("append")
        return tickets


class DyingFrames(MemoryFrameLog):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def publish(self, board: str, frame: Stored) -> None:
        self._fate.meet("tell")
        await super().publish(board, frame)


async def main(data: Path, port: int, fate: Fate) -> None:
    settings = Settings(data=data, port=port, allow_private_webhooks=True)
    clock = SystemClock()
    store: Any = DyingStore(await Store.open(settings.database), fate)
    recipe, _ = await find_recipe(store, data, clock.now(), "test")
    runtime = Runtime(
        settings,
        store,
        recipe,
        await seal_key(store, clock.now()),
        bus=Bus(DyingLog(fate), DyingFrames(fate), MemoryOwnership(), MemoryNews()),
    )
    await runtime.start()
    fate.runtime = runtime
    server = uvicorn.Server(
        uvicorn.Config(
            build(runtime),
            host="127.0.0.1",
            port=port,
            log_level="error",
            ws="websockets-sansio",
            lifespan="off",
        )
    )
    await server.serve()
    await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Fate(sys.argv[3], int(sys.argv[4]))))
