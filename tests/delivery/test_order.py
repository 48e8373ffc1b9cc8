"""Promises of several messages of one alert: a group reads them in order, and a newer one takes an older's place."""

from functools import partial
from typing import Any

from msgspec.structs import replace

from app.delivery.pump import HOLD_MS
from app.domain.deliveries import Delivery
from app.domain.effects import Effects
from app.instants import later
from tests.delivery.chat import RESET, Answer, Chat
from tests.delivery.outbox import GROUP, NOW, Outbox, pump_out
from tests.store import samples

BROKEN = Answer("", status=502)


async def worse(outbox: Outbox, row: Delivery, **changed: Any) -> Delivery:
    """Plan what is told of the same alert when it gets worse, as the ledger would."""
    at = outbox.clock.now()
    alert = replace(samples.alert(outbox.live.id, version=2), id=row.alert)
    newer = samples.delivery(alert, outbox.live.id, "live", severity="P1", change=2, **changed)
    newer = replace(newer, planned_ms=at, due_ms=at, useful_until_ms=at + 300_000, text="更糟")
    outbox.position += 1
    await outbox.commit(outbox.live, Effects(alerts={alert.id: alert}, deliveries=[newer]))
    return newer


async def test_what_still_gathers_is_not_told_after_it_got_worse(any_outbox: Outbox, chat: Chat) -> None:
    (first,) = await any_outbox.plan(severity="P2", due_ms=later(NOW, 5_000))
    any_outbox.clock.advance(2_000)
    newer = await worse(any_outbox, first)
    pump = any_outbox.pump()
    await pump_out(pump)
    any_outbox.clock.advance(5_000)
    await pump_out(pump)
    assert [text for text in chat.texts if "更糟" in text] == chat.texts
    assert ((await any_outbox.row(newer)).state, (await any_outbox.row(first)).state) == ("accepted", "cancelled")
    assert (await any_outbox.row(first)).answer.startswith("superseded: ")


async def test_what_waits_for_its_next_try_is_not_told_after_a_newer_one(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(BROKEN)
    (first,) = await outbox.plan(severity="P2")
    pump = outbox.pump()
    await pump_out(pump)
    newer = await worse(outbox, first)
    outbox.clock.advance(30_000)
    await pump_out(pump)
    assert [(await outbox.row(row)).state for row in (first, newer)] == ["cancelled", "accepted"]
    assert len(chat.received) == 2


async def test_an_older_one_goes_when_the_newer_came_to_nothing(outbox: Outbox, chat: Chat) -> None:
    (first,) = await outbox.plan(severity="P2", due_ms=later(NOW, 5_000))
    chat.script += [Answer('{"errcode":999,"errmsg":"no"}')]
    newer = await worse(outbox, first)
    pump = outbox.pump()
    await pump_out(pump)
    outbox.clock.advance(5_000)
    await pump_out(pump)
    assert [(await outbox.row(row)).state for row in (first, newer)] == ["accepted", "failed"]


async def test_other_groups_and_other_alerts_are_no_newer_ones(outbox: Outbox, chat: Chat) -> None:
    outbox.channels["other"] = replace(GROUP, name="other")
    first, stranger = await outbox.plan(2, severity="P2")
    await worse(outbox, first, channel="other")
    await pump_out(outbox.pump())
    assert [(await outbox.row(row)).state for row in (first, stranger)] == ["accepted", "accepted"]


async def test_one_that_came_while_the_connection_was_made_is_seen(outbox: Outbox, chat: Chat) -> None:
    (first,) = await outbox.plan(severity="P2")
    (claimed,) = await outbox.claim("me")
    made = outbox.dispatch("me", resolve=partial(_slowly, outbox, first))
    await made.deliver([claimed], later(NOW, HOLD_MS))
    assert chat.received == []
    assert (await outbox.row(first)).state == "waiting"


async def _slowly(outbox: Outbox, row: Delivery, host: str, _: int) -> list[str]:
    await worse(outbox, row)
    return ["127.0.0.1"]


async def test_what_may_have_arrived_is_not_called_cancelled(any_outbox: Outbox, chat: Chat) -> None:
    chat.script += [RESET, RESET]
    acked, overtaken = await any_outbox.plan(2, severity="P1")
    pump = any_outbox.pump()
    await pump_out(pump)
    await any_outbox.acknowledge(acked)
    await worse(any_outbox, overtaken)
    any_outbox.clock.advance(30_000)
    await pump_out(pump)
    found = [await any_outbox.row(row) for row in (acked, overtaken)]
    assert [row.state for row in found] == ["unknown", "unknown"]
    assert len(chat.received) == 3
