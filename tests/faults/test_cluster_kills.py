"""kill -9 at 20 moments of one session that several processes serve: nothing answered is lost, nothing is doubled."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster import Cluster, Member, cluster
from tests.faults.dying import Life
from tests.faults.evening import TOTAL, ChatServer, Evening, met, prepared
from tests.faults.test_kills import free_port
from tests.system.server import until

WORKER_KILLS, WEB_KILLS, PUMP_KILLS = 12, 5, 3
POINTS = ("before-commit", "after-commit", "tell")


@pytest.fixture
def scaled_out(run_folder: Path) -> Iterator[Cluster]:
    """Servers of the test's own and no process yet; its sockets need a short path."""
    with cluster(run_folder / f"k{os.getpid()}-{time.monotonic_ns() % 10**6}", {"CUEROOM_LEASE_MS": "1500"}) as made:
        yield made


@dataclass
class Doomed(Member):
    """A process that ends itself at its point, once the session has come to its position."""

    point: str = "never"
    position: int = 0

    def start(self) -> None:
        words = [str(self.folder), str(self.port), self.point, str(self.position), self.role]
        out, err = self.folder / f"{self.name}.out", self.folder / f"{self.name}.log"
        out.write_bytes(b"")
        started: Any = Life(words, self.environ, out, err)
        self.process = started


class Lives:
    """Owns the processes of a cluster, each started again as soon as it has died, with the next fate there is."""

    def __init__(self, made: Cluster, chat: ChatServer) -> None:
        self.made, self.chat = made, chat
        self.died = dict.fromkeys(("web", "worker", "pump"), 0)
        self.met: set[str] = set()
        # One more than must be met: the last may be that of a process that stands by until the end.
        self.fates = {
            "worker": iter([(POINTS[n % 3], (n + 1) * TOTAL // (WORKER_KILLS + 2)) for n in range(WORKER_KILLS + 1)]),
            "web": iter([("append", TOTAL // (2 * WEB_KILLS + 2)) for _ in range(WEB_KILLS + 1)]),
            "pump": iter([]),
        }
        self.tasks = [
            asyncio.create_task(self._live(role, n))
            for role, many in (("web", 2), ("worker", 2), ("pump", 2))
            for n in range(many)
        ]

    def address(self) -> str:
        """A web process that lives; else one that will."""
        webs = self.made.of("web")
        return next((web for web in webs if web.alive), webs[0]).address

    async def _live(self, role: str, n: int) -> None:
        environ = {**self.made.environment(), **self.chat.environ}
        member = Doomed(f"{role}-{n}", role, self.made.folder, environ, port=free_port())
        self.made.members[member.name] = member
        member.address = f"http://127.0.0.1:{member.port}"
        while True:
            member.point, member.position = next(self.fates[role], ("never", 0))
            member.start()
            if role == "pump" and self.died[role] < PUMP_KILLS:
                self.chat.kill = True  # of the two it meets the one that works
            # Not a thread for each: on two cores there are six, and the end of the test needs one.
            await until(lambda: not member.alive, "it ended", within_s=300)
            assert member.process is not None
            assert member.process.returncode == -signal.SIGKILL, member.log[-3_000:]
            self.died[role] += 1
            self.met.update(met(member.said))

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.to_thread(self.made.stop)


@pytest.mark.timeout(290)
async def test_killed_at_every_point_of_a_cluster_nothing_answered_is_lost_and_nothing_is_doubled(
    scaled_out: Cluster,
) -> None:
    chat = ChatServer()
    await chat.start()
    tokens = await prepared(scaled_out.database)
    lives = Lives(scaled_out, chat)
    evening = Evening(scaled_out.database, lives.address, *tokens)
    playing = asyncio.create_task(evening.play())
    await asyncio.wait({playing, *lives.tasks}, return_when=asyncio.FIRST_COMPLETED)
    try:
        for task in lives.tasks:
            assert not task.done(), task.exception()
        await playing
        shown = await evening.settled()
    finally:
        await lives.end()
    assert lives.died["worker"] >= WORKER_KILLS
    assert lives.met == {*POINTS, "append"}
    assert sum(lives.died.values()) >= 20, lives.died
    assert len(evening.acked) == TOTAL
    await evening.check(shown, chat)
    await chat.stop()
