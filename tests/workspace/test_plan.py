"""Promise: a session's plan holds everything its engine reads, from the workspace as it was when the session opened."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.domain.plan import OpeningLevel, decode_plan
from app.domain.workspace import RundownPlan
from app.errors import NotFound
from app.workspace.file import read_workspace
from app.workspace.plan import leading_room, plan_session, planned_start, standing_levels

FOLDER = Path(__file__).parents[2] / "app/workspace/sample"
WINERY = read_workspace((FOLDER / "winery.yaml").read_bytes(), "winery.yaml")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = int(datetime(2026, 11, 23, 20, 22, tzinfo=SHANGHAI).timestamp() * 1000)


def test_check_then_plan_round_trip() -> None:
    plan = plan_session(WINERY, "qingtan-douyin", "demo", {}, NOW)
    assert decode_plan(plan.body()) == plan
    assert plan.hash() == plan_session(WINERY, "qingtan-douyin", "demo", {}, NOW).hash()
    assert [room.id for room in plan.rooms] == ["qingtan-douyin", "qingtan-shipinhao"]
    assert (plan.kind, plan.brand, plan.brand_name, plan.currency) == ("demo", "qingtan", "青坛酱酒", "CNY")
    assert (len(plan.skus), len(plan.rundown), len(plan.quick), len(plan.channels)) == (7, 9, 6, 3)
    assert plan.corrections == WINERY.corrections
    assert (plan.routes, plan.mutes) == (WINERY.routes, WINERY.mutes)


def test_a_session_opened_in_a_mirror_room_is_the_leading_rooms_session() -> None:
    assert leading_room(WINERY, "qingtan-shipinhao").id == "qingtan-douyin"
    assert plan_session(WINERY, "qingtan-shipinhao", "live", {}, NOW) == plan_session(
        WINERY, "qingtan-douyin", "live", {}, NOW
    )


def test_a_room_that_is_not_in_the_workspace_is_not_found() -> None:
    with pytest.raises(NotFound, match="nowhere"):
        plan_session(WINERY, "nowhere", "live", {}, NOW)


def test_opening_stock_is_the_last_level_of_the_authority_feed_else_the_files_own() -> None:
    levels = {
        ("SKU-1", "platform"): (OpeningLevel(7, NOW - 5_000),),
        ("SKU-2", "erp"): (OpeningLevel(9, NOW - 5_000),),
    }
    skus = {sku.sku: sku for sku in plan_session(WINERY, "qingtan-douyin", "live", levels, NOW).skus}
    assert (skus["SKU-1"].opening_stock, skus["SKU-1"].opening_stock_ms) == (7, NOW - 5_000)
    assert (skus["SKU-2"].opening_stock, skus["SKU-2"].opening_stock_ms) == (1030, NOW)


@pytest.mark.parametrize(
    ("warehouse", "told", "standing"),
    [
        ("", [("HZ", 5), ("BJ", 6)], [("HZ", 5), ("BJ", 6)]),
        ("", [("", 9), ("HZ", 5)], [("HZ", 5)]),
        ("", [("HZ", 5), ("", 9)], [("", 9)]),
        ("HZ", [("HZ", 5), ("BJ", 6), ("", 4)], [("HZ", 4)]),
        ("HZ", [("BJ", 6)], []),
    ],
)
def test_of_the_kept_levels_those_count_that_are_of_the_skus_warehouse(
    warehouse: str, told: list[tuple[str, int]], standing: list[tuple[str, int]]
) -> None:
    levels = [OpeningLevel(units, NOW + n, place, n) for n, (place, units) in enumerate(told)]
    assert [(level.warehouse, level.available) for level in standing_levels(levels, warehouse)] == standing


def test_without_a_level_and_without_a_stock_nothing_is_made_up() -> None:
    text = (FOLDER / "winery.yaml").read_text().replace("stock: 1832, ", "")
    skus = {sku.sku: sku for sku in plan_session(read_workspace(text, "w"), "qingtan-douyin", "live", {}, NOW).skus}
    assert skus["SKU-1"].opening_stock is None
    assert skus["SKU-1"].opening_stock_ms is None


def test_a_rooms_own_target_goes_before_every_rooms() -> None:
    text = (FOLDER / "winery.yaml").read_text().replace("targets:\n", "targets:\n  qingtan-douyin: {viewers: 900}\n")
    plan = plan_session(read_workspace(text, "w"), "qingtan-douyin", "live", {}, NOW)
    assert {target.metric: target.value for target in plan.targets}["viewers"] == 900
    assert {target.metric: target.value for target in plan.targets}["gmv"] == 30_000_000


def test_goods_of_another_room_stay_out() -> None:
    text = (FOLDER / "winery.yaml").read_text().split("rundowns:\n")[0]
    text = text.replace("brands:\n", "brands:\n  - {id: other, name: 别家}\n")
    text = text.replace("skus:\n", "skus:\n  - {sku: X-1, product: X, brand: other, name: 别家的}\n")
    text = text.replace("warehouse: 成都仓}\n  - {sku: SKU-2", "rooms: [qingtan-shipinhao]}\n  - {sku: SKU-2")
    skus = [sku.sku for sku in plan_session(read_workspace(text, "w"), "qingtan-douyin", "live", {}, NOW).skus]
    assert "X-1" not in skus
    assert "SKU-1" in skus, "what is sold in a room of the same broadcast belongs to the session"


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ((23, 20, 22), (23, 20, 0)),
        ((23, 19, 15), (23, 20, 0)),
        ((24, 0, 10), (23, 20, 0)),
        ((24, 14, 1), (24, 20, 0)),
    ],
)
def test_the_planned_start_is_the_one_nearest_to_now(now: tuple[int, int, int], start: tuple[int, int, int]) -> None:
    at = int(datetime(2026, 11, now[0], now[1], now[2], tzinfo=SHANGHAI).timestamp() * 1000)
    wanted = int(datetime(2026, 11, start[0], start[1], start[2], tzinfo=SHANGHAI).timestamp() * 1000)
    assert planned_start(RundownPlan("r", (), "20:00"), "Asia/Shanghai", at) == wanted


def test_a_morning_broadcast_is_not_the_evening_that_was_planned() -> None:
    at = int(datetime(2026, 11, 24, 9, 0, tzinfo=SHANGHAI).timestamp() * 1000)
    assert planned_start(RundownPlan("r", (), "20:00"), "Asia/Shanghai", at) is None


def test_without_a_start_nothing_is_planned() -> None:
    assert planned_start(RundownPlan("r", ()), "Asia/Shanghai", NOW) is None


def test_the_sample_evening_is_two_hours_from_eight() -> None:
    plan = plan_session(WINERY, "qingtan-douyin", "demo", {}, NOW)
    assert plan.planned_start_ms == NOW - 22 * 60_000
    assert plan.planned_length_ms == 120 * 60_000
