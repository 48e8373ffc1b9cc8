"""Promise: the desk shows what the board says, acts with one click that can be undone, and says when it cannot."""

import gzip
import re
import threading
from collections.abc import Iterator
from typing import Any, get_args

import anyio
import msgspec
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.domain.board import DeviceRow, HealthRow, Message
from app.domain.deliveries import DeliveryState, Standing
from app.domain.frames import Changed
from app.domain.people import Role
from scripts import frame_types
from tests.web import moment
from tests.web.assets import STATIC, modules
from tests.web.dev_server import House, served

FIRST_LOAD = 150_000
SIZES = {"wall": (1920, 1080), "laptop": (1280, 800), "phone": (390, 844)}
CONSOLE, OVERVIEW = "/rooms/room-1", "/"


class Stage:
    """Runs a house in a thread of its own, so that a test can drive it and a browser at once."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = ""
        self._ready = threading.Event()
        self._portal: Any = None

    def do(self, function: Any, *args: Any) -> Any:
        """Call an async function on the house's own loop."""
        return self._portal.call(function, *args)

    def change(self, **topics: Changed) -> None:
        self.do(self.house.console.change, topics)

    def alert(self, id_: str, **kept: Any) -> Changed:
        return Changed({id_: msgspec.structs.replace(self.house.console.board["alerts"][id_], **kept)})

    def reading(self, key: str, **kept: Any) -> Changed:
        return Changed({key: msgspec.structs.replace(self.house.console.board["readings"][key], **kept)})

    @property
    def commands(self) -> list[dict[str, Any]]:
        return self.house.console.commands


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(House(drifting=False))
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(served(stage.house)) as url,
    ):
        stage._portal, stage.url = portal, url
        yield stage


@pytest.fixture
def console(stage: Stage, page: Page) -> Page:
    page.goto(stage.url + CONSOLE)
    expect(alert_row(page, "a-warm")).to_be_visible()
    return page


def alert_row(page: Page, id_: str) -> Locator:
    return page.locator(f'#alert-list [data-key="{id_}"]')


def tile(page: Page, id_: str) -> Locator:
    return page.locator(f'[data-tile="{id_}"]')


def last_command(stage: Stage, page: Page) -> dict[str, Any]:
    page.wait_for_function("() => !document.querySelector('[data-pending]')")
    return stage.commands[-1]


def sent(stage: Stage, page: Page) -> list[str]:
    """Return what was commanded, without its session: after an answer that was asked for later than any of it."""
    page.wait_for_function("() => !document.querySelector('[data-pending]')")
    page.evaluate("fetch('/api/products').then((answer) => answer.text())")
    return [command["path"].removeprefix(f"sessions/{moment.SESSION}/") for command in stage.commands]


def test_the_types_of_frames_are_what_their_generator_writes() -> None:
    assert frame_types.main(["--check"]) == 0, "run: python -m scripts.frame_types"


def test_the_recorded_moment_is_what_its_generator_writes() -> None:
    recording = b"\n".join(moment.recorded_frames()) + b"\n"
    assert recording == moment.RECORDING.read_bytes(), "run: python -m tests.web.moment"


def test_the_console_shows_the_board_without_a_complaint(console: Page, complaints: list[str]) -> None:
    expect(tile(console, "viewers").locator(".tile-figure")).to_have_text(re.compile(r"^8\d\d$"))
    expect(tile(console, "stock")).to_have_attribute("data-p", "1")
    expect(console.locator("#strip-text")).to_contain_text("主播说「暖身御寒」")
    expect(console.locator("#cue-item")).to_have_text("小坛礼盒")
    expect(console.locator("#cue-count")).to_have_text(re.compile(r"^15:\d\d$"))
    expect(console.locator("#mirror-cue")).to_have_text("礼盒库存紧张，先讲单瓶装")
    expect(console.locator("#mode")).to_have_text("演练")
    expect(console.locator("#sku-rows tr")).to_have_count(7)
    expect(console.locator("#counts b")).to_have_text(["1", "1", "1"])
    assert complaints == []


def test_a_phrase_is_marked_and_an_allowed_one_says_why(console: Page) -> None:
    said = alert_row(console, "a-warm").locator(".alert-why")
    expect(said.locator('.hit[data-p="1"]')).to_have_text(["暖身", "御寒"])
    expect(said).to_contain_text("食品安全法第七十三条")
    allowed = console.locator("#messages .comment", has_text="最后一分钟")
    expect(allowed.locator('.hit[data-p="0"]')).to_have_text("最后一分钟")
    expect(allowed.locator(".comment-rule")).to_have_text("放行 · 常用语")


def test_a_reading_moves_its_tile_and_says_when_it_stopped(stage: Stage, console: Page) -> None:
    stage.change(readings=stage.reading("viewers@session", value=912.0, seen_ms=stage.house.console.now))
    expect(tile(console, "viewers").locator(".tile-figure")).to_have_text("912")
    stage.change(readings=stage.reading("viewers@session", seen_ms=stage.house.console.now - 40_000))
    expect(tile(console, "viewers")).to_have_attribute("data-state", "stale")
    expect(tile(console, "viewers").locator(".tile-age")).to_contain_text("数据停在")
    few = stage.reading("interaction_rate_5m@session", state="few", value=None, seen_ms=stage.house.console.now)
    stage.change(readings=few)
    expect(tile(console, "interaction_rate_5m")).to_contain_text("样本不足")
    expect(tile(console, "interaction_rate_5m").locator(".tile-figure")).to_have_text("—")


