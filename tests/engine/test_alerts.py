"""Promises: what fires when, what people do with it, and who is told."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.commands import AckAlert, EndSession, MoveRundown, UnackAlert
from app.domain.people import Clearance
from app.domain.plan import ChannelPlan, MutePlan, RoutePlan, SendStep, StreamLine
from app.engine.notify import deliveries
from app.rules.file import read_rules
from app.rules.rule import RuleSet
from tests.engine.script import PLAN, TWO_ROOMS, Script

BANNED = "天冷喝一杯，暖身御寒"


def fault(script: Script, second: float) -> Any:
    """Let the encoder report that it reconnects, and return the alert."""
    script.send(second, script.stream(second, 4_000.0, reconnecting=True), source="obs")
    script.wait(second + 0.01)
    return script.alert("stream-fault")


def healthy(script: Script, start: float, end: float) -> None:
    for step in range(int((end - start) * 2) + 1):
        second = start + step / 2
        script.send(second, script.stream(second, 4_000.0), source="obs")


# The rules


def test_a_sentence_with_two_banned_words_is_one_alert_with_both_marked() -> None:
    script = Script()
    script.say(12, BANNED)
    alert = script.alert("banned-phrase")
    assert (alert.severity, alert.opened_ms, alert.count) == ("P1", script.at(12), 1)
    assert alert.title["zh-CN"] == "违禁词「暖身、御寒」00:00:12"
    (evidence,) = alert.evidence
    assert [evidence.text[mark.start : mark.end] for mark in evidence.marks] == ["暖身", "御寒"]
    assert "食品安全法" in evidence.marks[0].citation
    assert (alert.host["zh-CN"], alert.host["en"]) == (
        "更正：酒不能御寒，请理性饮酒",
        "Correction: liquor does not keep you warm",
    )
    (message,) = script.topic("messages").values()
    assert [mark.phrase for mark in message.marks] == ["暖身", "御寒"]


def test_later_hits_count_on_it_while_it_fires_and_clean_speech_after_it_is_kept_beside() -> None:
    script = Script()
    script.say(12, BANNED)
    script.say(20, "大家好")
    script.say(25, "暖身")
    alert = script.alert("banned-phrase")
    assert (alert.count, [piece.text for piece in alert.evidence]) == (2, [BANNED, "大家好", "暖身"])
    script.wait(25 + 19.999)
    assert script.alert("banned-phrase").open
    script.wait(25 + 20)
    assert script.alerts() == [("banned-phrase", "P1", "ended")]
    script.say(60, BANNED)
    assert [condition for _, _, condition in script.alerts()] == ["ended", "firing"]


def test_what_was_said_in_the_seconds_before_a_hit_is_kept_with_it() -> None:
    script = Script()
    for second in (2, 9, 10, 12, 14, 16, 18, 20):
        script.say(second, f"第 {second} 秒")
    script.say(24, BANNED)
    script.say(26, "暖身")  # the open alert has what came before it already
    said = [piece.text for piece in script.alert("banned-phrase").evidence]
    assert said == ["第 12 秒", "第 14 秒", "第 16 秒", "第 18 秒", "第 20 秒", BANNED, "暖身"]
    script.wait(60)
    script.say(61, "好")
    script.say(76, BANNED)  # fifteen seconds later: still before it
    script.wait(100)
    script.say(200, BANNED)
    texts = [[piece.text for piece in alert.evidence] for alert in script.topic("alerts").values()]
    assert texts[1:] == [["好", BANNED], [BANNED]]


def test_of_many_hits_the_first_six_pieces_and_the_newest_six_are_kept() -> None:
    script = Script()
    for n in range(20):
        script.say(10 + n, f"{n} 暖身")
    said = [piece.text for piece in script.alert("banned-phrase").evidence]
    assert said == [f"{n} 暖身" for n in (*range(6), *range(14, 20))]


def test_clean_speech_is_kept_beside_an_open_alert_for_fifteen_seconds_after_its_last_hit() -> None:
    script = Script()
    script.say(12, BANNED)
    script.say(27, "到此")
    script.say(27.1, "太晚")
    alert = script.alert("banned-phrase")
    assert alert.open
    assert [piece.text for piece in alert.evidence] == [BANNED, "到此"]


def test_a_rule_of_speech_that_cannot_be_judged_says_so_and_the_board_is_told() -> None:
    body = """
  - id: spoken
    title: 题
    event: speech
    text: {title: 短}
    when: "m.viewers > 10.0"
    levels: [{severity: warning, fire: "e.hits > 0.0"}]
