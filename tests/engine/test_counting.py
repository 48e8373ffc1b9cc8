"""Promises: what is taken, when it counts, what is repeated, late or from a slow clock."""

from msgspec.structs import replace

from app.domain import events as ev
from app.domain.plan import Target
from app.engine.engine import Engine
from tests.engine.script import PLAN, QUIET, TWO_ROOMS, Script, matcher


def quiet(plan: object = PLAN) -> Script:
    return Script(plan, QUIET)  # type: ignore[arg-type]  # a plan


def test_windows_of_every_length_hold_what_happened_in_them() -> None:
    script = quiet()
    for second in range(1, 701, 10):
        script.send(second, script.comment(second, who=second), script.like(second, who=1, count=3))
    script.beat(699.5)
    counted = {window: script.value(f"comments_{window}") for window in ("10s", "60s", "2m", "5m", "10m", "session")}
    assert counted == {"10s": 1, "60s": 6, "2m": 12, "5m": 30, "10m": 60, "session": 70}
    assert script.value("likes_60s", "room", "r1") == 18


def test_the_session_is_the_sum_of_its_rooms() -> None:
    script = quiet(TWO_ROOMS)
    script.send(1, script.viewers(1, 500), script.comment(1, who=1), source="a", rooms=["r1"])
    script.send(1, script.viewers(1, 300, "r2"), script.comment(1, room="r2", who=2), source="b", rooms=["r2"])
    assert (script.value("viewers"), script.value("comments_60s")) == (800, 2)
    assert script.value("viewers", "room", "r2") == 300
    assert [room.state for room in script.topic("rooms").values()] == ["live", "live"]


def test_a_session_is_unknown_while_one_of_its_live_rooms_is() -> None:
    script = quiet(TWO_ROOMS)
    for second in range(1, 40, 2):
        script.send(second, script.viewers(second, 500), source="a", rooms=["r1"])
        if second < 11:
            script.send(second, script.viewers(second, 300, "r2"), source="b", rooms=["r2"])
        readings = script.topic("readings")
        stale = second >= 9 + 15
        assert (readings["viewers@session"].state == "unknown") == stale
        assert (readings["viewers@room:r2"].state == "unknown") == stale
        assert readings["viewers@room:r1"].value == 500


def test_no_comments_is_nought_while_the_source_speaks_and_unknown_when_it_does_not() -> None:
    script = quiet()
    assert script.topic("readings")["comments_60s@session"].state == "unknown"  # nothing was ever heard
    script.send(1, script.comment(1, who=1))
    for second in range(20, 200, 20):
        script.beat(second)
    assert script.value("comments_60s") == 0
    script.wait(180 + 79)
    assert script.value("comments_60s") == 0
    script.wait(180 + 82)
    assert script.topic("readings")["comments_60s@session"].state == "unknown"
    assert script.topic("readings")["comments_60s@session"].seen_ms == script.at(180)


def test_the_same_event_again_has_a_position_and_no_effect() -> None:
    script = quiet()
    event = script.comment(1, who=1)
    script.send(1, event)
    script.send(2, event, script.comment(2, who=2))
    head = script.topic("session")["head"]
    assert (script.engine.position, head.duplicates, head.counters) == (4, 1, {"comment": 2})
    assert script.value("comments_session") == 2
    assert len(script.engine.take_effects().messages) == 2


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands() -> None:
    script = Script()
    event = script.comment(1, "一")
    script.send(1, event)
    other = ev.CommentEvent(room="r1", occurred_ms=event.occurred_ms, id=event.id, payload=ev.CommentText("二"))
    script.send(2, other)
    script.send(3, other)
    alert = script.alert("source-conflict")
    assert (alert.severity, alert.labels["team"], alert.rule_version, alert.count) == ("P3", "av", "builtin", 2)
    assert alert.title["en"] == "Source “来源feed” sent different content under an id it had used"
    effects = script.engine.take_effects()
    assert (effects.conflicts, effects.duplicates) == (2, 2)
    assert [row.text for row in effects.messages] == ["一"]
    script.wait(3 + 599)
    assert script.alert("source-conflict").open
    script.wait(3 + 600)
    assert script.alert("source-conflict").ended_reason == "clear"


