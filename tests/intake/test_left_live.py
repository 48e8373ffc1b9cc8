"""Promises of sessions that were left live: ended after half a day of silence, and only then."""

from functools import partial

import pytest

from app.domain.session_clock import SessionClock
from app.instants import HOUR, MINUTE
from app.intake.left_live import LeftLive
from app.store.sessions import session
from tests.intake.house import House


@pytest.fixture
def left(house: House) -> LeftLive:
    return LeftLive(store=house.store, desk=house.desk, clock=house.clock, after_hours=12)


async def state(house: House, session_id: str) -> str:
    return (await house.store.read(partial(session, session_id=session_id))).state


async def test_a_session_is_ended_half_a_day_after_it_was_last_heard_of(house: House, left: LeftLive) -> None:
    silent, _ = await house.directory.open("wine-dy", "live")
    house.clock.advance(6 * HOUR)
    other, _ = await house.directory.open("tea-dy", "live")
    house.clock.advance(6 * HOUR - MINUTE)
    assert await left.end_them() == []
    house.clock.advance(MINUTE)
    assert await left.end_them() == [silent.id]
    assert await left.end_them() == []
    assert (await state(house, silent.id), await state(house, other.id)) == ("ended", "live")
    again, new = await house.directory.open("wine-dy", "live")
    assert new, "the next evening has a session of its own"
    assert again.id != silent.id


async def test_one_that_is_planned_waits_for_its_evening(house: House, left: LeftLive) -> None:
    await house.directory.open("wine-dy", "live", live=False)
    house.clock.advance(200 * HOUR)
    assert await left.end_them() == []


async def test_one_whose_clock_stands_is_ended_when_its_driver_has_gone(house: House, left: LeftLive) -> None:
    start = house.clock.now()
    replay, _ = await house.directory.open("wine-dy", "replay", clock=SessionClock(start, start - 900 * HOUR, 0.0))
    house.clock.advance(12 * HOUR - 1)
    assert await left.end_them() == []
    house.clock.advance(1)
    assert await left.end_them() == [replay.id]
