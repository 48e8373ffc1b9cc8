"""Draws docs/img/ again: console, tablet and overview of the running sample, in headless Chromium.

`python scripts/shots.py [FOLDER]`. Needs Chromium (CHROMIUM=/path, else the one on PATH) and a CJK font.
"""

import asyncio
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent
ROOM = "qingtan-douyin"
DESK = {"width": 1920, "height": 1080}
TABLET = {"width": 1280, "height": 800}
MOST_BYTES = 200_000
QUALITY = 0.82
ENCODE = """
async ([url, quality]) => {
  const image = new Image()
  image.src = url
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = image.naturalWidth
  canvas.height = image.naturalHeight
  canvas.getContext('2d').drawImage(image, 0, 0)
  return canvas.toDataURL('image/webp', quality)
}
"""
ALERT = ".alert[data-p='1'][data-state='new']"


def chromium() -> str:
    """Return the browser to use; exit with one line when there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        sys.exit("shots: no Chromium found; install it or set CHROMIUM=/path/to/it")
    return found


async def shoot(folder: Path) -> None:
    """Start the sample on its own data, sign in, and take the pictures at the red alert of 0:12."""
    with tempfile.TemporaryDirectory(prefix="cueroom-shots-") as data:
        command = [sys.executable, "-m", "app", "demo", "--port", "0", "--data", data]
        server = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            link = await asyncio.wait_for(_link(server), 60)
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
                await _pictures(browser, link, folder)
                await browser.close()
        finally:
            server.terminate()
            await server.wait()


async def _link(server: asyncio.subprocess.Process) -> str:
    assert server.stdout is not None
    async for line in server.stdout:
        if b"/first?token=" in line:
            return line.decode().strip()
    raise RuntimeError("the sample did not start")


async def _pictures(browser: Browser, link: str, folder: Path) -> None:
    base = link.split("/first")[0]
    desk = await browser.new_context(viewport=DESK, locale="zh-CN")  # type: ignore[arg-type]
    page = await desk.new_page()
    await _enter(page, link)
    await page.goto(f"{base}/rooms/{ROOM}")
    tablet = await _paired(browser, desk, base)
    await page.wait_for_selector(ALERT, timeout=60_000)
    await page.wait_for_timeout(1_500)
    await page.locator(ALERT).get_by_role("button", name="发更正").first.click()
    await page.wait_for_timeout(2_500)
    await _save(page, folder / "console.webp")
    await _save(tablet, folder / "tablet.webp")
    await page.goto(f"{base}/")
    await page.wait_for_timeout(3_000)
    await _save(page, folder / "overview.webp")


async def _enter(page: Page, link: str) -> None:
    await page.goto(link)
    await page.fill("input[name=name]", "周岚")
    for field in await page.query_selector_all("input[type=password]"):
        await field.fill("a long sample password")
    await page.click("button[type=submit]")
    await page.wait_for_url("**/")


async def _paired(browser: Browser, desk: BrowserContext, base: str) -> Page:
    headers = {"Origin": base, "Idempotency-Key": "shots"}
    answer = await desk.request.post(f"{base}/api/devices/code", data={"room": ROOM}, headers=headers)
    code = (await answer.json())["code"]
    context = await browser.new_context(viewport=TABLET, locale="zh-CN")  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{base}/pair?code={code}")
    await page.fill("input[name=name]", "平板 A")
    await page.click("button[type=submit]")
    await page.wait_for_url("**/host/**")
    return page


async def _save(page: Page, path: Path) -> None:
    """Keep a picture as WebP, which the browser itself encodes: a third of the PNG, and text stays sharp."""
    png = base64.b64encode(await page.screenshot()).decode()
    blank = await page.context.new_page()
    encoded: str = await blank.evaluate(ENCODE, [f"data:image/png;base64,{png}", QUALITY])
    await blank.close()
    body = base64.b64decode(encoded.partition(",")[2])
    print(f"{path.name}: {len(body):,} bytes")
    if len(body) > MOST_BYTES:
        sys.exit(f"shots: {path.name} has {len(body):,} bytes, more than {MOST_BYTES:,}")
    path.write_bytes(body)  # noqa: ASYNC240  one small file


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img"
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(shoot(target))
