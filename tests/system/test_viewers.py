"""Promises to viewers of a running server: cut, revoked, refused, stalled; the others never notice."""

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import async_playwright, expect
from websockets.exceptions import InvalidStatus

from app.domain.readings import reading_key
from app.routers.stream import MOST_OF_ONE
from tests.system.conftest import House
from tests.system.page import Page, fresh_board
from tests.system.server import OTHER_ROOM, ROOM, command, comment, ingest, paid, speech, unsent, until, viewers

PAGES, CUTS, STALLED = 20, 50, 25
PASSWORD = "correct horse battery"


async def stream(house: House, stop: asyncio.Event, tag: str) -> int:
    """Send events and commands until told to stop; return how many orders were sent."""
    sent = 0
    server, keys = house.server, house.keys
    async with server.client(keys.ingest) as feed, server.client(keys.admin) as desk:
        while not stop.is_set():
            n = f"{tag}{sent}"
            records = [comment(f"c{n}"), paid(f"p{n}"), viewers(f"v{n}", 800 + sent % 50)]
            if sent % 20 == 7:
                records.append(speech(f"s{n}"))
            answer = await ingest(feed, *records)
            assert answer.status_code == 202, answer.text
            if sent % 5 == 0:
                text = {"text": {"zh-CN": f"第 {n} 条"}, "level": "normal"}
                done = await command(desk, f"/api/sessions/{house.session}/prompts", f"k{n}", text)
                assert done.status_code == 200, done.text
            sent += 1
            await asyncio.sleep(0.01)
    return sent


async def test_a_host_can_call_again_with_a_word_that_was_called_before(calm: House, chromium: Path) -> None:
    """需要帮助, 重复一遍 and 需要帮助 again on a tablet's page: each tap is a command of its own for this server.

    Before the tests that fill the room with cards: an answered card makes room for an unread one.
    """
    server, session = calm.server, f"/api/sessions/{calm.session}"
    async with async_playwright() as playwright, server.client(calm.keys.admin) as desk:
        code = (await desk.post("/api/devices/code", json={"room": ROOM})).json()["code"]
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tablet = await browser.new_page(locale="zh-CN")
        await tablet.goto(f"{server.address}/pair?code={code}")
        await tablet.click("button[type=submit]")
        await expect(tablet.locator("#link-text")).to_have_text("已连接")
        sent = await command(desk, f"{session}/prompts", "call", {"text": {"zh-CN": "报一下库存"}, "level": "urgent"})
        assert sent.status_code == 200, sent.text
        await expect(tablet.locator("#urgent-lines")).to_have_text("报一下库存")
        for word in ("help", "repeat", "help"):
            await expect(tablet.locator(".host-answer")).to_have_attribute("data-armed", "")
            async with tablet.expect_response("**/prompts/*/seen") as answered:
                await tablet.click(f"[data-answer={word}]")
            answer = await answered.value
            assert (answer.status, (await answer.json())["code"]) == (200, "done")
            await expect(tablet.locator(f"[data-answer={word}]")).to_have_attribute("aria-pressed", "true")
        await browser.close()
    console = await Page(server, calm.keys.admin).open()
    rows = await console.shows(
        "the call", "prompts", lambda rows: [r for p in rows.values() for r in p.get("receipts", ())]
    )
    assert [receipt["word"] for receipt in rows] == ["help"]
    await console.close()


async def test_twenty_pages_cut_fifty_times_all_show_the_board_without_a_gap_or_a_double(calm: House) -> None:
    draw, stop = random.Random(7), asyncio.Event()
    server, keys = calm.server, calm.keys
    pages = [await Page(server, keys.admin).open() for _ in range(PAGES)]
    sending = asyncio.create_task(stream(calm, stop, "x"))
    try:
        for _ in range(CUTS):
            page = draw.choice(pages)
            if not page.snapshots:  # else it would be another page's first look that is tested
                await until(lambda page=page: page.snapshots, "the first snapshot")  # type: ignore[misc]
            await page.cut()
            await asyncio.sleep(draw.random() * 0.05)
            await page.open()
    finally:
        stop.set()
        sent = await sending
    for page in pages:
        await page.shows("every order", "skus", lambda rows: rows["BOX"]["paid_units"] == sent)
        assert page.faults == []
    resumed = sum(page.snapshots == 1 for page in pages)
    assert resumed == PAGES, [page.snapshots for page in pages]  # every one of them went on where it was
    await settled(pages)
    fresh = await fresh_board(server, keys.admin)
    for page in pages:
        for topic in fresh:
            assert timeless(topic, page.topics[topic]) == timeless(topic, fresh[topic]), topic
        await page.close()


async def settled(pages: list[Page]) -> None:
    """Wait until every page has the same newest frame; what goes on after it are seconds only."""
    await until(lambda: len({(page.epoch, page.seq) for page in pages}) == 1, "all pages are as new")


def timeless(topic: str, values: dict[str, Any]) -> Any:
    """A topic without what every second changes by itself: two looks are never at the same instant."""
    moving = {"at_ms", "age_ms", "as_of_ms"}
    if topic in ("readings", "sources", "lines"):
        return sorted(values)
    return {
        key: {name: each for name, each in value.items() if name not in moving} if isinstance(value, dict) else value
        for key, value in values.items()
    }


