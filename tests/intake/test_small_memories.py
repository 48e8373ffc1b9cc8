"""Promises of the two small memories at the door: how much a source may send, and who holds an order."""

from app.instants import Instant
from app.intake.bucket import Bucket
from app.intake.holders import Holders
from tests.intake.house import House

NOW = Instant(1_764_000_000_000)


def test_a_batch_larger_than_the_burst_waits_for_a_full_bucket_and_no_longer() -> None:
    bucket = Bucket.full(100.0, 200.0, NOW)
    assert bucket.take(500, NOW) == 0
    assert bucket.take(1, NOW) == 3_010  # what was taken too much is paid back first
    assert bucket.wait_ms(500, NOW) == 5_000
    assert bucket.take(500, Instant(NOW + 5_000)) == 0


def test_a_clock_set_back_neither_fills_nor_empties_a_bucket() -> None:
    bucket = Bucket.full(100.0, 200.0, NOW)
    assert bucket.take(150, NOW) == 0
    assert bucket.take(50, Instant(NOW - 60_000)) == 0
    assert bucket.take(100, NOW) == 1_000  # the minute that came twice counts once


async def test_the_first_session_that_held_an_order_keeps_it(house: House) -> None:
    holders = Holders(house.store)
    holders.remember({("r1", "o1"): "first"})
    holders.remember({("r1", "o1"): "second", ("r1", "o2"): "second"})
    assert await holders.of("r1", ["o1", "o2"]) == {"o1": "first", "o2": "second"}