def test_an_acknowledgement_carries_a_key_and_what_was_seen_and_can_be_undone(stage: Stage, console: Page) -> None:
    row = alert_row(console, "a-warm")
    row.locator(".alert-ack").click()
    expect(row).to_have_attribute("data-state", "acked")
    command = last_command(stage, console)
    assert command["path"] == f"sessions/{moment.SESSION}/alerts/a-warm/ack"
    assert command["body"] == {"expects": 1}
    assert re.fullmatch(r"[0-9a-f-]{32,36}", command["key"])
    expect(console.locator("#strip")).to_be_hidden()
    console.locator("#toasts button", has_text="撤销").click()
    expect(row).to_have_attribute("data-state", "new")
    again = last_command(stage, console)
    assert again["path"].endswith("a-warm/unack")
    assert again["body"] == {"expects": 2}
    assert again["key"] != command["key"]


NOBODY_LOOKS = """() => {
  Object.defineProperty(document, 'hidden', { value: true })
  window.requestAnimationFrame = () => 0
}"""
COUNTED_TONES = """
  const make = AudioContext.prototype.createOscillator
  window.tones = 0
  AudioContext.prototype.createOscillator = function () { window.tones++; return make.call(this) }
"""


def test_a_tab_nobody_looks_at_counts_and_sounds_as_the_one_that_may(stage: Stage, page: Page) -> None:
    page.add_init_script(COUNTED_TONES)
    page.goto(stage.url + CONSOLE)
    expect(page).to_have_title(re.compile(r"^\(2\) "))
    second = page.context.new_page()
    second.goto(stage.url + OVERVIEW)
    page.locator("#sound").click()
    expect(page.locator("#sound")).to_have_attribute("data-state", "on")  # also where another tab was opened before
    second.locator("#sound").click()
    expect(second.locator("#sound")).to_have_attribute("data-state", "elsewhere")
    page.evaluate(NOBODY_LOOKS)
    stage.change(alerts=stage.alert("a-warm", acked_ms=stage.house.console.now, acked_by="周敏"))
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    before = page.evaluate("window.tones")
    loud = msgspec.structs.replace(stage.house.console.board["alerts"]["a-warm"], id="a-loud", acked_ms=None)
    stage.change(alerts=Changed({"a-loud": loud}))
    expect(page).to_have_title(re.compile(r"^\(2\) "))
    assert page.evaluate("window.tones") == before + 2


def test_a_recovered_alert_stays_until_it_is_acknowledged(console: Page) -> None:
    row = alert_row(console, "a-rate")
    expect(row).to_contain_text("已恢复未确认")
    row.locator(".alert-ack").click()
    expect(row).to_have_attribute("data-state", "past")
    expect(row.locator(".alert-state")).to_have_text("已结束 · 持续 03:34 · 周敏 确认")
    expect(row.locator("button:visible")).to_have_count(0)


def test_the_focus_stays_where_it_is_when_a_row_above_goes_or_comes(stage: Stage, console: Page) -> None:
    button = alert_row(console, "a-rate").locator(".alert-ack")
    button.focus()
    stage.change(alerts=Changed(gone=["a-warm"]))
    expect(alert_row(console, "a-warm")).to_have_attribute("data-state", "past")  # at the end of the list now
    expect(button).to_be_focused()
    again = msgspec.structs.replace(stage.house.console.board["alerts"]["a-stock"], id="a-again")
    stage.change(alerts=Changed({"a-again": again}, gone=["a-stock"]))
    expect(alert_row(console, "a-again")).to_be_visible()
    expect(button).to_be_focused()


def test_a_sentence_of_the_past_stands_beside_what_is_now(stage: Stage, console: Page) -> None:
    row = alert_row(console, "a-stock")
    expect(row.locator(".alert-was")).to_have_text("触发时")
    expect(row.locator(".alert-now")).to_contain_text("现在 可售 570 件 · 约 9.8 分钟")
    sku = msgspec.structs.replace(stage.house.console.board["skus"]["SKU-2"], sellable=2_165, eta_min=30.0)
    stage.change(skus=Changed({"SKU-2": sku}))
    expect(row.locator(".alert-now")).to_have_text("恢复中 · 现在 可售 2,165 件 · 约 30.0 分钟")


def test_a_group_that_nothing_is_sent_to_says_why_above_its_messages(stage: Stage, console: Page) -> None:
    now = stage.house.console.now
    stopped = Standing("ops", "stopped", "运营群", "310000 sign not match", now + 300_000)
    gone = Standing("hook", "stopped", "工单", "gone: 对方已停止接收（HTTP 410）", 253_402_300_799_000)
    stage.change(channels=Changed({"ops": stopped, "hook": gone}))
    rows = console.locator("#group-channels li")
    expect(rows).to_have_text([re.compile("工单.*已停用，待处理.*410"), re.compile("运营群.*已停用，.* 再试.*310000")])
    stage.change(channels=Changed(gone=["ops", "hook"]))
    expect(console.locator("#group-channels")).to_be_hidden()


def test_a_correction_goes_to_the_host_as_urgent_and_its_receipt_comes_to_the_row(stage: Stage, console: Page) -> None:
    row = alert_row(console, "a-warm")
    held: list[Route] = []
    console.route("**/prompts", lambda one: held.append(one) if one.request.method == "POST" else one.fallback())
    row.locator(".alert-fix", has_text="发更正").click()
    stage.change(alerts=stage.alert("a-warm", title={"zh-CN": "主播说「御寒」"}))
    expect(row.locator(".alert-text")).to_have_text("主播说「御寒」")  # drawn anew while the answer is on its way
    expect(row.locator(".alert-fix")).to_be_disabled()
    console.locator("#strip-fix").click()
    assert len(held) == 1
    held[0].continue_()
    expect(row.locator(".alert-fix")).to_have_text("更正已发")
    body = last_command(stage, console)["body"]
    assert (body["level"], body["alert"]) == ("urgent", "a-warm")
    assert body["text"]["zh-CN"] == "更正：酒不能御寒，请理性饮酒"
    assert sent(stage, console) == ["prompts"]
    expect(console.locator("#mirror")).to_have_attribute("data-urgent", "")
    expect(console.locator("#mirror-cue")).to_have_text("更正：酒不能御寒，请理性饮酒")
    expect(row.locator(".alert-note")).to_contain_text("送达 0.2s")


