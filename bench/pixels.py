"""Event to pixels: from the request's first byte to the animation frame after the console wrote it, on one clock.

A real server, a real Chromium with the room's console open, 200 events a second in one session; ten times a second one
of the comments is a probe. The page notes when a probe stands in the list and the frame after it has begun.
"""

import asyncio
import os
import shutil
import sys
import time
from functools import partial
from typing import Any

import httpx2
from playwright.async_api import Page, async_playwright

from bench._events import TEXTS
from bench._server import ROOM, Served, served, token

SECONDS = 20
PER_SECOND = 200
PROBES_PER_SECOND = 10
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
    with served(core=None) as server:
        ingest, admin = token(server.folder, "ingest"), token(server.folder, "admin")
        latencies, sent = asyncio.run(_measure(server, ingest, admin, browser))
    latencies.sort()
    if not latencies:
        print("no probe was seen")
        return
    at = [latencies[min(len(latencies) - 1, int(share * len(latencies)))] for share in (0.5, 0.95, 0.99)]
    print(
        f"event to pixels at {PER_SECOND} events/s, {len(latencies)} of {sent} probes seen:"
        f" p50 {at[0]:.0f} ms, p95 {at[1]:.0f} ms, p99 {at[2]:.0f} ms"
    )


async def _measure(server: Served, ingest: str, admin: str, browser: str) -> tuple[list[float], int]:
    base = f"http://127.0.0.1:{server.port}"
    async with (
        httpx2.AsyncClient(base_url=base, trust_env=False, headers={"Authorization": f"Bearer {ingest}"}) as client,
        async_playwright() as play,
    ):
        await _post(client, [_record("viewers", {"online": 800}, "first")])
        chromium = await play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = await _console(await chromium.new_page(viewport={"width": 1920, "height": 1080}), base, admin)
        sent: dict[str, float] = {}
        began = time.perf_counter()
        for tick in range(SECONDS * PROBES_PER_SECOND):
            wait = began + tick / PROBES_PER_SECOND - time.perf_counter()
            await asyncio.sleep(max(0.0, wait))
            sent[str(tick)] = time.time() * 1000
            await _post(client, _batch(tick))
        await page.wait_for_timeout(1_500)
        seen: dict[str, float] = await page.evaluate("() => window.seen")
        await chromium.close()
    return [seen[name] - at for name, at in sent.items() if seen.get(name, -1) > 0], len(sent)


async def _console(page: Page, base: str, admin: str) -> Page:
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
    await page.goto(f"{base}/rooms/{ROOM}")
    await page.wait_for_selector(".comments")
    await page.wait_for_timeout(2_000)
    await page.evaluate(WATCH)
    return page


def _batch(tick: int) -> list[dict[str, Any]]:
    count = PER_SECOND // PROBES_PER_SECOND
    make = partial(_mixed, tick)
    return [make(place) for place in range(count - 1)] + [
        _record("comment", {"text": f"探针{tick}号", "user": {"id": f"p{tick}"}}, f"probe-{tick}")
    ]


def _mixed(tick: int, place: int) -> dict[str, Any]:
    user = {"id": f"u{(tick * 31 + place * 7) % 900}"}
    if place % 4 == 0:
        return _record("comment", {"text": TEXTS[place % len(TEXTS)], "user": user}, f"c-{tick}-{place}")
    return _record("like", {"user": user}, f"l-{tick}-{place}")


def _record(kind: str, payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {"id": name, "room": ROOM, "kind": kind, "occurred_ms": int(time.time() * 1000), "payload": payload}


async def _post(client: httpx2.AsyncClient, records: list[dict[str, Any]]) -> None:
    answer = await client.post("/api/ingest", json=records)
    answer.raise_for_status()


if __name__ == "__main__":
    main()
