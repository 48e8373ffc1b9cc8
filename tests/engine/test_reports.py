"""Promises of what the system reports of itself: one alert as long as it stands, whoever starts again meanwhile."""

from typing import Any

from app.domain.alerts import Alert
from app.domain.commands import AckAlert, EndSession, Report
from tests.engine.script import Script

BROKEN = Report("rules-fallback", {"zh-CN": "规则文件有错"}, {"zh-CN": "改好后重启：a.yaml:3:1"})
OVER = Report("rules-fallback", over=True)


def listed(script: Script) -> list[Alert]:
    alerts: dict[str, Any] = script.topic("alerts")
    return list(alerts.values())


def test_a_report_is_one_alert_of_the_session_however_often_it_comes() -> None:
    script = Script()
    for second in (1, 2, 3):
        assert script.order_to(second, BROKEN).code == "done"
    (alert,) = listed(script)
    assert (alert.condition, alert.severity, alert.count, alert.version) == ("firing", "P2", 1, 1)
    assert (alert.scope, alert.labels) == ("session", {"team": "av"})


def test_one_that_was_acknowledged_does_not_come_back_but_another_fault_shows_its_own_words() -> None:
    script = Script()
    script.order_to(1, BROKEN)
    script.order_to(2, AckAlert(listed(script)[0].id))
    script.order_to(3, BROKEN)
    (alert,) = listed(script)
    assert (alert.acked_ms, alert.count) == (script.at(2), 1)
    script.order_to(4, Report(BROKEN.rule, BROKEN.title, {"zh-CN": "改好后重启：b.yaml:1:1"}))
    (alert,) = listed(script)
    assert (alert.action, alert.count) == ({"zh-CN": "改好后重启：b.yaml:1:1"}, 2)


def test_it_ends_when_it_is_said_to_be_over_and_saying_so_again_changes_nothing() -> None:
    script = Script()
    assert script.order_to(1, OVER).code == "done"
    assert listed(script) == []
    script.order_to(2, BROKEN)
    script.order_to(3, OVER)
    (alert,) = listed(script)
    assert (alert.condition, alert.ended_ms, alert.ended_reason) == ("ended", script.at(3), "clear")
    script.order_to(4, OVER)
    assert listed(script) == [alert]


def test_an_ended_session_takes_no_report() -> None:
    script = Script()
    script.order_to(1, EndSession())
    assert script.order_to(2, BROKEN).code == "ended"
    assert listed(script) == []
