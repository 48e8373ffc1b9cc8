"""The console's charts: twelve of 7,200 seconds at four redraws a second, against plain uPlot handed all points anew.

In headless Chromium, with the modules and style sheets of the product and nothing else on the page. An update adds a
second to every curve and redraws them all; its time runs to the first task after the frame in which it was painted.
"""

import asyncio
import os
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, Route, async_playwright

ROOT = Path(__file__).parent.parent
ADDRESS = "http://charts.bench"
UPDATES = 80
EVERY_MS = 250
LONG_RUN = 400
BUDGET_MS = 50
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


def main() -> None:
    """Print both ways side by side; says so and stops where there is no browser or no library."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser or not (ROOT / "static" / "vendor" / "uplot.js").is_file():
        print("no Chromium, or no static/vendor (python scripts/vendor.py): nothing measured", file=sys.stderr)
        return
    figures = asyncio.run(_measure(browser))
    for name, figure in figures.items():
        paints = sorted(figure["paints"])
        print(
            f"{name}: update to paint p50 {statistics.median(paints):.0f} ms, p95 {paints[int(len(paints) * 0.95)]:.0f}"
            f" ms; script p50 {statistics.median(figure['scripts']):.1f} ms; long tasks {figure['long']};"
            f" heap after {LONG_RUN:,} more updates {figure['grown'] / 1_000:+,.0f} kB"
        )
    ours, plain = figures["console"], figures["plain uPlot"]
    share = statistics.median(ours["paints"]) / statistics.median(plain["paints"])
    script = statistics.median(ours["scripts"]) / statistics.median(plain["scripts"])
    print(
        f"console / plain uPlot: {share:.2f} x to paint, {script:.2f} x script; budget p50 {BUDGET_MS} ms, no long task"
    )


async def _measure(executable: str) -> dict[str, dict[str, Any]]:
    async with async_playwright() as play:
        options = ["--no-sandbox", "--js-flags=--expose-gc", "--enable-precise-memory-info"]
        browser = await play.chromium.launch(executable_path=executable, args=options)
        figures = {}
        for name, way in (("console", "ours"), ("plain uPlot", "plain")):
            figures[name] = await _one(browser, way)
        await browser.close()
        return figures


async def _one(browser: Browser, way: str) -> dict[str, Any]:
    page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    await page.route("**/*", _answer)
    await page.goto(f"{ADDRESS}/bench/_charts.html?{way}")
    await page.wait_for_function("window.ready")
    figure: dict[str, Any] = await page.evaluate(f"window.run({UPDATES}, {EVERY_MS})")
    figure["grown"] = await _grown(page)
    await page.close()
    return figure


async def _grown(page: Page) -> int:
    """Return by how much the heap grew over many updates, garbage collected before and after."""
    heap = "() => { for (let i = 0; i < 3; i++) gc(); return performance.memory.usedJSHeapSize }"
    await page.evaluate("window.run(40, 0)")
    before: int = await page.evaluate(heap)
    await page.evaluate(f"window.run({LONG_RUN}, 0)")
    after: int = await page.evaluate(heap)
    return after - before


async def _answer(route: Route) -> None:
    path = ROOT / route.request.url.removeprefix(f"{ADDRESS}/").partition("?")[0]
    if path.is_file():
        await route.fulfill(body=path.read_bytes(), content_type=TYPES.get(path.suffix, "text/plain"))
    else:
        await route.fulfill(status=404, body="")