def test_a_refusal_is_said_in_words_and_nothing_is_pretended(stage: Stage, console: Page) -> None:
    stage.house.refuse = {"code": "stale", "detail": "expected 1, found 2"}
    row = alert_row(console, "a-warm")
    row.locator(".alert-ack").click()
    expect(console.locator("#toasts")).to_contain_text("刚刚有人改过")
    expect(row).to_have_attribute("data-state", "new")
    expect(row.locator(".alert-ack")).to_be_enabled()
    stage.house.refuse = {"code": "prompt_too_long", "detail": "too long", "most": 60}
    console.locator("#quick button").first.click()
    expect(console.locator("#toasts")).to_contain_text("提词最多 60 个字")


AN_IME_COMMITS = """(field, text) => {
  field.value = text
  field.dispatchEvent(new InputEvent('input', { isComposing: true }))
  field.dispatchEvent(new CompositionEvent('compositionend'))
}"""


def test_free_text_is_bounded_counted_and_sent(stage: Stage, console: Page) -> None:
    field = console.locator("#prompt-text")
    field.press_sequentially("讲" * 62, delay=0)
    expect(field).to_have_value("讲" * 60)
    expect(console.locator("#prompt-n")).to_have_text("60/60")
    field.evaluate(AN_IME_COMMITS, "讲" * 62)
    expect(field).to_have_value("讲" * 60)
    field.fill("报一下产地")
    console.locator("#prompt-urgent").click()
    field.press("Control+Enter")
    expect(field).to_have_value("")
    assert last_command(stage, console)["body"] == {"text": {"zh-CN": "报一下产地"}, "level": "urgent"}
    console.goto(f"{stage.url}{CONSOLE}?lang=en")
    expect(alert_row(console, "a-warm")).to_be_visible()
    field.fill("Say where it is from")
    field.press("Control+Enter")
    expect(field).to_have_value("")
    assert last_command(stage, console)["body"]["text"] == {"en": "Say where it is from"}


STATES = {
    "waiting": "待发",
    "sending": "发送中",
    "accepted": "已接收 0.8s",
    "failed": "失败",
    "unknown": "未知",
    "expired": "过时未发",
    "cancelled": "已取消",
    "drill": "演练，未外发",
}


def test_a_message_to_a_group_says_what_became_of_it_in_the_drawer_and_on_its_alert(
    stage: Stage, console: Page
) -> None:
    message = stage.house.console.board["deliveries"]["m-1"]
    assert STATES.keys() == set(get_args(DeliveryState))
    row = console.locator('#group-list [data-key="m-1"]')
    for state, words in STATES.items():
        settled = message.planned_ms + 800
        changed = msgspec.structs.replace(message, state=state, settled_ms=settled, answer="310000 关键词不匹配")
        stage.change(deliveries=Changed({"m-1": changed}))
        expect(row.locator(".msg-state")).to_have_text(words)
        expect(row.locator(".msg-text")).to_have_text(message.text)
        expect(alert_row(console, "a-warm").locator(".alert-note")).to_contain_text(f"法务群 {words}")
        answer = row.locator(".msg-answer")
        if state == "accepted":
            expect(answer).to_be_hidden()
        else:
            expect(answer).to_have_text("310000 关键词不匹配")


def test_keys_act_outside_fields_only(stage: Stage, console: Page) -> None:
    console.locator("#prompt-text").press("a")
    assert sent(stage, console) == []
    console.locator("#prompt-text").fill("")
    console.locator("#main").focus()
    console.keyboard.press("Alt+3")
    expect(console.locator("#toasts")).to_contain_text("已发送")
    assert last_command(stage, console)["body"]["quick"] == "3"
    console.keyboard.press(" ")
    expect(console.locator("#messages-note")).to_have_text("已暂停 +0")
    stage.change(messages=Changed({f"{400:012d}": Message("comment", stage.house.console.now, "新**", "拍了")}))
    expect(console.locator("#messages-note")).to_have_text("已暂停 +1")
    expect(console.locator("#messages")).not_to_contain_text("新**")
    console.keyboard.press("a")
    expect(alert_row(console, "a-warm")).to_have_attribute("data-state", "acked")
    console.keyboard.press("?")
    expect(console.locator("#keys")).to_be_visible()
    console.keyboard.press("Escape")
    expect(console.locator("#keys")).to_be_hidden()
    assert sent(stage, console) == ["prompts", "alerts/a-warm/ack"]


def test_the_rundown_moves_by_button_and_by_key_after_a_question(stage: Stage, console: Page) -> None:
    console.locator("#cue-next").click()
    expect(console.locator("#cue-item")).to_have_text("溯源")
    expect(console.locator("#toasts")).to_have_text("已切到 溯源")
    assert last_command(stage, console)["body"] == {"expects": 4}
    console.locator("#main").focus()
    console.keyboard.press("]")
    expect(console.locator("#sure-title")).to_contain_text("品鉴小酒")
    console.locator("#sure-yes").click()
    expect(console.locator("#cue-item")).to_have_text("品鉴小酒")
    assert sent(stage, console) == ["rundown/next", "rundown/next"]


def test_the_end_of_a_session_must_be_held(stage: Stage, console: Page) -> None:
    console.locator("#cue-end").click()
    console.locator("#cue-end").click(delay=200)
    assert sent(stage, console) == []
    console.locator("#cue-end").click(delay=800)
    expect(console.locator("#toasts")).to_contain_text("这一场已结束")
    assert sent(stage, console) == ["end"]


