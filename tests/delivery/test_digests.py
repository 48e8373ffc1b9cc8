"""Promises: when a minute runs short lesser messages go as one, urgent ones never, and every row says its own fate."""

from msgspec.structs import replace

from app.delivery.pump import DIGEST_MOST
from app.delivery.robots import digest_of
from tests.delivery.chat import RESET, TOO_MANY, Answer, Chat
from tests.delivery.outbox import Outbox, pump_out
from tests.store import samples

DISLIKED = Answer('{"errcode":430104,"errmsg":"content refused"}')


async def test_what_the_minute_takes_goes_one_by_one(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(8, severity="P2")
    await pump_out(outbox.pump())
    assert len(chat.received) == 8


async def test_what_it_would_not_take_is_joined_and_each_row_says_so(any_outbox: Outbox, chat: Chat) -> None:
    rows = await any_outbox.plan(19, severity="P3", text="[P3 提示] 弹幕冷场\n处置：抛一个问题\n酒窖｜周末专场")
    await pump_out(any_outbox.pump())
    (one,) = chat.received
    assert one.body["markdown"]["title"] == "[P3] 19 条消息合为一条"
    assert all(f"{row.alert[:6]}-1" in one.text for row in rows)
    assert "抛一个问题" in one.text
    found = [await any_outbox.row(row) for row in rows]
    assert {(row.state, row.answer) for row in found} == {("accepted", "0 ok · joined: 与另外 18 条合为一条发送")}


async def test_urgent_messages_go_alone_beside_a_digest(outbox: Outbox, chat: Chat) -> None:
    lesser = await outbox.plan(DIGEST_MOST + 5, severity="P2")
    urgent = await outbox.plan(2, severity="P1", text="马上")
    await pump_out(outbox.pump())
    alone = [text for text in chat.texts if "马上" in text]
    assert len(alone) == len(urgent)
    assert not [text for text in alone if any(f"{row.alert[:6]}-1" in text for row in lesser)]
    assert {(await outbox.row(row)).state for row in (*lesser, *urgent)} == {"accepted"}
    assert len(chat.received) <= len(urgent) + 6


async def test_a_digest_nobody_answered_for_leaves_every_row_unknown(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(RESET)
    rows = await outbox.plan(15, severity="P2")
    await pump_out(outbox.pump())
    found = [await outbox.row(row) for row in rows]
    assert {row.state for row in found} == {"unknown"}
    assert all(row.answer.startswith("connection_lost: ") and "另外 14 条" in row.answer for row in found)
    assert len(chat.received) == 1


async def test_a_digest_that_was_too_many_waits_whole_and_counts_for_no_try(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer(TOO_MANY))
    rows = await outbox.plan(15, severity="P2")
    pump = outbox.pump()
    await pump_out(pump)
    assert {((await outbox.row(row)).state, (await outbox.row(row)).attempts) for row in rows} == {("waiting", 0)}
    outbox.clock.advance(60_000)
    await pump_out(pump)
    assert {(await outbox.row(row)).state for row in rows} == {"accepted"}
    assert len(chat.received) == 2


async def test_rows_of_a_digest_the_platform_dislikes_go_by_themselves(outbox: Outbox, chat: Chat) -> None:
    outbox.channels["group"] = replace(outbox.channels["group"], per_minute=4, reserve_critical=0)
    chat.script += [DISLIKED]
    rows = await outbox.plan(5, severity="P2", useful_until_ms=samples.NOW + 600_000)
    pump = outbox.pump()
    for _ in range(3):
        await pump_out(pump)
        outbox.clock.advance(60_000)
    assert {(await outbox.row(row)).state for row in rows} == {"accepted"}
    assert len(chat.received) == 6


async def test_a_row_that_was_acknowledged_meanwhile_is_left_out(outbox: Outbox, chat: Chat) -> None:
    rows = await outbox.plan(15, severity="P2")
    await outbox.acknowledge(rows[3])
    await pump_out(outbox.pump())
    assert (await outbox.row(rows[3])).state == "cancelled"
    assert rows[3].alert[:6] not in chat.received[0].text


def test_as_many_rows_as_are_joined_fit_whole() -> None:
    row = samples.delivery(samples.alert("live"), "live", text="𠮷" * 400)
    text = digest_of([replace(row, alert=f"{n:06}") for n in range(DIGEST_MOST)]).text
    assert len(text.encode()) < 18_000
    assert all(f"{n:06}-1" in text for n in range(DIGEST_MOST))
