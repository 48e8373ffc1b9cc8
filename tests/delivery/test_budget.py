"""Promises: no robot sends more than its minute allows, urgent messages always find room, and rests are kept."""

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.budget import Budgets, Stopped, Wait
from app.delivery.robots import Robot
from app.instants import MINUTE, Instant, later
from tests.delivery.outbox import GROUP

NOW = Instant(1_764_000_000_000)
ONE = Robot("one", "https://a.example/send?access_token=1")
TWO = Robot("two", "https://a.example/send?access_token=2")


def sent_at_once(budgets: Budgets, robots: list[Robot], now: Instant, *, critical: bool) -> int:
    """Return how many messages may go at one instant."""
    count = 0
    while isinstance(budgets.choose(robots, GROUP, critical=critical, now=now), Robot):
        count += 1
    return count


def test_six_of_eighteen_are_kept_for_what_is_urgent() -> None:
    budgets = Budgets()
    assert sent_at_once(budgets, [ONE], NOW, critical=False) == 12
    assert sent_at_once(budgets, [ONE], NOW, critical=True) == 6
    assert budgets.choose([ONE], GROUP, critical=True, now=NOW) == Wait(later(NOW, MINUTE))


def test_robots_multiply_the_allowance_and_take_turns() -> None:
    budgets = Budgets()
    first = [budgets.choose([ONE, TWO], GROUP, critical=True, now=NOW) for _ in range(4)]
    assert first == [ONE, TWO, ONE, TWO]
    assert sent_at_once(budgets, [ONE, TWO], NOW, critical=True) == 32


def test_two_channels_with_one_robot_share_its_minute() -> None:
    budgets = Budgets()
    other = msgspec.structs.replace(GROUP, name="other")
    assert sent_at_once(budgets, [ONE], NOW, critical=True) == 18
    assert isinstance(budgets.choose([replace(ONE)], other, critical=True, now=NOW), Wait)


@given(st.lists(st.tuples(st.integers(0, 9_000), st.booleans()), max_size=300))
def test_no_sliding_minute_ever_holds_more_than_the_limit(steps: list[tuple[int, bool]]) -> None:
    budgets, now, sent = Budgets(), NOW, []
    for pause, critical in steps:
        now = later(now, pause)
        if isinstance(budgets.choose([ONE], GROUP, critical=critical, now=now), Robot):
            sent.append((now, critical))
    for at, _ in sent:
        minute = [critical for when, critical in sent if at - MINUTE < when <= at]
        assert len(minute) <= 18


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=100), st.booleans())
def test_the_instant_that_is_promised_holds(pauses: list[int], critical: bool) -> None:
    budgets, now = Budgets(), NOW
    for pause in pauses:
        now = later(now, pause)
        chosen = budgets.choose([ONE], GROUP, critical=critical, now=now)
        if isinstance(chosen, Wait):
            assert chosen.until > now
            assert isinstance(budgets.choose([ONE], GROUP, critical=critical, now=Instant(chosen.until - 1)), Wait)
            now = chosen.until
            assert budgets.choose([ONE], GROUP, critical=critical, now=now) == ONE


def test_after_a_rest_one_message_goes_alone_until_it_is_accepted() -> None:
    budgets = Budgets()
    budgets.meter(ONE).rest(NOW)
    assert budgets.choose([ONE], GROUP, critical=True, now=later(NOW, 59_999)) == Wait(later(NOW, 60_000))
    after = later(NOW, 60_000)
    assert budgets.choose([ONE], GROUP, critical=True, now=after) == ONE
    assert isinstance(budgets.choose([ONE], GROUP, critical=True, now=after), Wait)
    budgets.meter(ONE).heard()
    assert budgets.choose([ONE], GROUP, critical=True, now=after) == ONE


def test_a_probe_that_is_refused_rests_ten_minutes() -> None:
    budgets = Budgets()
    budgets.meter(ONE).rest(NOW)
    budgets.meter(ONE).rest(later(NOW, 5))  # of a message that was on its way already: nothing new
    after = later(NOW, 60_000)
    assert budgets.choose([ONE], GROUP, critical=True, now=after) == ONE
    budgets.meter(ONE).rest(after)
    assert budgets.choose([ONE], GROUP, critical=True, now=later(after, 60_000)) == Wait(later(after, 600_000))


def test_while_one_robot_rests_the_other_works() -> None:
    budgets = Budgets()
    budgets.meter(ONE).rest(NOW)
    assert sent_at_once(budgets, [ONE, TWO], NOW, critical=True) == 18


def test_a_channel_is_stopped_when_all_its_robots_are() -> None:
    budgets = Budgets()
    budgets.meter(ONE).stop(later(NOW, 300_000), "300005 token is not exist")
    assert budgets.choose([ONE, TWO], GROUP, critical=True, now=NOW) == TWO
    budgets.meter(TWO).stop(later(NOW, 300_000), "x")
    assert budgets.choose([ONE, TWO], GROUP, critical=True, now=NOW) == Stopped("300005 token is not exist")


def test_a_message_counts_from_when_it_left_and_not_from_when_it_was_chosen() -> None:
    budgets = Budgets()
    assert sent_at_once(budgets, [ONE], NOW, critical=True) == 18
    for n in range(18):
        budgets.meter(ONE).left(NOW, later(NOW, 10_000 + n))
    assert sent_at_once(budgets, [ONE], later(NOW, MINUTE + 9_999), critical=True) == 0
    assert sent_at_once(budgets, [ONE], later(NOW, MINUTE + 10_000), critical=True) == 1


def test_a_clock_set_back_does_not_close_a_robot() -> None:
    budgets = Budgets()
    sent_at_once(budgets, [ONE], NOW, critical=True)
    assert budgets.choose([ONE], GROUP, critical=True, now=later(NOW, -3_600_000)) == ONE


def test_a_minute_is_low_below_a_third_or_where_what_waits_does_not_fit() -> None:
    budgets = Budgets()
    assert not budgets.is_low([ONE], GROUP, 12, NOW)
    assert budgets.is_low([ONE], GROUP, 13, NOW)
    for _ in range(8):
        budgets.choose([ONE], GROUP, critical=False, now=NOW)
    assert not budgets.is_low([ONE], GROUP, 1, NOW)  # four of twelve are left
    budgets.choose([ONE], GROUP, critical=False, now=NOW)
    assert budgets.is_low([ONE], GROUP, 1, NOW)
    assert not budgets.is_low([ONE, TWO], GROUP, 1, NOW)
