"""Promises: sellable stock and the pace of sales, by hand (DESIGN §9)."""

import pytest

from app.engine.rates import eta_min, sell_rate
from app.engine.stock import stock_line
from app.engine.windows import Tally
from tests.engine.script import QUIET, Script


def script_with(*levels: tuple[float, int]) -> Script:
    script = Script(rules=QUIET)
    for version, (second, available) in enumerate(levels, 1):
        script.send(second, script.stock(second, available=available, version=version), source="erp")
    return script


def sellable(script: Script) -> int | None:
    return script.topic("skus")["SKU-2"].sellable  # type: ignore[no-any-return]


def test_nothing_is_known_before_the_first_level_whatever_was_sold() -> None:
    script = Script(rules=QUIET)
    script.send(1, script.paid(1, "o1", 5))
    assert sellable(script) is None


def test_paid_units_come_off_the_last_level_and_changes_are_added() -> None:
    script = script_with((10, 100))
    script.send(20, script.paid(20, "o1", 30), source="orders")
    assert sellable(script) == 70
    script.send(30, script.stock(30, delta=200, version=2), source="erp")
    assert sellable(script) == 270


def test_an_order_from_before_the_level_is_in_it_already() -> None:
    script = script_with((10, 100))
    script.send(11, script.paid(9, "o1", 30), script.paid(10, "o2", 7), source="orders")
    assert sellable(script) == 100


def test_a_level_that_is_older_than_orders_takes_them_off() -> None:
    script = Script(rules=QUIET)
    script.send(20, script.paid(20, "o1", 5), script.paid(8, "o2", 3), source="orders")
    script.send(21, script.stock(10, available=100, version=1), source="erp")
    assert sellable(script) == 95


def test_an_older_version_of_a_feed_is_ignored() -> None:
    script = script_with((10, 100))
    script.send(11, script.stock(11, available=90, version=7), source="erp")
    script.send(12, script.stock(12, available=55, version=6), source="erp")
    assert sellable(script) == 90


def test_other_feeds_are_kept_beside_and_never_mixed_in() -> None:
    script = script_with((10, 100))
    script.send(11, script.stock(11, available=40, feed="erp", version=1), source="erp")
    assert sellable(script) == 100
    assert script.topic("skus")["SKU-2"].feeds == {"platform": 100, "erp": 40}


def test_refunds_come_back_by_the_feed_only() -> None:
    script = script_with((10, 100))
    script.send(20, script.paid(20, "o1", 30), source="orders")
    script.send(30, script.refunded(30, "o1", 30), source="orders")
    assert sellable(script) == 70


def test_below_nothing_is_oversold_and_critical() -> None:
    script = Script()
    script.send(1, script.viewers(1, 500), script.stock(1, available=3, version=1))
    script.send(2, script.paid(2, "o1", 8))
    assert sellable(script) == -5
    script.wait(2.01 + 5)
    alert = script.alert("stock-shortfall")
    assert (alert.severity, alert.opened_ms) == ("P1", script.at(2.01 + 5))
    assert alert.title["zh-CN"].startswith("礼盒 超卖 5 件")


@pytest.mark.parametrize(
    ("given", "planned", "line"),
    [(None, 3_000, 300), (None, 90_000, 500), (None, 0, 0), (40, 9_000, 40), (0, 9_000, 0)],
)
def test_the_stock_line_is_the_workspaces_else_a_tenth_of_the_plan(given: int | None, planned: int, line: int) -> None:
    assert stock_line(given, planned) == line


@pytest.mark.parametrize(
    ("older", "newer", "rate"),
    [(0, 19, None), (0, 20, 10.0), (600, 0, 60.0), (400, 200, 100.0), (590, 10, 60.0)],
)
def test_the_pace_is_the_faster_of_two_and_ten_minutes(older: int, newer: int, rate: float | None) -> None:
    units = Tally()
    units.add(1_000, older)
    units.add(1_590, newer)
    assert sell_rate(units, 1_599) == rate


def test_no_pace_no_forecast() -> None:
    assert eta_min(600, 60.0) == 10.0
    assert eta_min(-3, 60.0) == 0.0
    assert eta_min(600, None) is None
    assert eta_min(None, 60.0) is None


def test_pace_and_forecast_are_unknown_while_the_orders_are_silent() -> None:
    script = script_with((1, 900))
    for second in range(2, 62):
        script.send(second, script.paid(second, f"o{second}"), source="orders")
    row = script.topic("skus")["SKU-2"]
    assert (row.sell_rate, row.eta_min) == (30.0, 28.0)
    assert (row.stock_seen_ms, row.orders_seen_ms) == (script.at(1), script.at(61))
    script.wait(61 + 241)
    row = script.topic("skus")["SKU-2"]
    assert (row.sell_rate, row.eta_min, row.sellable) == (None, None, 840)
