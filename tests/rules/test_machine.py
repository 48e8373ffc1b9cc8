"""The condition machine, step by step as the contract words it."""

from collections.abc import Mapping

import msgspec
import pytest

from app.instants import Instant, Span
from app.rules.machine import Machine, Memory
from app.rules.rule import Rule
from app.rules.sight import Fact
from tests.rules.driving import Driver, rule_of, told

LOW = rule_of(
    """
when: s.live
levels:
  - {severity: critical, fire: "m.viewers < 10.0", for: 5s}
  - {severity: warning, fire: "m.viewers < 100.0", for: 20s}
clear: "m.viewers > 120.0"
keep_firing_for: 30s
no_data: {after: 15s, as: unknown}
"""
)
FRESH = {"s.live": True, "m.viewers": 500.0}


def fed(rule: Rule, *series: tuple[int, float], until: int) -> Driver:
    """Drive a rule with viewers that are sent again every 5 s, so that they never fall silent."""
    driver = Driver(rule)
    changes = {at * 1_000: viewers for at, viewers in series}
    viewers = 500.0
    for at in range(0, until * 1_000 + 1, 1_000):
        viewers = changes.get(at, viewers)
        if at in changes or at % 5_000 == 0:
            driver.set(at, {"s.live": True, "m.viewers": viewers})
    driver.wait(until * 1_000)
    return driver


def test_it_fires_exactly_when_the_hold_is_over_and_ends_exactly_when_calm_has_lasted() -> None:
    driver = fed(LOW, (7, 50.0), (60, 150.0), until=120)
    assert driver.told() == [("entered", 27_000, "P2"), ("ended", 90_000, "P2")]
    assert driver.transitions[-1].reason == "clear"


def test_a_break_begins_the_hold_again() -> None:
    driver = fed(LOW, (7, 50.0), (26, 100.0), (27, 50.0), until=50)
    assert driver.told() == [("entered", 47_000, "P2")]


def test_between_fire_and_clear_nothing_ends_and_a_relapse_begins_the_calm_again() -> None:
    driver = fed(LOW, (7, 50.0), (60, 110.0), (100, 150.0), (120, 110.0), (121, 150.0), until=160)
    assert driver.told() == [("entered", 27_000, "P2"), ("ended", 151_000, "P2")]


def test_worse_is_raised_at_once_and_better_is_not_lowered() -> None:
    driver = fed(LOW, (0, 50.0), (40, 5.0), (60, 50.0), until=300)
    assert driver.told() == [("entered", 20_000, "P2"), ("raised", 45_000, "P1")]
    assert driver.transitions[1].before == "P2"


def test_the_worst_level_that_holds_is_the_one_that_fires() -> None:
    assert told(fed(LOW, (0, 5.0), until=10).transitions) == [("entered", 5_000, "P1")]


def test_with_step_down_it_is_lowered_after_the_hold_and_not_before() -> None:
    rule = rule_of(
        """
levels:
  - {severity: critical, fire: "m.viewers < 10.0"}
  - {severity: warning, fire: "m.viewers < 100.0"}
step_down: true
keep_firing_for: 30s
"""
    )
    driver = fed(rule, (10, 5.0), (20, 50.0), (45, 5.0), (46, 50.0), (100, 500.0), until=200)
    assert driver.told() == [("entered", 10_000, "P1"), ("lowered", 76_000, "P2"), ("ended", 130_000, "P2")]


def test_a_gate_drops_what_is_pending_and_ends_quietly_unless_critical() -> None:
    pending = Driver(LOW)
    pending.set(0, {"s.live": True, "m.viewers": 50.0})
    pending.set(10_000, {"s.live": False})
    pending.set(11_000, {"s.live": True, "m.viewers": 50.0})
    assert pending.machine.due == 26_000  # silence, before the hold that began again at 11 s
    for viewers, quiet in ((50.0, True), (5.0, False)):
        driver = fed(LOW, (0, viewers), until=30)
        (ended,) = driver.set(31_000, {"s.live": False})
        assert (ended.kind, ended.reason, ended.quiet) == ("ended", "gate", quiet)
        assert driver.machine.condition == "ok"


def test_missing_data_neither_fires_nor_ends_and_pauses_both_holds() -> None:
    driver = Driver(LOW)
    driver.set(0, {"s.live": True, "m.viewers": 50.0})
    assert told(driver.wait(60_000)) == [("unknown", 15_000, "")]
    assert told(driver.set(60_000, {"m.viewers": 50.0})) == [("known", 60_000, "")]
    assert told(driver.wait(65_000)) == [("entered", 65_000, "P2")]
    driver.set(70_000, {"m.viewers": 150.0})
    assert told(driver.wait(200_000)) == [("unknown", 85_000, "P2")]
    assert (driver.machine.condition, driver.machine.open) == ("unknown", True)
    driver.set(200_000, {"m.viewers": 150.0})
    driver.set(210_000, {"m.viewers": 150.0})
    assert told(driver.wait(220_000)) == [("ended", 215_000, "P2")]


