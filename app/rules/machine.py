"""The condition of one rule for one member: ok, pending, firing, unknown, ended; pure, time is an argument.

The steps, in order: missing data, gate, levels worst first, raise at once, lower and end only after a hold. Whoever
drives it looks at every change of an input and at `due`; more looks change nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from app.domain.alerts import Severity
from app.instants import MINUTE, Instant, Span
from app.rules.hold import Hold
from app.rules.rule import Rule
from app.rules.sight import Eye, Fact, Sight
from app.rules.vocabulary import Value

FLAPPING_CYCLES: Final = 6
FLAPPING_SPAN: Final = Span(10 * MINUTE)
RESTING_MIN: Final = Span(MINUTE)
"""The shortest doubled `keep_firing_for` of a flapping alert: a rule without one would otherwise not be damped."""

Condition = Literal["ok", "pending", "firing", "unknown", "ended"]
Kind = Literal["entered", "raised", "lowered", "ended", "unknown", "known", "flapping", "hit"]


class Transition(NamedTuple):
    """One step of a condition.

    severity: of the alert after the step (of the ended one, for `ended`); empty when none is open (`unknown`, `known`).
    before:   the severity before, empty when none was open.
    reason:   why it fired: `level`, `no_data`; why it ended: `clear`, `gate`, or what `end` was given.
    quiet:    nobody needs a message (a gate that ends an alert below critical).
    """

    kind: Kind
    at: Instant
    severity: Severity | Literal[""]
    before: Severity | Literal[""] = ""
    reason: str = ""
    quiet: bool = False


class Memory(Struct, frozen=True, omit_defaults=True):
    """A machine as plain data, for a checkpoint. Holds are (running since, held before)."""

    levels: tuple[tuple[int | None, int], ...]
    calm: tuple[int | None, int]
    milder: tuple[int | None, int]
    severity: str = ""
    unknown: bool = False
    silent: bool = False
    flapping: bool = False
    hits: int = 0
    ends: tuple[int, ...] = ()
    frozen: dict[str, float | bool | str] = {}
    gaps: tuple[tuple[int, int], ...] = ()
    condition: Condition = "ok"
    since: int | None = None
    due: int | None = None


class Machine:
    """Owns the holds and the open alert of one rule and member; knows nothing of metrics' sources, texts or people."""

    __slots__ = (
        *("_calm", "_ends", "_eye", "_frozen", "_gaps", "_holds", "_milder", "condition", "due"),
        *("flapping", "hits", "rule", "severity", "silent", "since", "unknown"),
    )

    def __init__(self, rule: Rule, patience: Mapping[str, Span] | None = None) -> None:
        """`patience`: name -> silence after which it is missing, where the rule does not say; else 15 s."""
        self.rule = rule
        self.severity: Severity | Literal[""] = ""
        self.unknown = False
        self.silent = False
        """Whether it fires now because data is missing; its title says so (`Rule.render(silent=)`)."""
        self.flapping = False
        self.hits = 0
        self.condition: Condition = "ok"
        self.since: Instant | None = None
        """When `condition` became what it is; None before the first look."""
        self.due: Instant | None = None
        """When it must be looked at even if nothing changes; always after the last look."""
        self._eye = Eye(rule, patience or {})
        self._holds = [Hold() for _ in rule.levels]
        self._calm = Hold()  # how long it could have ended
        self._milder = Hold()  # how long it could have stepped down
        self._frozen: dict[str, Value] = {}
        self._ends: list[Instant] = []
        self._gaps: list[tuple[Instant, Instant]] = []

    @property
    def open(self) -> bool:
        """Whether there is an alert, whatever is known of it now."""
        return self.severity != ""

    def look(self, at: Instant, facts: Mapping[str, Fact]) -> list[Transition]:
        """Judge the rule at `at`; return what changed, in order.

        A hold that began at a fires at the look at or after a + `for`; looked at when due, that is the exact instant.
        """
        if self.condition == "ended":
            return []
        if self.rule.event:
            return self._look_between_hits(at, facts)
        transitions: list[Transition] = []
        sight = self._eye.look(at, facts, self._frozen, self._gaps)
        self._step(at, sight, transitions)
        if transitions and transitions[-1].kind == "ended" and self.rule.freeze:
            sight = self._eye.look(at, facts, self._frozen, self._gaps)  # with what was frozen given up
            self._step(at, sight, transitions)
        self._forget_gaps(facts)
        self.silent = sight.silent and self.open
        self._settle(at, sight.stale_ms)
        return transitions

    def hit(self, at: Instant, facts: Mapping[str, Fact]) -> list[Transition]:
        """Judge one event of an event rule; `facts` hold the event's own names (`e.`) beside the session's."""
        if self.condition == "ended":
            return []
        transitions = self._expire(at)
        sight = self._eye.look(at, facts, {}, ())
        if sight.when is False:
            self._gate(at, transitions)
        else:
            self._know(at, transitions, sight.when is None or (None in sight.fires and True not in sight.fires))
            worst = next((index for index, fire in enumerate(sight.fires) if fire), None)
            if worst is not None:
                self._count(at, self.rule.levels[worst].severity, transitions)
        self._settle(at, None)
        return transitions

    def gap(self, start: Instant, end: Instant) -> None:
        """Take note that nobody took events from `start` to `end`: no hold runs in it, what was seen before is unknown.

        Fires and ends nothing; it is due at `end`.
        """
        if self.condition == "ended" or end <= start:
            return
        for hold in (*self._holds, self._milder):
            hold.pause(start)
        if self.rule.event:
            self._skip(start, end)
        else:
            self._calm.pause(start)
            self._gaps.append((start, end))
        self.due = end

    def end(self, at: Instant, reason: str) -> list[Transition]:
        """End for good: the session is over, the member gone, the rule removed."""
        if self.condition == "ended":
            return []
        transitions = [Transition("ended", at, self.severity, self.severity, reason)] if self.open else []
        self._close()
        self.unknown = self.silent = False
        self._reset_holds()
        self._become("ended", at)
        self.due = None
        return transitions

    def pack(self) -> Memory:
        """Return everything but the rule as plain data."""
        return Memory(
            levels=tuple((hold.since, hold.held) for hold in self._holds),
            calm=(self._calm.since, self._calm.held),
            milder=(self._milder.since, self._milder.held),
            severity=self.severity,
            unknown=self.unknown,
            silent=self.silent,
            flapping=self.flapping,
            hits=self.hits,
            ends=tuple(self._ends),
            frozen=dict(self._frozen),
            gaps=tuple(self._gaps),
            condition=self.condition,
            since=self.since,
            due=self.due,
        )

    @classmethod
    def unpack(cls, rule: Rule, memory: Memory, patience: Mapping[str, Span] | None = None) -> "Machine":
        """Return the machine that `memory` was packed from.

        Also how an edited rule takes over: the open alert stays open; holds start anew if the number of levels changed.
        """
        machine = cls(rule, patience)
        if len(memory.levels) == len(rule.levels):
            machine._holds = [_hold(packed) for packed in memory.levels]
        machine._calm, machine._milder = _hold(memory.calm), _hold(memory.milder)
        machine.severity = memory.severity  # type: ignore[assignment] # packed from a Severity
        machine.unknown, machine.silent = memory.unknown, memory.silent
        machine.flapping, machine.hits = memory.flapping, memory.hits
        machine._ends = [Instant(at) for at in memory.ends]
        machine._frozen = dict(memory.frozen)
        machine._gaps = [(Instant(start), Instant(end)) for start, end in memory.gaps]
        machine.condition = memory.condition
        machine.since = None if memory.since is None else Instant(memory.since)
        machine.due = None if memory.due is None else Instant(memory.due)
        return machine

    # One look at a metric rule

    def _step(self, at: Instant, sight: Sight, transitions: list[Transition]) -> None:
        if sight.when is False:
            self._gate(at, transitions)
            return
        if sight.when is None:
            self._pause(at)
            self._know(at, transitions, True)
            return
        for hold, fire in zip(self._holds, sight.fires, strict=True):
            hold.follow(at, fire)
        self._know(at, transitions, sight.undecided(open_=self.open))
        holding = self._holding(at, sight)
        if not self.open:
            if holding is not None:
                self._enter(at, holding, sight, transitions)
            return
        if holding is not None and self.rule.levels[holding].severity < self.severity:
            self._change("raised", at, holding, self._reason(at, holding), transitions)
            return
        self._lower(at, holding, sight, transitions)
        self._calm.follow(at, self._could_end(holding, sight))
        if self._calm.reached(at, self._keep_firing()):
            self._finish(at, transitions)

    def _holding(self, at: Instant, sight: Sight) -> int | None:
        """Return the worst level that holds; missing data that is itself the fault holds the worst at once."""
        if sight.silent:
            return 0
        for index, (hold, level) in enumerate(zip(self._holds, self.rule.levels, strict=True)):
            if hold.reached(at, level.for_ms):
                return index
        return None

    def _enter(self, at: Instant, index: int, sight: Sight, transitions: list[Transition]) -> None:
        self._frozen = {name: sight.known[name] for name in sorted(self.rule.freeze) if name in sight.known}
        self._calm.reset()
        self._milder.reset()
        self._change("entered", at, index, self._reason(at, index), transitions)

    def _reason(self, at: Instant, index: int) -> str:
        return "level" if self._holds[index].reached(at, self.rule.levels[index].for_ms) else "no_data"

    def _change(self, kind: Kind, at: Instant, index: int, reason: str, transitions: list[Transition]) -> None:
        before, self.severity = self.severity, self.rule.levels[index].severity
        self._calm.reset()
        self._milder.reset()
        transitions.append(Transition(kind, at, self.severity, before, reason))

    def _lower(self, at: Instant, holding: int | None, sight: Sight, transitions: list[Transition]) -> None:
        if not self.rule.step_down:
            return
        self._milder.follow(at, self._could_lower(holding, sight))
        if holding is not None and self._milder.reached(at, self._keep_firing()):
            self._change("lowered", at, holding, "level", transitions)

    def _could_lower(self, holding: int | None, sight: Sight) -> bool | None:
        levels = zip(self.rule.levels, sight.fires, strict=True)
        if any(fire for level, fire in levels if level.severity <= self.severity):
            return False
        return None if sight.missing or None in sight.fires else holding is not None

    def _could_end(self, holding: int | None, sight: Sight) -> bool | None:
        if holding is not None:
            return False
        return None if None in sight.fires and sight.clear else sight.clear

    def _gate(self, at: Instant, transitions: list[Transition]) -> None:
        self._reset_holds()
        self._know(at, transitions, False)
        if self.open:
            transitions.append(
                Transition("ended", at, self.severity, self.severity, "gate", quiet=self.severity != "P1")
            )
            self._ends = [*self._recent_ends(at), at]
            self._close()

    def _finish(self, at: Instant, transitions: list[Transition]) -> None:
        """End the alert, unless it has done so too often: then it stays open until it rests twice as long."""
        recent = self._recent_ends(at)
        if not self.flapping and len(recent) >= FLAPPING_CYCLES:
            self.flapping = True
            transitions.append(Transition("flapping", at, self.severity, self.severity))
            if not self._calm.reached(at, self._keep_firing()):
                return
        self._ends = [] if self.flapping else [*recent, at]
        transitions.append(Transition("ended", at, self.severity, self.severity, "clear"))
        self._close()

    # Events

    def _look_between_hits(self, at: Instant, facts: Mapping[str, Fact]) -> list[Transition]:
        transitions = self._expire(at)
        if self.open and self.rule.when and self._eye.look(at, facts, {}, ()).when is False:
            self._gate(at, transitions)
        self._settle(at, None)
        return transitions

    def _expire(self, at: Instant) -> list[Transition]:
        transitions: list[Transition] = []
        if self.open and self._calm.reached(at, self._keep_firing()):
            self._finish(at, transitions)
        return transitions

    def _count(self, at: Instant, severity: Severity, transitions: list[Transition]) -> None:
        before, worse = self.severity, not self.open or severity < self.severity
        self.severity = severity if worse else self.severity
        self.hits += 1
        kind: Kind = "hit" if not worse else "raised" if before else "entered"
        transitions.append(Transition(kind, at, self.severity, before, "level"))
        self._calm = Hold(at)

    def _skip(self, start: Instant, end: Instant) -> None:
        """Let the time since the last hit stand still in a gap."""
        if self._calm.since is not None:
            self._calm.since = Instant(self._calm.since + end - max(start, self._calm.since))

    # What every step ends with

    def _know(self, at: Instant, transitions: list[Transition], undecided: bool) -> None:
        if undecided != self.unknown:
            self.unknown = undecided
            transitions.append(Transition("unknown" if undecided else "known", at, self.severity, self.severity))

    def _close(self) -> None:
        self.severity, self.flapping, self.hits = "", False, 0
        self._frozen = {}
        self._calm.reset()
        self._milder.reset()

    def _reset_holds(self) -> None:
        for hold in (*self._holds, self._calm, self._milder):
            hold.reset()

    def _pause(self, at: Instant) -> None:
        for hold in (*self._holds, self._calm, self._milder):
            hold.pause(at)

    def _keep_firing(self) -> Span:
        keep = self.rule.keep_firing_ms
        return Span(max(2 * keep, RESTING_MIN)) if self.flapping else keep

    def _recent_ends(self, at: Instant) -> list[Instant]:
        return [end for end in self._ends if at - end < FLAPPING_SPAN]

    def _forget_gaps(self, facts: Mapping[str, Fact]) -> None:
        """Drop gaps that every needed metric has been seen after."""
        if not self._gaps:
            return
        last = self._gaps[-1][1]
        seen: Sequence[Instant | None] = [facts[name].seen_ms for name in self.rule.ageing if name in facts]
        if len(seen) == len(self.rule.ageing) and all(instant is None or instant >= last for instant in seen):
            self._gaps = []

    def _settle(self, at: Instant, stale_ms: Instant | None) -> None:
        """Name the condition and the next instant at which time alone can change it."""
        self._become(self._condition(), at)
        spans = [hold.due(at, level.for_ms) for hold, level in zip(self._holds, self.rule.levels, strict=True)]
        keep = self._keep_firing()
        instants = (*spans, self._calm.due(at, keep), self._milder.due(at, keep), stale_ms)
        self.due = min((instant for instant in instants if instant is not None), default=None)

    def _condition(self) -> Condition:
        if self.unknown:
            return "unknown"
        if self.open:
            return "firing"
        return "pending" if any(hold.since is not None for hold in self._holds) else "ok"

    def _become(self, condition: Condition, at: Instant) -> None:
        if condition != self.condition or self.since is None:
            self.condition, self.since = condition, at


def _hold(packed: tuple[int | None, int]) -> Hold:
    since, held = packed
    return Hold(None if since is None else Instant(since), held)
