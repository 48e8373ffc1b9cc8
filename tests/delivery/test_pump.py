"""Promises: every message gets an honest state, whatever the platform answers, and a drill's never leaves."""

import logging
import socket
from functools import partial
from itertools import pairwise

import pytest
import structlog
from msgspec.structs import replace
from sqlalchemy import Connection, update

from app.delivery.pump import HOLD_MS
from app.domain.plan import SessionKind
from app.instants import later
from app.store import tables
from tests.delivery.chat import BAD_SIGN, BROKEN, HANG, HTML, RESET, SECRET, TOKEN, TOO_MANY, Answer, Chat
from tests.delivery.outbox import NOW, Outbox, pump_out


async def test_a_message_is_signed_sent_and_accepted(any_outbox: Outbox, chat: Chat) -> None:
    (row,) = await any_outbox.plan()
    await pump_out(any_outbox.pump())
    (one,) = chat.received
    assert one.signed
    assert one.query["access_token"] == TOKEN
    assert one.query["timestamp"] == str(NOW)
    assert "%25" not in one.query["sign"]
    assert f"{row.alert[:6]}-1" in one.text
    now = await any_outbox.row(row)
    assert (now.state, now.attempts, now.sent_ms, now.answer) == ("accepted", 1, NOW, "0 ok")
    assert any_outbox.states(row) == ["sending", "accepted"]
    assert [attempt.result for attempt in await any_outbox.attempts(row)] == ["accepted"]


async def test_urgent_messages_go_first(outbox: Outbox, chat: Chat) -> None:
    later = await outbox.plan(5, severity="P3", text="稍后")
    urgent = await outbox.plan(1, severity="P1", text="马上")
    pump = outbox.pump()
    await pump.turn()
    assert outbox.told[0].id == urgent[0].id
    await pump_out(pump)
    assert len(chat.received) == len(later) + 1


@pytest.mark.parametrize("kind", ["demo", "replay", "drill"])
async def test_no_message_of_a_session_that_is_not_live_ever_leaves(
    any_outbox: Outbox, chat: Chat, kind: SessionKind
) -> None:
    (row,) = await any_outbox.plan(kind="demo", state="waiting")  # a mistake in planning: the row says it may go
    (lying,) = await any_outbox.plan(kind="demo", state="waiting")  # and another, which even says it is live
    for one, said in ((row, kind), (lying, "live")):
        await any_outbox.store.write(partial(mark_as, delivery=one.id, kind=said))
    await pump_out(any_outbox.pump())
    assert chat.received == []
    assert [(await any_outbox.row(one)).state for one in (row, lying)] == ["waiting", "waiting"]


async def test_a_signature_refused_twice_stops_the_channel_in_words(outbox: Outbox, chat: Chat) -> None:
    chat.script += [Answer(BAD_SIGN), Answer(BAD_SIGN)]
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await pump_out(pump)
    now = await outbox.row(row)
    assert (now.state, len(chat.received)) == ("failed", 2)
    assert now.answer.startswith("310000 description:机器人发送签名不匹配")
    assert outbox.standings[-1].state == "stopped"
    assert "310000" in outbox.standings[-1].why
    (next_row,) = await outbox.plan()
    await pump_out(pump)
    assert (await outbox.row(next_row)).answer.startswith("channel_stopped: 群机器人已停用：310000")
    assert len(chat.received) == 2


async def test_a_stopped_channel_goes_on_when_a_person_has_mended_it_or_after_five_minutes(
    outbox: Outbox, chat: Chat
) -> None:
    pump = outbox.pump()
    for mend in ("reopen", "wait"):
        chat.script += [Answer(BAD_SIGN), Answer(BAD_SIGN)]
        await outbox.plan(due_ms=outbox.clock.now(), useful_until_ms=outbox.clock.now() + 900_000)
        await pump_out(pump)
        assert pump.standing(outbox.channels["group"]).state == "stopped"
        if mend == "reopen":
            pump.reopen(outbox.channels["group"])
        else:
            outbox.clock.advance(300_000)
        (row,) = await outbox.plan(due_ms=outbox.clock.now(), useful_until_ms=outbox.clock.now() + 900_000)
        await pump_out(pump)
        assert (await outbox.row(row)).state == "accepted"
        assert pump.standing(outbox.channels["group"]).state == "open"


async def test_a_clock_that_is_off_is_mended_by_the_platforms_own(outbox: Outbox, chat: Chat) -> None:
    chat.date_s = (NOW + 7_200_000) / 1_000
    chat.script.append(Answer(BAD_SIGN))
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    assert [one.query["timestamp"] for one in chat.received] == [str(NOW), str(NOW + 7_200_000)]
    assert (await outbox.row(row)).state == "accepted"
    assert "本机时钟与平台相差 7200 秒" in (await outbox.attempts(row))[0].answer