"""
    script = Script(PLAN, rules(body))
    seen = [script.engine.versions["rules"]]
    script.say(1, BANNED)
    assert [view.condition for view in script.topic("rules").values()] == ["unknown"]
    seen.append(script.engine.versions["rules"])
    script.send(2, script.viewers(2, 500))
    script.say(3, BANNED)
    assert (script.topic("rules"), script.alerts()) == ({}, [("spoken", "P2", "firing")])
    assert seen[0] < seen[1] < script.engine.versions["rules"]


@pytest.mark.parametrize(
    "fields", [{"final": False}, {"speaker": "guest"}, {"text": "酒不能御寒，请理性饮酒"}, {"text": "最后一分钟上车"}]
)
def test_only_what_the_host_said_for_good_is_judged(fields: dict[str, Any]) -> None:
    script = Script()
    script.say(12, **{"text": BANNED, **fields})
    script.wait(30)
    assert script.alerts() == []


def test_an_exempt_hit_is_marked_with_the_reason() -> None:
    script = Script()
    script.say(12, "酒不能御寒，请理性饮酒")
    (message,) = script.topic("messages").values()
    assert [(mark.phrase, bool(mark.exempt)) for mark in message.marks] == [("御寒", True)]


def test_comments_are_marked_and_raise_nothing() -> None:
    script = Script()
    script.send(1, script.comment(1, "喝了暖身吗"))
    (message,) = script.topic("messages").values()
    assert [mark.phrase for mark in message.marks] == ["暖身"]
    assert script.alerts() == []


def test_an_encoder_that_has_spoken_and_falls_silent_is_a_fault_after_five_seconds() -> None:
    script = Script()
    script.wait(60)
    assert (script.topic("rules"), script.topic("lines")["main"].seen_ms) == ({}, None)
    healthy(script, 60, 62)
    script.wait(66.999)
    assert script.alerts() == []
    script.wait(67)
    alert = script.alert("stream-fault")
    assert (alert.severity, alert.opened_ms, alert.labels["line"]) == ("P1", script.at(67), "main")


def test_an_alert_says_what_it_measures_and_the_board_where_the_rules_draw_their_lines() -> None:
    plan = replace(PLAN, rooms=(replace(PLAN.rooms[0], lines=(StreamLine("main", 4_000.0, {"zh-CN": "主线路"}),)),))
    script = Script(plan)
    assert fault(script, 1).metrics == ("bitrate_kbps", "reconnecting", "target_kbps")
    assert script.topic("lines")["main"].title == {"zh-CN": "主线路"}
    lines = {(row.metric, row.scope): (row.below, row.value, row.of) for row in script.topic("limits").values()}
    assert lines["bitrate_kbps", "line"] == (True, 0.6, "target_kbps")
    assert lines["interaction_rate_5m", "session"] == (True, 0.05, "")
    assert script.topic("limits", "tablet") == {}


def test_low_bitrate_must_last_ten_seconds_and_health_ten_more() -> None:
    script = Script()
    healthy(script, 1, 5)
    for second in range(6, 18):
        script.send(second, script.stream(second, 2_000.0), source="obs")
    assert script.alert("stream-fault").opened_ms == script.at(6.01 + 10)
    healthy(script, 18, 28)
    assert script.alerts() == [("stream-fault", "P1", "firing")]
    healthy(script, 28.5, 29)
    assert script.alerts() == [("stream-fault", "P1", "ended")]


def test_getting_worse_is_an_update_and_is_told_again() -> None:
    script = Script()
    for second in range(1, 200):
        first = [script.stock(second, available=1_000, version=1)] if second == 1 else []
        script.send(second, script.viewers(second, 800), script.paid(second, f"o{second}"), *first)
    script.engine.take_effects()
    script.send(200, script.stock(200, available=300, version=2))  # 40 a minute at least: 7.5 minutes
    script.wait(225)
    alert = script.alert("stock-shortfall")
    assert (alert.severity, alert.version) == ("P2", 1)
    script.send(226, script.paid(226, "big", 250))
    script.wait(240)
    worse = script.alert("stock-shortfall")
    assert (worse.id, worse.severity, worse.version) == (alert.id, "P1", 2)
    rows = script.engine.take_effects().deliveries
    assert [(row.change, row.severity, row.due_ms - row.planned_ms) for row in rows] == [(1, "P2", 5_000), (2, "P1", 0)]


def test_a_rule_without_its_data_says_so_and_is_back_by_itself() -> None:
    script = Script(TWO_ROOMS)
    for second in range(1, 400, 2):
        for source, room in (("a", "r1"), ("b", "r2")):
            if source == "a" or not 340 <= second < 365:
                act = script.like(second, f"{room}{second}", room)
                script.send(second, script.viewers(second, 400, room), act, source=source, rooms=[room])
        conditions = {key: view.condition for key, view in script.topic("rules").items()}
        unknown = 339 + 15 <= second <= 365  # and 10 ms, after which it is looked at
        assert (conditions.get("interaction-low|session|") == "unknown") == unknown, second
    assert script.alerts() == []


def test_a_rule_for_each_sku_sees_what_the_sessions_clock_and_counts_do_though_nothing_of_the_sku_moves() -> None:
    body = """
  - id: {}
    title: 题
    each: sku
    text: {{title: 短}}
    when: "{}"
    levels: [{{severity: warning, fire: "i.sellable <= 100.0"}}]
