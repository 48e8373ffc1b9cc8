"""Promise: in every language a page holds on every screen: nothing scrolls sideways, is cut, or has Hanzi too small."""

from collections.abc import Iterator

import anyio
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.dev_server import House, served
from tests.web.stage import Stage

SIZES = {"wall": (1920, 1080), "laptop": (1280, 800), "phone": (390, 844), "narrow": (360, 640)}
LANGUAGES = ("zh-CN", "zh-TW", "en")
MEASURE = """() => {
  const hidden = '.sr, .skip, svg'
  const seen = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest(hidden))
  const said = (e) => e.id || e.className || e.tagName
  const own = (e) => [...e.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('').trim()
  const style = (e) => getComputedStyle(e)
  const fixed = 'button, a.btn, label, th, dt, h1, .card-title, .count, .chip, .form-hint, .room-nums dd'
  const isCut = (e) => e.scrollWidth > e.clientWidth + 1 && style(e).display !== 'inline'
  return {
    sideways: document.documentElement.scrollWidth - innerWidth,
    cut: seen.filter((e) => e.matches(fixed) && isCut(e)).map(said),
    tall: seen.filter((e) => e.matches('.room') && e.scrollHeight > e.clientHeight + 1).map(said),
    tiny: seen.filter((e) => /[\\u3400-\\u9fff]/.test(own(e)) && parseFloat(style(e).fontSize) < 14).map(said)
  }
}"""
WHOLE = {"sideways": 0, "cut": [], "tall": [], "tiny": []}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage().open() as stage:
        yield stage


@pytest.fixture(params=[12, 40, 0])
def overview(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """Return the address of an overview and how many rooms it has."""
    house = House(drifting=False, rooms=request.param)
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(served(house)) as url:
        yield url, request.param


def measured(page: Page) -> dict[str, object]:
    """Return what does not hold, by the size of the screen; a screen on which all does is left out."""
    found = {}
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(50)
        if (result := page.evaluate(MEASURE)) != WHOLE:
            found[size] = result
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/login?problem=locked_out&wait_s=30",
        "/first?token=good",
        "/first?token=invited",
        "/first?token=gone",
        "/pair",
        "/x",
    ],
)
def test_the_pages_before_one_is_in_hold(stage: Stage, page: Page, path: str) -> None:
    found: dict[tuple[str, str], object] = {}
    for language in LANGUAGES:
        page.goto(f"{stage.url}{path}{'&' if '?' in path else '?'}lang={language}")
        found |= {(language, size): what for size, what in measured(page).items()}
    assert found == {}


def test_the_overview_holds_with_many_rooms_and_with_none(overview: tuple[str, int], page: Page) -> None:
    url, rooms = overview
    found: dict[tuple[str, str], object] = {}
    for language in LANGUAGES:
        page.goto(f"{url}/?lang={language}")
        expect(page.locator(".room")).to_have_count(rooms)
        found |= {(language, size): what for size, what in measured(page).items()}
    assert found == {}


def test_the_figures_of_tiles_stand_in_columns_that_do_not_move(context: BrowserContext, page: Page) -> None:
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(served(House(drifting=False))) as url,
    ):
        page.goto(url)
        expect(page.locator(".room")).to_have_count(12)
        places = page.evaluate(
            """() => [...document.querySelectorAll('.room:not([data-p="1"])')].map((room) =>
              [...room.querySelectorAll('.room-nums dd')].map((figure) =>
                Math.round(figure.getBoundingClientRect().left - room.getBoundingClientRect().left)).join(' '))"""
        )
    assert len(set(places)) == 1, places
