"""Promise: a host can pair a tablet, read every card and answer it, and no card, answer or word is lost on the way."""

import gzip
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from playwright.sync_api import Browser, CDPSession, Page, ViewportSize, expect

from app.routers.fields import local_path
from app.routers.words import catalogue
from tests.web.assets import STATIC, modules
from tests.web.conftest import renewed
from tests.web.stage import Stage

CORRECTION = "更正：酒不能御寒，请理性饮酒"
SCARCE = "礼盒库存紧张，先讲单瓶装。单瓶 ¥128，两瓶 ¥236"
SIZES = {"landscape": (1280, 800), "portrait": (800, 1280), "phone": (390, 844), "phone_on_its_side": (844, 390)}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage().open() as stage:
        yield stage


@pytest.fixture
def viewport() -> ViewportSize:
    return {"width": 1280, "height": 800}


@pytest.fixture
def page(kept_page: Page, viewport: ViewportSize, complaints: list[str]) -> Iterator[Page]:
    with renewed(kept_page, viewport, complaints) as page:
        yield page


@pytest.fixture
def tablet(stage: Stage, page: Page) -> Page:
    page.goto(f"{stage.url}/host/r1")
    expect(page.locator("#link-text")).to_have_text("已连接")
    return page


def get(url: str, **headers: str) -> HTTPResponse:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    try:
        opened = urllib.request.build_opener(Stay).open(urllib.request.Request(url, headers=headers), timeout=10)
    except urllib.error.HTTPError as answer:
        opened = answer
    assert isinstance(opened, HTTPResponse | urllib.error.HTTPError)
    return opened  # type: ignore[return-value]  # an HTTPError answers like a response


def text(url: str, **headers: str) -> str:
    with get(url, **headers) as answer:
        return answer.read().decode()


def tap(page: Page, what: str) -> None:
    """Tap an answer as a person does: after the card has been on the screen for a moment."""
    expect(page.locator(".host-answer")).to_have_attribute("data-armed", "")
    page.locator(f"[data-answer={what}]").click()


def until(stage: Stage, *wanted: str) -> None:
    """Wait until the server has exactly these receipts."""
    for _ in range(500):
        if stage.stages() == list(wanted):
            return
        time.sleep(0.01)  # the browser goes on by itself: asking it would cost more than the wait
    assert stage.stages() == list(wanted)


# pages as they are sent


def test_a_page_runs_only_its_own_scripts_and_says_so(stage: Stage) -> None:
    for path in ("/login", "/first?token=good", "/pair", "/host/r1"):
        with get(stage.url + path) as answer:
            policy, html = answer.headers["content-security-policy"], answer.read().decode()
            assert answer.headers["cache-control"] == "no-store"
        nonce = re.search(r"'nonce-([^']+)'", policy)
        assert nonce is not None
        assert f'nonce="{nonce[1]}"' in html
        assert "unsafe" not in policy
        assert not re.search(r"\sstyle=|\son\w+=", html), path
        with get(stage.url + path) as again:
            assert nonce[1] not in again.headers["content-security-policy"]


def test_language_and_theme_are_plain_links_that_are_remembered(stage: Stage) -> None:
    with get(f"{stage.url}/login?lang=en&theme=light&next=/rooms/r1") as answer:
        html = answer.read().decode()
        cookies = answer.headers.get_all("set-cookie") or []
    assert '<html lang="en" data-theme="light">' in html
    assert any(cookie.startswith("lang=en") for cookie in cookies)
    assert any(cookie.startswith("theme=light") for cookie in cookies)
    assert "next=%2Frooms%2Fr1&amp;lang=zh-CN" in html or "lang=zh-CN&amp;" in html
    assert '<html lang="en" data-theme="light">' in text(f"{stage.url}/pair", cookie="lang=en; theme=light")