def test_a_cut_shows_at_once_stops_the_buttons_and_heals_by_itself(stage: Stage, console: Page) -> None:
    stage.house.console.closed = True
    stage.do(stage.house.console.cut, 1013)
    expect(console.locator("#link")).to_have_attribute("data-state", "reconnecting")
    expect(alert_row(console, "a-warm").locator(".alert-ack")).to_be_disabled()
    expect(console.locator("#link-note")).to_contain_text("画面停在")
    expect(tile(console, "viewers")).to_have_attribute("data-state", "late")
    stage.change(messages=Changed({f"{400:012d}": Message("comment", stage.house.console.now, "补**", "断线时来的")}))
    console.locator("#link-retry").click()
    expect(console.locator("#link")).not_to_have_attribute("data-state", "live")
    stage.house.console.closed = False
    expect(console.locator("#link")).to_have_attribute("data-state", "live", timeout=15_000)
    expect(console.locator("#toasts")).to_contain_text("已连上")
    expect(console.locator("#messages .comment").first).to_contain_text("断线时来的")
    expect(alert_row(console, "a-warm").locator(".alert-ack")).to_be_enabled()
    expect(console.locator("#cue-end")).to_have_attribute("title", "按住 0.6 秒")


def test_a_page_the_server_will_not_have_says_so_and_does_not_promise_another_try(stage: Stage, console: Page) -> None:
    stage.do(stage.house.console.cut, 4404)
    expect(console.locator("#link-note")).to_contain_text("这个直播间已不存在，或你没有权限看它")
    expect(console.locator("#link-note")).not_to_contain_text("重试；")
    console.evaluate("dispatchEvent(new Event('online'))")
    expect(console.locator("#link")).to_have_attribute("data-state", "offline")
    console.locator("#link-retry").click()
    expect(console.locator("#link")).to_have_attribute("data-state", "live")
    expect(console.locator("#link-note")).to_be_hidden()


def test_a_source_that_fell_silent_is_said_under_the_alerts(stage: Stage, console: Page) -> None:
    expect(console.locator("#blind")).to_be_hidden()
    silent = msgspec.structs.replace(
        stage.house.console.board["sources"]["src-1"], seen_ms=stage.house.console.now - 40_000
    )
    stage.change(sources=Changed({"src-1": silent}))
    expect(console.locator("#blind")).to_contain_text("抖音弹幕 数据停在")


def test_another_session_of_the_room_takes_the_page_over(stage: Stage, console: Page) -> None:
    room = stage.house.console
    head = msgspec.structs.replace(room.board["session"]["head"], id="s-next", kind="live")
    first = {f"{112:012d}": Message("comment", room.now, "下**", "新一场开始了")}
    stage.do(room.replace, {**room.board, "session": {"head": head}, "messages": first, "alerts": {}}, "s-next")
    expect(console.locator("#messages .comment")).to_have_count(1)
    expect(console.locator("#messages")).to_contain_text("新一场开始了")
    expect(console.locator("#strip")).to_be_hidden()
    expect(console.locator("#mode")).to_be_hidden()
    console.locator("#quick button").first.click()
    assert last_command(stage, console)["path"] == "sessions/s-next/prompts"


def test_a_store_that_does_not_answer_is_said_on_the_page(stage: Stage, console: Page) -> None:
    stage.change(health=Changed({"store": HealthRow(stage.house.console.wall)}))
    expect(console.locator("#mode")).to_have_text("未保存")
    expect(console.locator("#unsaved")).to_contain_text("数据库无响应")
    stage.change(health=Changed({"store": HealthRow(stage.house.console.wall, "disk_full")}))
    expect(console.locator("#unsaved")).to_contain_text("磁盘已满")


def test_a_tablet_is_paired_by_code_and_picture(stage: Stage, console: Page, complaints: list[str]) -> None:
    console.locator("#pair").click()
    expect(console.locator("#pair-code")).to_have_text("402 817")
    expect(console.locator("#pair-left")).to_have_text(re.compile(r"^0[45]:\d\d 后失效$"))
    assert console.locator("#pair-qr").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert complaints == []


def test_the_pairing_closes_when_a_tablet_joins(stage: Stage, console: Page) -> None:
    console.locator("#pair").click()
    expect(console.locator("#pair-dialog")).to_be_visible()
    stage.change(devices=Changed({"d-b": DeviceRow("d-b", "平板 B", True, stage.house.console.wall)}))
    expect(console.locator("#pair-dialog")).to_be_hidden()
    expect(console.locator("#toasts")).to_contain_text("平板 B 已配对")
    expect(console.locator("#device")).to_have_value("d-b")


def test_a_tablet_that_went_away_stays_in_view(stage: Stage, console: Page) -> None:
    expect(console.locator("#device-state")).to_contain_text("在线")
    simulated = DeviceRow("d-s", "模拟平板", True, stage.house.console.wall, simulated=True)
    stage.change(devices=Changed({"d-s": simulated}, gone=["d-a"]))
    expect(console.locator("#device")).to_have_value("d-a")
    expect(console.locator("#device-state")).to_contain_text("离线")


def test_a_host_who_needs_something_is_loud_until_answered(stage: Stage, console: Page) -> None:
    prompt = stage.house.console.board["prompts"]["p-2"]
    expect(console.locator("#receipts-of")).to_have_text("「礼盒库存紧张，先讲单瓶装」")
    word = msgspec.structs.replace(prompt.receipts[0], word="help")
    stage.change(prompts=Changed({"p-2": msgspec.structs.replace(prompt, receipts=(word,))}))
    expect(console.locator("#call")).to_contain_text("需要帮助 · 平板 A")
    expect(console.locator('[data-to="host"] .pri')).to_have_attribute("data-p", "2")
    console.locator("#call-ok").click()
    expect(console.locator("#call")).to_be_hidden()
    again = msgspec.structs.replace(word, word="out_of_stock")
    stage.change(prompts=Changed({"p-2": msgspec.structs.replace(prompt, receipts=(again,))}))
    expect(console.locator("#call")).to_contain_text("缺货 · 平板 A")
    stage.change(prompts=Changed({"p-2": msgspec.structs.replace(prompt, receipts=(word,))}))
    expect(console.locator("#call")).to_contain_text("需要帮助 · 平板 A")  # again: what was answered was the one before
    console.locator("#quick button").first.click()
    expect(console.locator("#call")).to_be_hidden()


