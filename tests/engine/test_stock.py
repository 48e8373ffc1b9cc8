"""Promises: sellable stock and the pace of sales, by hand."""

import pytest
from msgspec.structs import replace

from app.domain.plan import OpeningLevel
from app.engine.flows import Flow
from app.engine.rates import eta_min, sell_rate
from app.engine.stock import stock_line
from app.engine.windows import Tally
from tests.engine.script import PLAN, QUIET, START, Script


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


def script_opened(warehouse: str, *levels: OpeningLevel, stock: int = 500) -> Script:
    """Return a session whose SKU-2 begins with what the workspace file says, or with levels that were kept."""
    first, second = PLAN.skus
    opening = sum(level.available for level in levels) if levels else stock
    since = min((level.at_ms for level in levels), default=START)
    sku = replace(
        second, warehouse=warehouse, opening_stock=opening, opening_stock_ms=since, opening_levels=tuple(levels)
    )
    return Script(replace(PLAN, skus=(first, sku)), QUIET)


@pytest.mark.parametrize("occurred", [10, -20], ids=["after the opening", "read shortly before it"])
@pytest.mark.parametrize(
    ("planned", "read", "left"),
    [("HZ", "", 480), ("", "HZ", 480), ("HZ", "HZ", 480), ("", "", 480), ("HZ", "BJ", 500)],
)
def test_the_opening_stock_and_a_reading_are_never_added(planned: str, read: str, left: int, occurred: int) -> None:
    script = script_opened(planned)
    assert sellable(script) == 500
    script.send(10, script.stock(occurred, available=480, warehouse=read), source="erp")
    assert sellable(script) == left
    script.send(20, script.paid(20, "o1", 30), source="orders")
    assert sellable(script) == left - 30


@pytest.mark.parametrize(
    ("planned", "kept", "read", "left"),
    [
        ("HZ", "", "", 480),
        ("HZ", "", "HZ", 480),
        ("", "", "HZ", 480),
        ("", "HZ", "HZ", 480),
        ("", "HZ", "", 480),
        ("", "HZ", "BJ", 980),
    ],
)
def test_a_kept_level_and_a_reading_are_added_only_where_both_name_other_warehouses(
    planned: str, kept: str, read: str, left: int
) -> None:
    script = script_opened(planned, OpeningLevel(500, START - 60_000, kept or planned, 7))
    script.send(10, script.stock(10, available=480, warehouse=read, version=8), source="erp")
    assert sellable(script) == left


def test_a_version_older_than_the_kept_levels_is_not_accepted_again() -> None:
    script = script_opened("", OpeningLevel(500, START - 60_000, "HZ", 7))
    script.send(10, script.stock(10, available=900, warehouse="HZ", version=7), source="erp")
    assert sellable(script) == 500
    script.send(11, script.stock(11, available=470, warehouse="HZ", version=8), source="erp")
    assert sellable(script) == 470


def test_of_several_warehouses_units_paid_since_the_oldest_level_come_off() -> None:
    script = Script(rules=QUIET)
    script.send(
        10, script.stock(10, available=100, warehouse="A"), script.stock(10, available=50, warehouse="B"), source="erp"
    )
    script.send(20, script.paid(20, "o1", 30), source="orders")
    assert sellable(script) == 120
    script.send(30, script.stock(30, available=50, warehouse="B"), source="erp")
    assert sellable(script) == 120
    script.send(40, script.stock(40, available=70, warehouse="A"), source="erp")
    assert sellable(script) == 120
    script.send(50, script.paid(50, "o2", 1), source="orders")
    assert sellable(script) == 119


def test_a_change_counts_from_the_level_of_its_own_warehouse() -> None:
    script = Script(rules=QUIET)
    script.send(
        10, script.stock(10, available=100, warehouse="A"), script.stock(10, available=50, warehouse="B"), source="erp"
    )
    script.send(20, script.stock(20, delta=20, warehouse="B"), source="erp")
    assert sellable(script) == 170
    script.send(30, script.stock(30, available=70, warehouse="B"), source="erp")
    assert sellable(script) == 170


def test_a_level_of_the_whole_and_levels_of_warehouses_take_each_others_place() -> None:
    script = Script(rules=QUIET)
    script.send(
        10, script.stock(10, available=100, warehouse="A"), script.stock(10, available=50, warehouse="B"), source="erp"
    )
    script.send(20, script.stock(20, available=140), source="erp")
    assert sellable(script) == 140
    script.send(21, script.stock(15, available=90, warehouse="A"), source="erp")
    assert sellable(script) == 140, "older than what stands"
    script.send(30, script.stock(30, available=90, warehouse="A"), source="erp")
    assert sellable(script) == 90


def test_what_was_paid_hours_ago_still_comes_off_an_old_level() -> None:
    flow, exact = Flow(), 0
    for second in range(0, 6 * 3_600, 4):
        flow.add(second * 1_000, 1, [3_333_000])
        exact += second > 3_333
    assert flow.since(3_333_000) == exact
    assert flow.since(-1) == 5_400
    assert len(flow.times) < 4_000


def test_a_change_that_is_in_the_opening_level_counts_no_more_when_it_comes_again() -> None:
    script = script_opened("", OpeningLevel(490, START - 60_000))
    script.send(1, script.stock(-60, delta=-10), script.stock(-70, delta=-5), script.stock(-59, delta=-1))
    assert script.topic("skus")["SKU-2"].sellable == 489
