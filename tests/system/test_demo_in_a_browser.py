"""Promise: whoever starts the sample sees numbers move, the red alert of 0:12, and what a press of a button does."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from scripts.environment import RUN, is_installed
from tests.system.server import Server

ROOM = "qingtan-douyin"
# As `make run` does it, where this folder has been set up, as `make test` does first; else what that ends in.
START = ("scripts/dev.py", "run") if is_installed(RUN) else ("-m", "app", "demo")
RED = ".alert[data-p='1']"
SOON_MS = 5_000


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "data", command=START)
    try:
        yield await server.listening()
    finally:
        await server.stop()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of, among it whatever the content policy stopped."""
    return []


@pytest.fixture
async def page(chromium: Path, complaints: list[str]) -> AsyncIterator[Page]:
    def note(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            complaints.append(said.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(locale="zh-CN", viewport={"width": 1_920, "height": 1_080})
        page.set_default_timeout(20_000)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()


async def enter(page: Page, server: Server) -> None:
    """Use the link that the start printed, as the first person does."""
    link = re.search(r"http://\S+/first\?token=\S+", server.said)
    assert link, server.said
    await page.goto(link[0])
    await page.fill("#name", "周岚")
    await page.fill("#password", "a long sample password")
    await page.fill("#again", "a long sample password")
    await page.click("#form button[type=submit]")
    await page.wait_for_url(f"{server.address}/")


async def test_from_the_printed_link_to_a_correction_that_was_read(
    demo: Server, page: Page, complaints: list[str]
) -> None:
    await enter(page, demo)
    card = page.get_by_role("link", name="青坛酱酒").first
    await expect(card).to_be_visible()
    await page.goto(f"{demo.address}/rooms/{ROOM}")

    sales = page.locator('[data-tile="gmv"] .tile-figure')
    await expect(sales).to_have_text(re.compile(r"\d"))
    first = await sales.inner_text()
    await expect(sales).not_to_have_text(first, timeout=SOON_MS)

    red = page.locator(RED)
    await expect(red).to_have_count(1, timeout=30_000)
    await expect(red.locator(".alert-text")).to_contain_text("暖身")
    await red.get_by_role("button", name="发更正").click()
    await expect(page.locator("#mirror-cue")).to_contain_text("酒不能御寒")
    await expect(page.locator("#receipts")).to_contain_text("已看", timeout=15_000)

    await red.locator(".alert-ack").click()
    await expect(red).to_have_attribute("data-state", "acked")
    await red.locator(".alert-unack").click()
    await expect(red).to_have_attribute("data-state", "new")
    assert complaints == []
    assert demo.complained == ""  # the link stays in view
