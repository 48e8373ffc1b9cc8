"""Promises: time in which nobody took events is neither silence nor calm; a stop fires nothing by itself."""

import pytest

from app.domain.commands import SendPrompt
from app.domain.people import Clearance
from tests.engine.script import Script


def running(until: int = 60) -> Script:
    script = Script()
    for second in range(1, until):
        viewers = [script.viewers(second, 800)] if second % 3 == 0 else []
        script.send(second, *viewers, script.like(second, second), script.stock(second, available=900))
        script.send(second, script.stream(second, 4_000.0), source="obs")
    return script


@pytest.mark.parametrize("length", [1, 6, 20, 70, 3_600, 86_400])
def test_a_stop_of_any_length_fires_nothing_by_itself(length: int) -> None:
    script = running()
    script.engine.take_effects()
    script.gap(60, 60 + length)
    script.wait(60 + length)
    effects = script.engine.take_effects()
    assert (effects.alerts, effects.prompts, effects.deliveries) == ({}, {}, [])
    assert script.topic("gaps") == {str(script.at(60)): script.topic("gaps")[str(script.at(60))]}
    assert script.topic("gaps")[str(script.at(60))].end_ms == script.at(60 + length)
    assert script.topic("readings")["viewers@session"].state == "unknown"
    assert {view.condition for view in script.topic("rules").values()} == {"unknown"}


def test_after_it_readings_are_unknown_until_they_are_fresh() -> None:
    script = running()
    script.gap(60, 70)
    script.send(71, script.viewers(71, 790), script.like(71, 5))
    assert script.topic("readings")["viewers@session"].value == 790
    script.send(72, script.stream(72, 4_000.0), source="obs")
    script.wait(73)
    assert script.topic("rules") == {}


def test_after_it_whoever_was_silent_has_half_a_minute_to_come_back() -> None:
    script = running()
    script.wait(62)
    script.gap(62, 662)  # the encoder had been silent for 3 of its 5 seconds
    script.wait(662 + 29.9)
    assert script.alerts() == []
    script.wait(662 + 30.1)
    assert script.alerts() == [("stream-fault", "P1", "firing")]


def test_a_hold_does_not_run_in_it() -> None:
    script = running()
    script.send(60, script.stream(60, 1_000.0), source="obs")
    script.wait(64)  # 4 of the 10 seconds that it must last
    script.gap(64, 300)
    for second in (300.5, 303, 305):
        script.send(second, script.stream(second, 1_000.0), source="obs")
    assert script.alerts() == []
    script.send(307, script.stream(307, 1_000.0), source="obs")
    assert script.alerts() == [("stream-fault", "P1", "firing")]


def test_a_card_has_as_long_to_be_read_as_without_it() -> None:
    script = running()
    script.order_to(60, SendPrompt({"zh-CN": "讲价格"}, "urgent"))
    script.gap(70, 500)
    script.wait(509)
    (prompt,) = script.engine.topic("prompts", "control", Clearance.OPEN).values()
    assert not prompt.unread
    script.wait(510.1)
    (prompt,) = script.engine.topic("prompts", "control", Clearance.OPEN).values()
    assert prompt.unread


def test_charts_have_a_hole_where_it_was() -> None:
    script = running(125)
    script.gap(125, 135)
    for second in range(136, 240):
        script.send(second, script.viewers(second, 700), script.like(second, second))
    rows = [row for row in script.engine.take_effects().readings if (row.metric, row.scope) == ("viewers", "session")]
    (row,) = [row for row in rows if row.minute_ms <= script.at(130) < row.minute_ms + 60_000]
    holes = [row.minute_ms + 1_000 * slot for slot, value in enumerate(row.values) if value != value]
    assert holes
    assert min(holes) >= script.at(124)
    assert max(holes) <= script.at(137)
    assert len(holes) >= 10
