"""Promises: every window equals a sum over the events it should hold, whatever their order."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import quick_hash
from app.engine.clocks import CLAMP_MS, SourceClock
from app.engine.distinct import Distinct
from app.engine.flows import Flow
from app.engine.gauges import MOST_READINGS, Gauge
from app.engine.seconds import Seconds
from app.engine.windows import Tally

ADDITIONS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 9)), max_size=60)
"""(seconds since the last one, how many seconds late, amount)."""


@given(ADDITIONS, st.integers(0, 900), st.sampled_from([10, 60, 120, 300, 600]))
def test_a_window_holds_exactly_what_was_added_in_its_seconds(
    additions: list[tuple[int, int, int]], wait: int, length: int
) -> None:
    tally, told, now = Tally(), [], 10_000
    for step, late, amount in additions:
        now += step
        tally.add(now - late, amount)
        told.append((now - late, amount))
        assert tally.window(now, length) == sum(n for at, n in told if now - length < at <= now)
    now += wait
    assert tally.window(now, length) == sum(n for at, n in told if now - length < at <= now)
    assert tally.total == sum(n for _, n in told)


@given(ADDITIONS, st.integers(0, 500), st.sampled_from([10, 60]))
def test_a_chart_of_the_past_holds_what_came_late_too(
    additions: list[tuple[int, int, int]], back: int, length: int
) -> None:
    tally, told, now = Tally(), [], 1_000
    for step, late, amount in additions:
        now += step
        if late > 15:
            tally.add_late(now - 4 * late, amount)
            told.append((now - 4 * late, amount))
        else:
            tally.add(now - late, amount)
            told.append((now - late, amount))
    past = now - min(back, 600)
    assert tally.charted(past, length) == sum(n for at, n in told if past - length < at <= past)
    assert tally.charted_total(past) == sum(n for at, n in told if at <= past)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30), st.integers(0, 12)), max_size=80))
def test_distinct_users_are_those_of_the_last_five_minutes(activity: list[tuple[int, int, int]]) -> None:
    distinct, told, now = Distinct(300), [], 1_000
    for step, late, who in activity:
        now += step
        distinct.add(now - late, [quick_hash(b"%d" % who)])
        told.append((now - late, who))
        assert distinct.at(now) == len({who for at, who in told if now - 300 < at <= now})


def test_beyond_fifty_thousand_users_the_number_is_an_estimate_and_says_so() -> None:
    distinct = Distinct(300)
    for who in range(50_000):
        distinct.add(1_000 + who // 1_000, [quick_hash(b"%d" % who)])
    assert (distinct.at(1_050), distinct.estimated) == (50_000, False)
    for who in range(50_000, 120_000):
        distinct.add(1_050 + who // 1_000, [quick_hash(b"%d" % who)])
    assert distinct.estimated
    assert abs(distinct.at(1_170) - 120_000) < 0.03 * 120_000
    assert len(distinct.last) <= 50_001
    assert distinct.at(2_000) == 0
    distinct.roll(2_000)
    assert not distinct.estimated


def test_whether_users_are_counted_or_estimated_depends_on_the_window_and_not_on_who_looks_when() -> None:
    def burst(first: int) -> list[int]:
        return [quick_hash(b"%d" % who) for who in range(first, first + 30_000)]

    watched, alone = Distinct(300), Distinct(300)
    for distinct in (watched, alone):
        distinct.add(1_001, burst(0))
    assert (watched.at(1_300), watched.at(1_301)) == (30_000, 0)
    for distinct in (watched, alone):
        distinct.add(1_301, burst(30_000))  # the first burst has left the window
        assert (distinct.at(1_301), distinct.estimated) == (30_000, False)
    assert watched == alone


@given(
    st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, 9_000), st.integers(0, 2_000)), min_size=1, max_size=40),
    st.integers(0, 20_000),
)
def test_the_mean_of_a_level_weighs_each_reading_by_the_time_it_held(
    readings: list[tuple[int, int, int]], wait: int
) -> None:
    gauge, told, now = Gauge(15_000), [], 1_000_000
    for step, late, value in readings:
        now += step
        gauge.read(now - late, value, now)
        told.append((now - late, value))
    told.sort(key=lambda reading: reading[0])
    now += wait
    area = cover = 0
    for index, (at, value) in enumerate(told):
        until = min(told[index + 1][0] if index + 1 < len(told) else now, at + 15_000, now)
        held = max(0, until - max(at, now - 300_000))
        area, cover = area + value * held, cover + held
    mean = gauge.mean(now - 300_000, now)
    assert (mean is None) == (cover == 0)
    assert mean is None or abs(mean - area / cover) < 1e-6


def test_a_source_that_sends_a_level_without_end_takes_only_so_much_room_and_its_mean_stays_true() -> None:
    gauge, start = Gauge(15_000), 1_000_000
    for at in range(start, start + 50_000):
        gauge.read(at, 90 + at % 21, at)
    assert len(gauge.times) <= MOST_READINGS
    mean = gauge.mean(start, start + 50_000)
    assert mean is not None
    assert abs(mean - 100) < 0.01
    gauge.read(gauge.times[-1], 7, start + 50_000)
    assert (gauge.value, gauge.at(start + 50_001), len(gauge.times)) == (7, 7, len(gauge.areas))


def test_what_goes_in_one_instant_is_one_entry() -> None:
    flow = Flow()
    for at in (5, 3, 5, 5, 3):
        flow.add(at, 2, ())
    assert (flow.times, [flow.since(at) for at in (2, 3, 4, 5)]) == ([3, 5], [10, 6, 6, 0])


@given(st.lists(st.tuples(st.integers(0, 90_000), st.integers(-5_000, 700_000)), min_size=1, max_size=60))
def test_the_offset_of_a_source_is_its_least_delay_of_five_minutes(events: list[tuple[int, int]]) -> None:
    clock, told, now, expected = SourceClock(), [], 1_764_000_000_000, 0
    for step, behind in events:
        now += step
        placed = clock.place(now, now - behind)
        if behind <= 600_000:
            told.append((now // 1_000, behind))
            recent = [delay for second, delay in told if second > now // 1_000 - 300]
            expected = max(-CLAMP_MS, min(CLAMP_MS, *recent)) if len(recent) > 1 else recent[0]
        assert clock.offset_ms == expected
        assert placed == min(now, now - behind + expected)


def test_an_edge_belongs_to_the_second_it_ends_and_windows_are_exact_at_it() -> None:
    seconds = Seconds("s1")
    edge = seconds.next_edge(1_764_000_000_000)
    assert edge % 1_000 == seconds.phase
    assert seconds.of(edge) == seconds.of(edge - 999)
    assert seconds.of(edge + 1) == seconds.of(edge) + 1
    assert seconds.next_edge(edge) == edge + 1_000
    assert seconds.edge(seconds.of(edge)) == edge