def test_of_several_inputs_the_first_that_falls_silent_is_missed() -> None:
    fire = "m.viewers < 5.0 && m.gmv < 1.0"
    driver = Driver(rule_of(f'levels: [{{severity: warning, fire: "{fire}"}}]\nno_data: {{after: 15s}}'))
    driver.set(0, {"m.viewers": 1.0, "m.gmv": 9.0})
    driver.set(10_000, {"m.gmv": 9.0})
    assert driver.machine.due == 15_000


def test_an_alert_does_not_end_while_a_level_cannot_be_judged() -> None:
    fire = "m.gmv / m.viewers < 5.0"
    rule = rule_of(f'levels: [{{severity: warning, fire: "{fire}"}}]\nclear: "m.gmv < 0.5"\nno_data: {{as: keep}}')
    driver = Driver(rule)
    driver.set(0, {"m.gmv": 1.0, "m.viewers": 1.0})
    assert driver.machine.open
    driver.set(1_000, {"m.gmv": 0.0, "m.viewers": 0.0})
    driver.wait(1_000_000)
    assert driver.machine.open


def test_an_invalid_reading_is_unknown_at_once() -> None:
    driver = fed(LOW, (0, 50.0), until=30)
    assert told(driver.set(31_000, {"m.viewers": None})) == [("unknown", 31_000, "P2")]


def test_a_metric_never_seen_is_unknown_whatever_no_data_says() -> None:
    for policy in ("unknown", "keep", "ok", "fire"):
        driver = Driver(rule_of(f'levels: [{{severity: warning, fire: "m.viewers < 5.0"}}]\nno_data: {{as: {policy}}}'))
        assert told(driver.look(0)) == [("unknown", 0, "")]
        assert driver.wait(1_000_000) == []


def test_kept_data_goes_on_as_last_time() -> None:
    driver = Driver(rule_of('levels: [{severity: warning, fire: "m.viewers < 5.0", for: 1h}]\nno_data: {as: keep}'))
    driver.set(0, {"m.viewers": 1.0})
    assert told(driver.wait(10_000_000)) == [("entered", 3_600_000, "P2")]


def test_missing_data_that_means_ok_ends_the_alert_after_its_hold() -> None:
    rule = rule_of(
        """
levels: [{severity: warning, fire: "m.viewers < 5.0"}]
keep_firing_for: 10s
no_data: {after: 20s, as: ok}
"""
    )
    driver = Driver(rule)
    driver.set(0, {"m.viewers": 1.0})
    assert told(driver.wait(100_000)) == [("ended", 30_000, "P2")]


def test_silence_that_is_the_fault_raises_the_worst_level_once_its_wait_is_over() -> None:
    rule = rule_of(
        """
levels: [{severity: critical, fire: "i.bitrate_kbps < 100.0", for: 60s}]
keep_firing_for: 10s
no_data: {after: 5s, as: fire}
""",
        head="each: line",
    )
    driver = Driver(rule)
    driver.set(0, {"i.bitrate_kbps": 4_000.0})
    (entered,) = driver.wait(100_000)
    assert (entered.at, entered.severity, entered.reason, driver.machine.silent) == (5_000, "P1", "no_data", True)
    driver.set(100_000, {"i.bitrate_kbps": 4_000.0})
    assert not driver.machine.silent
    driver.set(104_000, {"i.bitrate_kbps": 4_000.0})
    driver.set(108_000, {"i.bitrate_kbps": 4_000.0})
    assert told(driver.wait(110_000)) == [("ended", 110_000, "P1")]


def test_the_room_says_what_silence_is_where_the_rule_does_not() -> None:
    rule = rule_of('levels: [{severity: warning, fire: "m.viewers < 5.0"}]')
    for patience, expected in (({}, 15_000), ({"m.viewers": Span(40_000)}, 40_000)):
        driver = Driver(rule, Machine(rule, patience))
        driver.set(0, {"m.viewers": 50.0})
        assert told(driver.wait(100_000)) == [("unknown", expected, "")]


def test_what_is_decided_by_known_data_fires_beside_missing_data() -> None:
    driver = Driver(rule_of('levels: [{severity: warning, fire: "m.viewers < 5.0 || m.gmv < 1.0"}]'))
    driver.set(0, {"m.viewers": 1.0})
    assert driver.told() == [("entered", 0, "P2")]
    driver.set(1, {"m.viewers": 9.0})
    assert driver.machine.condition == "unknown"  # and missing data does not end it


