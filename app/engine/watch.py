"""The rules of one session: which is looked at when, and who is handed what changed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from app.domain.alerts import Evidence, RuleView
from app.domain.board import LimitRow
from app.domain.people import Clearance, may_see
from app.engine.alerts import SAID_BEFORE, Report
from app.engine.announcer import SESSION_END, Announcer
from app.engine.changes import Changes
from app.engine.inputs import Inputs
from app.engine.spoken import Spoken
from app.engine.state import State
from app.engine.watched import Watched, names_of
from app.engine.zones import zone_offset_ms
from app.instants import Instant
from app.rules.limits import limits_of
from app.rules.machine import Transition
from app.rules.rule import Rule, RuleSet
from app.rules.sight import Fact

LOOK: Final = "look"
MACHINE: Final = "machine|"
LOOK_AFTER_MS: Final = 10
"""From the first change of an input to the look at the rules that read it."""
LONGEST_WINDOW: Final = 600


class Watch:
    """Owns the machines; knows nothing of events, and of alerts only whom to hand a transition."""

    def __init__(
        self, state: State, rules: RuleSet, inputs: Inputs, announcer: Announcer, changes: Changes, zone: str
    ) -> None:
        self._state, self._inputs, self._announcer, self._changes, self._zone = state, inputs, announcer, changes, zone
        self._rules = rules.rules
        self._names = {rule.id: names_of(rule, inputs) for rule in rules.rules}
        self._watched: dict[str, Watched] = {}
        self._readers: dict[str, list[Watched]] = {}
        for rule in self._rules:
            if not rule.each:
                self._add(rule, "session", "", {})
        for sku in state.skus.values():
            if sku.judged:
                self.member("sku", sku.sku)
        for line in state.lines.values():
            if line.seen_ms is not None:
                self.member("line", line.name)
        for key, memory in state.machines.items():
            if key in self._watched:  # a rule that is gone takes its machine with it
                self._watched[key].restore(memory)
        state.machines = {}
        announcer.report = self.report

    def member(self, kind: str, member: str) -> None:
        """Begin to judge the rules of this kind of member for one that has been heard of."""
        labels = {"line": member}
        if kind == "sku":
            sku = self._state.skus[member]
            labels = {"sku": sku.sku, "sku_name": sku.name}
        for rule in self._rules:
            if rule.each == kind:
                self._add(rule, kind, member, labels)

    def touch(self, group: str, now: int) -> None:
        """Note that inputs of this group changed; the first change sets the next look."""
        dirty = self._state.dirty
        if group in dirty or group not in self._readers:
            return
        if not dirty:
            self._state.deadlines.set(LOOK, now + LOOK_AFTER_MS, now)
        dirty.add(group)

    def touch_all(self, now: int) -> None:
        """Note that what every rule may rest on has changed: the state of the session, or its rundown."""
        for group in self._readers:
            self.touch(group, now)

    def look(self, at: int) -> None:
        """Judge the rules whose inputs have changed since the last look."""
        dirty, self._state.dirty = self._state.dirty, set()
        self._judge_all({watched.key: watched for group in dirty for watched in self._readers[group]}, at)

    def edge(self, at: int, second: int) -> None:
        """Judge at the end of a second what slides with time, and what waits for data that may have come quietly."""
        floor = second - LONGEST_WINDOW - 1
        self._judge_all({key: watched for key, watched in self._watched.items() if self._moves(watched, floor)}, at)

    def due(self, key: str, at: int) -> None:
        """Judge one rule because a hold, a clear or its patience with missing data ends now."""
        watched = self._watched.get(key)
        if watched is not None:
            self._judge_all({key: watched}, at)

    def speech(self, spoken: Spoken, at: int) -> None:
        """Judge one segment of the transcript by every rule that judges speech."""
        own = {f"e.{name}": Fact(value) for name, value in spoken.values("zh-CN").items()}
        transcript = self._state.transcript
        self._inputs.forget()
        for watched in self._watched.values():
            if watched.rule.event != "speech":
                continue
            earlier = _within(watched.rule, transcript, spoken) if watched.key not in self._state.alerts.open else ()
            before = watched.machine.condition
            steps = watched.machine.hit(Instant(at), {**watched.facts(at), **own})
            report = partial(watched.report_of, spoken, at, zone_offset_ms(self._zone, spoken.at_ms), earlier)
            for step in steps:
                self._announcer.take(watched.subject, step, report)
            if not steps:
                self._witness(watched, spoken, at)
            if watched.machine.condition != before:
                self._changes.touch("rules")
            self._schedule(watched, at)
        transcript.append(spoken.evidence())
        del transcript[:-SAID_BEFORE]

    def gap(self, start: int, end: int) -> None:
        """Nobody took events from `start` to `end`: the machines stand still in it."""
        for watched in self._watched.values():
            watched.machine.gap(Instant(start), Instant(end))
            watched.last = None
            self._schedule(watched, start)
        self._changes.touch("rules")

    def end(self, at: int) -> None:
        """The session is over: whatever is open is closed."""
        for key in sorted(self._watched):
            watched = self._watched[key]
            for step in watched.machine.end(Instant(at), SESSION_END):
                self._announcer.take(watched.subject, step, _nothing)
        self._changes.touch("rules")

    def views(self, clearance: Clearance) -> dict[str, RuleView]:
        """Return the rules that are not quietly ok: pending, or without data."""
        shown = {}
        for key, watched in self._watched.items():
            condition, rule = watched.machine.condition, watched.rule
            if not may_see(clearance, rule.clearance):
                continue
            if condition == "pending" or condition == "unknown":
                since, subject = watched.machine.since or 0, watched.subject
                reason = "no_data" if condition == "unknown" else ""
                shown[key] = RuleView(rule.id, rule.title, subject.scope, subject.scope_id, condition, since, reason)
        return shown

    def limits(self, clearance: Clearance) -> dict[str, LimitRow]:
        """Return the lines of the rules in force, as charts draw them."""
        return {
            f"{rule.id}|{n}": LimitRow(
                rule=rule.id,
                severity=limit.severity,
                metric=limit.path[2:],
                scope=rule.each or "session",
                below=limit.below,
                value=limit.value,
                of=limit.of[2:],
            )
            for rule in self._rules
            if not rule.event and may_see(clearance, rule.clearance)
            for n, limit in enumerate(limits_of(rule))
        }

    def report(self, key: str, at: int) -> Report | None:
        """Return how a metric rule's subject stands now; what was said once does not change."""
        watched = self._watched.get(key)
        if watched is None or watched.rule.event or watched.machine.unknown:
            return None
        self._inputs.forget()
        return watched.report(at, zone_offset_ms(self._zone, at), silent=False)

    def pack(self) -> None:
        """Put the machines into the state, for a checkpoint."""
        self._state.machines = {key: watched.machine.pack() for key, watched in self._watched.items()}

    def _add(self, rule: Rule, scope: str, member: str, labels: Mapping[str, str]) -> None:
        watched = Watched(rule, self._names[rule.id], scope, member, labels, self._inputs)
        self._watched[watched.key] = watched
        for group in watched.groups:
            self._readers.setdefault(group, []).append(watched)

    def _moves(self, watched: Watched, floor: int) -> bool:
        if watched.machine.unknown or watched.clocked:
            return True
        if not watched.slides:
            return False
        return watched.subject.scope != "sku" or self._state.skus[watched.subject.scope_id].counts.moved_since(floor)

    def _judge_all(self, found: Mapping[str, Watched], at: int) -> None:
        self._inputs.forget()
        for key in sorted(found):
            watched = found[key]
            facts = watched.facts(at)
            if not watched.settled(facts, at):
                self._judge(watched, facts, at)

    def _judge(self, watched: Watched, facts: Mapping[str, Fact], at: int) -> None:
        machine = watched.machine
        before = machine.condition
        for step in machine.look(Instant(at), facts):
            self._announcer.take(watched.subject, step, partial(self._report, watched, step, at))
        if machine.condition != before:
            self._changes.touch("rules")
        self._schedule(watched, at)

    def _report(self, watched: Watched, step: Transition, at: int) -> Report:
        return watched.report(at, zone_offset_ms(self._zone, at), silent=step.reason == "no_data")

    def _schedule(self, watched: Watched, at: int) -> None:
        due = watched.machine.due
        if due is None:
            self._state.deadlines.drop(MACHINE + watched.key)
        else:
            self._state.deadlines.set(MACHINE + watched.key, due, at)

    def _witness(self, watched: Watched, spoken: Spoken, at: int) -> None:
        """Keep beside an open alert what was said shortly after it."""
        alert = self._state.alerts.current(watched.key)
        span = watched.rule.transcript
        if alert is not None and span is not None and at - alert.changed_ms <= span.after_ms:
            self._changes.alert(self._state.alerts.witness(alert, spoken.evidence()))


def _within(rule: Rule, transcript: Sequence[Evidence], spoken: Spoken) -> tuple[Evidence, ...]:
    """Return what was said before this as long as the rule wants to know."""
    if rule.transcript is None:
        return ()
    start = spoken.at_ms - rule.transcript.before_ms
    return tuple(said for said in transcript if start <= said.at_ms <= spoken.at_ms)


def _nothing() -> Report:
    return Report({}, {}, {}, ())
