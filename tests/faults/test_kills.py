"""kill -9 at 20 moments of one session: nothing that was answered 202 is lost, nothing is doubled."""

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.dying import Life
from tests.faults.evening import TOTAL, ChatServer, Evening, met, prepared

POINTS = ("append", "before-commit", "after-commit", "tell")
KILLS = 20


def free_port() -> int:
    """A port below those the system gives to connections: else one may take it between two lives."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


class Lives:
    """The control room's process, started again each time it has died."""

    def __init__(self, data: Path, port: int, chat: ChatServer) -> None:
        self.data, self.port, self.chat = data, port, chat
        self.died = 0
        self.met: Counter[str] = Counter()
        """The points at which lives have ended; the others ended while they sent a message."""
        self.process: Life | None = None

    def fates(self) -> Iterator[tuple[str, int]]:
        for n in range(KILLS):
            yield POINTS[n % len(POINTS)], (n + 1) * TOTAL // (KILLS + 2)
        yield "never", 0

    async def run(self) -> None:
        environ = {**os.environ, **self.chat.environ}
        for point, position in self.fates():
            words = [str(self.data), str(self.port), point, str(position)]
            out = self.data / f"life-{self.died}.out"
            self.chat.kill = self.died % 6 == 5
            self.process = await asyncio.to_thread(Life, words, environ, out, out)
            code = await asyncio.to_thread(self.process.wait)
            said = out.read_text(encoding="utf-8")
            self.met.update(met(said))
            if point == "never":
                return
            assert code == -signal.SIGKILL, said[-3_000:]
            self.died += 1


@pytest.mark.timeout(290)
async def test_killed_at_every_point_nothing_answered_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    chat, port = ChatServer(), free_port()
    await chat.start()
    url = f"sqlite:///{tmp_path / 'cueroom.sqlite3'}"
    evening = Evening(url, lambda: f"http://127.0.0.1:{port}", *await prepared(url))
    lives = Lives(tmp_path, port, chat)
    living, playing = asyncio.create_task(lives.run()), asyncio.create_task(evening.play())
    await asyncio.wait({living, playing}, return_when=asyncio.FIRST_COMPLETED)
    if living.done():
        living.result()
        raise AssertionError("the last life ended by itself")
    await playing
    shown = await evening.settled()
    assert lives.process is not None
    lives.process.terminate()
    await living
    assert lives.died == KILLS
    assert set(lives.met) == set(POINTS)
    assert lives.met.total() >= KILLS - 3, "all but those that ended while they sent"
    assert len(evening.acked) == TOTAL
    await evening.check(shown, chat)
    await chat.stop()
