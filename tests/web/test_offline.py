"""Promise: a tablet that is opened without a network shows its last card, says of when it is, and loses no answer."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.routers.offline import Shell, read_shell
from tests.web.stage import Stage
from tests.web.test_host_pages import CORRECTION, SCARCE, tap, until

KEPT = """async () => {
  const names = await caches.keys()
  const caches_ = await Promise.all(names.map((name) => caches.open(name)))
  const requests = (await Promise.all(caches_.map((cache) => cache.keys()))).flat()
  return [names, requests.map((request) => new URL(request.url).pathname)]
}"""
KEPT_AT_LAST = f"""async ([build, page]) => {{
  // Nothing is opened before it is as it must be: to open a cache that a worker has thrown away is to make it anew.
  const isIt = async () => (await caches.keys()).join() === build &&
    (build === '' || Boolean(await caches.match(page, {{ cacheName: build }})))
  for (let n = 0; n < 400 && !await isIt(); n++) await new Promise((next) => setTimeout(next, 50))
  return await isIt() ? await ({KEPT})() : [await caches.keys(), []]
}}"""
WORKERS = """async () => {
  const { installing, waiting, active } = await navigator.serviceWorker.getRegistration('/host/')
  return [installing, waiting, active].map((worker) => worker && worker.state)
}"""


@pytest.fixture
def viewport() -> ViewportSize:
    return {"width": 1280, "height": 800}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage().open() as stage:
        yield stage


@pytest.fixture
def tablet(stage: Stage, page: Page) -> Page:
    """A paired tablet whose page is kept: the worker has taken over and the room's page is in its cache."""
    page.goto(f"{stage.url}/host/r1")
    expect(page.locator("#link-text")).to_have_text("已连接")
    wait_for_shell(page, stage.shell.build)
    return page


def wait_for_shell(page: Page, build: str) -> None:
    names, paths = page.evaluate(KEPT_AT_LAST, [f"cueroom-host-{build}", "/host/r1"])
    assert names == [f"cueroom-host-{build}"], f"the workers: {page.evaluate(WORKERS)}"
    assert "/host/r1" in paths


def kept(page: Page) -> Any:
    return page.evaluate(KEPT)


def go_offline(stage: Stage, page: Page) -> None:
    page.context.set_offline(True)
    stage.cut()


def go_online(stage: Stage, page: Page) -> None:
    stage.mend()
    page.context.set_offline(False)


def kept_last(page: Page, text: str) -> None:
    """Wait until the device has kept this text: a burst of changes is written once a second."""
    for _ in range(200):
        if text in (page.evaluate("localStorage.getItem('cueroom.host.last.d1')") or ""):
            return
        page.wait_for_timeout(25)
    raise AssertionError("the last card was not kept")


LINK_NOTED = """window.said = []
addEventListener('DOMContentLoaded', () => {
  const host = document.getElementById('host')
  new MutationObserver(() => said.push(host.dataset.link)).observe(host, { attributes: true })
})"""
TWO_MINUTES_LATER = "{ const now = Date.now; Date.now = () => now() + 125_000 }"


def test_a_reload_without_a_network_shows_the_last_card_and_of_when_it_is(stage: Stage, tablet: Page) -> None:
    """What is kept is never said to be live, also before the first attempt to connect has failed; it has its age."""
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    kept_last(tablet, "shown_ms")
    go_offline(stage, tablet)
    tablet.add_init_script(LINK_NOTED)
    tablet.reload()
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    expect(tablet.locator("#link-text")).to_have_text(re.compile(r"^离线 · 截至 20:3[678]:\d\d$"))
    expect(tablet.locator("#next")).to_contain_text("溯源码怎么查")
    assert set(tablet.evaluate("said")) == {"cut"}
    tablet.add_init_script(TWO_MINUTES_LATER)
    tablet.reload()
    expect(tablet.locator("#link-text")).to_have_text(re.compile(r"^离线 · 截至 20:3[678]:\d\d · 2 分钟前$"))
    expect(tablet.locator("#more")).to_contain_text("2 分钟前")
    assert set(tablet.evaluate("said")) == {"cut"}
    stage.send(2, CORRECTION, "urgent")
    go_online(stage, tablet)
    expect(tablet.locator("#urgent-lines")).to_have_text(CORRECTION)
    expect(tablet.locator("#link-text")).to_have_text("已连接")


def test_an_answer_given_without_a_network_is_sent_once_when_it_is_back(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    kept_last(tablet, "shown_ms")
    go_offline(stage, tablet)
    tablet.reload()
    tap(tablet, "seen")
    expect(tablet.locator("#note")).to_contain_text("1 条回复")
    tablet.reload()
    expect(tablet.locator("#more")).to_contain_text("已收到")
    tap(tablet, "done")
    tablet.reload()
    expect(tablet.locator("#note")).to_contain_text("2 条回复")
    go_online(stage, tablet)
    until(stage, "p1 shown", "p1 seen", "p1 done")
    expect(tablet.locator("#note")).not_to_contain_text("条回复")
    tablet.reload()
    expect(tablet.locator("#link-text")).to_have_text("已连接")
    tablet.wait_for_timeout(300)
    assert stage.stages() == ["p1 shown", "p1 seen", "p1 done"]
    assert len(stage.keys) == len(set(stage.keys)) == 3


def test_the_page_and_every_file_that_it_loads_are_kept_and_nothing_else(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    names, paths = kept(tablet)
    assert len(names) == 1
    assert sorted(paths) == sorted(["/host/r1", *(f"/static/{name}" for name in read_shell().files)])
    tablet.reload()
    loaded = tablet.evaluate("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)")
    own = {path for path in loaded if path.startswith("/static/")}
    assert own != set()
    assert own - set(paths) == set()


def test_another_build_replaces_what_is_kept(stage: Stage, tablet: Page) -> None:
    before = stage.shell.build
    stage.rebuild(Shell("another", stage.shell.files))
    tablet.reload()
    wait_for_shell(tablet, "another")
    assert before not in str(kept(tablet))


def test_a_tablet_that_is_revoked_keeps_nothing(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    kept_last(tablet, "先讲单瓶装")
    expect(tablet.locator(".host-answer")).to_have_attribute("data-armed", "")
    stage.down = True
    tap(tablet, "help")
    assert "help" in tablet.evaluate("localStorage.getItem('cueroom.answers.d1')")
    stage.revoke()
    tablet.wait_for_url("**/pair?problem=device_revoked")
    assert tablet.evaluate(KEPT_AT_LAST, ["", ""]) == [[], []]
    assert tablet.evaluate("Object.keys(localStorage)") == ["cueroom.host.comfort"], "how it is set up stays"