def test_a_frozen_value_is_kept_while_it_fires_and_given_up_when_it_ends() -> None:
    rule = rule_of(
        """
levels: [{severity: warning, fire: "m.viewers < 0.5 * m.enters_5m"}]
clear: "m.viewers > 0.7 * m.enters_5m"
freeze: [m.enters_5m]
"""
    )
    driver = Driver(rule)
    driver.set(0, {"m.viewers": 40.0, "m.enters_5m": 100.0})
    driver.set(1_000, {"m.enters_5m": 50.0})
    assert driver.machine.open  # 40 of 50 would be enough; it fired against 100
    driver.set(2_000, {"m.viewers": 75.0})
    assert driver.told() == [("entered", 0, "P2"), ("ended", 2_000, "P2")]
    assert told(driver.set(3_000, {"m.viewers": 24.0})) == [("entered", 3_000, "P2")]


def test_too_many_cycles_keep_one_alert_open_until_it_rests_twice_as_long() -> None:
    rule = rule_of('levels: [{severity: warning, fire: "m.viewers < 5.0"}]\nkeep_firing_for: 10s\nno_data: {as: keep}')
    driver = Driver(rule)
    for cycle in range(9):
        driver.set(cycle * 20_000, {"m.viewers": 1.0})
        driver.set(cycle * 20_000 + 2_000, {"m.viewers": 9.0})
    kinds = [each.kind for each in driver.transitions]
    assert kinds == ["entered", "ended"] * 6 + ["entered", "flapping"]
    assert driver.machine.flapping
    assert told(driver.wait(10_000_000)) == [("ended", 8 * 20_000 + 2_000 + 60_000, "P2")]
    assert not driver.machine.flapping


def test_ends_by_the_gate_count_as_cycles() -> None:
    rule = rule_of('when: s.live\nlevels: [{severity: warning, fire: "m.viewers < 5.0"}]\nno_data: {as: keep}')
    driver = Driver(rule)
    for cycle in range(6):
        driver.set(cycle * 20_000, {"s.live": True, "m.viewers": 1.0})
        driver.set(cycle * 20_000 + 2_000, {"s.live": False})
    driver.set(120_000, {"s.live": True})
    driver.set(122_000, {"m.viewers": 9.0})
    assert driver.machine.flapping


def test_cycles_that_are_far_apart_are_not_flapping() -> None:
    rule = rule_of('levels: [{severity: warning, fire: "m.viewers < 5.0"}]\nkeep_firing_for: 10s\nno_data: {as: keep}')
    driver = Driver(rule)
    for cycle in range(20):
        driver.set(cycle * 100_000, {"m.viewers": 1.0})
        driver.set(cycle * 100_000 + 2_000, {"m.viewers": 9.0})
    assert "flapping" not in [each.kind for each in driver.transitions]


def test_a_gap_pauses_the_hold_and_makes_what_was_seen_before_it_unknown() -> None:
    driver = Driver(LOW)
    driver.set(0, {"s.live": True, "m.viewers": 50.0})
    assert told(driver.gap(10_000, 4_000_000)) == [("unknown", 4_000_000, "")]
    assert told(driver.set(4_001_000, {"m.viewers": 50.0})) == [("known", 4_001_000, "")]
    assert told(driver.wait(4_011_000)) == [("entered", 4_011_000, "P2")]


def test_silence_is_not_counted_while_nobody_listened() -> None:
    rule = rule_of(
        'levels: [{severity: critical, fire: "i.fps < 1.0"}]\nno_data: {after: 5s, as: fire}', head="each: line"
    )
    driver = Driver(rule)
    driver.set(0, {"i.fps": 25.0})
    assert told(driver.gap(2_000, 900_000)) == [("unknown", 900_000, "")]
    assert told(driver.wait(1_000_000)) == [("known", 930_000, ""), ("entered", 930_000, "P1")]


def test_who_comes_back_half_a_minute_after_a_stop_raises_nothing() -> None:
    rule = rule_of(
        'levels: [{severity: critical, fire: "i.fps < 1.0"}]\nno_data: {after: 5s, as: fire}', head="each: line"
    )
    driver = Driver(rule)
    driver.set(0, {"i.fps": 25.0})
    driver.gap(4_000, 60_000)
    assert told(driver.set(85_000, {"i.fps": 25.0})) == [("known", 85_000, "")]
    assert [each.kind for each in driver.transitions if each.kind == "entered"] == []


