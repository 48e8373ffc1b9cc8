"""What browser tests share: one Chromium a module, a context and a page a test, and what the page complained of.

A module in which each test has an origin of its own (another port) may keep one page for all of them: see `renewed`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, ViewportSize, sync_playwright


@pytest.fixture
def viewport() -> ViewportSize:
    """Return the size of the window; a module of another kind of screen has its own."""
    return {"width": 1920, "height": 1080}


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, viewport: ViewportSize) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=viewport, locale="zh-CN")
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """A page that notes every error, among them what the content policy stops."""
    page = context.new_page()
    with noting(page, complaints):
        yield page


@pytest.fixture(scope="module")
def kept_page(browser: Browser) -> Iterator[Page]:
    """One page for the tests of a module. Like one over plain HTTP it has no worker: that is test_offline.py's."""
    context = browser.new_context(locale="zh-CN", reduced_motion="reduce")
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@contextmanager
def renewed(page: Page, viewport: ViewportSize, complaints: list[str]) -> Iterator[Page]:
    """Give a page of an earlier test to one with another origin, as if it were new: 0.4 s of CPU less than one."""
    page.context.clear_cookies()
    page.set_viewport_size(viewport)
    with noting(page, complaints):
        yield page
    page.goto("about:blank")  # what the test leaves on it must not go on asking its server


@contextmanager
def noting(page: Page, complaints: list[str]) -> Iterator[None]:
    """Note what a page complains of."""

    def note(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            complaints.append(said.text)

    def note_error(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", note)
    page.on("pageerror", note_error)
    yield
    page.remove_listener("console", note)
    page.remove_listener("pageerror", note_error)
