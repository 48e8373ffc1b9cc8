"""Durable ingest, 202 after commit: events a second of one core, against naive FastAPI + pydantic in the same run."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from websockets.asyncio.client import connect

from bench._events import batches
from bench._load import Load, post_for
from bench._server import ROOM, Served, free_port, running, served, token, use_core

SECONDS = 8.0
SIZES = {100: (96, 100), 1000: (32, 30), 1: (64, 800)}
"""Batch size -> connections, and bodies made ready for each: making them must not be what is measured."""
SKUS = ("SKU-1", "SKU-2", "SKU-3")


def main() -> None:
    """Print one line a run and the ratios."""
    use_core(1)
    naive = {size: _naive(size) for size in (100, 1000)}
    ours = {size: _ours(size) for size in SIZES}
    for size, (load, cpu) in naive.items():
        _print("naive FastAPI", size, load, cpu)
    for size, (load, cpu) in ours.items():
        _print("cueroom", size, load, cpu)
    for size in (100, 1000):
        ratio = ours[size][0].per_second() / max(1.0, naive[size][0].per_second())
        print(f"ratio at batches of {size}: {ratio:.1f} x naive")


def _print(name: str, size: int, load: Load, cpu: float) -> None:
    per_event = cpu / max(1, load.events) * 1e6
    print(
        f"{name:14} batch {size:5}: {load.per_second():10,.0f} events/s"
        f"  {load.requests / load.seconds:8,.0f} requests/s  {per_event:6.1f} us CPU/event"
        f"  answer p50 {load.percentile(0.5):6.1f} ms p99 {load.percentile(0.99):6.1f} ms  refused {load.refused}"
    )


def _ours(size: int) -> tuple[Load, float]:
    with served() as server:
        ingest, read = token(server.folder, "ingest"), token(server.folder, "read")
        return asyncio.run(_measure(server, ingest, read, size))


async def _measure(server: Served, ingest: str, read: str, size: int) -> tuple[Load, float]:
    headers = {"Authorization": f"Bearer {ingest}", "Content-Type": "application/x-ndjson"}
    now = int(time.time() * 1000)
    first = batches(ROOM, 10, now, seed=999, skus=SKUS)
    await post_for(server.port, "/api/ingest", [first], size=10, seconds=0.2, headers=headers)  # opens the session
    url = f"ws://127.0.0.1:{server.port}/ws/rooms/{ROOM}?audience=control"
    async with connect(url, additional_headers={"Authorization": f"Bearer {read}"}) as viewer:
        watching = asyncio.create_task(_watch(viewer))
        bodies = ready(size, now)
        before = server.cpu_seconds()
        load = await post_for(server.port, "/api/ingest", bodies, size=size, seconds=SECONDS, headers=headers)
        cpu = server.cpu_seconds() - before
        watching.cancel()
        if not watching.cancelled() and watching.done():
            print("the viewer was cut", file=sys.stderr)
        print(f"  resident {server.resident_mb():.0f} MB after {load.events:,} events")
        return load, cpu


def ready(size: int, now_ms: int) -> list[Iterator[bytes]]:
    """Return one iterator of prepared bodies a connection."""
    connections, each = SIZES[size]
    made = (batches(ROOM, size, now_ms, seed=seed, skus=SKUS) for seed in range(connections))
    return [iter(list(islice(bodies, each))) for bodies in made]


async def _watch(viewer: object) -> None:
    async for _ in viewer:  # type: ignore[attr-defined]  # a websockets connection
        pass


def _naive(size: int) -> tuple[Load, float]:
    with tempfile.TemporaryDirectory(prefix="cueroom-naive-") as folder:
        port = free_port()
        command = [sys.executable, "-m", "bench._naive", str(port), str(Path(folder) / "naive.sqlite3")]
        with running(command, port, "/docs", core=0) as process:
            server = Served(port, process.pid, Path(folder))
            bodies = ready(size, int(time.time() * 1000))
            headers = {"Content-Type": "application/x-ndjson"}
            before = server.cpu_seconds()
            load = asyncio.run(post_for(port, "/api/ingest", bodies, size=size, seconds=SECONDS, headers=headers))
            return load, server.cpu_seconds() - before


if __name__ == "__main__":
    main()
