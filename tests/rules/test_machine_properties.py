"""What holds for every rule and run: exact holds; idle looks, a checkpoint, a gap by itself change nothing."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from app.instants import Instant
from app.rules.machine import Machine, Transition
from app.rules.rule import Rule
from tests.rules.driving import Driver, rule_of

AFTER_S = 15


class Step(NamedTuple):
    """What happens `wait_s` after the step before: a fact is set or lost, or nobody takes events for a while."""

    wait_s: int
    live: bool
    viewers: float | None
    gap_s: int


STEPS = st.lists(
    st.builds(
        Step,
        wait_s=st.integers(1, 40),
        live=st.sampled_from([True, True, True, True, False]),
        viewers=st.sampled_from([1.0, 1.0, 60.0, 60.0, 110.0, 500.0, 500.0, None]),
        gap_s=st.sampled_from([0, 0, 0, 0, 3, 700]),
    ),
    max_size=12,
)


def rule_with(critical_s: int, warning_s: int, keep_s: int, policy: str, more: str = "") -> Rule:
    return rule_of(
        f"""
when: s.live
levels:
  - {{severity: critical, fire: "m.viewers < 10.0", for: {critical_s}s}}
  - {{severity: warning, fire: "m.viewers < 100.0", for: {warning_s}s}}
