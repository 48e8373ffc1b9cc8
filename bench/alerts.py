"""How soon an alert is committed after its rule is true, while 5,000 events a second come in one session.

An immediate rule: a sentence with a forbidden word is posted alone; its answer comes after the commit that holds the
alert, so the answer's time is an upper bound. A rule with an instant of its own: a stream line falls silent and is due
5 s after its last word; how long after that instant a viewer's socket has the alert is an upper bound of its commit.
"""

import asyncio
import json
import time
from itertools import count, islice
from typing import Any

import httpx2
from websockets.asyncio.client import connect

from bench._events import batches
from bench._load import post_for
from bench._server import Served, many_rooms, served, token, use_core

SECONDS = 20.0
PER_SECOND, SIZE = 5_000, 100
SPOKEN_EVERY_S = 0.1
LINES = 12
ROOM = "r0"


def main() -> None:
    """Print both; the budgets are 20 ms and 50 ms."""
    use_core(1)
    with served(workspace=many_rooms(1)) as server:
        tokens = [token(server.folder, scope, (ROOM,)) for scope in ("ingest", "read")]
        spoken, late = asyncio.run(_measure(server, *tokens))
    print(
        f"immediate alert committed, {len(spoken)} sentences at {PER_SECOND} events/s:"
        f" p50 {_share(spoken, 0.5):.1f} ms, p99 {_share(spoken, 0.99):.1f} ms, most {spoken[-1]:.1f} ms"
    )
    print(
        f"silence told after its own instant, {len(late)} lines: p50 {_share(late, 0.5):.0f} ms, most {late[-1]:.0f} ms"
    )


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def _measure(server: Served, ingest: str, read: str) -> tuple[list[float], list[float]]:
    headers = {"Authorization": f"Bearer {ingest}"}
    base = f"http://127.0.0.1:{server.port}"
    late: list[float] = []
    async with httpx2.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        await _post(client, [_record("viewers", {"online": 800}, "first")])
        watching = asyncio.create_task(_watch(server, read, late))
        feeding = asyncio.create_task(_feed(server, headers))
        silent = asyncio.create_task(_lines(client))
        spoken = await _speak(client)
        await silent
        await feeding
        await asyncio.sleep(1)
        watching.cancel()
    return sorted(spoken), sorted(late)


async def _feed(server: Served, headers: dict[str, str]) -> None:
    """5,000 events a second, in even batches."""
    bodies = list(islice(batches(ROOM, SIZE, int(time.time() * 1000), seed=1, skus=("SKU-1",)), 1_100))
    headers = {**headers, "Content-Type": "application/x-ndjson"}
    began = time.perf_counter()
    for n, body in enumerate(bodies):
        at = n * SIZE / PER_SECOND
        if at > SECONDS:
            break
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        await post_for(server.port, "/api/ingest", [iter([body])], size=SIZE, seconds=5, headers=headers)


async def _speak(client: httpx2.AsyncClient) -> list[float]:
    """Post a sentence that breaks the law ten times a second; return how long each answer took, in milliseconds."""
    took: list[float] = []
    began = time.perf_counter()
    for n in count():
        at = 1 + n * SPOKEN_EVERY_S
        if at > SECONDS:
            return took
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        sentence = {"text": f"第{n}句，天冷喝一杯，暖身御寒", "start_ms": n * 1000, "end_ms": n * 1000 + 900}
        sent = time.perf_counter()
        await _post(client, [_record("speech", sentence, f"s{n}")])
        took.append((time.perf_counter() - sent) * 1000)
    return took


async def _lines(client: httpx2.AsyncClient) -> None:
    """One line after another says something once, and no more."""
    for n in range(LINES):
        await _post(client, [_record("stream", {"line": f"line{n}", "bitrate_kbps": 3_000}, f"l{n}")])
        await asyncio.sleep(1)


async def _watch(server: Served, read: str, late: list[float]) -> None:
    """Note how long after its instant each silence stands on the board."""
    url = f"ws://127.0.0.1:{server.port}/ws/rooms/{ROOM}?audience=control"
    known: set[str] = set()
    async with connect(url, additional_headers={"Authorization": f"Bearer {read}"}, proxy=None) as viewer:
        async for frame in viewer:
            now = time.time() * 1000
            told: dict[str, Any] = json.loads(frame)
            if told["type"] != "delta":
                continue
            for name, alert in told["topics"].get("alerts", {}).get("set", {}).items():
                if alert["rule"] == "stream-fault" and name not in known:
                    known.add(name)
                    late.append(now - alert["opened_ms"])


def _record(kind: str, payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {"id": name, "room": ROOM, "kind": kind, "occurred_ms": int(time.time() * 1000), "payload": payload}


async def _post(client: httpx2.AsyncClient, records: list[dict[str, Any]]) -> None:
    answer = await client.post("/api/ingest", json=records)
    answer.raise_for_status()


if __name__ == "__main__":
    main()
