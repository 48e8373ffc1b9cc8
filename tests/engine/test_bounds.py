"""Promises: whatever names a source makes up, a session stays as small and its boards as short as they may be."""

from msgspec.structs import replace

from app.domain import events as ev
from app.domain.commands import AckAlert, Report, StartSession, UnackAlert
from app.domain.people import Actor, Clearance, Role
from app.domain.plan import SkuPlan
from app.engine.alerts import KEPT, AlertBook, Subject
from app.engine.alerts import Report as AlertReport
from app.engine.engine import Engine
from tests.engine.script import PLAN, QUIET, Script, matcher

SYSTEM = Actor("system", "keeper", "keeper", Role.ADMIN)


def crowded(number: int = 5_000) -> Script:
    """Return a session to which a source has sent clicks, orders, prices, listings and stock of made-up SKUs."""
    script = Script()
    script.send(1, script.viewers(1, 500), script.click(1, "SKU-1"))
    for first in range(0, number, 500):
        names = [f"X-{n}" for n in range(first, first + 500)]
        script.send(2, *(script.click(2, name) for name in names), *(script.click(2, name, total=9) for name in names))
        script.send(3, *(script.stock(3, name, available=10, version=1) for name in names[:50]), source="erp")
        script.send(4, *(script.paid(4, f"o-{name}", 2, name, amount=100) for name in names), source="orders")
    return script


def test_unlisted_skus_beyond_the_most_are_one_row_and_nothing_of_them_is_lost() -> None:
    script = crowded()
    state = script.engine._state
    assert len(state.skus) == 2 + 500 + 1
    other = state.skus["*"]
    assert (other.name, other.listed, other.stock.sellable) == ("其他", False, None)
    assert other.counts.tallies["paid_units"].total == 2 * 4_500
    assert script.value("paid_units_session") == 2 * 5_000
    assert {len(source.totals) for source in state.sources.values()} == {0, 500}
    assert Engine.restore(script.engine.checkpoint(), script.opened, PLAN, script.rules, matcher()).position


def test_one_alert_for_the_technicians_says_so_once() -> None:
    script = crowded(1_500)
    alert = script.alert("unlisted-skus")
    assert (alert.severity, alert.labels["team"], alert.count, alert.open) == ("P3", "av", 1, True)
    assert alert.title["zh-CN"] == "未登记商品超过 500 个，其余合并为「其他」"
    script.send(5, *(script.stream(5, 4_000.0, f"L{n}", dropped=1) for n in range(200)), source="obs")
    assert len(script.topic("lines")) == 1 + 64 + 1
    row = script.topic("lines")["*"]
    assert (row.name, row.bitrate_kbps, row.dropped) == ("其他", None, 200 - 64)
    assert script.alert("unlisted-lines").title["en"].startswith("More than 64 stream lines")


def test_rules_look_at_an_unlisted_sku_only_when_it_has_a_level_or_was_paid_for() -> None:
    script = Script()
    script.send(1, script.viewers(1, 500), *(script.click(1, name) for name in ("SKU-1", "X-1", "X-2", "X-3")))

    def judged() -> set[str]:
        watched = script.engine._watch._watched.values()
        return {each.subject.scope_id for each in watched if each.subject.scope == "sku"}

    assert judged() == {"SKU-1"}
    script.send(2, script.stock(2, "X-1", delta=5))
    assert judged() == {"SKU-1"}
    script.send(3, script.stock(3, "X-1", available=5), script.paid(3, "o1", 1, "X-2"))
    assert judged() == {"SKU-1", "X-1", "X-2"}


def test_a_board_has_a_hundred_skus_at_most_and_says_how_many_it_leaves_out() -> None:
    skus = tuple(
        SkuPlan(f"P-{n:03}", "p", "p", opening_stock=900, opening_stock_ms=0, stock_line=9) for n in range(150)
    )
    script = Script(replace(PLAN, skus=skus, rundown=()), QUIET)
    on_air = ev.OnAirEvent(room="r1", occurred_ms=script.at(1), id="air", payload=ev.OnAir("P-149"))
    script.send(
        1, on_air, script.click(1, "X-1"), script.stock(1, "P-148", available=3), script.paid(1, "o", 5, "P-147")
    )
    script.send(1, script.stock(1, "P-140", available=50))  # few, but above its line, and it does not sell
    shown = script.topic("skus")
    assert list(shown)[:4] == ["P-149", "P-148", "P-147", "P-000"]
    assert (len(shown), script.topic("session")["head"].skus_more) == (100, 51)