async def test_too_many_rests_the_robot_and_counts_for_no_try(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer(TOO_MANY))
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await pump_out(pump)
    assert (await outbox.row(row)).state == "waiting"
    assert (await outbox.row(row)).attempts == 0
    assert outbox.standings[-1].state == "resting"
    outbox.clock.advance(59_000)
    await pump_out(pump)
    assert len(chat.received) == 1
    outbox.clock.advance(1_000)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"
    assert [attempt.result for attempt in await outbox.attempts(row)] == ["throttled", "accepted"]


async def test_a_page_of_a_proxy_is_no_success_and_stops_the_channel_after_three(outbox: Outbox, chat: Chat) -> None:
    chat.script += [HTML, HTML, HTML]
    (row,) = await outbox.plan()
    pump = outbox.pump()
    for _ in range(3):
        await pump_out(pump)
        outbox.clock.advance(6_000)
    now = await outbox.row(row)
    assert (now.state, now.attempts, len(chat.received)) == ("failed", 3, 3)
    assert now.answer.startswith("not_an_answer: 回答不是平台的格式（HTTP 200）")
    assert outbox.standings[-1].state == "stopped"


async def test_a_platform_that_fails_is_asked_again_when_it_says_so(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(BROKEN)
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await pump_out(pump)
    assert (await outbox.row(row)).answer == "server_error: 对方出错（HTTP 502）"
    outbox.clock.advance(6_900)
    await pump_out(pump)
    assert len(chat.received) == 1
    outbox.clock.advance(100)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"


async def test_a_busy_platform_is_left_alone_after_three_tries(outbox: Outbox, chat: Chat) -> None:
    chat.script += [Answer('{"errcode":-1,"errmsg":"系统繁忙"}')] * 9
    (row,) = await outbox.plan()
    pump = outbox.pump()
    for _ in range(6):
        await pump_out(pump)
        outbox.clock.advance(10_000)
    assert (await outbox.row(row)).state == "failed"
    assert len(chat.received) == 3


@pytest.mark.parametrize("silence", [HANG, RESET])
async def test_an_urgent_message_nobody_answered_for_goes_once_more_and_says_so(
    any_outbox: Outbox, chat: Chat, silence: Answer
) -> None:
    chat.script.append(silence)
    (row,) = await any_outbox.plan(severity="P1")
    pump = any_outbox.pump(patience_s=0.05)
    await pump_out(pump)
    assert (await any_outbox.row(row)).state == "waiting"
    any_outbox.clock.advance(2_000)
    await pump_out(pump)
    assert (await any_outbox.row(row)).state == "accepted"
    assert ["重发" in text for text in chat.texts] == [False, True]


@pytest.mark.parametrize("silence", [HANG, RESET])
async def test_an_urgent_message_nobody_answered_for_twice_is_unknown(
    outbox: Outbox, chat: Chat, silence: Answer
) -> None:
    chat.script += [silence, silence]
    (row,) = await outbox.plan(severity="P1")
    pump = outbox.pump(patience_s=0.05)
    for _ in range(5):
        await pump_out(pump)
        outbox.clock.advance(5_000)
    assert (await outbox.row(row)).state == "unknown"
    assert len(chat.received) == 2


async def test_a_lesser_message_nobody_answered_for_is_unknown_at_once(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(RESET)
    (row,) = await outbox.plan(severity="P2")
    pump = outbox.pump()
    await pump_out(pump)
    outbox.clock.advance(60_000)
    await pump_out(pump)
    now = await outbox.row(row)
    assert (now.state, len(chat.received)) == ("unknown", 1)
    assert now.answer.startswith("connection_lost: ")


async def test_a_message_that_never_left_is_tried_with_growing_pauses_until_it_is_of_no_use(
    outbox: Outbox, chat: Chat
) -> None:
    (row,) = await outbox.plan(severity="P2", useful_until_ms=NOW + 100_000)
    pump = outbox.pump()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and nobody listens there
        outbox.environ["URL"] = f"http://127.0.0.1:{deaf.getsockname()[1]}/robot/send?access_token={TOKEN}"
        for _ in range(101):
            await pump_out(pump)
            outbox.clock.advance(1_000)
    assert (await outbox.row(row)).state == "expired"
    at = [attempt.at_ms - NOW for attempt in await outbox.attempts(row)]
    pauses = [late - early for early, late in pairwise(at)]
    for pause, span in zip(pauses, (1_000, 2_000, 4_000, 8_000, 16_000, 30_000), strict=False):
        assert 0.8 * span <= pause <= 1.2 * span + 1_000  # the test's clock moves by whole seconds
    assert len(pauses) >= 5
    assert (await outbox.row(row)).answer.startswith("not_connected: ")


async def test_what_came_too_late_is_never_sent(any_outbox: Outbox, chat: Chat) -> None:
    (row,) = await any_outbox.plan(useful_until_ms=NOW + 1_000)
    any_outbox.clock.advance(1_000)
    await pump_out(any_outbox.pump())
    assert (await any_outbox.row(row)).state == "expired"
    assert any_outbox.states(row) == ["expired"]
    assert chat.received == []


async def test_a_text_the_platform_does_not_like_goes_once_more_as_plain_text(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer('{"errcode":430104,"errmsg":"content refused"}'))
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    assert [one.body["msgtype"] for one in chat.received] == ["markdown", "text"]
    assert f"{row.alert[:6]}-1" in chat.received[1].text
    assert (await outbox.row(row)).state == "accepted"


async def test_a_text_disliked_twice_has_failed_with_the_platforms_words(outbox: Outbox, chat: Chat) -> None:
    chat.script += [Answer('{"errcode":460101,"errmsg":"too long"}')] * 2
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    assert ((await outbox.row(row)).state, (await outbox.row(row)).answer) == ("failed", "460101 too long")


async def test_an_acknowledgement_cancels_what_waits_for_its_next_try(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(BROKEN)
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await pump_out(pump)
    await outbox.acknowledge(row)
    outbox.clock.advance(30_000)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "cancelled"
    assert len(chat.received) == 1


async def test_an_acknowledgement_between_claim_and_sending_is_seen(any_outbox: Outbox, chat: Chat) -> None:
    (row,) = await any_outbox.plan()
    (claimed,) = await any_outbox.claim("me")
    await any_outbox.acknowledge(row)
    await any_outbox.dispatch("me").deliver([claimed], later(NOW, HOLD_MS))
    assert any_outbox.states(row) == ["cancelled"]
    assert chat.received == []


async def test_a_row_that_was_claimed_by_another_meanwhile_is_left_to_that_one(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan()
    (claimed,) = await outbox.claim("slow")
    outbox.clock.advance(HOLD_MS)
    (taken,) = await outbox.claim("quick")
    await outbox.dispatch("slow").deliver([claimed], later(NOW, HOLD_MS))
    assert chat.received == []
    await outbox.dispatch("quick").deliver([taken], later(NOW, 2 * HOLD_MS))
    assert (await outbox.row(taken)).state == "accepted"


async def test_a_channel_without_a_sender_an_address_or_a_place_in_the_workspace_says_which(
    outbox: Outbox, chat: Chat
) -> None:
    group = outbox.channels["group"]
    outbox.channels["lark"] = replace(group, name="lark", kind="feishu")
    outbox.channels["unset"] = replace(group, name="unset", robots=("NOT_SET",))
    outbox.environ["ODD"] = "oapi.example.com/robot"
    outbox.channels["odd"] = replace(group, name="odd", robots=("ODD",))
    found = {}
    for name in ("lark", "unset", "odd", "gone"):
        (row,) = await outbox.plan(channel=name)
        await pump_out(outbox.pump())
        found[name] = ((await outbox.row(row)).state, (await outbox.row(row)).answer.partition(":")[0])
    assert found == {
        "lark": ("failed", "no_sender"),
        "unset": ("failed", "no_address"),
        "odd": ("failed", "bad_address"),
        "gone": ("failed", "no_channel"),
    }
    assert [one.why.partition(":")[0] for one in outbox.standings] == ["no_address", "bad_address"]


async def test_a_channel_that_hangs_holds_up_no_other(outbox: Outbox, chat: Chat) -> None:
    chat.script += [HANG] * 4
    await outbox.plan(12, severity="P1")
    pump = outbox.pump()
    while not await pump.turn():
        pass
    outbox.channels["other"] = replace(outbox.channels["group"], name="other")
    (row,) = await outbox.plan(channel="other", severity="P3")
    await pump.turn()
    while outbox.states(row) != ["sending", "accepted"]:
        await chat.arrived.wait()
        await pump.turn()
    assert len(chat.received) == 5  # four that hang, and this one
    chat.release.set()
    await pump_out(pump)


async def test_nothing_secret_is_told_or_logged(outbox: Outbox, chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"errcode":300005,"errmsg":"token {TOKEN} and {SECRET} unknown, see {chat.url}"}}'
    chat.script += [RESET, HTML, Answer(echo)]
    with structlog.testing.capture_logs() as lines:
        rows = await outbox.plan(3, severity="P2")
        pump = outbox.pump()
        for _ in range(3):
            await pump_out(pump)
            outbox.clock.advance(5_000)
    told = [repr(line) for line in lines] + [record.getMessage() for record in caplog.records]
    told += [repr(row) for row in outbox.told] + [repr(one) for one in outbox.standings]
    told += [repr(await outbox.attempts(row)) for row in rows]
    signs = [one.query["sign"] for one in chat.received]
    assert len(chat.received) >= 3
    assert any("300005" in line for line in told)
    for secret in (TOKEN, SECRET, *signs):
        assert not [line for line in told if secret in line]


def mark_as(conn: Connection, delivery: str, kind: str) -> None:
    conn.execute(update(tables.deliveries).where(tables.deliveries.c.id == delivery).values(kind=kind))
