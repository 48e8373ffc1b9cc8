"""Promises: nothing is sent after its claim has ended, and a pump that gives way leaves everything as it should be."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from app.delivery.dispatch import ANSWER_MS
from app.delivery.pump import HOLD_MS
from app.domain.deliveries import Delivery
from app.errors import Unavailable
from app.instants import later
from tests.delivery.chat import HANG, Chat
from tests.delivery.outbox import NOW, Outbox, pump_out
from tests.store.away import Away


class Pause:
    """A resolver under which the process stands still for a while: it wakes between its last look and sending."""

    def __init__(self, outbox: Outbox, span_ms: int, *, others: bool = False) -> None:
        self._outbox, self._span, self._others = outbox, span_ms, others
        self.taken: list[Delivery] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self._outbox.clock.advance(self._span)
        if self._others:
            self.taken = await self._outbox.claim("another")
        return ["127.0.0.1"]


async def test_a_pump_that_was_paused_longer_than_its_claim_sends_nothing_on_waking(
    any_outbox: Outbox, chat: Chat
) -> None:
    pause = Pause(any_outbox, HOLD_MS, others=True)
    (row,) = await any_outbox.plan(severity="P1")
    (claimed,) = await any_outbox.claim("paused")
    await any_outbox.dispatch("paused", resolve=pause).deliver([claimed], later(NOW, HOLD_MS))
    assert chat.received == []
    assert await any_outbox.attempts(row) == []
    (taken,) = pause.taken
    await any_outbox.dispatch("another").deliver([taken], later(NOW, 2 * HOLD_MS))
    assert (await any_outbox.row(row)).state == "accepted"
    assert ["重发" in text for text in chat.texts] == [True]


@pytest.mark.parametrize(("left_ms", "sends"), [(ANSWER_MS, True), (ANSWER_MS - 1, False)])
async def test_what_could_not_be_answered_within_the_claim_waits_for_a_new_one(
    outbox: Outbox, chat: Chat, left_ms: int, sends: bool
) -> None:
    (row,) = await outbox.plan(severity="P2")
    (claimed,) = await outbox.claim("late")
    dispatch = outbox.dispatch("late", resolve=Pause(outbox, HOLD_MS - left_ms))
    await dispatch.deliver([claimed], later(NOW, HOLD_MS))
    now = await outbox.row(row)
    assert (now.state, now.attempts, len(chat.received)) == (("accepted", 1, 1) if sends else ("waiting", 0, 0))
    await pump_out(outbox.pump())
    assert len(chat.received) == 1


async def test_an_acknowledgement_while_the_connection_was_made_is_seen(outbox: Outbox, chat: Chat) -> None:
    (row,) = await outbox.plan()
    (claimed,) = await outbox.claim("me")

    async def slow(host: str, port: int) -> Sequence[str]:
        await outbox.acknowledge(row)
        return ["127.0.0.1"]

    await outbox.dispatch("me", resolve=slow).deliver([claimed], later(NOW, HOLD_MS))
    await pump_out(outbox.pump())
    assert chat.received == []
    assert (await outbox.row(row)).state == "cancelled"


async def test_a_pump_that_resigns_writes_down_what_was_on_its_way_and_begins_anew(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(HANG)
    (hanging,) = await outbox.plan(severity="P2")
    pump = outbox.pump()
    await pump.turn()
    await chat.arrived.wait()
    await pump.resign()
    assert (await outbox.row(hanging)).answer.startswith("interrupted: ")
    chat.release.set()
    await outbox.plan(18, severity="P1")
    await pump_out(outbox.pump())  # another works meanwhile, and spends what the minute allows
    (row,) = await outbox.plan(severity="P1")
    await pump_out(pump)
    assert (await outbox.row(row)).state == "waiting"
    outbox.clock.advance(60_000)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"


async def test_what_a_resigning_pump_had_taken_and_not_sent_is_the_next_ones_at_once(
    any_outbox: Outbox, chat: Chat
) -> None:
    (row,) = await any_outbox.plan(severity="P2")
    pump = any_outbox.pump()
    await pump.turn()  # claimed, and on its way to the door
    await pump.resign()
    assert (await any_outbox.row(row)).state == "waiting"
    await pump_out(any_outbox.pump())
    assert (await any_outbox.row(row)).state == "accepted"
    assert len(chat.received) == 1


async def test_a_claim_that_was_cut_off_before_anything_was_tried_is_given_back(outbox: Outbox, chat: Chat) -> None:
    (row,) = await outbox.plan(severity="P2")
    pump = outbox.pump()
    await outbox.claim(pump.name)  # as of a turn that was cancelled right after
    await pump.resign()
    await pump_out(outbox.pump())
    assert (await outbox.row(row)).state == "accepted"


@pytest.mark.parametrize("at", [{"write": 1}, {"read": 2}, {"write": 2}])
async def test_what_was_claimed_when_the_database_went_away_is_sent_when_it_is_back(
    outbox: Outbox, chat: Chat, at: dict[str, int]
) -> None:
    """Lost are the answer to the claim, the look at what waits beside it, the answer to the claim of that."""
    outbox.channels["group"] = replace(outbox.channels["group"], per_minute=4, reserve_critical=0)
    pump = outbox.pump()
    await pump.turn()  # it has learnt what was sent before
    rows = await outbox.plan(8, severity="P2")
    with Away.at(outbox.store, **at), pytest.raises(Unavailable):
        await pump.turn()
    assert any(held.state == "sending" for held in [await outbox.row(row) for row in rows])
    await pump_out(pump)
    assert {(row.state, row.attempts) for row in [await outbox.row(row) for row in rows]} == {("accepted", 1)}
    assert len(chat.received) == 1
