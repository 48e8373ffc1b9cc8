"""Promise: every page can be read by assistive technology and worked by keyboard alone, in both themes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.needs import skip_without
from tests.web.conftest import renewed
from tests.web.stage import Stage
from tests.web.test_desk_pages import CONSOLE, OVERVIEW, alert_row, last_command
from tests.web.test_desk_pages import Stage as Desk
from tests.web.test_desk_pages import stage as desk  # noqa: F401  a fixture, under a name of its own here
from tests.web.test_host_pages import CORRECTION, SCARCE, until

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] })
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.target.join(' ')}: ${node.failureSummary}`))
}"""
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(kept_page: Page, viewport: ViewportSize, complaints: list[str]) -> Iterator[Page]:
    with renewed(kept_page, viewport, complaints) as page:
        yield page


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage().open() as stage:
        yield stage


def findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical: dark on the screen as it is, light on a phone."""
    if not AXE.exists():
        skip_without("node", "axe-core is not there: npm ci")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # past the content policy of the page, which stands
    page.wait_for_timeout(150)  # past every transition: a colour half-way is no colour of ours
    dark = page.evaluate(RUN)
    desk_size = page.viewport_size
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_timeout(150)
    light = page.evaluate(RUN)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.set_viewport_size(desk_size)  # type: ignore[arg-type]
    return [*(f"dark: {found}" for found in dark), *(f"light, phone: {found}" for found in light)]


def test_the_pages_before_one_is_in(stage: Stage, page: Page) -> None:
    paths = (
        "/login",
        "/login?problem=bad_credentials&lang=en",
        "/login?problem=locked_out&wait_s=30",
        "/first?token=good",
        "/first?token=invited",
        "/first?token=gone",
        "/pair",
        "/pair?problem=device_revoked",
        "/nothing/here",
    )
    found: dict[str, list[str]] = {}
    for path in paths:
        page.goto(stage.url + path)
        found[path] = findings(page)
    assert {path: what for path, what in found.items() if what} == {}


def test_the_hosts_tablet(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/host/r1")
    expect(page.locator("#link-text")).to_have_text("已连接")
    plan = findings(page)
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    card = findings(page)
    stage.send(2, CORRECTION, "urgent")
    until(stage, "p1 shown", "p2 shown")
    urgent = findings(page)
    stage.cut()
    expect(page.locator("#host")).to_have_attribute("data-link", "cut")
    cut = findings(page)
    page.evaluate("document.querySelector('#settings').showModal()")
    assert {"plan": plan, "card": card, "urgent": urgent, "cut": cut, "settings": findings(page)} == {
        "plan": [],
        "card": [],
        "urgent": [],
        "cut": [],
        "settings": [],
    }


def test_the_overview(desk: Desk, page: Page) -> None:  # noqa: F811
    page.goto(desk.url + OVERVIEW)
    expect(page.locator(".room")).to_have_count(12)
    assert findings(page) == []
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    assert findings(page) == []


def test_the_overview_without_rooms(desk: Desk, page: Page) -> None:  # noqa: F811
    desk.house.overview.board["rooms"] = {}
    page.goto(desk.url + OVERVIEW)
    expect(page.locator("#rooms-none")).to_be_visible()
    assert findings(page) == []


def test_the_console_in_each_of_its_states(desk: Desk, page: Page) -> None:  # noqa: F811
    page.goto(desk.url + CONSOLE)
    expect(alert_row(page, "a-warm")).to_be_visible()
    live = findings(page)
    page.keyboard.press("]")
    expect(page.locator("#sure-dialog")).to_be_visible()
    sure = findings(page)
    page.keyboard.press("Escape")
    page.click("#pair")
    expect(page.locator("#pair-code")).not_to_be_empty()
    pairing = findings(page)
    page.keyboard.press("Escape")
    desk.house.console.closed = True
    desk.do(desk.house.console.cut, 1011)
    expect(page.locator("#link-note")).to_be_visible()
    assert {"live": live, "sure": sure, "pairing": pairing, "cut": findings(page)} == {
        "live": [],
        "sure": [],
        "pairing": [],
        "cut": [],
    }


# by keyboard alone


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until an element has the focus; it must then show a ring."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            break
    else:
        raise AssertionError(f"{selector} is not reached with Tab")
    ring = page.evaluate(
        """() => {
          const element = document.activeElement
          const shown = element.closest('.room') ?? element
          const style = getComputedStyle(shown)
          return [style.outlineStyle, parseFloat(style.outlineWidth)]
        }"""
    )
    assert ring[0] != "none"
    assert ring[1] >= 2


def test_signing_in_by_keyboard(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/login?next=/pair")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type("周敏")
    page.keyboard.press("Tab")
    page.keyboard.type("right horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pair")


def test_acknowledging_by_keyboard(desk: Desk, page: Page) -> None:  # noqa: F811
    page.goto(desk.url + CONSOLE)
    expect(alert_row(page, "a-warm")).to_be_visible()
    tab_to(page, "#strip-ack")
    page.keyboard.press("Enter")
    expect(alert_row(page, "a-warm")).to_have_attribute("data-state", "acked")
    assert last_command(desk, page)["path"].endswith("/alerts/a-warm/ack")


def test_sending_a_prompt_by_keyboard(desk: Desk, page: Page) -> None:  # noqa: F811
    page.goto(desk.url + CONSOLE)
    expect(alert_row(page, "a-warm")).to_be_visible()
    tab_to(page, "#prompt-text", most=120)
    page.keyboard.type("报一下度数和容量")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#prompt-text")).to_have_value("")
    assert last_command(desk, page)["body"]["text"] == {"zh-CN": "报一下度数和容量"}


def test_answering_a_card_by_keyboard(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/host/r1")
    told: list[str] = []
    for n, key in enumerate(("Enter", "Space"), 1):
        stage.send(n, SCARCE)
        told.append(f"p{n} shown")
        until(stage, *told)
        expect(page.locator(".host-answer")).to_have_attribute("data-armed", "")
        for answer in ("seen", "done"):
            tab_to(page, f"[data-answer={answer}]")
            page.keyboard.press(key)
            told.append(f"p{n} {answer}")
            until(stage, *told)


def test_a_tile_of_the_overview_opens_by_keyboard(desk: Desk, page: Page) -> None:  # noqa: F811
    page.goto(desk.url + OVERVIEW)
    expect(page.locator(".room")).to_have_count(12)
    tab_to(page, ".room-open")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rooms/room-1")