"""
    gates = body.format("after-a-minute", "s.elapsed_min >= 1.0"), body.format("in-silence", "m.comments_60s < 1.0")
    script = Script(PLAN, rules("".join(gates)))
    script.send(1, script.stock(1, "SKU-1", available=50), source="erp")
    for second in range(2, 90, 3):
        script.send(second, *([script.comment(second)] if second == 2 else []))
    opened = {alert.rule: (alert.opened_ms - script.starts) // 1_000 for alert in script.topic("alerts").values()}
    assert opened == {"after-a-minute": 60, "in-silence": 62}


def test_a_rule_knows_a_sessions_number_no_longer_than_the_board_where_rooms_have_intervals_of_their_own() -> None:
    rooms = tuple(
        replace(room, every_ms={"viewers": every}) for room, every in zip(TWO_ROOMS.rooms, (3_000, 15_000), strict=True)
    )
    body = """
  - id: few
    title: 人少
    text: {title: 人少}
    levels: [{severity: warning, fire: "m.viewers < 100.0", for: 25s}]
"""
    script = Script(replace(TWO_ROOMS, rooms=rooms), rules(body))
    for second in range(1, 40, 2):
        if second == 1:
            script.send(second, script.viewers(second, 5), source="a", rooms=["r1"])
        script.send(second, script.viewers(second, 5, "r2"), source="b", rooms=["r2"])
        script.wait(second + 0.01)  # when rules are looked at
        known = script.value("viewers") is not None
        unknown = {view.condition for view in script.topic("rules").values()} == {"unknown"}
        assert (known, unknown) == ((True, False) if second < 16 else (False, True)), second
    assert script.alerts() == []


# Sources


def test_a_silent_source_is_an_alert_for_the_engineers_after_a_minute() -> None:
    script = Script()
    script.send(1, script.viewers(1, 800))
    script.beat(30)
    script.wait(89.999)
    assert script.alerts() == []
    script.wait(90)
    alert = script.alert("source-silent")
    assert (alert.severity, alert.labels["team"], alert.scope_id) == ("P2", "av", "feed")
    script.beat(120)
    assert script.alerts() == [("source-silent", "P2", "ended")]


def test_a_source_of_orders_alone_may_be_silent() -> None:
    script = Script()
    script.send(1, script.paid(1, "o1"), script.stock(1, available=100), source="erp")
    script.wait(4_000)
    assert script.alerts() == []


# People


def test_acknowledging_names_the_person_cancels_what_waits_and_ends_reminders() -> None:
    script = Script()
    alert = fault(script, 5)
    script.engine.take_effects()
    outcome = script.order_to(8, AckAlert(alert.id, alert.version))
    assert (outcome.code, outcome.subject, outcome.found) == ("done", alert.id, 2)
    effects = script.engine.take_effects()
    assert effects.cancels == [alert.id]
    assert (effects.alerts[alert.id].acked_by, effects.alerts[alert.id].acked_ms) == ("小林", script.at(8))
    assert effects.urgent
    for second in range(9, 400):
        script.send(second, script.stream(second, 4_000.0, reconnecting=True), source="obs")
    assert script.engine.take_effects().deliveries == []


def test_taking_it_back_begins_the_reminders_again() -> None:
    script = Script()
    alert = fault(script, 5)
    script.order_to(8, AckAlert(alert.id))
    assert script.order_to(10, UnackAlert(alert.id)).code == "done"
    script.engine.take_effects()
    script.wait(131)
    (row,) = script.engine.take_effects().deliveries
    assert row.planned_ms == script.at(130)
    assert script.alert("stream-fault").acked_by == ""


def test_critical_and_unacknowledged_is_told_every_two_minutes_until_it_ends() -> None:
    script = Script()
    fault(script, 5)
    for second in range(6, 300, 2):
        script.send(second, script.stream(second, 4_000.0, reconnecting=True), source="obs")
    healthy(script, 300, 500)
    rows = script.engine.take_effects().deliveries
    assert [row.planned_ms for row in rows] == [script.at(5.01 + 120 * n) for n in range(3)]
    assert len({row.id for row in rows}) == len({(row.change, row.recipient) for row in rows}) == 3
    assert rows[2].text.splitlines()[-2] == "第 3 次提醒，尚未确认"


def test_a_stale_or_strange_acknowledgement_is_refused_with_what_was_found() -> None:
    script = Script()
    alert = fault(script, 5)
    script.order_to(6, AckAlert(alert.id, 1))
    stale = script.order_to(7, UnackAlert(alert.id, 1))
    assert (stale.code, stale.found) == ("stale", 2)
    assert script.order_to(8, AckAlert("nothing")).code == "not_found"
    assert script.alert("stream-fault").acked_ms == script.at(6)


def test_an_alert_that_ended_stays_listed_until_somebody_has_seen_it() -> None:
    script = Script()
    alert = fault(script, 5)
    healthy(script, 6, 20)
    assert script.alerts() == [("stream-fault", "P1", "ended")]
    script.order_to(21, AckAlert(alert.id))
    assert script.alerts() == []
    script.order_to(22, UnackAlert(alert.id))
    assert script.alerts() == [("stream-fault", "P1", "ended")]


def test_a_worse_state_is_not_the_one_that_was_acknowledged() -> None:
    script = Script()
    script.send(1, script.viewers(1, 800), script.stock(1, "SKU-1", available=250, version=1))
    script.wait(30)
    alert = script.alert("stock-shortfall")
    script.order_to(31, AckAlert(alert.id))
    script.send(32, script.paid(32, "o1", 250, "SKU-1"))
    script.wait(40)
    worse = script.alert("stock-shortfall")
    assert (worse.severity, worse.acked_ms, worse.acked_by) == ("P1", None, "")


# Messages to groups


def test_a_gathered_message_of_an_alert_that_ends_first_is_cancelled() -> None:
    script = Script()
    script.send(1, script.viewers(1, 800))
    script.wait(62)
    assert script.alert("source-silent").open
    script.beat(63)
    effects = script.engine.take_effects()
    assert [row.state for row in effects.deliveries] == ["waiting"]
    assert effects.cancels == [script.alert("source-silent").id]


def test_reminders_are_not_gathered() -> None:
    script = Script(replace(PLAN, routes=(RoutePlan("all", (SendStep("ops"),), gather_ms={"P1": 5_000}),)))
    alert = fault(script, 5)
    first, second = (deliveries(alert, script.plan, "s1", script.at(60), times) for times in (1, 2))
    assert [row.due_ms for row in (*first, *second)] == [script.at(65), script.at(60)]


def test_an_end_is_told_to_programs_alone_and_only_of_what_they_were_told() -> None:
    channels = (*PLAN.channels, ChannelPlan("hook", "webhook"))
    routes = (RoutePlan("all", (SendStep("ops", "P2"), SendStep("hook", "P2"))),)
    script = Script(replace(PLAN, channels=channels, routes=routes))
    fault(script, 5)
    healthy(script, 17, 30)
    assert script.alerts() == [("stream-fault", "P1", "ended")]
    rows = script.engine.take_effects().deliveries
    assert [(row.channel, row.recipient) for row in rows] == [("ops", ""), ("hook", ""), ("hook", "ended")]
    ended = script.alert("stream-fault")
    assert (rows[-1].change, rows[-1].due_ms, rows[-1].state) == (ended.version, ended.ended_ms, "waiting")
    assert len({row.id for row in rows}) == 3
    short = Script(replace(PLAN, channels=channels, routes=routes))
    short.send(1, short.viewers(1, 800))
    short.wait(62)
    short.beat(63)  # a silent source: gathered for five seconds, and over before
    assert [row.recipient for row in short.engine.take_effects().deliveries] == ["", ""]


def test_what_is_no_real_session_never_waits_to_be_sent() -> None:
    script = Script(replace(PLAN, kind="demo"))
    fault(script, 5)
    (row,) = script.engine.take_effects().deliveries
    assert row.state == "drill"
    assert row.title.startswith("【演练】")


def test_a_restricted_alert_goes_only_where_its_team_is_named_and_to_eyes_that_may() -> None:
    plan = replace(
        PLAN,
        routes=(
            RoutePlan("all", (SendStep("ops"),)),
            RoutePlan("av", (SendStep("av"),), teams=("av",)),
        ),
        channels=(*PLAN.channels, ChannelPlan("av", "feishu")),
    )
    rules = Script().rules
    hidden = tuple(replaced(rule) for rule in rules.rules)
    script = Script(plan, RuleSet(hidden, {}, "x"))
    alert = fault(script, 5)
    assert alert.clearance is Clearance.RESTRICTED
    assert [row.channel for row in script.engine.take_effects().deliveries] == ["av"]
    assert script.topic("alerts", clearance=Clearance.OPEN) == {}
    assert script.topic("rules", clearance=Clearance.OPEN) == {}


def replaced(rule: Any) -> Any:
    from dataclasses import replace as changed

    return changed(rule, clearance=Clearance.RESTRICTED)


def test_routes_choose_by_team_rule_and_severity() -> None:
    script = Script()
    alert = fault(script, 5)

    def told(*routes: RoutePlan) -> list[str]:
        plan = replace(PLAN, routes=routes, channels=tuple(ChannelPlan(name, "dingtalk") for name in ("a", "b")))
        return [row.channel for row in deliveries(alert, plan, "s1", 1)]

    assert told(RoutePlan("r", (SendStep("a"), SendStep("desk")), teams=("av",))) == ["a"]
    assert told(RoutePlan("r", (SendStep("a"),), teams=("supply",))) == []
    assert told(RoutePlan("r", (SendStep("a"),), rules=("stock-shortfall",))) == []
    assert told(RoutePlan("r", (SendStep("a", "P1"), SendStep("b", "P3")))) == ["a", "b"]
    assert told(RoutePlan("r", (SendStep("a"),)), RoutePlan("q", (SendStep("a"), SendStep("b")))) == ["a", "b"]


def test_a_muted_alert_is_judged_and_shown_and_told_of_when_the_mute_ends() -> None:
    script = Script(replace(PLAN, mutes=(MutePlan("break", ("break",), ("stream-fault",)),)))
    script.order_to(2, MoveRundown("rest"))
    alert = fault(script, 5)
    assert alert.muted == "break"
    assert script.engine.take_effects().deliveries == []
    script.order_to(8, MoveRundown("box"))
    assert script.alert("stream-fault").muted == ""
    assert [row.planned_ms for row in script.engine.take_effects().deliveries] == [script.at(8)]


BREAK_MUTES_VIEWERS = replace(PLAN, mutes=(MutePlan("break", ("break",), ("few",)),))


def viewers(script: Script, start: int, end: int, online: int) -> None:
    for second in range(start, end):
        script.send(second, script.viewers(second, online))


def rules(body: str) -> RuleSet:
    return read_rules({"r.yaml": f"version: 1\nrules:\n{body}"})


FEW = """
  - id: few
    title: 人少
    text: {title: 人少}
    step_down: true
    levels: [{severity: critical, fire: "m.viewers < 10.0"}, {severity: warning, fire: "m.viewers < 100.0"}]
