"""A process's time never goes back and never stands: a machine's clock that is set moves it on, or slows it down."""

from app.clock import SystemClock

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Machine:
    """A machine's two clocks: the one that people set, and the one that nobody can."""

    def __init__(self) -> None:
        self.wall, self.steady = START, 5 * SECOND

    def pass_by(self, seconds: float, *, set_by: float = 0.0) -> None:
        self.wall += round((seconds + set_by) * SECOND)
        self.steady += round(seconds * SECOND)


def since_start(clock: SystemClock) -> float:
    return (clock.now() - START // 1_000_000) / 1_000


def test_a_clock_that_is_set_forward_is_followed_at_once() -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.steady)
    machine.pass_by(10, set_by=3_600)
    assert since_start(clock) == 3_610


def test_set_back_by_an_hour_it_goes_on_a_little_slower_and_is_the_machines_again_ten_hours_later() -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.steady)
    machine.pass_by(10)
    assert since_start(clock) == 10
    machine.pass_by(0, set_by=-3_600)
    assert since_start(clock) == 10
    machine.pass_by(60)
    assert since_start(clock) == 64
    machine.pass_by(35_000)
    assert since_start(clock) == 31_564
    machine.pass_by(940)
    assert since_start(clock) == (machine.wall - START) / SECOND


def test_asked_a_million_times_a_second_it_does_not_fall_behind() -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.steady)
    machine.pass_by(0, set_by=-60)
    for _ in range(10_000):
        machine.pass_by(0.000_001)
        clock.now()
    assert 0.008 <= since_start(clock) <= 0.01
