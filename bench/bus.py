"""The ports between processes over Redis: what an owner's core pays for an entry, leases, news and boards.

The peer is the log in memory in the same run; what no log between processes can do without is the decoding of an
entry's body. Sender and Redis have the other core.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from app.bus.memory import MemorySessionLog
from app.bus.ports import Committed, SessionLog, Stored
from app.bus.redis_streams import RedisFrameLog, RedisLink, RedisNews, RedisOwnership, RedisSessionLog
from app.domain.facts import Fact, SessionOpened
from app.domain.records import decode_entry, encode_entry
from bench._bus_sender import made, placed
from bench._server import use_core
from tests.servers import ValkeyServer, valkey_binary

SIZES = {100: 6_000, 1000: 600, 1: 20_000}
"""Events an entry -> entries sent."""
GROUP_EVENTS = 20_000
BACKLOG = 2_000
LEASES = 1_000
FACTS = 20_000
BOARDS = 1_000
SECONDS = 6


def main() -> None:
    """Print one line a measurement."""
    with served() as url:
        use_core(1)
        for size, number in SIZES.items():
            asyncio.run(log_at(url, size, number))
        asyncio.run(leases(url))
        asyncio.run(news(url))
        asyncio.run(boards(url))


@contextmanager
def served() -> Iterator[str]:
    """A Valkey of this run's own, on the other core."""
    with tempfile.TemporaryDirectory(prefix="cueroom-bench-") as folder:
        server = ValkeyServer(Path(folder) / "v", valkey_binary())
        use_core(0)
        server.start()
        try:
            yield server.url()
        finally:
            server.stop()


@asynccontextmanager
async def linked(url: str, prefix: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(url, prefix=prefix)
    yield link
    await link.close()


async def log_at(url: str, size: int, number: int) -> None:
    """One owner takes and settles what another process appends, at one size of entries."""
    decoding = decoding_us(size)
    in_memory = await memory_us(size)
    async with linked(url, f"log{size}") as link:
        log = RedisSessionLog(link)
        command = [sys.executable, "-m", "bench._bus_sender", url, link.prefix, str(size), str(number)]
        use_core(0)
        sender = subprocess.Popen(command)
        use_core(1)
        cpu, wall = await owned(log, number)
        each = cpu / number * 1e6
        sender.wait(60)
        print(
            f"redis log, entries of {size:4}: {each:6.1f} us CPU an entry = {size / each * 1e6:9,.0f} events/s a core"
            f" ({number * size / wall:8,.0f} came), of it decoding {decoding:6.1f} us ({decoding / each:.0%});"
            f" memory log {in_memory:.2f} us"
        )
        await log.close()


async def owned(log: SessionLog, number: int) -> tuple[float, float]:
    """Take and settle so many entries; return the seconds of this process's core, and of the wall, from the first."""
    left = number
    cpu = wall = 0.0
    while left:
        taken = await log.take(None, GROUP_EVENTS, 10_000)
        if not cpu:
            cpu, wall = time.process_time(), time.perf_counter()
        settled = [(one, Committed(2, 2)) for waiting in taken.values() for one in waiting]
        await log.settle_all(settled)
        left -= len(settled)
    return time.process_time() - cpu, time.perf_counter() - wall


def decoding_us(size: int) -> float:
    """Return what decoding an entry takes at best, and giving up what came of it, a take's worth at a time."""
    bodies = [encode_entry(entry) for entry in made(size, 100)] * max(1, GROUP_EVENTS // size // 100)
    best = float("inf")
    for _ in range(10):
        began = time.process_time()
        taken = [decode_entry(body) for body in bodies]
        taken.clear()
        best = min(best, (time.process_time() - began) / len(bodies))
    return best * 1e6


async def memory_us(size: int) -> float:
    """Return what the log in memory takes for an entry that it gives out and settles."""
    log, number = MemorySessionLog(), min(BACKLOG, 200_000 // size)
    tickets = await log.append_all(placed(made(size, 100), number))
    cpu, _ = await owned(log, len(tickets))
    return cpu / number * 1e6


async def leases(url: str) -> None:
    """Take and prolong many leases at once."""
    async with linked(url, "leases") as link:
        owner = RedisOwnership(link)
        names = [f"s{n}" for n in range(LEASES)]
        began = time.perf_counter()
        held = await owner.acquire_all(names, 30_000)
        took = time.perf_counter() - began
        spans = []
        for _ in range(20):
            began = time.perf_counter()
            assert not await owner.renew_all(held, 30_000)
            spans.append(time.perf_counter() - began)
        print(f"{LEASES} leases: taken in {took * 1e3:.1f} ms, prolonged in {sorted(spans)[10] * 1e3:.1f} ms")


async def news(url: str) -> None:
    """Facts from one process to another, both in this one."""
    async with linked(url, "news") as link:
        one, other = RedisNews(link), RedisNews(link)
        heard = asyncio.Event()
        last = SessionOpened(str(FACTS))

        def hear(fact: Fact) -> None:
            if fact == last:
                heard.set()

        other.listen(hear)
        await one.start()
        await other.start()
        cpu = time.process_time()
        for n in range(FACTS):
            one.tell(SessionOpened(str(n + 1)))
            if n % 100 == 99:
                await asyncio.sleep(0)
        await heard.wait()
        cpu = time.process_time() - cpu
        began = time.perf_counter()
        heard.clear()
        one.tell(last)
        await heard.wait()
        alone = time.perf_counter() - began
        each = cpu / FACTS * 1e6
        print(f"news: {each:.1f} us CPU a fact, told and heard; one alone is heard in {alone * 1e3:.1f} ms")
        await one.close()
        await other.close()


async def boards(url: str) -> None:
    """Many boards, each with a delta a second: first published only, then followed too."""
    async with linked(url, "boards") as link, linked(url, "boards") as publishing:
        publisher = RedisFrameLog(publishing)
        alone, _ = await shown(publisher, None, epoch=1)
        both, late = await shown(publisher, RedisFrameLog(link), epoch=2)
        late.sort()
        print(
            f"{BOARDS} boards, a delta a second each: published for {alone:.2f} of a core, followed for"
            f" {both - alone:.2f}; late p50 {late[len(late) // 2] * 1e3:.1f} ms"
            f" p95 {late[len(late) * 95 // 100] * 1e3:.1f} ms"
        )


async def shown(publisher: RedisFrameLog, frames: RedisFrameLog | None, epoch: int) -> tuple[float, list[float]]:
    """Return the share of a core, and how late each delta came to who followed."""
    late: list[float] = []
    told: dict[tuple[str, int], float] = {}
    loop = asyncio.get_running_loop()
    began = loop.time() + 1

    async def follow(board: str, frames: RedisFrameLog) -> None:
        seq = 0
        while seq < SECONDS:
            for frame in await frames.wait(board, epoch, seq, 10_000):
                seq = frame.seq
                late.append(time.perf_counter() - told[board, seq])

    async def publish(board: str, phase: float) -> None:
        for seq in range(1, SECONDS + 1):
            await asyncio.sleep(began + seq + phase - loop.time())
            told[board, seq] = time.perf_counter()
            await publisher.publish(board, Stored(epoch, seq, b"x" * 500))

    names = [f"b{n}" for n in range(BOARDS)]
    followers = [follow(name, frames) for name in names] if frames is not None else []
    cpu = time.process_time()
    await asyncio.gather(*followers, *(publish(name, n / BOARDS) for n, name in enumerate(names)))
    return (time.process_time() - cpu) / SECONDS, late


if __name__ == "__main__":
    main()