def test_who_only_reads_is_shown_no_button_that_acts(stage: Stage, page: Page) -> None:
    stage.house.role = Role.VIEWER
    page.goto(stage.url + CONSOLE)
    expect(alert_row(page, "a-warm")).to_be_visible()
    assert page.locator("[data-cmd]:visible").count() == 0
    expect(page.locator("#compose")).to_be_hidden()
    page.keyboard.press("a")
    assert sent(stage, page) == []


def test_who_is_not_signed_in_is_sent_to_the_door(stage: Stage, page: Page) -> None:
    stage.house.role = None
    response = page.request.get(stage.url + CONSOLE, max_redirects=0)
    assert response.status == 303
    assert response.headers["location"] == "/login?next=%2Frooms%2Froom-1"


def test_a_room_without_a_session_offers_to_start_one(stage: Stage, page: Page) -> None:
    stage.house.console.board, stage.house.console.session = {}, ""
    page.goto(stage.url + CONSOLE)
    page.locator("#cue-start").click()
    assert last_command(stage, page) | {"key": ""} == {"path": "sessions", "body": {"room": "room-1"}, "key": ""}


def test_a_session_that_is_over_is_summed_up_and_a_drill_offers_no_other(stage: Stage, console: Page) -> None:
    head = stage.house.console.board["session"]["head"]
    summary = {"viewers_peak": 806.0, "gmv": 20_100_000.0, "orders": 1_204.0, "comments": 3_310.0, "alerts": 4.0}
    over = msgspec.structs.replace(head, state="ended", ended_ms=stage.house.console.now, summary=summary)
    stage.change(session=Changed({"head": over}))
    expect(console.locator("#cue-sum")).to_have_text("在线峰值 806 · 成交额 20.10万 · 订单 1,204 · 评论 3,310 · 告警 4")
    expect(console.locator("#cue-start")).to_be_hidden()


def test_the_overview_says_which_room_why_and_since_when(stage: Stage, page: Page, complaints: list[str]) -> None:
    page.goto(stage.url + OVERVIEW)
    rooms = page.locator("#rooms > li")
    expect(rooms).to_have_count(12)
    worst = rooms.nth(0)
    expect(worst.locator(".room")).to_have_attribute("data-p", "1")
    expect(worst.locator(".room-worst")).to_contain_text("主播说「暖身御寒」")
    expect(worst.locator(".room-age")).to_have_text(re.compile(r"已 0\d:\d\d · 未确认"))
    expect(worst.locator("dd")).to_have_text(["838", "12.14万", "5.8%", "46"])
    expect(rooms.nth(1).locator(".room")).to_have_attribute("data-state", "stale")
    expect(rooms.nth(11)).to_contain_text("未开播")
    expect(page.locator("#rail .alert")).to_have_count(4)
    page.locator('[data-order="worst"]').click()
    expect(page.locator("#rooms .room-no")).to_have_text(["1", "2", "3", "5", *"46789", "10", "11", "12"])
    page.locator("#rail .alert-ack").first.click()
    assert last_command(stage, page)["path"] == "sessions/s-1/alerts/a-warm/ack"
    page.locator("#rooms .room-start:visible").first.click()
    assert last_command(stage, page)["body"] == {"room": "room-11"}
    assert complaints == []


def test_a_drill_has_its_own_clock_a_simulated_tablet_and_a_way_in(stage: Stage, page: Page) -> None:
    page.goto(stage.url + OVERVIEW)
    drill = page.locator("#rooms > li").nth(0)
    expect(drill.locator(".room-clock")).to_have_text(re.compile(r"^20:3\d:\d\d$"))
    expect(drill.locator(".room-link")).to_have_text(re.compile("^模拟平板 · 另有 3 条告警$"))
    expect(page.locator("#rooms > li").nth(2).locator(".room-clock")).to_have_text("")
    expect(page.locator("#over-demo")).to_have_text("演练中：打开「青坛酱酒 · 抖音」")
    page.locator("#over-demo").click()
    expect(page).to_have_url(stage.url + CONSOLE)


def test_a_room_of_a_shared_session_names_the_leading_one(stage: Stage, page: Page) -> None:
    page.goto(stage.url + OVERVIEW)
    rooms = page.locator("#rooms > li")
    expect(rooms.nth(3).locator(".room-with")).to_have_text("与「安禾粮油 · 抖音」同场")
    expect(rooms.nth(3).locator(".room-worst .pri")).to_be_hidden()
    expect(rooms.nth(2).locator(".room-with")).to_be_hidden()


def test_a_number_that_stopped_stays_hatched(stage: Stage, page: Page) -> None:
    page.goto(stage.url + OVERVIEW)
    money = page.locator('#rooms > li:nth-child(3) [data-metric="gmv"]')
    expect(money).to_have_text("8.41万")
    card = stage.house.overview.board["rooms"]["room-3"]
    gone = msgspec.structs.replace(card.readings["gmv"], value=None, state="unknown", seen_ms=moment.NOW - 90_000)
    card = msgspec.structs.replace(card, readings=card.readings | {"gmv": gone})
    stage.do(stage.house.overview.change, {"rooms": Changed({"room-3": card})})
    expect(money).to_have_attribute("data-state", "stale")
    expect(money).to_have_text("8.41万")


