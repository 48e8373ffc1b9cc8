"""Promises of the logs in memory: what waits is bounded by its bytes too, and what is shown no more takes no room."""

import pytest

from app.bus.memory import MemoryFrameLog, MemorySessionLog
from app.bus.ports import Committed, Stored
from app.errors import FenceLost, Unavailable
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


async def test_a_board_that_is_shown_no_more_takes_no_room_and_its_numbers_go_on() -> None:
    frames = MemoryFrameLog()
    for n in range(100):
        await frames.put_snapshot(f"b{n}", 5, 0, [b"s"])
        await frames.publish(f"b{n}", Stored(5, 1, b"d"))
        await frames.forget(f"b{n}", 5)
        assert await frames.wait(f"b{n}", 5, 1, 0) == ()
    assert not frames._rings
    with pytest.raises(FenceLost):
        await frames.publish("b0", Stored(4, 9, b"an old owner's"))
    await frames.publish("b1", Stored(5, 1, b"told before"))
    assert await frames.since("b1", 5, 1) == []
    assert await frames.since("b1", 5, 0) is None
