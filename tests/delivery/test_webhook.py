"""Promises: a program hears of each change once by its id, signed by the standard; its status is taken at its word."""

import json
import re
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from app.clock import ManualClock
from app.delivery.answers import Reply
from app.delivery.event import EVENT_BYTES, VERSION, Story, event_of
from app.delivery.proof import send_test
from app.delivery.pump import Pump
from app.delivery.webhook import Webhook, key_of, signature
from app.domain.alerts import Evidence, Mark
from app.domain.deliveries import ENDED, Delivery, Standing
from app.domain.effects import Effects
from app.domain.people import Clearance
from app.instants import Instant
from app.store import standings
from tests.delivery.chat import HANG, RESET, Answer, running_chat
from tests.delivery.outbox import HOME, NOW, Outbox, pump_out
from tests.delivery.receiver import FIRST, HOOK, SECOND, Receiver, listened
from tests.store import samples


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with running_chat(chat=receiver):
        yield receiver


@pytest.mark.parametrize(
    ("secret", "message_id", "at_s", "body", "expected"),
    [
        (
            FIRST,
            "msg_0001",
            1767225600,
            '{"type":"alert.firing","timestamp":"2026-01-01T00:00:00Z","data":{"id":"a1"}}',
            "v1,8piRUwzZ7FfphNvytysnMDbdpYj/0DutCtwyA/HrIOA=",
        ),
        (
            FIRST,
            "msg_0002",
            1767225600,
            '{"type":"alert.firing","timestamp":"2026-01-01T00:00:00Z","data":{"title":"库存不足"}}',
            "v1,IARYBewnyukcXxn1XoISZDLKzElVLSmEtRiz2qVCaEA=",
        ),
        (
            SECOND,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            '{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ],
)
def test_signatures_equal_the_known_answers(secret: str, message_id: str, at_s: int, body: str, expected: str) -> None:
    assert signature(secret, message_id, at_s, body.encode()) == expected


@pytest.mark.parametrize(
    "secret", ["", "ZmFrZS1zdGFuZGFyZC13ZWJob29rcy1rZXktMzJieXQ=", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + "A" * 120]
)
def test_a_secret_of_another_form_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|base64|bytes"):
        key_of(secret)


async def test_an_event_is_signed_by_every_secret_and_says_all_that_is_documented(
    any_outbox: Outbox, receiver: Receiver
) -> None:
    listened(any_outbox, receiver)
    (row,) = await any_outbox.plan(channel="hook")
    await pump_out(any_outbox.pump())
    (one,) = receiver.events
    assert (one.id, one.at_s, one.verified) == (row.id, NOW // 1_000, (True, True))
    assert (await any_outbox.row(row)).answer == "took: 对方已接收（HTTP 204）"
    head = {key: value for key, value in one.body.items() if key != "data"}
    assert head == {"version": VERSION, "type": "alert.opened", "timestamp": "2025-11-24T16:00:00.000Z", "test": False}
    data = one.data
    assert data["brand"] == {"id": "cellar", "name": "酒窖"}
    assert data["rooms"] == [data["room"]] == [{"id": "room-live", "name": "room-live", "platform": "douyin"}]
    assert data["session"] == {"id": "live", "title": "周末专场", "kind": "live"}
    assert (data["severity"], data["title"], data["text"]) == ("P1", "礼盒", "礼盒约 3 分钟售罄")
    assert (data["alert"]["rule"], data["alert"]["version"], data["link"]) == ("stock", 1, None)
    assert data["evidence"][0]["text"] == "暖身御寒"


async def test_every_try_has_the_same_id_and_bytes_and_a_time_of_its_own(outbox: Outbox, receiver: Receiver) -> None:
    listened(outbox, receiver)
    receiver.script += [Answer("", status=500), HANG, RESET]
    (row,) = await outbox.plan(channel="hook", severity="P3")
    pump = outbox.pump(patience_s=0.2)
    for _ in range(4):
        await pump_out(pump)
        outbox.clock.advance(40_000)
    assert (await outbox.row(row)).state == "accepted"
    assert {(one.id, one.raw) for one in receiver.events} == {(row.id, receiver.events[0].raw)}
    assert [one.at_s - NOW // 1_000 for one in receiver.events] == [0, 40, 80, 120]
    results = [attempt.result for attempt in await outbox.attempts(row)]
    assert results == ["retry", "unknown", "unknown", "accepted"]


async def test_an_event_nobody_ever_answered_for_is_unknown_when_it_is_of_no_use_any_more(
    outbox: Outbox, receiver: Receiver
) -> None:
    listened(outbox, receiver)
    receiver.script += [RESET] * 9
    (row,) = await outbox.plan(channel="hook", severity="P2", useful_until_ms=NOW + 60_000)
    pump = outbox.pump()
    for _ in range(4):
        await pump_out(pump)
        outbox.clock.advance(40_000)
    assert (await outbox.row(row)).state == "unknown"
    assert len(receiver.events) == 2


async def test_any_2xx_is_success_whatever_becomes_of_the_body(outbox: Outbox, receiver: Receiver) -> None:
    listened(outbox, receiver)
    receiver.script.append(Answer(status=202, how="endless"))
    (row,) = await outbox.plan(channel="hook")
    await pump_out(outbox.pump(patience_s=0.2))
    assert (await outbox.row(row)).state == "accepted"


@pytest.mark.parametrize(
    ("status", "state", "code", "standing"),
    [
        (301, "waiting", "redirect", ""),
        (400, "failed", "refused", ""),
        (401, "failed", "not_allowed", "stopped"),
        (410, "failed", "gone", "stopped"),
        (429, "waiting", "too_many", "resting"),
        (500, "waiting", "server_error", ""),
        (503, "waiting", "server_error", ""),
    ],
)
async def test_every_other_status_has_the_fate_the_standard_gives_it(
    outbox: Outbox, receiver: Receiver, status: int, state: str, code: str, standing: str
) -> None:
    listened(outbox, receiver)
    receiver.script.append(Answer("no", status=status, headers=(f"Location: {receiver.url}",)))
    (row,) = await outbox.plan(channel="hook")
    await pump_out(outbox.pump())
    now = await outbox.row(row)
    assert (now.state, now.answer.partition(":")[0], len(receiver.events)) == (state, code, 1)
    assert [one.state for one in outbox.standings] == ([standing] if standing else [])


async def test_a_redirect_is_not_followed_and_stops_the_channel_after_three(outbox: Outbox, receiver: Receiver) -> None:
    listened(outbox, receiver)
    receiver.script += [Answer("", status=301, headers=("Location: http://169.254.169.254/",))] * 3
    (row,) = await outbox.plan(channel="hook")
    pump = outbox.pump()
    for _ in range(3):
        await pump_out(pump)
        outbox.clock.advance(10_000)
    assert (await outbox.row(row)).answer == "redirect: 对方要求转到别的地址（HTTP 301），不跟随"
    assert outbox.standings[-1].state == "stopped"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_to_wait_is_left_alone_for_as_long_as_it_says(
    outbox: Outbox, receiver: Receiver, status: int
) -> None:
    listened(outbox, receiver)
    receiver.script.append(Answer("", status=status, headers=("Retry-After: 7",)))
    (row,) = await outbox.plan(channel="hook")
    pump = outbox.pump()
    await pump_out(pump)
    assert (await outbox.row(row)).attempts == 0
    outbox.clock.advance(6_999)
    await pump_out(pump)
    assert len(receiver.events) == 1
    outbox.clock.advance(1)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"
    assert [one.state for one in outbox.standings] == ["resting", "open"]


async def gone(outbox: Outbox, receiver: Receiver) -> Pump:
    """Let a channel be told 410."""
    listened(outbox, receiver)
    receiver.script.append(Answer("", status=410))
    await outbox.plan(channel="hook")
    pump = outbox.pump()
    await pump_out(pump)
    return pump


async def sends_again(outbox: Outbox, pump: Pump) -> bool:
    now = outbox.clock.now()
    (row,) = await outbox.plan(channel="hook", due_ms=now, useful_until_ms=now + 60_000)
    await pump_out(pump)
    return (await outbox.row(row)).state == "accepted"


async def test_a_receiver_that_is_gone_is_asked_no_more_by_the_next_pump_either(
    any_outbox: Outbox, receiver: Receiver
) -> None:
    pump = await gone(any_outbox, receiver)
    any_outbox.clock.advance(86_400_000)
    assert not await sends_again(any_outbox, pump)
    assert not await sends_again(any_outbox, any_outbox.pump())
    assert len(receiver.events) == 1


async def test_another_address_or_a_test_that_went_well_anywhere_opens_it_again(
    any_outbox: Outbox, receiver: Receiver
) -> None:
    pump = await gone(any_outbox, receiver)
    opened = Standing("hook", "open")  # as `channel test` writes it, perhaps in another process
    await any_outbox.store.write(lambda conn: standings.stand(conn, opened, "", NOW))
    assert await sends_again(any_outbox, pump)
    moved = await gone(any_outbox, receiver)
    assert not await sends_again(any_outbox, moved)
    async with running_chat(chat=Receiver()) as elsewhere:
        any_outbox.environ["HOOK"] = elsewhere.url
        assert await sends_again(any_outbox, any_outbox.pump())
    assert await any_outbox.store.read(standings.standings) == {}


async def test_a_receiver_without_a_usable_secret_says_which_and_is_sent_nothing(
    outbox: Outbox, receiver: Receiver
) -> None:
    listened(outbox, receiver)
    outbox.environ["OLD"] = "hunter2"
    (row,) = await outbox.plan(channel="hook")
    await pump_out(outbox.pump())
    answer = (await outbox.row(row)).answer
    assert answer.startswith("bad_secret: 环境变量 OLD ")
    assert "hunter2" not in answer
    assert receiver.events == []


async def test_opened_changed_and_ended_are_told_apart_and_an_end_is_not_cancelled(
    outbox: Outbox, receiver: Receiver
) -> None:
    listened(outbox, receiver)
    (row,) = await outbox.plan(channel="hook")
    pump = outbox.pump()
    await pump_out(pump)
    for version, recipient in ((2, ""), (3, ENDED)):
        alert = replace(samples.alert("live", version, ended=recipient == ENDED), id=row.alert)
        told = samples.delivery(
            alert, "live", channel="hook", recipient=recipient, planned_ms=NOW + version, id=f"row{version}"
        )
        outbox.position += 1
        await outbox.commit(outbox.live, Effects(alerts={alert.id: alert}, deliveries=[told]))
        if recipient != ENDED:
            await pump_out(pump)
    acked = replace(samples.alert("live", 4, acked=True), id=row.alert)
    outbox.position += 1
    await outbox.commit(outbox.live, Effects(alerts={acked.id: acked}, cancels=[acked.id]))
    await pump_out(pump)
    assert [one.body["type"] for one in receiver.events] == ["alert.opened", "alert.changed", "alert.ended"]
    assert receiver.events[-1].data["alert"]["ended_ms"] == NOW + 3  # as it was then, though acknowledged since


@pytest.mark.parametrize("clearance", list(Clearance))
async def test_restricted_evidence_goes_only_where_it_may(
    outbox: Outbox, receiver: Receiver, clearance: Clearance
) -> None:
    listened(outbox, receiver, clearance=clearance)
    await outbox.plan(channel="hook", restricted=True)
    await pump_out(outbox.pump())
    (one,) = receiver.events
    assert (one.data["restricted"], bool(one.data["evidence"])) == (True, clearance is Clearance.RESTRICTED)
    assert ("御寒" in one.raw.decode()) == (clearance is Clearance.RESTRICTED)


async def test_programs_get_an_event_for_each_row_however_many_wait(outbox: Outbox, receiver: Receiver) -> None:
    channel = listened(outbox, receiver)
    outbox.channels["hook"] = replace(channel, per_minute=9, reserve_critical=0)
    rows = await outbox.plan(9, channel="hook", severity="P3")
    await pump_out(outbox.pump())
    assert {one.id for one in receiver.events} == {row.id for row in rows}


def test_an_event_stays_under_its_bound_and_says_what_was_cut() -> None:
    alert = replace(
        samples.alert("live"), evidence=tuple(Evidence("speech", NOW + n, text="御" * 900) for n in range(40))
    )
    row: Delivery = samples.delivery(alert, "live", title="长" * 999, text="长" * 9_999)
    body = event_of(row, Story(samples.plan("r"), alert, True), HOOK, "https://control.example.com")
    assert len(body) <= EVENT_BYTES
    assert b'"cut":true' in body
    assert f'"at_ms":{NOW + 19}'.encode() in body
    assert b'"link":"https://control.example.com/rooms/r"' in body


@pytest.mark.parametrize(("title", "text", "action", "quoted", "cut"), [
    (200, 2_000, 2_000, 500, False),
    (201, 2_000, 2_000, 500, True),
    (200, 2_001, 2_000, 500, True),
    (200, 2_000, 2_001, 500, True),
    (200, 2_000, 2_000, 501, True),
])  # fmt: skip
def test_whatever_was_shortened_is_said(title: int, text: int, action: int, quoted: int, cut: bool) -> None:
    words = dict.fromkeys(("zh-CN", "zh-TW", "en"), "a" * action)
    evidence = (Evidence("speech", NOW, text="e" * quoted),)
    alert = replace(samples.alert("live"), action=words, evidence=evidence)
    row = samples.delivery(alert, "live", title="t" * title, text="x" * text)
    told = json.loads(event_of(row, Story(samples.plan("r"), alert, True), HOOK, ""))
    assert told["data"]["cut"] is cut


def test_a_mark_beyond_the_cut_of_its_words_is_left_out() -> None:
    marks = tuple(Mark(end - 2, end, "御寒", "health", "block") for end in (500, 501))
    alert = replace(samples.alert("live"), evidence=(Evidence("speech", NOW, text="御" * 900, marks=marks),))
    told = json.loads(event_of(samples.delivery(alert, "live"), Story(samples.plan("r"), alert, True), HOOK, ""))
    (said,) = told["data"]["evidence"]
    assert (len(said["text"]), [mark["end"] for mark in said["marks"]]) == (500, [500])


def test_the_status_alone_is_read() -> None:
    assert Webhook().judge(Reply(500, b'{"errcode":0,"errmsg":"ok"}')).verdict == "transient"


async def test_a_test_is_of_a_type_of_its_own(receiver: Receiver) -> None:
    environ = {"HOOK": receiver.url, "NEW": FIRST, "OLD": SECOND}
    proof = await send_test(HOOK, clock=ManualClock(Instant(NOW)), language="en", reach=HOME, environ=environ)
    assert (proof.passed, proof.lines) == (True, ("HOOK: accepted: HTTP 204",))
    (one,) = receiver.events
    assert one.verified == (True, True)
    assert (one.body["type"], one.body["test"]) == ("channel.test", True)
    assert re.fullmatch(r"test-hook-\d+", one.id)