@pytest.mark.parametrize("path", [CONSOLE, OVERVIEW])
@pytest.mark.parametrize("language", ["zh-CN", "en"])  # zh-TW is as long as zh-CN
def test_it_fits_and_reads_in_every_size_language_and_theme(
    stage: Stage, page: Page, path: str, language: str, complaints: list[str]
) -> None:
    page.emulate_media(reduced_motion="reduce")  # colours are then there at once
    page.goto(f"{stage.url}{path}?lang={language}")
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        loudest = "#alert-list .alert" if size == "phone" and path == CONSOLE else "#strip"
        expect(page.locator(loudest).first).to_be_visible()
        assert page.evaluate(SIDEWAYS) <= 0, size
        if size == "wall":
            assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
        for list_ in (SMALL_HANZI, SMALL_TARGETS, UNNAMED, KEYS_LEFT, FAINT):
            assert page.evaluate(list_) == [], size
        page.keyboard.press("t")
        assert page.evaluate(FAINT) == [], size
    if path == CONSOLE:
        name_at_length(stage)
        expect(page.locator(".sku-title").first).to_contain_text("整箱礼盒装")
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            assert (page.evaluate(SIDEWAYS), page.evaluate(PUSHED_OUT)) == (0, []), width
    assert complaints == []


def name_at_length(stage: Stage) -> None:
    """Give goods and segments names as long as shops give them."""
    board = stage.house.console.board
    name = "买一送一 53 度酱香型白酒 500ml × 6 瓶整箱礼盒装送礼袋 限量版"
    rundown = board["rundown"]["now"]
    segments = tuple(msgspec.structs.replace(one, title={"zh-CN": name}) for one in rundown.segments)
    stage.change(
        skus=Changed({sku: msgspec.structs.replace(row, name=name) for sku, row in board["skus"].items()}),
        rundown=Changed({"now": msgspec.structs.replace(rundown, segments=segments)}),
    )


