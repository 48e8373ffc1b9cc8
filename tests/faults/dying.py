"""A control room that kills itself with SIGKILL at a named point, once its session has come to a position.

`Life([DATA, PORT, POINT, POSITION, ROLE...], ...)`; POINT: append, before-commit, after-commit, tell, never.
The parts are the real ones; what is wrapped is only where they are handed in. With CUEROOM_REDIS_URL it is one process
of several; one without a session counts the batches it passes on in place of positions.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

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
    bus = bus_of(settings)
    dying = replace(bus, log=DyingLog(bus.log, fate), frames=DyingFrames(bus.frames, fate))
    runtime = Runtime(settings, store, recipe, await seal_key(store, clock.now()), bus=dying, roles=roles)
    await runtime.start()
    fate.runtime = runtime
    app = build(runtime) if "web" in roles else build_inner(runtime)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve()
    await runtime.stop()


def live(words: Sequence[str], environ: Mapping[str, str], out: Path, err: Path) -> None:
    """What the new process does, from its first moment to its end."""
    os.environ.clear()
    os.environ.update(environ)
    for number, file in ((1, out), (2, err)):
        with file.open("ab") as opened:
            os.dup2(opened.fileno(), number)
    chosen: Any = frozenset(words[4:]) or ALL_ROLES
    asyncio.run(main(Path(words[0]), int(words[1]), Fate(words[2], int(words[3])), chosen))


FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


class Life:
    """A process, with the surface of subprocess.Popen. It is forked from one that has imported everything: of twenty
    lives twenty starts of Python would be the longest part."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], out: Path, err: Path) -> None:
        self._process = FORKS.Process(target=live, args=(list(words), dict(environ), out, err))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._asking = threading.Lock()  # its end is told once, to whoever asks first

    @property
    def returncode(self) -> int | None:
        with self._asking:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended; raise subprocess.TimeoutExpired."""
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("a life", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
