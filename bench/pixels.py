"""Event to pixels: from the request's first byte to the animation frame after the console wrote it, on one clock.

A real server, a real Chromium with a room's console open: 200 events a second in one session, then 2,000 over twenty
sessions, each with a viewer. Ten times a second one of the room's comments is a probe. The page notes when a probe
stands in the list and the frame after it has begun.
"""

import asyncio
import os
import random
import shutil
import sys
import time
from typing import Any

import httpx2
from playwright.async_api import Page, async_playwright
from websockets.asyncio.client import connect

from bench._events import TEXTS
from bench._server import Served, many_rooms, served, token

SECONDS = 20
PROBES_PER_SECOND = 10
RUNS = ((1, 200), (20, 2_000))
"""Sessions, and events a second over all of them; as many viewers as sessions: one a browser, the others sockets."""
WATCH = """
() => {
  window.seen = {}
  const look = (node) => {
    const found = /探针(\\d+)号/.exec(node.textContent ?? '')
    if (!found || window.seen[found[1]]) return
    window.seen[found[1]] = -1
    requestAnimationFrame(() => { window.seen[found[1]] = performance.timeOrigin + performance.now() })
  }
  const list = document.querySelector('.comments')
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) look(node)
      if (change.target !== list) look(change.target)
    }
  }).observe(list, { childList: true, subtree: true, characterData: true })
}
"""


def main() -> None:
    """Print percentiles of the probes; says so and stops where there is no browser."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser:
        print("no Chromium here: nothing measured", file=sys.stderr)
        return
    for sessions, per_second in RUNS:
        with served(core=None, workspace=many_rooms(sessions)) as server:
            rooms = [f"r{n}" for n in range(sessions)]
            tokens = [token(server.folder, scope, rooms) for scope in ("ingest", "read", "admin")]
            latencies, sent = asyncio.run(_measure(server, rooms, per_second, tokens, browser))
        latencies.sort()
        if not latencies:
            print("no probe was seen")
            continue
        at = [latencies[min(len(latencies) - 1, int(share * len(latencies)))] for share in (0.5, 0.95, 0.99)]
        print(
            f"event to pixels at {per_second} events/s in {sessions} sessions, {len(latencies)} of {sent} probes seen:"
            f" p50 {at[0]:.0f} ms, p95 {at[1]:.0f} ms, p99 {at[2]:.0f} ms"
        )


async def _measure(
    server: Served, rooms: list[str], per_second: int, tokens: list[str], browser: str
) -> tuple[list[float], int]:
    ingest, read, admin = tokens
    base = f"http://127.0.0.1:{server.port}"
    async with (
        httpx2.AsyncClient(base_url=base, trust_env=False, headers={"Authorization": f"Bearer {ingest}"}) as client,
        async_playwright() as play,
    ):
        for room in rooms:
            await _post(client, [_record(room, "viewers", {"online": 800}, "first")])
        watching = [asyncio.create_task(_watch(server.port, room, read)) for room in rooms[1:]]
        chromium = await play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = await _console(await chromium.new_page(viewport={"width": 1920, "height": 1080}), base, rooms[0], admin)
        sent: dict[str, float] = {}
        size = per_second // PROBES_PER_SECOND // len(rooms)
        others = [asyncio.create_task(_feed(client, room, size)) for room in rooms[1:]]
        began = time.perf_counter()
        for tick in range(SECONDS * PROBES_PER_SECOND):
            wait = began + tick / PROBES_PER_SECOND - time.perf_counter()
            await asyncio.sleep(max(0.0, wait))
            sent[str(tick)] = time.time() * 1000
            await _post(client, _batch(rooms[0], tick, size))
        await page.wait_for_timeout(1_500)
        seen: dict[str, float] = await page.evaluate("() => window.seen")
        for task in (*watching, *others):
            task.cancel()
        await asyncio.gather(*watching, *others, return_exceptions=True)
        await chromium.close()
    return [seen[name] - at for name, at in sent.items() if seen.get(name, -1) > 0], len(sent)


async def _watch(port: int, room: str, read: str) -> None:
    """A viewer without a browser."""
    url = f"ws://127.0.0.1:{port}/ws/rooms/{room}?audience=control"
    async with connect(url, additional_headers={"Authorization": f"Bearer {read}"}, proxy=None) as viewer:
        async for _ in viewer:
            pass


async def _feed(client: httpx2.AsyncClient, room: str, size: int) -> None:
    """The other rooms' events, at the same pace; each begins at a moment of its own."""
    await asyncio.sleep(random.random() / PROBES_PER_SECOND)
    began = time.perf_counter()
    for tick in range(SECONDS * PROBES_PER_SECOND):
        await asyncio.sleep(max(0.0, began + tick / PROBES_PER_SECOND - time.perf_counter()))
        await _post(client, [_mixed(room, tick, place) for place in range(size)])


async def _console(page: Page, base: str, room: str, admin: str) -> Page:
    """Open the room's console as a person who was just made: a page is shown to people, not to tokens."""
    async with httpx2.AsyncClient(base_url=base, trust_env=False, headers={"Authorization": f"Bearer {admin}"}) as api:
        made = await api.post("/api/people", json={"name": "bench", "role": "controller"})
        made.raise_for_status()
        link = made.json()["link"]
    await page.goto(link if link.startswith("http") else f"{base}{link}")
    for field in await page.query_selector_all("input[type=password]"):
        await field.fill("a long password for a bench")
    await page.click("button[type=submit]")
    await page.wait_for_url(f"{base}/")
    await page.goto(f"{base}/rooms/{room}")
    await page.wait_for_selector(".comments")
    await page.wait_for_timeout(2_000)
    await page.evaluate(WATCH)
    return page


def _batch(room: str, tick: int, size: int) -> list[dict[str, Any]]:
    return [_mixed(room, tick, place) for place in range(size - 1)] + [
        _record(room, "comment", {"text": f"探针{tick}号", "user": {"id": f"p{tick}"}}, f"probe-{tick}")
    ]


def _mixed(room: str, tick: int, place: int) -> dict[str, Any]:
    user = {"id": f"u{(tick * 31 + place * 7) % 900}"}
    if place % 4 == 0:
        return _record(room, "comment", {"text": TEXTS[place % len(TEXTS)], "user": user}, f"c-{tick}-{place}")
    return _record(room, "like", {"user": user}, f"l-{tick}-{place}")


def _record(room: str, kind: str, payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {"id": name, "room": room, "kind": kind, "occurred_ms": int(time.time() * 1000), "payload": payload}


async def _post(client: httpx2.AsyncClient, records: list[dict[str, Any]]) -> None:
    answer = await client.post("/api/ingest", json=records)
    answer.raise_for_status()


if __name__ == "__main__":
    main()
