"""Promise: a process that stood still notices it, and says so once."""

from app.realtime.standstill import FROM_S, Standstill


def test_a_standstill_is_told_once_and_a_short_one_never() -> None:
    steady = [0.0]
    standstill = Standstill(lambda: steady[0])
    steady[0] += FROM_S
    assert not standstill.is_over()
    steady[0] += FROM_S + 0.1
    assert standstill.is_over()
    assert not standstill.is_over()
