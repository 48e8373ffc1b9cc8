"""Promise: what is new on a board goes out at once; only where it always changes do two changes share a write."""

from itertools import pairwise

import pytest

from app.realtime.fanout_pace import AHEAD_S, LEAST_S, USUAL_S, Pace


def passes(changes: list[float]) -> list[tuple[float, int]]:
    """Return when each pass began and how many changes it took, for a fan-out that begins each as soon as it may."""
    pace, began, waiting = Pace(), list[tuple[float, int]](), 0
    for change, following in zip(changes, [*changes[1:], float("inf")], strict=True):
        waiting += 1
        at = max(change, pace.next_s)
        if at < following:
            pace.begin(at)
            began.append((at, waiting))
            waiting = 0
    return began


def every(seconds: float, until: float) -> list[float]:
    return [n * seconds for n in range(int(until / seconds))]


@pytest.mark.parametrize("per_second", [1, 4, 14, 19])
def test_a_board_that_changes_so_often_waits_for_nothing(per_second: int) -> None:
    changes = every(1 / per_second, 60)
    assert passes(changes) == [(change, 1) for change in changes]


def test_a_few_changes_in_quick_succession_wait_no_longer_than_the_least() -> None:
    changes = [10.0 + n * 0.025 for n in range(10)]
    assert passes([0.0, *changes])[1:] == [(change, 1) for change in changes]


def test_where_it_always_changes_two_share_a_write() -> None:
    steady = [taken for at, taken in passes(every(0.025, 20)) if at > 2]
    assert len(steady) == pytest.approx(18 / USUAL_S, abs=2)
    assert sum(steady) / len(steady) == pytest.approx(2, abs=0.02)


def test_no_pass_begins_sooner_than_the_least_and_none_waits_longer_than_the_usual() -> None:
    changes = every(0.001, 5)
    began = [at for at, _ in passes(changes)]
    steps = [later - sooner for sooner, later in pairwise(began)]
    assert min(steps) >= LEAST_S - 1e-9
    assert max(steps) <= USUAL_S + 0.001 + 1e-9


def test_after_a_rest_it_may_run_ahead_again() -> None:
    busy = every(0.01, 5)
    rested = 5 + AHEAD_S + 1
    assert passes([*busy, rested, rested + LEAST_S + 0.001])[-2:] == [(rested, 1), (rested + LEAST_S + 0.001, 1)]