async def signed_in(client: httpx2.AsyncClient, link: str, name: str) -> str:
    """Use an invitation as its page does, and return the cookie."""
    token = link.split("token=")[1]
    origin = {"Origin": str(client.base_url).rstrip("/")}
    answer = await client.post(
        "/first", data={"token": token, "name": name, "password": PASSWORD}, headers=origin, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    return f"sign_in={answer.cookies['sign_in']}"


async def person(house: House, name: str, role: str, brand: str = "") -> tuple[str, str]:
    """Add a person and sign in; return the id and the cookie."""
    async with house.server.client(house.keys.admin) as desk:
        answer = await desk.post("/api/people", json={"name": name, "role": role, "brand": brand})
        assert answer.status_code == 201, answer.text
    async with house.server.client() as browser:
        cookie = await signed_in(browser, answer.json()["link"], name)
    return answer.json()["person"]["id"], cookie


async def test_what_is_revoked_closes_its_sockets_at_once(calm: House) -> None:
    server, keys = calm.server, calm.keys
    async with server.client(keys.admin) as desk, server.client() as tablet:
        someone, cookie = await person(calm, "周敏", "controller")
        made = (await desk.post("/api/tokens", json={"name": "wall", "scope": "read", "rooms": [ROOM]})).json()
        code = (await desk.post("/api/devices/code", json={"room": ROOM})).json()["code"]
        paired = await tablet.post("/api/devices/pair", json={"code": code, "name": "主播平板"})
        assert paired.status_code == 200, paired.text
        device = f"device={paired.cookies['device']}"

        staying = await Page(server, keys.admin).open()
        console = await Page(server, Cookie=cookie).open()
        second = await Page(server, Cookie=cookie, path="/ws/overview").open()
        wall = await Page(server, made["secret"]).open()
        host = await Page(server, Cookie=device).open()
        for page in (staying, console, second, wall, host):
            await until(lambda page=page: page.snapshots, "a snapshot")  # type: ignore[misc]
        await staying.shows("the tablet", "devices", lambda rows: any(row["connected"] for row in rows.values()))

        assert (await desk.patch(f"/api/people/{someone}", json={"disabled": True})).status_code == 200
        assert (await desk.delete(f"/api/tokens/{made['token']['id']}")).status_code == 200
        assert (await desk.delete(f"/api/devices/{paired.json()['id']}")).status_code == 200
        for page in (console, second, wall, host):
            await until(lambda page=page: page.closed, "it is closed", within_s=20)  # type: ignore[misc]
        assert [page.closed for page in (console, second, wall, host)] == [4401] * 4
        assert staying.closed is None
        await staying.shows("no tablet", "devices", lambda rows: paired.json()["id"] not in rows)
        for headers in ({"Cookie": cookie}, {"Authorization": f"Bearer {made['secret']}"}, {"Cookie": device}):
            again = await Page(server, **headers).open()
            await until(lambda again=again: again.closed, "it is refused")  # type: ignore[misc]
            assert again.closed == 4401
            assert again.snapshots == 0
        await staying.close()


async def test_signing_out_closes_what_was_open_in_that_browser(calm: House) -> None:
    _, cookie = await person(calm, "阿青", "viewer")
    page = await Page(calm.server, Cookie=cookie).open()
    await until(lambda: page.snapshots, "a snapshot")
    async with calm.server.client(Cookie=cookie, Origin=calm.server.address) as browser:
        assert (await browser.post("/api/logout")).status_code == 204
    await until(lambda: page.closed, "it is closed", within_s=2)
    assert page.closed == 4401


async def test_a_page_of_another_site_cannot_open_a_socket_with_our_cookie(calm: House) -> None:
    _, cookie = await person(calm, "小何", "viewer")
    with pytest.raises(InvalidStatus) as refused:
        await Page(calm.server, Cookie=cookie, Origin="https://evil.example").open()
    assert refused.value.response.status_code == 403
    page = await Page(calm.server, Cookie=cookie, Origin=calm.server.address).open()
    await until(lambda: page.snapshots, "our own page may")
    await page.close()


async def test_a_room_of_another_brand_is_as_if_it_were_not_there(calm: House) -> None:
    _, cookie = await person(calm, "墨山的人", "controller", OTHER_ROOM)
    for path in (f"/ws/rooms/{ROOM}", "/ws/rooms/nowhere", f"/ws/sessions/{calm.session}"):
        page = await Page(calm.server, Cookie=cookie, path=path).open()
        await until(lambda page=page: page.closed, "it is refused")  # type: ignore[misc]
        assert (page.closed, page.topics) == (4404, {}), path
    overview = await Page(calm.server, Cookie=cookie, path="/ws/overview").open()
    await overview.shows("its own room", "rooms", lambda rows: list(rows) == [OTHER_ROOM])
    await overview.close()
    own = await Page(calm.server, Cookie=cookie, path=f"/ws/rooms/{OTHER_ROOM}").open()
    await until(lambda: own.hello, "hello")
    assert own.hello.get("session") is None
    await own.close()


async def test_a_row_of_the_overview_says_what_the_rooms_console_says(calm: House) -> None:
    server, keys = calm.server, calm.keys
    async with server.client(keys.ingest) as feed:
        assert (await ingest(feed, viewers("o1", 4_321), paid("o2"), speech("o3"))).status_code == 202
    overview = await Page(server, keys.admin, path="/ws/overview").open()
    console = await Page(server, keys.admin).open()
    await overview.shows("the room", "rooms", lambda rows: rows.get(ROOM, {}).get("worst"))
    await until(lambda: console.snapshots, "a snapshot")

    def agree() -> bool:  # the overview is told once a second, the console four times; what is 0 or none is left out
        row, alerts = overview.topics.get("rooms", {}).get(ROOM, {}), console.topics.get("alerts", {})
        unacknowledged = [alert for alert in alerts.values() if alert.get("acked_ms") is None]
        gmv = console.topics.get("readings", {}).get(reading_key("gmv", "room", ROOM), {}).get("value")
        worst, readings = row.get("worst") or {}, row.get("readings", {})
        counted = (row.get("listed", 0), sum(row.get("counts", {}).values()), worst.get("id") in alerts)
        told = tuple(readings.get(metric, {}).get("value") for metric in ("gmv", "viewers"))
        return bool(gmv) and told == (gmv, 4_321) and counted == (len(alerts), len(unacknowledged), True)

    await until(agree, "both say the same")
    assert overview.topics["rooms"][ROOM]["session"] == calm.session
    await overview.close()
    await console.close()


async def test_one_who_opens_too_many_sockets_is_refused_and_the_others_are_not(calm: House) -> None:
    _, cookie = await person(calm, "多屏", "viewer")
    open_ones = [await Page(calm.server, Cookie=cookie).open() for _ in range(MOST_OF_ONE)]
    await until(lambda: all(page.snapshots for page in open_ones), "all of them are served")
    one_more = await Page(calm.server, Cookie=cookie).open()
    await until(lambda: one_more.closed, "it is refused")
    assert one_more.closed == 1013
    other = await Page(calm.server, calm.keys.admin).open()
    await until(lambda: other.snapshots, "somebody else is served")
    await open_ones[0].close()
    again = one_more
    while not again.snapshots:  # it is still counted until the server has seen it go
        again = await Page(calm.server, Cookie=cookie).open()
        await until(lambda page=again: page.snapshots or page.closed, "an answer")  # type: ignore[misc]
    for page in (*open_ones[1:], other, again):
        await page.close()


async def flood(house: House, well: Page, tag: str) -> None:
    """Send long comments until a page that reads has been sent a megabyte more, and then a prompt."""
    long, enough = "礼盒还有吗" * 350, well.bytes + 1_000_000
    async with house.server.client(house.keys.ingest) as feed:
        sent = 0
        while well.bytes < enough:
            records = [comment(f"{tag}{sent}-{place}", f"{tag}{sent}{long}") for place in range(4)]
            assert (await ingest(feed, *records)).status_code == 202
            sent += 1
    async with house.server.client(house.keys.admin) as desk:
        done = await command(
            desk, f"/api/sessions/{house.session}/prompts", tag, {"text": {"zh-CN": f"{tag} 最后一条"}}
        )
        assert done.status_code == 200, done.text


async def caught_up(page: Page, text: str) -> None:
    """Wait until a page shows a text; one that was let go for taking too long comes back, as pages do."""
    while text not in str(page.topics.get("prompts")):
        if page.closed is not None:
            assert page.closed == 1013
            await page.open()
        await asyncio.sleep(0.01)


async def test_viewers_that_stop_reading_harm_nobody_and_get_the_present_when_they_read_again(calm: House) -> None:
    server, keys = calm.server, calm.keys
    well = await Page(server, keys.admin).open()
    await flood(calm, well, "warm")  # what the session itself keeps of a flood is there before anybody is measured
    stalled = [await Page(server, keys.admin).open(reads=False) for _ in range(STALLED)]
    before, deltas_before = server.resident_kib, well.deltas
    await flood(calm, well, "cold")
    await caught_up(well, "cold 最后一条")
    grown, kept = server.resident_kib - before, sorted(unsent(server.port))[-STALLED:]
    for page in stalled:
        page.read()
    try:
        assert grown < STALLED * 1024 * 0.8, "a megabyte was sent: kept for each of them it would be more"
        assert all(64 * 1024 < size <= 256 * 1024 for size in kept), kept
        for page in stalled:
            await caught_up(page, "cold 最后一条")
        assert all(page.faults == [] for page in (well, *stalled))
        await settled([well, *stalled])
        for page in stalled:
            # What the kernel had kept for it, and then a snapshot instead of the rest.
            assert page.snapshots > 1
            assert page.deltas < well.deltas - deltas_before, "the present, not the backlog"
            for topic in well.topics:
                assert page.topics[topic] == well.topics[topic], topic
    finally:
        for page in (well, *stalled):
            await page.close()