def test_live_updates_move_nothing(stage: Stage, page: Page) -> None:
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(one => window.shift += one.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(stage.url + CONSOLE)
    expect(page.locator("#strip")).to_be_visible()
    page.wait_for_timeout(500)
    before = page.evaluate("window.shift")
    for number in range(8):
        stage.change(
            readings=stage.reading("viewers@session", value=900.0 + number * 77, seen_ms=stage.house.console.now),
            messages=Changed(
                {f"{500 + number:012d}": Message("comment", stage.house.console.now, "新**", "拍了" * number)}
            ),
        )
        page.wait_for_timeout(150)
    page.wait_for_timeout(1_000)
    assert page.evaluate("window.shift") - before < 0.02


def mark(page: Page, kind: str, id_: str) -> Locator:
    return page.locator(f'#lane .mark-sign[data-key="{kind} {id_}"]')


def test_a_mark_of_the_lane_and_its_row_in_the_list_choose_each_other(console: Page) -> None:
    mark(console, "alert", "a-rate").hover()
    expect(alert_row(console, "a-rate")).to_have_attribute("data-on", "")
    expect(console.locator(".lane-note")).to_contain_text(
        "互动率 4.5%，低于 5% 已 60 秒已恢复未确认 · 20:32:24–20:35:58"
    )
    alert_row(console, "a-stock").hover()
    expect(console.locator("#lane .mark[data-on] .mark-n")).to_have_text("3")
    expect(alert_row(console, "a-rate")).not_to_have_attribute("data-on", "")
    mark(console, "prompt", "p-1").hover()
    expect(console.locator("#receipts-of")).to_have_text("「溯源码怎么查：盒盖内侧扫一扫」")
    expect(console.locator("#host-side")).to_have_attribute("data-on", "")
    console.locator("#main").hover(position={"x": 2, "y": 2})
    expect(console.locator("#receipts-of")).to_have_text("「礼盒库存紧张，先讲单瓶装」")
    console.locator("#host-side").hover()
    expect(console.locator("#lane .mark[data-on] .mark-sign")).to_have_attribute("data-key", "prompt p-2")


def test_the_lane_is_one_stop_of_the_tab_key_and_arrows_go_on(console: Page) -> None:
    mark(console, "alert", "a-rate").focus()
    expect(alert_row(console, "a-rate")).to_have_attribute("data-on", "")
    console.keyboard.press("ArrowRight")
    expect(mark(console, "alert", "a-stock")).to_be_focused()
    expect(console.locator("#lane .mark-sign[tabindex='0']")).to_have_count(1)
    console.keyboard.press("Enter")
    expect(console.locator("#alert-list :focus")).to_have_count(1)


def test_one_cursor_points_at_the_same_instant_of_every_chart(console: Page, complaints: list[str]) -> None:
    expect(console.locator("#charts canvas")).to_have_count(6)
    expect_minutes(console)
    console.locator('[data-chart="viewers"] .u-over').hover(position={"x": 120, "y": 30})
    at = console.locator(".chart-at")
    expect(at).to_have_text([re.compile(r"^20:1\d:\d\d$")] * 6)
    assert len(set(at.all_inner_texts())) == 1
    expect(console.locator('[data-chart="rate"] .chart-read')).to_have_text(re.compile(r"^\d\.\d%$"))
    console.locator('[data-chart="sales"] .chart-plot').focus()
    console.keyboard.press("Home")
    expect(at).to_have_text(["20:00:00"] * 6)
    assert complaints == []


def expect_minutes(page: Page) -> None:
    """Wait until the newest minutes of the past have come: before that, charts show the last moment alone."""
    expect(page.locator("#history")).to_have_attribute("aria-busy", "false")


def test_a_stretch_is_drawn_over_a_chart_and_given_back(console: Page) -> None:
    over = console.locator('[data-chart="viewers"] .u-over')
    over.evaluate("one => one.id = 'first'")
    expect(console.locator('[data-chart="viewers"] .chart-key')).to_have_count(2)
    expect_minutes(console)
    box = console.locator("#first").bounding_box()  # no chart is made anew when its minutes come
    assert box is not None
    console.mouse.move(box["x"] + 60, box["y"] + 20)
    console.mouse.down()
    console.mouse.move(box["x"] + 160, box["y"] + 20, steps=4)
    console.mouse.up()
    expect(console.locator("#to-live")).to_be_visible()
    plots = console.locator(".chart-plot")
    spans = plots.evaluate_all("all => all.map(one => one.ariaValueMax - one.ariaValueMin)")
    assert len(set(spans)) == 1
    assert 5 * moment.M < spans[0] < 20 * moment.M
    console.locator("#to-live").click()
    expect(console.locator("#to-live")).to_be_hidden()


def test_older_minutes_are_asked_for_page_by_page_as_far_as_the_view_reaches(stage: Stage, page: Page) -> None:
    stage.house.page_ms = 10 * moment.M
    page.goto(stage.url + CONSOLE)
    expect_minutes(page)
    page.locator('[data-chart="viewers"] .chart-plot').focus()
    read = page.locator('[data-chart="comments"] .chart-read')
    for _ in range(20):  # the oldest page may come after the key
        page.keyboard.press("Home")
        page.wait_for_timeout(250)
        if re.fullmatch(r"\d+", read.inner_text()):
            break
    expect(read).to_have_text(re.compile(r"^\d+$"))
    asked = [query for query in stage.house.asked if "viewers" in query]
    assert len(asked) >= 3
    assert f"to_ms={moment.NOW + 1 - 10 * moment.M}" in asked[1]


PAUSES_ARE_SHORT = "const wait = setTimeout; window.setTimeout = (act, ms) => wait(act, ms === 5_000 ? 300 : ms)"


def test_a_past_that_cannot_be_had_is_said_and_asked_for_again_after_a_pause(stage: Stage, page: Page) -> None:
    page.add_init_script(PAUSES_ARE_SHORT)
    page.route("**/series?metric=viewers*", lambda route: route.fulfill(body="<html>a proxy's own page</html>"))
    page.goto(stage.url + CONSOLE)
    expect(page.locator("#past-missing")).to_have_text("部分历史加载失败，正在重试")
    expect(page.locator("#history")).to_have_attribute("aria-busy", "true")
    page.unroute("**/series?metric=viewers*")
    expect_minutes(page)
    expect(page.locator("#past-missing")).to_be_hidden()
    page.route("**/series?*", lambda route: route.fulfill(status=503))
    page.goto(stage.url + OVERVIEW)
    expect(page.locator("#over-note")).to_contain_text("部分历史加载失败，正在重试")


def test_what_left_the_board_is_marked_where_it_was(stage: Stage, page: Page) -> None:
    old = msgspec.structs.replace(
        stage.house.console.board["alerts"]["a-rate"],
        id="a-old",
        opened_ms=moment.START + 10 * moment.M,
        ended_ms=moment.START + 12 * moment.M,
        acked_by="周敏",
        acked_ms=moment.START + 11 * moment.M,
    )
    stage.house.archive = [old]
    page.goto(stage.url + CONSOLE)
    mark(page, "alert", "a-old").hover()
    expect(page.locator(".lane-note")).to_contain_text("已结束 · 20:10:00–20:12:00 · 持续 02:00 · 周敏 确认")


def test_the_charts_are_a_table_too(console: Page) -> None:
    console.locator("#as-table").click()
    expect(console.locator("#history-numbers thead th")).to_have_text(
        ["时间", "在线人数", "互动率 · 5 分钟", "评论/分", "成交额/分", "可售库存", "卖速 件/分"]
    )
    row = console.locator("#history-numbers tbody tr").nth(1)
    expect(row.locator("td").nth(1)).to_have_text(re.compile(r"^\d\.\d%$"))
    events = console.locator("#history-events tbody tr")
    expect(events.first).to_contain_text("暖身御寒")
    expect(events.filter(has_text="福袋")).to_contain_text("20:24:00")
    events.filter(has_text="互动率 4.5%").focus()
    expect(alert_row(console, "a-rate")).to_have_attribute("data-on", "")


def test_without_its_library_the_page_says_so_and_shows_the_numbers(stage: Stage, page: Page) -> None:
    page.route("**/static/vendor/**", lambda route: route.fulfill(status=404, body=""))
    page.goto(stage.url + CONSOLE)
    expect(page.locator("#no-charts")).to_contain_text("scripts/vendor.py")
    expect(page.locator("#history-numbers tbody tr").nth(1)).to_contain_text("%")
    expect(page.locator("#as-table")).to_be_hidden()
    expect(alert_row(page, "a-warm")).to_be_visible()


def test_the_line_on_a_chart_is_that_of_the_rules_in_force(stage: Stage, console: Page) -> None:
    floor = next(row for row in stage.house.console.board["limits"].values() if row.rule == "interaction-low")
    stage.change(limits=Changed({"interaction-low|0": msgspec.structs.replace(floor, value=0.035)}))
    expect(tile(console, "interaction_rate_5m").locator(".tile-left")).to_have_text("目标 ≥ 3.5%")


def test_what_the_board_leaves_out_is_counted_and_loaded_on_demand(stage: Stage, console: Page) -> None:
    head = stage.house.console.board["session"]["head"]
    warm = stage.house.console.board["alerts"]["a-warm"]
    stage.house.archive = [msgspec.structs.replace(warm, id=f"a-more-{n}", severity="P3") for n in range(2)]
    stage.change(session=Changed({"head": msgspec.structs.replace(head, alerts_more=2, skus_more=1)}))
    console.locator("#alerts-more", has_text="还有 2 条告警").click()
    expect(console.locator("#alert-list .alert")).to_have_count(6)
    expect(console.locator("#alerts-more")).to_have_text("收起另外 2 条")
    stage.change(skus=Changed(gone=["SKU-2"]))
    console.locator("#sku-more", has_text="还有 1 个商品").click()
    expect(console.locator('#sku-rows [data-key="SKU-2"]')).to_contain_text("小坛礼盒")


def test_the_next_loop_of_the_sample_gets_ready_behind_a_word(stage: Stage, console: Page) -> None:
    room = stage.house.console
    room.rate = 0.0
    stage.do(room.replace, room.board, "s-next")
    expect(console.locator("#preparing")).to_have_text("正在准备下一场")
    expect(console.locator("#strip")).to_be_hidden()
    expect(console.locator("#console")).to_be_hidden()
    expect(console.locator("#counts b")).to_have_text(["0", "0", "0"])
    room.rate = 1.0
    stage.change(readings=stage.reading("viewers@session", value=640.0, seen_ms=room.now))
    expect(console.locator("#preparing")).to_be_hidden()
    expect(tile(console, "viewers").locator(".tile-figure")).to_have_text("640")


@pytest.mark.parametrize("size", [(390, 844), (844, 390)])
def test_a_phone_shows_one_part_at_a_time_and_nothing_too_small_to_touch(
    stage: Stage, page: Page, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(stage.url + CONSOLE)
    expect(page.locator("#alert-list .alert").first).to_be_in_viewport()
    seen = {}
    for part in ("live", "alerts", "history", "sku", "comments", "host", "group"):
        page.locator(f'#tabs [data-to="{part}"]').click()
        expect(page.locator("#console")).to_have_attribute("data-tab", part)
        assert page.evaluate(SIDEWAYS) <= 0, part
        assert page.evaluate(SMALL_TOUCH) == [], part
        seen[part] = page.locator(".console [data-panel]:visible").count()
    assert seen.pop("live") == 1  # the alerts, in short, above the cue and the tiles
    assert set(seen.values()) == {1}


def test_imports_point_from_pages_down() -> None:
    state = re.compile(r"^import .* from '\.\./feed/(socket|board|commands|clock|resume)\.js'$", re.MULTILINE)
    upwards = re.compile(r"^import .* from '\.\./(pages|views)/", re.MULTILINE)
    for path in [*(STATIC / "js" / "views").glob("*.js"), *(STATIC / "js" / "charts").glob("*.js")]:
        assert not state.findall(path.read_text()), path.name
    for path in [*(STATIC / "js" / "desk").glob("*.js"), *(STATIC / "js" / "feed").glob("*.js")]:
        text = path.read_text()
        assert not upwards.findall(text), path.name
        assert not re.search(r"\bdocument\.", text), path.name


def test_the_first_load_is_small() -> None:
    page = (STATIC.parent / "app" / "templates" / "console.html").read_text() + "tokens.css shell.css parts.css"
    sheets = {STATIC / "css" / name for name in re.findall(r"\w+\.css", page)}
    files = sheets | modules(STATIC / "js" / "pages" / "console.js") | {STATIC / "vendor" / "uplot.js"}
    assert len(files) > 40
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < FIRST_LOAD


SEEN = "one => one.checkVisibility({visibilityProperty: true}) && one.getBoundingClientRect().width > 2"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL_HANZI = f"""() => {{
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
  while (walker.nextNode()) {{
    const element = walker.currentNode.parentElement
    if (!/[\\u3400-\\u9fff]/.test(walker.currentNode.data) || !({SEEN})(element)) continue
    if (parseFloat(getComputedStyle(element).fontSize) < 14) found.push(walker.currentNode.data)
  }}
  return found
}}"""
PUSHED_OUT = f"""[...document.querySelectorAll('.cue-acts .btn, .sku-card .num')].filter({SEEN})
  .filter(one => one.getBoundingClientRect().right > one.closest('.card').getBoundingClientRect().right)
  .map(one => one.textContent)"""
SMALL_TARGETS = f"""[...document.querySelectorAll('button, summary, select, [role=tab]')].filter({SEEN})
  .filter(one => {{ const box = one.getBoundingClientRect(); return box.height < 24 || box.width < 24 }})
  .map(one => one.outerHTML.slice(0, 120))"""
SMALL_TOUCH = f"""[...document.querySelectorAll('button, summary, select, a[href], input')].filter({SEEN})
  .filter(one => !one.closest('.sr, .skip, [disabled]') && one.checkVisibility({{opacityProperty: true}}))
  .filter(one => {{ const box = one.getBoundingClientRect(); return box.height < 43.5 || box.width < 43.5 }})
  .map(one => one.outerHTML.slice(0, 120))"""
UNNAMED = f"""[...document.querySelectorAll('button, a[href], input, select, canvas, [role=img], progress')]
  .filter({SEEN}).filter(one => !(one.ariaHidden || one.ariaLabel || one.textContent.trim() || one.labels?.length))
  .map(one => one.outerHTML.slice(0, 120))"""
KEYS_LEFT = f"""[...document.querySelectorAll('body *')].filter({SEEN})
  .filter(one => one.children.length === 0 && one.tagName !== 'SCRIPT')
  .map(one => one.textContent.trim()).filter(text => /^[a-z]+(\\.[a-z0-9_]+)+$/.test(text) || /[{{}}]/.test(text))"""
FAINT = f"""() => {{
  const parse = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
  const behind = element => {{
    for (let one = element; one; one = one.parentElement) {{
      const colour = parse(getComputedStyle(one).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }}
    return parse(getComputedStyle(document.documentElement).backgroundColor)
  }}
  const found = new Set()
  for (const element of document.querySelectorAll('body *')) {{
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    if (!own || !({SEEN})(element) || element.closest('[disabled], .sr, .skip')) continue
    const ink = light(parse(getComputedStyle(element).color)), paper = light(behind(element))
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05)
    if (ratio < 4.5) found.add([element.className, element.textContent.trim().slice(0, 20), ratio.toFixed(2)].join(' '))
  }}
  return [...found]
}}"""