def test_taken_is_counted_and_repeated_together() -> None:
    script = quiet()
    order = script.paid(1, "o1")
    script.send(1, order, script.like(1, 1), script.stock(1, available=10, version=2))
    script.send(2, order, script.paid(2, "o1"), script.stock(2, available=99, version=1), script.like(2, room="rX"))
    script.send(3_000, script.comment(3), script.paid(3, "o2"))
    head = script.topic("session")["head"]
    assert head.counters == {"order_paid": 2, "like": 2, "stock": 2, "backfill": 1}
    assert sum(head.counters.values()) + head.duplicates == 9


def test_an_order_counts_once_however_often_and_under_whatever_id_it_comes() -> None:
    script = quiet()
    script.send(1, script.paid(1, "o1", 2))
    script.send(2, script.paid(1, "o1", 2), script.refunded(2, "o1", 2))
    script.send(4_000, script.paid(1, "o1", 2))
    assert (script.value("orders_session"), script.value("paid_units_session"), script.value("gmv")) == (1, 2, 139_800)
    assert [row.kind for row in script.engine.take_effects().orders] == ["order_paid", "order_refunded"]


def test_a_late_event_goes_into_its_own_second_and_a_later_one_into_totals_only() -> None:
    script = quiet()
    script.beat(0.5)
    script.send(100, script.comment(100, who=1))  # the source's clock is ours
    script.send(125, script.comment(100, who=2))
    assert script.value("comments_60s") == 2
    script.wait(125.9)
    assert script.value("comments_10s") == 0
    script.send(140, script.comment(105, who=3))
    assert (script.value("comments_60s"), script.value("comments_session")) == (2, 3)


def test_what_came_late_corrects_the_charts_of_minutes_already_written() -> None:
    script = quiet()
    for second in range(1, 130):
        script.send(second, script.comment(second, who=1))
    first = {row.minute_ms: row for row in script.engine.take_effects().readings if row.metric == "comments_60s"}
    script.send(130, *(script.comment(50, who=2) for _ in range(5)))
    for second in range(131, 200):
        script.beat(second)
    again = {row.minute_ms: row for row in script.engine.take_effects().readings if row.metric == "comments_60s"}
    minute = min(again)
    assert minute in first
    slot = (script.at(55) - minute) // 1_000
    assert again[minute].values[slot] == first[minute].values[slot] + 5
    before = (script.at(48) - minute) // 1_000
    assert again[minute].values[before] == first[minute].values[before] == 48


def test_the_history_reaches_where_the_head_says_and_the_tail_goes_on() -> None:
    script = quiet()
    for second in range(1, 150, 2):
        script.send(second, script.viewers(second, 700 + second), script.comment(second, who=1))
    rows = script.engine.take_effects().readings
    viewers = [row for row in rows if (row.metric, row.scope) == ("viewers", "session")]
    assert [len(row.values) for row in viewers] == [60] * len(viewers)
    assert script.topic("session")["head"].history_ms == viewers[-1].minute_ms + 60_000
    tail = script.engine.tail("viewers")
    assert [row.minute_ms for row in tail] == [viewers[-1].minute_ms + 60_000]
    known = [value for value in tail[0].values if value == value]
    assert known
    assert known[-1] in (700 + 147, 700 + 149)


def test_a_reading_knows_what_it_was_ten_minutes_earlier_and_its_target() -> None:
    script = quiet(replace(PLAN, targets=(Target("viewers", 1_000.0),)))
    for second in range(1, 900, 3):
        script.send(second, script.viewers(second, second), script.comment(second, who=1))
    reading = script.topic("readings")["viewers@session"]
    assert reading.target == 1_000.0
    assert reading.value == 898
    assert abs(reading.before - 298) <= 3
    assert script.topic("readings")["comments_60s@session"].before == 20


