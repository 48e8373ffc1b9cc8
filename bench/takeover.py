"""How long a session is without an owner, with the default lease: after kill -9 of its worker, and after a clean stop.

A feed sends one comment after the other through one web process, the same ids until they are taken. The figure is the
longest time between two that were taken, so what the sender waits for is in it and nothing else.
"""

import asyncio
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import httpx2

from app.domain.identity import derived_id
from bench._server import ROOM, token_line
from scripts.cluster import SAMPLE, Cluster, Member, cluster
from tests.servers import make_run_folder

ROUNDS = int(os.environ.get("BENCH_TAKEOVER_ROUNDS", "6"))
SETTLE_S = 3.0
OWNING = ("session_taken", "session_freed", "session_lost")


def main() -> None:
    """Print the median and the longest of each kind."""
    folder = make_run_folder()
    os.environ["CUEROOM_TESTS_RUN"] = str(folder)
    try:
        with cluster(folder) as made:
            made.command("setup", str(SAMPLE))
            made.start(web=1, worker=2, pump=1)
            secret = token_line(made.command("token", "create", "--scope", "ingest", "--room", ROOM, "--name", "bench"))
            asyncio.run(_measure(made, secret))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(made: Cluster, secret: str) -> None:
    ends: dict[str, Callable[[Member], object]] = {"kill -9": Member.kill, "clean stop": Member.stop}
    headers = {"Authorization": f"Bearer {secret}"}
    (web,) = made.of("web")
    async with httpx2.AsyncClient(base_url=web.address, headers=headers, timeout=30, trust_env=False) as client:
        for what, end in ends.items():
            gaps = [await _round(made, client, end, f"{what}{n}") for n in range(ROUNDS)]
            print(
                f"{what:10} of the owner, {ROUNDS} times: taken again after median {statistics.median(gaps):.2f} s, "
                f"at most {max(gaps):.2f} s"
            )


async def _round(made: Cluster, client: httpx2.AsyncClient, end: Callable[[Member], object], name: str) -> float:
    """End the owner under a feed; start it again; return the longest time in which nothing was taken."""
    taken: list[float] = []
    session = ""

    async def feed() -> None:
        nonlocal session
        n = 0
        while True:
            answer = await client.post("/api/ingest", json=_comment(f"{name}-{n}"))
            if answer.status_code == 202:
                session = answer.json()["sessions"][0]["session"]
                taken.append(time.monotonic())
                n += 1
            elif answer.status_code not in (429, 503):
                raise RuntimeError(answer.text)
            await asyncio.sleep(0.01)

    feeding = asyncio.create_task(feed())
    await asyncio.sleep(SETTLE_S)
    owner = _owner(made, session)
    await asyncio.to_thread(end, owner)
    done = time.monotonic()
    while not taken or taken[-1] < done:
        if feeding.done():
            feeding.result()
        await asyncio.sleep(0.01)
    await asyncio.sleep(SETTLE_S)
    feeding.cancel()
    await asyncio.to_thread(owner.start)
    await asyncio.to_thread(owner.wait)
    return max(later - earlier for earlier, later in pairwise(taken))


def _comment(name: str) -> dict[str, object]:
    return {
        "room": ROOM,
        "kind": "comment",
        "id": derived_id(name),
        "occurred_ms": int(time.time() * 1000),
        "payload": {"text": "有货吗"},
    }


def _owner(made: Cluster, session: str) -> Member:
    """The worker that said last that it took the session."""
    said = [
        (line["timestamp"], line["event"], member)
        for member in made.of("worker")
        for line in map(json.loads, filter(lambda line: line.startswith("{"), member.log.splitlines()))
        if line.get("session") == session and line["event"] in OWNING
    ]
    return max((each for each in said if each[1] == "session_taken"), key=lambda each: each[0])[2]


if __name__ == "__main__":
    main()
