"""Promises: of two pumps one sends; it keeps its lease until what it sent is settled, and sends nothing without one."""

import asyncio

from app.bus.memory import MemoryOwnership
from app.delivery.pump import HOLD_MS
from app.delivery.standby import LEASE, Standby
from app.domain.identity import Fence
from app.instants import later
from tests.delivery.chat import HANG, Chat
from tests.delivery.outbox import NOW, Outbox, pump_out

LEASE_MS = 150


class Silent(MemoryOwnership):
    """Gives a lease and does not answer any more."""

    async def renew(self, name: str, fence: Fence, within_ms: int) -> bool:
        await asyncio.Event().wait()
        return False


async def test_a_stopping_pump_keeps_its_lease_while_a_message_is_on_its_way_and_no_longer(
    outbox: Outbox, chat: Chat
) -> None:
    chat.script.append(HANG)
    (hanging,) = await outbox.plan()
    leases = MemoryOwnership()
    standby = Standby(outbox.pump(), leases, LEASE_MS)
    running = asyncio.create_task(standby.run())
    await chat.arrived.wait()
    stopping = asyncio.create_task(standby.stop())
    await asyncio.sleep(2 * LEASE_MS / 1_000)
    (fresh,) = await outbox.plan()
    assert await leases.acquire(LEASE, LEASE_MS) is None
    chat.release.set()
    await stopping
    assert await leases.acquire(LEASE, LEASE_MS) is not None
    assert (await outbox.row(hanging)).state == "accepted"
    assert (await outbox.row(fresh)).state == "waiting"
    await running


async def test_without_a_lease_that_was_renewed_nothing_is_sent(outbox: Outbox, chat: Chat) -> None:
    pump = outbox.pump()
    standby = Standby(pump, Silent(), LEASE_MS)
    running = asyncio.create_task(standby.run())
    await asyncio.sleep(1.5 * LEASE_MS / 1_000)
    (row,) = await outbox.plan()
    pump.wake()
    await asyncio.sleep(0.1)
    await standby.stop()
    await running
    assert (chat.received, (await outbox.row(row)).state) == ([], "waiting")


async def test_a_lease_that_ended_while_the_connection_was_made_lets_nothing_leave(outbox: Outbox, chat: Chat) -> None:
    (row,) = await outbox.plan()
    (claimed,) = await outbox.claim("paused")
    dispatch = outbox.dispatch("paused")
    dispatch.may_leave = lambda: False
    await dispatch.deliver([claimed], later(NOW, HOLD_MS))
    assert (chat.received, (await outbox.row(row)).state) == ([], "waiting")


async def test_a_stopping_pump_gives_back_what_it_claimed_and_never_sent(outbox: Outbox, chat: Chat) -> None:
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await outbox.claim(pump.name)  # as of a turn that was cut off right after
    await pump.stop()
    await pump_out(outbox.pump())
    assert ((await outbox.row(row)).state, len(chat.received)) == ("accepted", 1)