def test_a_slow_clock_is_shown_and_its_events_count_when_they_come() -> None:
    script = quiet()
    for second in range(10, 60):
        script.send(second, script.comment(second - 31, who=second), source="slow")
    row = script.topic("sources")["slow"]
    assert (row.offset_ms, row.slow_clock) == (31_000, True)
    assert script.value("comments_10s") == 10


def test_an_old_batch_is_backfill_and_does_not_move_the_clock_of_its_source() -> None:
    script = quiet()
    script.send(1_000, script.comment(1_000, who=1))
    script.send(1_001, *(script.comment(at, who=1) for at in (100, 200)))
    assert script.topic("sources")["feed"].offset_ms == 0
    assert (script.value("comments_60s"), script.value("comments_session")) == (1, 3)


def test_a_running_total_counts_by_its_differences_and_a_fall_is_a_restart() -> None:
    script = quiet()
    for second, total in ((1, 5_000), (2, 5_010), (3, 5_010), (4, 7), (5, 9)):
        script.send(second, script.like(second, total=total))
    script.send(6, script.like(2.5, total=5_010))  # read before the last one: it says nothing new
    assert script.value("likes_session") == 10 + 7 + 2


def test_money_of_another_currency_is_never_added() -> None:
    script = quiet()
    script.send(1, script.paid(1, "o1"), script.paid(1, "o2", amount=500, currency="USD"))
    assert (script.value("gmv"), script.value("orders_session")) == (69_900, 2)
    assert script.topic("skus")["SKU-2"].paid_amount == 69_900


def test_an_unknown_sku_is_kept_and_listed_as_not_registered() -> None:
    script = quiet()
    script.send(1, script.paid(1, "o1", 3, "SKU-9"))
    row = script.topic("skus")["SKU-9"]
    assert (row.listed, row.paid_units, row.sellable) == (False, 3, None)


def test_a_total_that_grew_by_more_than_any_event_may_is_a_restart() -> None:
    script = quiet()
    for second, total in ((1, 5), (2, 10**15), (3, 10**15 + 4), (4, 10**14), (5, 10**14 + 10**9)):
        script.send(second, script.like(second, total=total))
    assert script.value("likes_session") == 4 + 10**9


def test_totals_as_high_as_they_come_leave_a_checkpoint_that_can_be_read() -> None:
    script, most = quiet(), 10**15
    for second in range(1, 20):
        at = second * 1_000
        lines = tuple(ev.OrderLine("SKU-2", most, most) for _ in range(2_000))
        for currency in ("CNY", "USD"):
            order = ev.Order(f"{currency}{second}", currency, lines)
            script.send(
                at,
                ev.OrderPaidEvent(room="r1", occurred_ms=script.at(at), id=script.next_id(), payload=order),
                script.stock(at, available=most, warehouse=f"W{second}"),
                script.stock(at, delta=-most, warehouse=f"W{second}"),
                script.like(at, count=most),
                script.like(at - 60, count=most),
                script.like(at, total=most * (second % 2)),
                script.stream(at, 4_000.0, dropped=most),
            )
    assert Engine.restore(script.engine.checkpoint(), script.opened, script.plan, QUIET, matcher()).position
    assert script.value("gmv") == 2**62
    row = script.topic("skus")["SKU-2"]
    assert abs(row.sellable) <= 2**62
    assert all(abs(order.amount) < 2**63 for order in script.engine.take_effects().orders)


def test_a_change_of_stock_from_before_the_horizon_is_backfill_unless_it_has_a_version() -> None:
    script = quiet()
    script.send(1, script.stock(1, available=100, version=1))
    change, versioned = script.stock(2, delta=-10), script.stock(2, delta=-5, version=2)
    script.send(2, change, versioned)
    assert script.topic("skus")["SKU-2"].sellable == 85
    for second in range(10, 4_000, 10):
        script.send(second, script.viewers(second, 10))
    script.send(4_000, change, versioned)
    assert script.topic("skus")["SKU-2"].sellable == 85
    assert script.topic("session")["head"].counters["backfill"] == 1
