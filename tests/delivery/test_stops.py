"""Promises: however a pump ends, no message is lost, none is sent twice by two, and a repeat says that it is one."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from msgspec.structs import replace

from app.delivery.fates import sent
from app.delivery.pump import HOLD_MS
from app.domain.workspace import Channel
from app.errors import Unavailable
from app.instants import later
from app.store import deliveries
from app.store.deliveries import Attempt
from tests.delivery.chat import HANG, RESET, SECRET, Answer, Chat
from tests.delivery.outbox import NOW, Outbox, pump_out
from tests.store.away import Away

PUMP = """
import asyncio, sys
from app.delivery.pump import Pump
from app.store.database import Store
from tests.delivery.outbox import GROUP, HOME, ManualClock, NOW

async def main():
    store = await Store.open(sys.argv[1])
    pump = Pump(store=store, clock=ManualClock(NOW), channel={"group": GROUP}.get, reach=HOME)
    await pump.run()

asyncio.run(main())
"""


async def killed_while_sending(outbox: Outbox, chat: Chat, url: str) -> None:
    """Run a pump in a process of its own, and kill it when its message has arrived and is not answered."""
    chat.script.append(HANG)
    environ = {**os.environ, "URL": chat.url, "SECRET": SECRET}
    process = subprocess.Popen([sys.executable, "-c", PUMP, url], env=environ)
    try:
        async with asyncio.timeout(60):
            await chat.arrived.wait()
    finally:
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    chat.release.set()


@pytest.mark.parametrize("alone", [True, False])
async def test_an_urgent_message_whose_pump_was_killed_goes_again_and_says_so(
    any_outbox: Outbox, chat: Chat, database_url: str, alone: bool
) -> None:
    (row,) = await any_outbox.plan(severity="P1")
    await killed_while_sending(any_outbox, chat, database_url)
    assert (await any_outbox.row(row)).state == "sending"
    if not alone:
        any_outbox.clock.advance(HOLD_MS)
    await pump_out(any_outbox.pump(alone=alone))
    assert (await any_outbox.row(row)).state == "accepted"
    assert ["重发" in text for text in chat.texts] == [False, True]


async def test_a_lesser_message_whose_pump_was_killed_is_unknown_and_not_sent_again(
    outbox: Outbox, chat: Chat, sqlite_url: str
) -> None:
    (row,) = await outbox.plan(severity="P2")
    await killed_while_sending(outbox, chat, sqlite_url)
    await pump_out(outbox.pump(alone=True))
    assert (await outbox.row(row)).state == "unknown"
    assert len(chat.received) == 1


async def test_a_message_whose_pumps_were_lost_twice_is_unknown(any_outbox: Outbox, chat: Chat) -> None:
    (row,) = await any_outbox.plan(severity="P1")
    for claimer in ("first", "second"):
        assert len(await any_outbox.claim(claimer)) == 1
        any_outbox.clock.advance(HOLD_MS)
    await pump_out(any_outbox.pump())
    assert (await any_outbox.row(row)).state == "unknown"
    assert chat.received == []


async def test_a_message_that_may_have_arrived_is_never_called_unsent(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(RESET)
    (row,) = await outbox.plan(severity="P1")
    pump = outbox.pump()
    await pump_out(pump)
    outbox.clock.advance(300_000)
    await pump_out(pump)
    assert outbox.states(row) == ["sending", "waiting", "unknown"]


def generous(outbox: Outbox) -> Channel:
    return replace(outbox.channels["group"], per_minute=600)


async def test_two_pumps_send_each_message_once(any_outbox: Outbox, chat: Chat) -> None:
    rows = await any_outbox.plan(30, severity="P1")
    any_outbox.channels["group"] = generous(any_outbox)
    await asyncio.gather(*(pump_out(any_outbox.pump()) for _ in range(2)))
    assert len(chat.texts) == len(set(chat.texts)) == 30
    assert {(await any_outbox.row(row)).state for row in rows} == {"accepted"}


async def test_stopping_writes_down_what_was_on_its_way(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(HANG)
    (row,) = await outbox.plan(severity="P2")
    pump = outbox.pump()
    running = asyncio.create_task(pump.run())
    await chat.arrived.wait()
    await pump.stop(grace_s=0.01)
    await running
    assert (await outbox.row(row)).state == "unknown"
    assert (await outbox.row(row)).answer.startswith("interrupted: ")


async def test_a_stopped_pump_takes_nothing_more(outbox: Outbox, chat: Chat) -> None:
    pump = outbox.pump()
    running = asyncio.create_task(pump.run())
    await pump.stop()
    await running
    await outbox.plan()
    await pump.turn()
    assert chat.received == []


async def test_a_running_pump_is_woken_by_new_rows(outbox: Outbox, chat: Chat) -> None:
    pump = outbox.pump()
    running = asyncio.create_task(pump.run())
    await asyncio.sleep(0.01)
    await outbox.plan()
    pump.wake()
    async with asyncio.timeout(4):  # it looks by itself only after five
        await chat.arrived.wait()
    await pump.stop()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_budget_outlives_its_pump(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(18, severity="P1")
    await pump_out(outbox.pump())
    assert len(chat.received) == 18
    (row,) = await outbox.plan(severity="P1")
    after = outbox.pump()
    await pump_out(after)
    assert len(chat.received) == 18
    outbox.clock.advance(60_000)
    await pump_out(after)
    assert (await outbox.row(row)).state == "accepted"


async def test_what_a_killed_pump_may_have_sent_counts_against_the_next_ones_minute(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(16, severity="P1")
    await pump_out(outbox.pump())
    await outbox.plan(4, severity="P1", text="在路上")
    assert len(await outbox.claim("killed")) == 4
    rows = await outbox.plan(2, severity="P1", text="之后")
    await pump_out(outbox.pump(alone=True))
    assert len(chat.received) == 16
    assert {(await outbox.row(row)).state for row in rows} == {"waiting"}
    outbox.clock.advance(60_000)
    await pump_out(outbox.pumps[-1])
    assert {(await outbox.row(row)).state for row in rows} == {"accepted"}


async def test_a_slow_answer_counts_from_when_it_came_for_the_next_pump(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(severity="P1")
    (claimed,) = await outbox.claim("slow")
    attempt = Attempt(0, NOW, "slow", "retry", "x", 12_000)
    await outbox.store.write(
        partial(deliveries.put_back, claimed=claimed, claimer="slow", attempt=attempt, next_ms=later(NOW, 65_000))
    )
    since = later(NOW, 5_000)
    ((_, tried),) = (await outbox.store.read(partial(deliveries.tried_since, since=since))).items()
    assert sent(tried) == [later(NOW, 12_000)]


async def test_a_digest_is_one_message_to_the_next_pump_too(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(19, severity="P2")
    await pump_out(outbox.pump())
    assert len(chat.received) == 1
    rows = await outbox.plan(17, severity="P1")
    await pump_out(outbox.pump())
    assert {(await outbox.row(row)).state for row in rows} == {"accepted"}
    (over,) = await outbox.plan(severity="P1")
    await pump_out(outbox.pump())
    assert (await outbox.row(over)).state == "waiting"


async def test_a_pump_whose_database_went_away_while_it_began_counts_nothing_twice(outbox: Outbox, chat: Chat) -> None:
    await outbox.plan(9, severity="P1")
    await pump_out(outbox.pump())
    pump = outbox.pump()
    with Away.at(outbox.store, read=2), pytest.raises(Unavailable):  # it has learnt what was sent, and no more
        await pump.turn()
    rows = await outbox.plan(9, severity="P1")
    await pump_out(pump)
    assert {(await outbox.row(row)).state for row in rows} == {"accepted"}


async def test_attempts_of_a_message_are_numbered_in_order(outbox: Outbox, chat: Chat) -> None:
    chat.script += [Answer("", status=500), Answer("", status=500)]
    (row,) = await outbox.plan()
    pump = outbox.pump()
    for _ in range(3):
        await pump_out(pump)
        outbox.clock.advance(5_000)
    found = [(attempt.n, attempt.result) for attempt in await outbox.attempts(row)]
    assert found == [(1, "retry"), (2, "retry"), (3, "accepted")]