clear: "m.viewers > 120.0"
keep_firing_for: {keep_s}s
no_data: {{after: {AFTER_S}s, as: {policy}}}
{more}
"""
    )


SECONDS = st.sampled_from([0, 1, 5, 20, 60])
PLAIN_RULES = st.builds(rule_with, SECONDS, SECONDS, SECONDS, st.just("unknown"))
RULES = st.builds(
    rule_with,
    SECONDS,
    SECONDS,
    SECONDS,
    st.sampled_from(["unknown", "keep", "ok", "fire"]),
    st.sampled_from(["", "step_down: true", "freeze: [m.viewers]"]),
)


def played(driver: Driver, steps: list[Step], idle: Iterable[int] = ()) -> Iterator[int]:
    """Play the steps, looking also at the idle instants; yield the instant after each step."""
    now = 0
    driver.look(now)
    waiting = sorted(idle)

    def rest(until: int) -> None:
        while waiting and waiting[0] <= until:
            at = waiting.pop(0)
            if at >= now:
                driver.wait(at)
                driver.look(at)
                driver.look(at)
        driver.wait(until)

    for step in steps:
        rest(now + step.wait_s * 1_000)
        now += step.wait_s * 1_000
        driver.set(now, {"s.live": step.live, "m.viewers": step.viewers})
        if step.gap_s:
            driver.gap(now, now + step.gap_s * 1_000)
            now += step.gap_s * 1_000
        yield now
    rest(now + 120_000)
    yield now + 120_000


def effects(driver: Driver) -> list[Transition]:
    return [each for each in driver.transitions if each.kind not in ("unknown", "known")]


class Oracle:
    """The contract, played second by second with no timers: slow, plain, and written apart from the machine."""

    def __init__(self, critical_s: int, warning_s: int, keep_s: int) -> None:
        self.fors = {"P1": critical_s, "P2": warning_s}
        self.keep = keep_s
        self.length = {"P1": 0, "P2": 0}
        self.calm = 0
        self.open = ""
        self.told: list[tuple[str, int, str]] = []

    def act(self, at: int, live: bool | None, viewers: float | None) -> None:
        """Judge one instant."""
        if live is False:
            self.length, self.calm = {"P1": 0, "P2": 0}, 0
            self.close(at)
        if not live or viewers is None:
            return
        truth = self.truth(viewers)
        self.length = {name: self.length[name] if truth[name] else 0 for name in truth}
        holding = self.holding(truth)
        if holding and (not self.open or holding < self.open):
            self.told.append(("raised" if self.open else "entered", at, holding))
            self.open, self.calm = holding, 0
        if not self.open or holding or viewers <= 120:
            self.calm = 0
        elif self.calm >= self.keep:
            self.close(at)

    def pass_second(self, live: bool | None, viewers: float | None) -> None:
        """Let one second pass in which nothing changes."""
        if not live or viewers is None:
            return
        truth = self.truth(viewers)
        self.length = {name: self.length[name] + truth[name] for name in truth}
        self.calm += bool(self.open) and viewers > 120

    def truth(self, viewers: float) -> dict[str, bool]:
        return {"P1": viewers < 10, "P2": viewers < 100}

    def holding(self, truth: dict[str, bool]) -> str:
        return next((name for name in truth if truth[name] and self.length[name] >= self.fors[name]), "")

    def close(self, at: int) -> None:
        if self.open:
            self.told.append(("ended", at, self.open))
        self.open, self.calm = "", 0


def expected(critical_s: int, warning_s: int, keep_s: int, steps: list[Step]) -> list[tuple[str, int, str]]:
    oracle = Oracle(critical_s, warning_s, keep_s)
    at, seen = 0, 0
    live: bool | None = None
    viewers: float | None = None
    for step in [*steps, None]:
        for second in range(at, at + (step.wait_s if step else 120)):
            fresh = viewers if second - seen < AFTER_S else None
            oracle.act(second, live, fresh)
            oracle.pass_second(live, fresh)
        if step is None:
            break
        at += step.wait_s
        oracle.act(at, live, viewers if at - seen < AFTER_S else None)
        live, viewers, seen = step.live, step.viewers, at
        oracle.act(at, live, viewers)
        if step.gap_s:
            at, viewers = at + step.gap_s, None
    return oracle.told


@given(SECONDS, SECONDS, SECONDS, STEPS)
def test_it_fires_and_ends_when_a_second_by_second_reading_of_the_contract_does(
    critical_s: int, warning_s: int, keep_s: int, steps: list[Step]
) -> None:
    driver = Driver(rule_with(critical_s, warning_s, keep_s, "unknown"))
    for _ in played(driver, steps):
        pass
    found = [(each.kind, each.at // 1_000, each.severity) for each in effects(driver)]
    assert all(each.at % 1_000 == 0 for each in effects(driver))
    assert found == expected(critical_s, warning_s, keep_s, steps)


@given(RULES, STEPS, st.lists(st.integers(0, 900_000), max_size=40))
def test_idle_wake_ups_change_nothing(rule: Rule, steps: list[Step], idle: list[int]) -> None:
    plain, woken = Driver(rule), Driver(rule)
    for _ in played(plain, steps):
        pass
    for _ in played(woken, steps, idle):
        pass
    assert woken.transitions == plain.transitions
    assert woken.machine.pack() == plain.machine.pack()


@given(RULES, STEPS, st.sets(st.integers(0, 12)))
def test_a_checkpoint_in_the_middle_changes_nothing(rule: Rule, steps: list[Step], at: set[int]) -> None:
    plain, restored = Driver(rule), Driver(rule)
    for _ in played(plain, steps):
        pass
    for index, _ in enumerate(played(restored, steps)):
        if index in at:
            restored.machine = Machine.unpack(rule, restored.machine.pack())
    assert restored.transitions == plain.transitions
    assert restored.machine.pack() == plain.machine.pack()


@given(RULES, STEPS, st.integers(1, 10**8))
def test_a_gap_of_any_length_fires_and_ends_nothing_by_itself(rule: Rule, steps: list[Step], length: int) -> None:
    driver = Driver(rule)
    for now in played(driver, steps):
        before = len(effects(driver))
        if driver.machine.due is None or driver.machine.due > now:
            machine = Machine.unpack(rule, driver.machine.pack())
            machine.gap(Instant(now), Instant(now + length))
            found = machine.look(Instant(now + length), driver.facts)
            assert [each.kind for each in found if each.kind not in ("unknown", "known")] == []
            assert (machine.open, machine.severity) == (driver.machine.open, driver.machine.severity)
        assert len(effects(driver)) == before


@given(RULES, STEPS)
def test_it_is_due_only_after_the_instant_that_was_looked_at(rule: Rule, steps: list[Step]) -> None:
    driver = Driver(rule)
    for now in played(driver, steps):
        assert driver.machine.due is None or driver.machine.due > now


@given(RULES, STEPS)
def test_what_is_told_is_one_alert_after_the_other(rule: Rule, steps: list[Step]) -> None:
    driver = Driver(rule)
    for _ in played(driver, steps):
        pass
    severity = ""
    for each in effects(driver):
        assert each.before == severity or each.kind == "entered"
        assert (severity == "") == (each.kind == "entered")
        severity = "" if each.kind == "ended" else each.severity
    assert driver.machine.severity == severity
    assert [each.at for each in driver.transitions] == sorted(each.at for each in driver.transitions)


PHRASES = rule_of(
    """
when: s.live
levels:
  - {severity: critical, fire: "e.grade >= 3.0"}
  - {severity: warning, fire: "e.grade >= 2.0"}
keep_firing_for: 20s
""",
    head="event: speech",
)


@given(st.lists(st.tuples(st.integers(1, 60_000), st.sampled_from([0.0, 2.0, 3.0])), max_size=6))  # a 7th end flaps
def test_a_phrase_alert_ends_exactly_its_hold_after_the_last_hit(spoken: list[tuple[int, float]]) -> None:
    driver = Driver(PHRASES)
    driver.set(0, {"s.live": True})
    now, hits = 0, []
    for wait, grade in spoken:
        now += wait
        driver.hit(now, {"e.grade": grade})
        hits += [now] if grade else []
    driver.wait(now + 100_000)
    later = [*hits[1:], now + 200_000]
    assert [each.at for each in driver.transitions if each.kind == "ended"] == [
        hit + 20_000 for hit, following in zip(hits, later, strict=bool(hits)) if following - hit >= 20_000
    ]