@pytest.mark.parametrize(
    ("wished", "where"),
    [
        ("/", "/"),
        ("/rooms/r1?tab=alerts", "/rooms/r1?tab=alerts"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_to_pages_of_this_site_only(wished: str, where: str) -> None:
    assert local_path(wished) == where


def test_a_link_cannot_put_words_into_the_page(stage: Stage) -> None:
    assert catalogue("zh-CN")["error.bad_credentials"] in text(f"{stage.url}/login?problem=bad_credentials")
    assert "30 秒" in text(f"{stage.url}/login?problem=locked_out&wait_s=30")
    for made_up in ("Call+0800", "fence%3Cb%3E", "../error"):
        html = text(f"{stage.url}/login?problem={made_up}")
        assert 'id="problem-text"></span>' in html


def test_who_is_signed_in_is_led_on(stage: Stage) -> None:
    stage.house.person = True
    with get(f"{stage.url}/login?next=/rooms/r1") as answer:
        assert (answer.status, answer.headers["location"]) == (303, "/rooms/r1")


def test_a_used_link_shows_no_form(stage: Stage) -> None:
    with get(f"{stage.url}/first?token=stale") as answer:
        html = answer.read().decode()
        assert answer.status == 410
    assert "<form" not in html
    assert catalogue("zh-CN")["sign.link_gone"] in html
    assert f"<h1>{catalogue('zh-CN')['sign.link_gone_title']}</h1>" in html


def test_an_invitation_asks_its_person_for_a_password_and_for_nothing_else(stage: Stage) -> None:
    html = text(f"{stage.url}/first?token=invited")
    words = catalogue("zh-CN")
    assert f"<h1>{words['sign.invited']}</h1>" in html
    assert "周敏" in html
    assert 'value="周敏" readonly' in html
    assert words["common.role.controller"] in html
    assert "data-left-ms" not in html


def test_an_invitation_says_how_long_it_is_good(stage: Stage) -> None:
    for left_ms, said in ((259_100_000, "2 天"), (7_300_000, "2 小时"), (7_100_000, "118 分钟"), (20_000, "1 分钟")):
        stage.house.link_left_ms = left_ms
        assert f"还有 {said}有效" in text(f"{stage.url}/first?token=invited")


def test_only_six_digits_are_taken_from_a_qr_code(stage: Stage) -> None:
    for code, taken in (("482913", "482913"), ("48291", ""), ("４８２９１３", ""), ('"><b>1', "")):
        assert f'value="{taken}"' in text(f"{stage.url}/pair?code={urllib.parse.quote(code)}"), code


def test_a_tablet_that_is_not_paired_is_led_to_pairing(stage: Stage) -> None:
    stage.house.paired = False
    with get(f"{stage.url}/host/r1") as answer:
        assert (answer.status, answer.headers["location"]) == (303, "/pair")
    with get(f"{stage.url}/host/r1", cookie="device=x") as answer:
        assert answer.headers["location"] == "/pair?problem=device_revoked"


def test_the_tablet_page_is_light(stage: Stage) -> None:
    """At most 60 kB compressed for the first load."""
    files = modules(STATIC / "js/pages/tablet.js") | {STATIC / "css/tokens.css", STATIC / "css/host.css"}
    assert len(files) > 20
    sent = [text(f"{stage.url}/host/r1").encode(), *(path.read_bytes() for path in files)]
    assert sum(len(gzip.compress(body)) for body in sent) <= 60_000


# signing in


def test_a_refusal_keeps_the_name_and_a_lock_out_counts_down(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/login?next=/pair")
    page.fill("#name", "周敏")
    page.fill("#password", "wrong")
    page.click("button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("姓名或密码不对")
    expect(page.locator("#name")).to_have_value("周敏")
    expect(page.locator("#password")).to_have_value("")
    page.fill("#password", "wrong again")
    page.click("button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("秒再试")
    expect(page.locator("button[type=submit]")).to_be_disabled()


def test_sign_in_leads_to_where_one_wanted_to_go(stage: Stage, page: Page, complaints: list[str]) -> None:
    page.goto(f"{stage.url}/login?next=/pair?code=482913")
    page.fill("#name", "周敏")
    page.fill("#password", "right horse battery")
    page.press("#password", "Enter")
    page.wait_for_url(f"{stage.url}/pair?code=482913")
    assert stage.posts == [("login", {"next": "/pair?code=482913", "name": "周敏", "password": "right horse battery"})]
    assert complaints == []


def test_sign_in_works_without_a_script(stage: Stage, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(f"{stage.url}/login?next=/pair")
    page.fill("#name", "Zhou")
    page.fill("#password", "wrong")
    page.click("button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("Name or password is wrong")
    page.fill("#name", "Zhou")
    page.fill("#password", "right horse battery")
    page.click("button[type=submit]")
    expect(page.locator("h1")).to_have_text("Pair a host's tablet")
    context.close()


def test_caps_lock_is_told_while_typing(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/login")
    page.focus("#password")
    page.evaluate(
        """() => document.getElementById('password').dispatchEvent(
          new KeyboardEvent('keydown', { key: 'A', modifierCapsLock: true, bubbles: true }))"""
    )
    expect(page.locator("#caps")).to_be_visible()
    page.press("#password", "a")
    expect(page.locator("#caps")).to_be_hidden()


def test_the_first_administrator_is_told_what_the_password_lacks(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/first?token=good")
    expect(page.locator("#left")).to_contain_text("09:4")
    page.fill("#name", "周敏")
    page.fill("#password", "abcdefgh")
    page.press("#password", "Tab")
    expect(page.locator("#password-hint")).to_have_text("至少 12 个字符，还差 4 个")
    page.fill("#again", "abcdefgh")
    page.click("button[type=submit]")
    assert stage.posts == [], "a form that cannot succeed is not sent"
    page.fill("#password", "right horse battery")
    page.click("button[type=submit]")
    expect(page.locator("#again-hint")).to_have_text("两次输入的密码不一样")
    page.fill("#again", "right horse battery")
    page.click("button[type=submit]")
    page.wait_for_url("**/pair")
    assert stage.posts[0][1]["token"] == "good"


# pairing


def test_a_qr_code_and_one_tap_pair_a_tablet(stage: Stage, page: Page, complaints: list[str]) -> None:
    page.goto(f"{stage.url}/pair?code=482913")
    page.fill("#name", "平板 B")
    page.click("button[type=submit]")
    page.wait_for_url("**/host/r1")
    expect(page.locator("#link-text")).to_have_text("已连接")
    assert stage.posts[0] == ("pair", {"code": "482913", "name": "平板 B"})
    assert complaints == []


def test_a_wrong_code_is_said_in_words_and_full_width_digits_are_digits(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/pair")
    page.fill("#code", "１２３４５６")
    expect(page.locator("#code")).to_have_value("123456")
    page.click("button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("配对码不对或已过期")


def test_too_many_wrong_codes_hold_the_form_and_say_for_how_long(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/pair")
    for _ in range(5):
        page.fill("#code", "111111")
        page.click("button[type=submit]")
        expect(page.locator("#problem")).to_contain_text("配对码不对或已过期")
        expect(page.locator("button[type=submit]")).to_be_enabled()
    page.click("button[type=submit]")
    expect(page.locator("#problem")).to_contain_text(re.compile(r"尝试次数太多，请等 (30|29|28) 秒再试"))
    expect(page.locator("button[type=submit]")).to_be_disabled()
    assert len(stage.posts) == 6


# the tablet


def test_a_card_is_shown_seen_and_done(stage: Stage, tablet: Page, complaints: list[str]) -> None:
    expect(tablet.locator("#cue-lines")).to_contain_text("小坛礼盒 ¥168")
    stage.send(1, SCARCE)
    expect(tablet.locator("#cue-lines .host-line")).to_have_count(2)
    expect(tablet.locator("#cue-lines em")).to_have_text(["¥128", "¥236"])
    until(stage, "p1 shown")
    tap(tablet, "seen")
    until(stage, "p1 shown", "p1 seen")
    expect(tablet.locator("#more")).to_contain_text("已收到")
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    tap(tablet, "done")
    until(stage, "p1 shown", "p1 seen", "p1 done")
    expect(tablet.locator("#cue-lines")).to_contain_text("小坛礼盒 ¥168")
    expect(tablet.locator("[data-answer=done]")).to_be_disabled()
    assert complaints == []
    times = [body["at_ms"] for _, body in stage.posts]
    assert times == sorted(times)


def test_a_new_card_waits_for_the_unread_one_and_for_a_tap(stage: Stage, tablet: Page) -> None:
    stage.send(1, "第一条")
    until(stage, "p1 shown")
    stage.send(2, "第二条")
    expect(tablet.locator("#wait")).to_have_text("还有 1 条")
    tablet.locator("#wait").click(force=True)  # a button that says why it does nothing
    expect(tablet.locator("#note")).to_have_text("先点收到，再看下一条")
    expect(tablet.locator("#cue-lines")).to_have_text("第一条")
    tap(tablet, "seen")
    expect(tablet.locator("#cue-lines")).to_have_text("第一条")
    tablet.locator("#wait").click()
    expect(tablet.locator("#cue-lines")).to_have_text("第二条")
    until(stage, "p1 shown", "p1 seen", "p2 shown")
    expect(tablet.locator("#wait")).to_be_hidden()


def test_an_urgent_card_takes_the_band_and_the_answers_until_it_is_tapped(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    stage.send(2, CORRECTION, "urgent")
    expect(tablet.locator("#urgent-lines")).to_have_text(CORRECTION)
    expect(tablet.locator("#urgent")).to_contain_text("演练")
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    until(stage, "p1 shown", "p2 shown")
    tap(tablet, "seen")
    until(stage, "p1 shown", "p2 shown", "p2 seen")
    expect(tablet.locator("#urgent")).to_be_hidden()
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    expect(tablet.locator("[data-answer=seen]")).to_be_enabled()


TAP_WITH_THE_BAND = """() => {
  const band = document.querySelector('#urgent')
  const tap = () => document.querySelector('[data-answer=seen]').click()
  new MutationObserver(() => { if (!band.hidden) tap() }).observe(band, { attributeFilter: ['hidden'] })
}"""


def test_a_tap_meant_for_one_card_never_answers_the_next(stage: Stage, tablet: Page) -> None:
    stage.send(1, "第一条")
    until(stage, "p1 shown")
    expect(tablet.locator(".host-answer")).to_have_attribute("data-armed", "")
    tablet.evaluate(TAP_WITH_THE_BAND)  # in the very frame in which the other card comes
    stage.send(2, CORRECTION, "urgent")
    until(stage, "p1 shown", "p2 shown")
    tablet.wait_for_timeout(100)
    assert stage.stages() == ["p1 shown", "p2 shown"]
    tap(tablet, "seen")
    until(stage, "p1 shown", "p2 shown", "p2 seen")


def test_a_word_counts_as_seen_is_sent_and_can_be_called_again(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    sent = ["p1 shown"]
    for word in ("help", "out_of_stock", "repeat", "help"):
        tap(tablet, word)
        sent.append(f"p1 seen {word}")
        until(stage, *sent)
        expect(tablet.locator(f"[data-answer={word}]")).to_have_attribute("aria-pressed", "true")
    expect(tablet.locator("#more")).to_contain_text("已回复「需要帮助」")
    tap(tablet, "help")
    tap(tablet, "done")
    until(stage, *sent, "p1 done")
    assert len(stage.keys) == len(set(stage.keys)) == len(sent) + 1, "a tap on the word that stands is no other call"


def test_a_withdrawn_card_goes_while_it_is_unread_only(stage: Stage, tablet: Page) -> None:
    stage.send(1, "第一条")
    expect(tablet.locator("#cue-lines")).to_have_text("第一条")
    until(stage, "p1 shown")
    stage.withdraw(1)
    expect(tablet.locator("#cue-lines")).to_contain_text("小坛礼盒")
    stage.send(2, "第二条")
    until(stage, "p1 shown", "p2 shown")
    tap(tablet, "seen")
    until(stage, "p1 shown", "p2 shown", "p2 seen")
    stage.withdraw(2)
    expect(tablet.locator("#more")).to_contain_text("已撤回")
    expect(tablet.locator("#cue-lines")).to_have_text("第二条")


def test_without_a_network_the_card_stays_and_the_answer_goes_later_with_its_own_time(
    stage: Stage, tablet: Page
) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    expect(tablet.locator(".host-answer")).to_have_attribute("data-armed", "")
    stage.cut()
    expect(tablet.locator("#link-text")).to_contain_text(re.compile(r"离线 · 截至 20:3[678]:\d\d"))
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    before = stage.now()
    tap(tablet, "seen")
    tapped = stage.now()
    expect(tablet.locator("#more")).to_contain_text("已收到")
    expect(tablet.locator("#note")).to_contain_text("1 条回复")
    stage.mend()
    until(stage, "p1 shown", "p1 seen")
    expect(tablet.locator("#link-text")).to_have_text("已连接")
    expect(tablet.locator("#note")).to_be_hidden()
    assert before - 250 <= stage.posts[-1][1]["at_ms"] <= tapped + 250


def test_an_answer_outlives_a_reload(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    until(stage, "p1 shown")
    expect(tablet.locator(".host-answer")).to_have_attribute("data-armed", "")
    stage.cut()
    tap(tablet, "done")
    expect(tablet.locator("#note")).to_contain_text("1 条回复")
    tablet.reload()
    stage.mend()
    until(stage, "p1 shown", "p1 done")


def test_a_card_that_nobody_can_see_is_not_said_to_be_shown(stage: Stage, tablet: Page) -> None:
    tablet.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    stage.send(1, SCARCE)
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    tablet.wait_for_timeout(150)
    assert stage.stages() == []
    tablet.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    until(stage, "p1 shown")


def test_a_revoked_tablet_is_led_to_pairing(stage: Stage, tablet: Page) -> None:
    stage.revoke()
    tablet.wait_for_url("**/pair?problem=device_revoked")
    expect(tablet.locator("#problem")).to_contain_text("解除配对")


def test_the_back_gesture_does_not_take_the_card_away(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    for _ in range(2):
        tablet.evaluate("history.back()")
        tablet.wait_for_timeout(100)
    expect(tablet.locator("#cue-lines")).to_contain_text("先讲单瓶装")
    assert tablet.url.endswith("/host/r1")


def test_an_authors_text_is_never_read_as_a_page(stage: Stage, tablet: Page) -> None:
    stage.send(1, "<img src=x onerror=alert(1)> <b>¥9.9</b>", "urgent")
    expect(tablet.locator("#urgent-lines")).to_contain_text("<img src=x onerror=alert(1)>")
    assert tablet.locator("#urgent-lines img, #urgent-lines b").count() == 0


def test_a_text_in_another_language_is_marked_as_such(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.url}/host/r1?lang=en")
    stage.send(1, {"zh-CN": SCARCE})
    expect(page.locator("#cue-lines")).to_have_attribute("lang", "zh-CN")
    stage.send(2, {"zh-CN": CORRECTION, "en": "Correction: alcohol keeps nobody warm"}, "urgent")
    expect(page.locator("#urgent-lines")).to_contain_text("Correction: alcohol keeps nobody warm")
    assert page.locator("#urgent-lines").get_attribute("lang") is None


def test_settings_are_kept_on_the_device(stage: Stage, tablet: Page) -> None:
    tablet.click("#open-settings")
    for _ in range(2):
        tablet.click("[data-size='8']")
    expect(tablet.locator("[data-toggle=hand]")).to_have_text("左手：收到在左边")
    tablet.click("[data-toggle=hand]")
    expect(tablet.locator("[data-toggle=hand]")).to_have_text("右手：收到在右边")
    tablet.click("[data-toggle=mirror]")
    tablet.click("[data-bright='-10']")
    tablet.reload()
    expect(tablet.locator("#host")).to_have_attribute("data-hand", "right")
    expect(tablet.locator("#host")).to_have_attribute("data-mirror", "")
    expect(tablet.locator("#size")).to_have_text("80")
    assert tablet.evaluate("getComputedStyle(document.getElementById('host')).opacity") == "0.9"


def test_a_room_without_a_session_says_so(page: Page) -> None:
    with Stage(session=False).open() as stage:
        page.goto(f"{stage.url}/host/r1")
        expect(page.locator("#cue-lines")).to_have_text("还没开播")
        expect(page.locator("[data-answer=seen]")).to_be_disabled()


def test_a_live_session_is_not_marked_as_a_drill(page: Page) -> None:
    with Stage(kind="live").open() as stage:
        page.goto(f"{stage.url}/host/r1")
        expect(page.locator("#item")).to_have_text("小坛礼盒")
        expect(page.locator("#drill")).to_be_hidden()


MEASURE = """() => {
  const seen = [...document.querySelectorAll('#host *')].filter((e) => e.offsetParent)
  const size = (e) => parseFloat(getComputedStyle(e).fontSize)
  const id = (e) => e.id || e.dataset.answer
  const isOutside = (box) => box.right > innerWidth + 1 || box.bottom > innerHeight + 1
  return {
    small: seen.filter((e) => e.matches('button') && Math.min(e.offsetWidth, e.offsetHeight) < 64).map(id),
    full: seen.filter((e) => e.matches('button') && e.scrollWidth > e.clientWidth + 1).map(id),
    outside: seen.filter((e) => e.matches('button') && isOutside(e.getBoundingClientRect())).map(id),
    sideways: document.documentElement.scrollWidth - innerWidth,
    cut: seen.filter((e) => e.matches('section') && e.scrollHeight > e.clientHeight + 1).map(id),
    tiny: seen.filter((e) => !e.childElementCount && /[\u3400-\u9fff]/.test(e.textContent) && size(e) < 14).map(id)
  }
}"""
LONG_HALF = "礼盒库存紧张，先讲单瓶装，单瓶一百二十八，两瓶二百三十六，"
LONG = LONG_HALF + "再讲双支对酒和玻璃酒具，最后提醒大家理性饮酒，未成年人请勿饮"


WHOLE = {"small": [], "full": [], "outside": [], "sideways": 0, "cut": [], "tiny": []}
NO_WAKE_LOCK = "Object.defineProperty(navigator, 'wakeLock', { get: () => undefined, configurable: true })"
FITTED = """(width) => new Promise((done) => {
  const look = (rest) => requestAnimationFrame(() => rest === 0 ? done() : look(innerWidth === width ? rest - 1 : rest))
  look(4)
})"""


def on_every_screen(page: Page) -> Iterator[str]:
    """Turn the page to each size, and go on once it has fitted its cards to it."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(FITTED, width)
        yield size


def test_every_target_is_large_and_nothing_is_cut_off(stage: Stage, browser: Browser) -> None:
    """Also beside the note that the screen may switch off, as every tablet without HTTPS has it, and when offline."""
    page = browser.new_page()
    page.add_init_script(NO_WAKE_LOCK)
    stage.send(1, LONG)
    stage.send(2, LONG, "urgent")
    stage.send(3, "第三条")
    found: dict[tuple[str, str, str], object] = {}
    for language in ("zh-CN", "zh-TW", "en"):
        page.goto(f"{stage.url}/host/r1?lang={language}")
        expect(page.locator("#urgent-wait")).not_to_be_empty()
        expect(page.locator("#note")).to_be_visible()
        found |= {(language, "noted", size): page.evaluate(MEASURE) for size in on_every_screen(page)}
        page.locator("#item").dispatch_event("click")  # any tap: somebody is there
        expect(page.locator("#note")).to_be_hidden()
        found |= {(language, "live", size): page.evaluate(MEASURE) for size in on_every_screen(page)}
        stage.cut()
        expect(page.locator("#host")).to_have_attribute("data-link", "cut")
        found |= {(language, "cut", size): page.evaluate(MEASURE) for size in on_every_screen(page)}
        stage.mend()
    assert {state: measured for state, measured in found.items() if measured != WHOLE} == {}
    assert len(found) == 36
    page.context.close()


THREE_LINES = "下一分钟先别报价，等供应链回话，再说一遍现货数量和发货时间，请不要承诺今天发货"


def test_an_urgent_card_of_any_length_leaves_its_header_and_the_countdown_alone(stage: Stage, tablet: Page) -> None:
    stage.send(1, SCARCE)
    for n, said in enumerate((CORRECTION, THREE_LINES, LONG), 2):
        stage.send(n, said, "urgent")
        expect(tablet.locator("#urgent-lines")).to_have_text(said)
        expect(tablet.locator("#urgent-left")).to_have_text(re.compile(r"^本段剩余 \d\d:\d\d$"))
        for size in on_every_screen(tablet):
            expect(tablet.locator("#urgent-left")).to_be_visible()
            header, lines = extent(tablet, ".host-urgent-top"), extent(tablet, "#urgent-lines")
            assert header[1] + 8 <= lines[0], (said, size)
            assert lines[1] <= extent(tablet, "#urgent")[1], (said, size)
        stage.withdraw(n)


def extent(page: Page, selector: str) -> tuple[float, float]:
    """Return where an element begins and ends, from the top of the page."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


WATCH = """() => {
  window.writes = []
  window.frames_asked = 0
  window.watched_from = performance.now()
  const ask = window.requestAnimationFrame
  window.requestAnimationFrame = (draw) => { frames_asked += 1; return ask(draw) }
  const words = (nodes) => [...nodes].map((node) => node.textContent).join('')
  new MutationObserver((list) => {
    for (const { type, target, attributeName: name, oldValue, addedNodes, removedNodes } of list) {
      const element = target.nodeType === 1 ? target : target.parentElement
      const before = type === 'childList' ? words(removedNodes) : oldValue
      const attribute = type === 'attributes' ? element.getAttribute(name) : target.data
      const after = type === 'childList' ? words(addedNodes) : attribute
      writes.push([element.id, before, after])
    }
  }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeOldValue: true,
    characterData: true, characterDataOldValue: true })
}"""
LINK = {"host", "link-text", "urgent-link"}  # a machine too busy to beat in time is rightly said to be slow


def test_the_page_rests_when_nothing_happens(stage: Stage, browser: Browser) -> None:
    """Only the countdown is written, once a second, and nothing is drawn or moved beside it: a tablet stays cool."""
    tablet = browser.new_page(locale="zh-CN")
    tablet.goto(f"{stage.url}/host/r1")
    expect(tablet.locator("#left")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(tablet.locator("#offline")).to_have_text("已备好")  # the last thing that a page opens with
    tablet.evaluate(WATCH)
    session = tablet.context.new_cdp_session(tablet)
    session.send("Performance.enable")
    before = _work(session)
    tablet.wait_for_timeout(3_000)
    after = _work(session)
    writes = tablet.evaluate("writes")
    assert [write for write in writes if write[1] == write[2]] == [], "written, and nothing changed"
    rest = [write for write in writes if write[0] not in LINK]
    assert {write[0] for write in rest} == {"left"}
    assert len(rest) <= tablet.evaluate("(performance.now() - watched_from) / 1000") + 1, "once a second"
    assert tablet.evaluate("[frames_asked, document.getAnimations().length]") == [0, 0]
    for count in ("RecalcStyleCount", "LayoutCount"):
        assert after[count] - before[count] <= len(writes) + 1, count
    tablet.context.close()


def _work(session: CDPSession) -> dict[str, float]:
    return {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
