"""Promises of the log in memory: what waits is bounded by its bytes too."""

import pytest

from app.bus.memory import MemorySessionLog
from app.bus.ports import Committed
from app.errors import Unavailable
from tests.bus.test_contract import entry, take_all


async def test_bytes_that_wait_are_bounded_and_given_back_when_settled() -> None:
    log = MemorySessionLog(waiting_bytes=1_000)
    await log.append_all([("a", entry("one", 3)), ("b", entry("two", 2))], 900)
    with pytest.raises(Unavailable):
        await log.append_all([("c", entry("more"))], 101)
    await log.append_all([("c", entry("fits"))], 100)
    for n, waiting in enumerate(await take_all(log, 3)):
        with pytest.raises(Unavailable):
            await log.append_all([("d", entry(f"early{n}"))], 1_000)
        await log.settle(waiting, Committed(2, 2))
    await log.append_all([("d", entry("now"))], 1_000)


async def test_one_that_is_larger_than_the_bound_is_taken_when_nothing_waits() -> None:
    log = MemorySessionLog(waiting_bytes=10)
    await log.append_all([("a", entry("large"))], 100)
    with pytest.raises(Unavailable):
        await log.append_all([("a", entry("another"))], 1)
    await log.append("a", entry("a command has no weight"))
