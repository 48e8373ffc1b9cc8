"""Ingest through several processes over Redis and PostgreSQL: what a worker core can take, 202 after commit.

The one worker is pinned to a core; the web processes, the two servers and the load share the other, so it is they that
set the pace here. The figure is events per second of the worker's own CPU time.
"""

import asyncio
import os
import shutil
import sys
import time

from bench._events import batches
from bench._load import post_for
from bench._server import ROOM, Served, token_line, use_core
from bench.ingest import SKUS, ready
from scripts.cluster import SAMPLE, Cluster, cluster
from tests.servers import make_run_folder

SECONDS = 8.0
SIZES = (100, 1000)


def main() -> None:
    """Print one line a size."""
    use_core(1)
    folder = make_run_folder()
    os.environ["CUEROOM_TESTS_RUN"] = str(folder)
    try:
        with cluster(folder, {"CUEROOM_LIMITS__RECORDS_PER_SECOND": "1000000"}) as made:
            made.command("setup", str(SAMPLE))
            made.start(web=2, worker=1, pump=1)
            os.sched_setaffinity(made.of("worker")[0].pid, {0})
            secret = token_line(made.command("token", "create", "--scope", "ingest", "--room", ROOM, "--name", "bench"))
            for size in SIZES:
                asyncio.run(_measure(made, secret, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(made: Cluster, secret: str, size: int) -> None:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"}
    now = int(time.time() * 1000)
    ports = [web.port for web in made.of("web")]
    seed = 999 + size
    await post_for(
        ports[0], "/api/ingest", [batches(ROOM, 10, now, seed=seed, skus=SKUS)], size=10, seconds=0.2, headers=headers
    )
    (worker,) = made.of("worker")
    owner = Served(worker.port, worker.pid, made.folder)
    webs = [Served(web.port, web.pid, made.folder) for web in made.of("web")]
    bodies = ready(size, now)
    before, doors = owner.cpu_seconds(), sum(each.cpu_seconds() for each in webs)
    loads = await asyncio.gather(
        *(
            post_for(port, "/api/ingest", bodies[n :: len(ports)], size=size, seconds=SECONDS, headers=headers)
            for n, port in enumerate(ports)
        )
    )
    cpu, door = owner.cpu_seconds() - before, sum(each.cpu_seconds() for each in webs) - doors
    events, refused = sum(load.events for load in loads), sum(load.refused for load in loads)
    seconds = max(load.seconds for load in loads)
    sys.stdout.write(
        f"cluster batch {size:5}: {events / seconds:9,.0f} events/s in all; worker {cpu / events * 1e6:.1f} us an event"
        f" = {events / cpu:9,.0f} events/s a worker core; web {door / events * 1e6:5.1f} us  refused {refused}\n"
    )


if __name__ == "__main__":
    main()
