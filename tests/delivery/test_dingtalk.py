"""Promises: a DingTalk request is signed, sized and marked as the platform wants, and answers are read by code."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.answers import Reply, Verdict
from app.delivery.dingtalk import BODY_BYTES, DingTalk, signature
from app.delivery.robots import Message, Robot, message_of
from tests.store import samples

ROBOT = Robot("r", "https://oapi.example.com/robot/send?access_token=T", "SEC中文密钥")
SENDER = DingTalk()


def message(**changed: object) -> Message:
    values: dict[str, object] = {
        "title": "礼盒约 3 分钟售罄",
        "text": "礼盒约 3 分钟售罄\n处置：补货",
        "number": "a1b2c3-2",
    }
    return Message(**(values | {"language": "zh-CN", "severity": "P1"} | changed))  # type: ignore[arg-type]


def sent(one: Message) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(SENDER.post(one, ROBOT, 1).body)
    return decoded


@pytest.mark.parametrize(
    ("at_ms", "secret", "expected"),
    [
        (1577262236757, "this is secret", "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="),
        (1700000000000, "SECfake" + 58 * "0", "OKHE8NzE/kgjwywqVXPE0D7VBXPe7YhOpwJ0rDKYXf4="),
        (1767225600000, "SEC中文密钥", "Nut2NurEmdJU+OzhGeNRJB4fpcPU8Y835MspaEHnZTE="),
    ],
)
def test_signatures_equal_the_known_answers(at_ms: int, secret: str, expected: str) -> None:
    assert signature(secret, at_ms) == expected


def test_the_signature_is_handed_over_raw_beside_the_token() -> None:
    post = SENDER.post(message(), ROBOT, 1767225600000)
    assert post.url == "https://oapi.example.com/robot/send"
    assert post.params == {
        "access_token": "T",
        "timestamp": "1767225600000",
        "sign": "Nut2NurEmdJU+OzhGeNRJB4fpcPU8Y835MspaEHnZTE=",
    }


def test_a_robot_without_a_secret_is_not_signed() -> None:
    assert SENDER.post(message(), Robot("r", ROBOT.address), 1).params == {"access_token": "T"}


def test_the_title_names_severity_and_alert_and_the_text_carries_the_number() -> None:
    body = sent(message())
    assert body["msgtype"] == "markdown"
    assert body["markdown"]["title"] == "[P1] 礼盒约 3 分钟售罄"
    assert body["markdown"]["text"] == "#### 礼盒约 3 分钟售罄\n\n处置：补货\n\na1b2c3-2"


def test_a_number_that_stands_in_the_text_is_not_written_twice() -> None:
    text = sent(message(text="礼盒\n编号 a1b2c3-2"))["markdown"]["text"]
    assert text.count("a1b2c3-2") == 1


def test_what_is_of_a_drill_is_marked_once_in_title_and_text() -> None:
    row = samples.delivery(
        samples.alert("s"), "s", "demo", title="【演练】礼盒", text="[P1 紧急] 【演练】礼盒\n处置：补货"
    )
    body = sent(message_of(row))["markdown"]
    assert body["title"].startswith("【演练】[P1] 礼盒")
    assert body["text"].startswith("#### 【演练】[P1 紧急] 礼盒")
    assert body["title"].count("演练") == body["text"].count("演练") == 1


def test_what_may_have_been_sent_before_is_marked() -> None:
    row = samples.delivery(samples.alert("s"), "s", retried_ambiguous=True)
    body = sent(message_of(row))["markdown"]
    assert body["title"].startswith("【重发】[P1] ")
    assert body["text"].startswith("#### 【重发】")


def test_a_viewers_text_cannot_become_a_link() -> None:
    assert "](" not in sent(message(text="他说 [点我](https://bad.example)"))["markdown"]["text"]
    text = sent(message(text="线路 <a href=x><FONT color=red></font><!-- 3 < 5 且 a<5"))["markdown"]["text"]
    assert "< a href=x>< FONT color=red>< /font>< !-- 3 < 5 且 a<5" in text


def test_plain_text_is_short_and_numbered() -> None:
    body = sent(message(title="长" * 9_000, plain=True))
    assert body["msgtype"] == "text"
    assert body["text"]["content"].endswith("\na1b2c3-2")
    assert len(body["text"]["content"]) < 400


@given(st.text(min_size=0, max_size=400), st.integers(1, 120))
def test_every_body_fits_and_ends_with_its_number(piece: str, times: int) -> None:
    post = SENDER.post(message(text=piece * times), ROBOT, 1)
    assert len(post.body) <= BODY_BYTES
    assert json.loads(post.body)["markdown"]["text"].endswith("a1b2c3-2") or "a1b2c3-2" in piece


def test_a_long_text_is_cut_between_characters_and_fills_the_body() -> None:
    post = SENDER.post(message(text="库" * 9_000), ROBOT, 1)
    assert BODY_BYTES - 3 < len(post.body) <= BODY_BYTES
    assert json.loads(post.body)["markdown"]["text"].endswith("库…\n\na1b2c3-2")


def test_a_long_text_is_not_cut_inside_an_emoji_of_several_parts() -> None:
    family = "👩\u200d👩\u200d👧"
    text = json.loads(SENDER.post(message(text=family * 3_000), ROBOT, 1).body)["markdown"]["text"]
    kept = text.removeprefix("#### ").partition("…")[0]
    assert kept == family * (len(kept) // len(family))


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, '{"errcode":0,"errmsg":"ok"}', "accepted"),
        (200, '{"errcode":-1,"errmsg":"系统繁忙"}', "transient"),
        (200, '{"errcode":130101,"errmsg":"send too fast"}', "throttled"),
        (200, '{"errcode":660026,"errmsg":"x"}', "throttled"),
        (200, '{"errcode":310000,"errmsg":"ok"}', "resign"),
        (200, '{"errcode":300001,"errmsg":"token is not exist"}', "fault"),
        (200, '{"errcode":300005}', "fault"),
        (200, '{"errcode":460101,"errmsg":"too long"}', "ours"),
        (200, '{"errcode":40035}', "ours"),
        (200, '{"errcode":987654}', "refused"),
        (200, "<html>sign in</html>", "garbled"),
        (200, "[0]", "garbled"),
        (200, '{"errcode":"0"}', "garbled"),
        (200, '{"errcode":false}', "garbled"),
        (200, '{"code":0}', "garbled"),
        (200, "", "garbled"),
        (404, "nothing here", "garbled"),
        (302, "", "garbled"),
        (429, '{"errcode":0}', "transient"),
        (500, '{"errcode":0}', "transient"),
        (503, "", "transient"),
    ],
)
def test_answers_are_read_by_their_code_alone(status: int, body: str, verdict: Verdict) -> None:
    assert SENDER.judge(Reply(status, body.encode())).verdict == verdict


def test_an_answer_that_is_not_unicode_is_no_answer() -> None:
    assert SENDER.judge(Reply(200, b'{"errcode":0,"errmsg":"\xff\xfe"}')).verdict == "garbled"
