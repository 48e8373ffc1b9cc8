"""A control room that kills itself with SIGKILL at a named point, once its session has come to a position.

`Life([DATA, PORT, POINT, POSITION, ROLE...], ...)`; POINT: append, before-commit, after-commit, tell, never.
The parts are the real ones; what is wrapped is only where they are handed in. With CUEROOM_REDIS_URL it is one process
of several; one without a session counts the batches it passes on in place of positions.
"""

import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from sqlalchemy import Connection

from app.bus.ports import Stored, Ticket
from app.clock import SystemClock
from app.domain.records import Entry
from app.intake.recipe import find_recipe
from app.main import build, build_inner
from app.runtime import ALL_ROLES, Role, Runtime, bus_of, seal_key
from app.settings import Settings
from app.store.database import Store
from tests.faults.evening import MET, SIZE
from tests.forks import Forked

T = TypeVar("T")


class Fate:
    """When to die. `position`: asked of the running worker once there is one."""

    def __init__(self, point: str, position: int) -> None:
        self.point, self.position = point, position
        self.met = 0
        self.runtime: Runtime | None = None

    def meet(self, point: str) -> None:
        if point != self.point or self.runtime is None:
            return
        self.met += 1
        if self._reached(self.runtime):
            os.write(sys.stdout.fileno(), f"{MET}{point}\n".encode())  # at once: nothing is flushed after it
            os.kill(os.getpid(), signal.SIGKILL)

    def _reached(self, runtime: Runtime) -> bool:
        if runtime.owner is None:
            return self.met * SIZE >= self.position
        return any(live.engine.position >= self.position for live in runtime.owner.worker.sessions.values())


class Dying:
    """Stands before a part and hands everything on to it."""

    def __init__(self, part: Any, fate: Fate) -> None:
        self._part, self._fate = part, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


class DyingStore(Dying):
    """The real store; a write may be the last thing that is begun, or the last thing that is done."""

    async def write(self, fn: Callable[[Connection], T]) -> T:
        self._fate.meet("before-commit")
        result: T = await self._part.write(fn)
        self._fate.meet("after-commit")
        return result


class DyingLog(Dying):
    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        tickets: list[Ticket] = await self._part.append_all(entries, weight)
        self._fate.meet("append")
        return tickets


class DyingFrames(Dying):
    async def publish_all(self, frames: Sequence[tuple[str, Stored]]) -> Collection[str]:
        self._fate.meet("tell")
        refused: Collection[str] = await self._part.publish_all(frames)
        return refused

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        self._fate.meet("tell")
        await self._part.put_snapshot(board, epoch, seq, parts)


async def main(data: Path, port: int, fate: Fate, roles: frozenset[Role]) -> None:
    settings = Settings(data=data, port=port, allow_private_webhooks=True)
    clock = SystemClock()
    store: Any = DyingStore(await Store.open(settings.database), fate)
    recipe, _ = await find_recipe(store, data, clock.now(), "test")
    sealing = await seal_key(store, clock.now())
    bus = bus_of(settings, sealing)
    dying = replace(bus, log=DyingLog(bus.log, fate), frames=DyingFrames(bus.frames, fate))
    runtime = Runtime(settings, store, recipe, sealing, bus=dying, roles=roles)
    await runtime.start()
    fate.runtime = runtime
    app = build(runtime) if "web" in roles else build_inner(runtime)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve()
    await runtime.stop()


def live(words: Sequence[str]) -> Coroutine[None, None, None]:
    """What `Life` runs."""
    chosen: Any = frozenset(words[4:]) or ALL_ROLES
    return main(Path(words[0]), int(words[1]), Fate(words[2], int(words[3])), chosen)


class Life(Forked):
    """A process that ends itself at its point."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], out: Path, err: Path) -> None:
        super().__init__(words, environ, out, err, live)
