"""Promises: the interaction rate, by hand."""

from app.domain.events import ShareEvent
from tests.engine.script import QUIET, Script

RATE = "interaction_rate_5m"


def rate(script: Script) -> tuple[str, float | None, float | None, float | None]:
    reading = script.engine.reading(RATE)
    return reading.state, reading.value, reading.num, reading.den


def test_people_who_did_anything_over_the_mean_of_those_online() -> None:
    script = Script(rules=QUIET)
    for second in range(0, 310, 2):
        script.send(second, script.viewers(second, 400 if second < 150 else 800))
    script.send(308, script.like(308, 1), script.comment(308, who=1), script.like(308, 2, count=40))
    script.send(309, script.act(ShareEvent, 309, 3), script.enter(309, 4))
    state, value, num, den = rate(script)
    assert (state, num) == ("ok", 3)
    assert den is not None
    assert value == 3 / den
    assert abs(den - (141 * 400 + 159 * 800) / 300) < 3


def test_who_was_active_more_than_five_minutes_ago_does_not_count() -> None:
    script = Script(rules=QUIET)
    for second in range(0, 400, 3):
        script.send(second, script.viewers(second, 200), *([script.like(second, "old")] if second == 30 else []))
        assert rate(script)[2] == (1 if 30 <= second < 330 else 0)


def test_under_a_hundred_it_is_no_number() -> None:
    script = Script(rules=QUIET)
    script.send(1, script.viewers(1, 99), script.like(1, 1))
    script.beat(3)
    assert rate(script) == ("few", None, 1, 99)


def test_without_a_viewer_count_those_who_entered_stand_for_it() -> None:
    script = Script(rules=QUIET)
    script.send(1, *(script.enter(1, n) for n in range(120)), script.comment(1, who=5))
    assert rate(script) == ("estimated", 1 / 120, 1, 120)


def test_with_neither_it_is_too_small_a_sample() -> None:
    script = Script(rules=QUIET)
    script.send(1, *(script.comment(1, who=n) for n in range(200)))
    assert rate(script) == ("few", None, 200, 0)


def test_comments_without_users_are_counted_marked_and_judged_by_no_rule() -> None:
    script = Script()
    for second in range(0, 420, 3):
        script.send(second, script.viewers(second, 500), *([script.comment(second)] if second % 30 == 0 else []))
    state, value, num, _ = rate(script)
    assert (state, num, value) == ("estimated", 10, 10 / 500)
    assert script.alerts() == []
    assert [view.condition for view in script.topic("rules").values()] == ["unknown"]


def test_likes_without_users_add_nothing() -> None:
    script = Script(rules=QUIET)
    script.send(1, script.viewers(1, 500), script.like(1, count=900), script.like(1, 7))
    script.beat(2)
    assert rate(script) == ("ok", 1 / 500, 1, 500)


def test_low_for_a_minute_is_an_alert_that_ends_by_itself() -> None:
    script = Script()
    for second in range(0, 700, 2):
        thin = 330 <= second < 520  # the rate falls under 5 % at about 430
        people = 0 if thin else 5 if 520 <= second < 560 else 1
        acts = [script.like(second, f"u{second}-{n}") for n in range(people)]
        script.send(second, script.viewers(second, 2_000), *acts)
    effects = script.engine.take_effects()
    (alert,) = effects.alerts.values()
    assert (alert.rule, alert.severity, alert.condition, alert.ended_reason) == (
        "interaction-low",
        "P2",
        "ended",
        "clear",
    )
    assert alert.host["zh-CN"]
    assert script.at(425 + 60) < alert.opened_ms < script.at(435 + 60)
    assert alert.ended_ms is not None
    assert alert.ended_ms > script.at(540 + 60)