"""


def messages(script: Script) -> list[tuple[str, float, str]]:
    """Return severity, second and recipient of what was planned since the last call."""
    rows = script.engine.take_effects().deliveries
    return [(row.severity, (row.planned_ms - script.starts) // 1_000, row.recipient) for row in rows]


def test_what_got_worse_while_it_was_muted_is_told_of_when_the_mute_ends() -> None:
    script = Script(BREAK_MUTES_VIEWERS, rules(FEW))
    viewers(script, 1, 20, 50)
    script.order_to(20, MoveRundown("rest"))
    viewers(script, 21, 40, 5)
    assert messages(script) == [("P2", 1, "")]
    script.order_to(40, MoveRundown("box"))
    assert messages(script) == [("P1", 40, "")]


def test_reminders_go_on_after_a_mute_in_which_one_came_due() -> None:
    script = Script(BREAK_MUTES_VIEWERS, rules(FEW))
    viewers(script, 1, 100, 5)
    script.order_to(100, MoveRundown("rest"))
    viewers(script, 101, 140, 5)
    script.order_to(140, MoveRundown("box"))
    viewers(script, 141, 270, 5)
    assert messages(script) == [("P1", 1, ""), ("P1", 140, "#2"), ("P1", 260, "#3")]


def test_what_has_become_milder_is_reminded_of_as_often_as_the_milder_is() -> None:
    script = Script(PLAN, rules(FEW))
    viewers(script, 1, 30, 5)
    viewers(script, 30, 300, 50)
    assert script.alerts() == [("few", "P2", "firing")]
    assert messages(script) == [("P1", 1, "")]


CAUSE_AND_EFFECT = """
  - id: cause
    title: 因
    text: {title: 因}
    levels: [{severity: critical, fire: "m.viewers < 10.0"}]
  - id: effect
    title: 果
    text: {title: 果}
    inhibited_by: [cause]
    levels: [{severity: warning, fire: "m.viewers < 100.0"}]
"""


def test_a_message_that_still_gathers_is_cancelled_when_the_cause_is_found() -> None:
    script = Script(PLAN, rules(CAUSE_AND_EFFECT))
    viewers(script, 1, 4, 50)
    viewers(script, 4, 10, 5)
    effects = script.engine.take_effects()
    assert [(row.severity, row.due_ms - script.starts) for row in effects.deliveries] == [("P2", 6_010), ("P1", 4_010)]
    assert effects.cancels == [script.alert("effect").id]
    viewers(script, 10, 20, 50)  # the cause is over, its effect is not
    assert messages(script) == [("P2", 10, "")]


def test_the_end_of_a_session_tells_of_nothing_that_a_cause_kept_quiet() -> None:
    script = Script(PLAN, rules(CAUSE_AND_EFFECT))
    viewers(script, 1, 10, 5)
    assert messages(script) == [("P1", 1, "")]
    script.order_to(10, EndSession())
    assert [alert.condition for alert in script.topic("alerts").values()] == ["ended", "ended"]
    assert messages(script) == []


def test_ids_are_those_of_the_step_and_not_of_the_run() -> None:
    first, second = Script(), Script()
    assert fault(first, 5).id == fault(second, 5).id != fault(Script(), 6).id