def test_a_board_has_a_hundred_alerts_at_most_the_open_and_severe_first() -> None:
    script = Script(rules=QUIET)
    for n in range(130):
        script.order_to(1 + n, Report(f"r{n}", severity="P1" if n % 26 == 0 else "P3"), by=SYSTEM)
    script.order_to(200, Report("r129", over=True), by=SYSTEM)
    shown, head = script.topic("alerts"), script.topic("session")["head"]
    assert len(shown) == 100
    assert [alert.rule for alert in list(shown.values())[:6]] == ["r104", "r78", "r52", "r26", "r0", "r128"]
    assert all(alert.open for alert in shown.values())
    assert head.alerts_more == len(script.engine._state.alerts.listed()) - 100
    assert script.topic("session", clearance=Clearance.OPEN)["head"].alerts_more == head.alerts_more


def test_twenty_comments_a_quarter_second_are_shown_the_marked_first_and_the_next_row_counts_the_rest() -> None:
    script = Script(rules=QUIET)
    comments = [script.comment(1, "天冷喝一杯，暖身御寒" if n in (30, 45) else f"好{n}") for n in range(50)]
    script.send(1, *comments[:35])
    script.send(1, *comments[35:], script.speech(1, "大家好"))
    shown = list(script.topic("messages").values())
    texts = [message.text for message in shown]
    assert texts == [f"好{n}" for n in range(18)] + ["天冷喝一杯，暖身御寒"] * 2 + ["大家好"]
    assert sum(message.skipped for message in shown) == 30
    assert shown[-1].skipped == 4
    assert len(script.engine.take_effects().messages) == 51, "all of them are kept"
    script.send(1.25, *(script.comment(1.25, "到") for _ in range(21)))
    script.send(1.5, script.comment(1.5, "后"))
    assert [message.text for message in script.topic("messages").values()] == [*texts, *["到"] * 20, "后"]
    assert script.topic("messages")[f"{script.engine.position:012}"].skipped == 1
    script.clock(2, 10.0)
    script.send(10, *(script.comment(10, "快") for _ in range(15)))
    script.send(12.4, *(script.comment(12.4, "快") for _ in range(15)))
    assert [message.text for message in script.topic("messages").values()].count("快") == 20


def test_what_a_row_told_of_comments_left_out_is_told_by_another_when_it_gives_way() -> None:
    script = Script(rules=QUIET)
    script.send(1, *(script.comment(1) for _ in range(50)))
    plain, marked = [script.comment(1.25) for _ in range(20)], [script.comment(1.25, "暖身御寒") for _ in range(20)]
    script.send(1.25, *plain, *marked)
    script.say(1.5, "大家好")
    assert sum(message.skipped for message in script.topic("messages").values()) == 30 + 20


def test_of_alerts_beyond_the_most_the_oldest_that_left_the_list_are_forgotten() -> None:
    book, report = AlertBook("s1"), AlertReport({}, {}, {}, ())
    for n in range(KEPT + 50):
        subject = Subject(f"r{n}", "1", "session", "", {})
        alert = book.enter(subject, "P3", report, n, "")
        if n != 0:  # the first stays open
            book.end(subject.key, "over", n)
            book.acknowledge(book.alerts[alert.id], SYSTEM, n)
    kept = [alert.rule for alert in book.alerts.values()]
    assert len(kept) <= KEPT + 1
    assert (kept[0], kept[-1]) == ("r0", f"r{KEPT + 49}")
    assert "r1" not in kept


def test_an_alert_that_left_the_list_is_known_while_there_is_room() -> None:
    script = Script(rules=QUIET)
    script.order_to(1, Report("a"), by=SYSTEM)
    first = script.alert("a").id
    script.order_to(2, AckAlert(first))
    script.order_to(3, Report("a", over=True), by=SYSTEM)
    script.order_to(4, Report("b"), by=SYSTEM)
    assert [alert.rule for alert in script.topic("alerts").values()] == ["b"]
    assert script.order_to(5, UnackAlert(first)).code == "done"
    assert script.alert("a").id == first


def test_outcomes_are_remembered_for_an_hour_and_never_more_than_two_thousand() -> None:
    script = Script(rules=QUIET)
    first = script.order_to(1, StartSession(), "first")
    assert script.order_to(2, StartSession(), "first") == first
    script.order_to(3_602, StartSession(), "second")
    assert script.engine.outcome_of("first") is None
    for n in range(2_000):
        script.order_to(3_603, StartSession(), f"k{n}")
    assert script.engine.outcome_of("second") is None
    assert len(script.engine._state.outcomes) == 2_000


def test_a_sku_has_a_hundred_warehouses_at_most() -> None:
    script = Script(rules=QUIET)
    readings = [
        script.stock(1, available=1, warehouse=f"W{n}", feed=feed) for feed in ("platform", "erp") for n in range(150)
    ]
    script.send(1, *readings, *(script.stock(1, delta=1, warehouse=f"W{n}") for n in range(150)))
    stock = script.engine._state.skus["SKU-2"].stock
    assert stock.sellable == 100
    assert (len(stock.levels), len(stock.stamps), len(stock.changes)) == (100, 200, 100)