def test_a_session_that_ends_closes_what_is_open_for_good() -> None:
    driver = fed(LOW, (0, 50.0), until=30)
    (ended,) = driver.machine.end(Instant(31_000), "session_end")
    assert (ended.kind, ended.severity, ended.reason) == ("ended", "P2", "session_end")
    assert (driver.machine.condition, driver.machine.due) == ("ended", None)
    assert driver.set(40_000, {"m.viewers": 1.0}) == []
    assert driver.machine.end(Instant(41_000), "session_end") == []
    assert Machine(LOW).end(Instant(0), "member_gone") == []


def test_a_condition_knows_since_when() -> None:
    driver = Driver(LOW)
    driver.set(0, {"s.live": True, "m.viewers": 500.0})
    driver.set(5_000, {"m.viewers": 50.0})
    driver.set(9_000, {"m.viewers": 51.0})
    assert (driver.machine.condition, driver.machine.since) == ("pending", 5_000)


SPOKEN = rule_of(
    """
when: s.live
levels:
  - {severity: critical, fire: "e.hits > 0.0 && e.grade >= 3.0"}
  - {severity: warning, fire: "e.hits > 0.0 && e.conf >= 0.6"}
keep_firing_for: 20s
""",
    head="event: speech",
)


def heard(driver: Driver, at: int, **values: float | None) -> list[tuple[str, int, str]]:
    return told(driver.hit(at, {f"e.{name}": value for name, value in values.items()}))


def test_hits_count_on_one_alert_that_ends_after_the_last() -> None:
    driver = Driver(SPOKEN)
    driver.set(0, {"s.live": True})
    assert heard(driver, 1_000, hits=1.0, grade=2.0, conf=0.9) == [("entered", 1_000, "P2")]
    assert heard(driver, 15_000, hits=1.0, grade=3.0, conf=0.9) == [("raised", 15_000, "P1")]
    assert heard(driver, 30_000, hits=1.0, grade=2.0, conf=0.9) == [("hit", 30_000, "P1")]
    assert heard(driver, 40_000, hits=0.0, grade=0.0, conf=0.9) == []
    assert driver.machine.hits == 3
    assert told(driver.wait(100_000)) == [("ended", 50_000, "P1")]
    assert heard(driver, 101_000, hits=1.0, grade=2.0, conf=0.9) == [("entered", 101_000, "P2")]


def test_a_hit_that_cannot_be_judged_says_so_and_does_not_fire() -> None:
    driver = Driver(SPOKEN)
    driver.set(0, {"s.live": True})
    assert heard(driver, 1_000, hits=1.0, grade=2.0, conf=None) == [("unknown", 1_000, "")]
    assert heard(driver, 2_000, hits=1.0, grade=3.0, conf=None) == [("known", 2_000, ""), ("entered", 2_000, "P1")]


def test_a_phrase_alert_stands_still_in_a_gap_and_ends_with_the_broadcast() -> None:
    driver = Driver(SPOKEN)
    driver.set(0, {"s.live": True})
    heard(driver, 1_000, hits=1.0, grade=3.0, conf=0.9)
    assert told(driver.gap(5_000, 605_000)) == []
    assert told(driver.wait(700_000)) == [("ended", 621_000, "P1")]
    heard(driver, 800_000, hits=1.0, grade=2.0, conf=0.9)
    (ended,) = driver.set(801_000, {"s.live": False})
    assert (ended.reason, ended.quiet) == ("gate", True)
    assert heard(driver, 802_000, hits=1.0, grade=3.0, conf=0.9) == []


def test_an_edited_rule_takes_over_the_open_alert() -> None:
    driver = fed(LOW, (0, 50.0), until=30)
    edited = rule_of('levels: [{severity: warning, fire: "m.viewers < 60.0"}]\nkeep_firing_for: 5s')
    machine = Machine.unpack(edited, driver.machine.pack())
    assert (machine.open, machine.severity) == (True, "P2")
    facts: Mapping[str, Fact] = {"m.viewers": Fact(80.0, Instant(31_000))}
    assert machine.look(Instant(31_000), facts) == []
    assert told(machine.look(Instant(36_000), facts)) == [("ended", 36_000, "P2")]


@pytest.mark.parametrize("codec", [msgspec.json, msgspec.msgpack])
def test_a_packed_machine_survives_encoding(codec: object) -> None:
    driver = fed(LOW, (0, 50.0), until=30)
    driver.gap(31_000, 40_000)
    packed = driver.machine.pack()
    encoded = codec.encode(packed)  # type: ignore[attr-defined] # two modules of one shape
    assert codec.decode(encoded, type=Memory) == packed  # type: ignore[attr-defined]
    assert Machine.unpack(LOW, packed).pack() == packed
