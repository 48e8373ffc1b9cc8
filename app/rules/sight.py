"""What one rule sees at one instant: each condition true, false or unknown, and when that could change by itself."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.instants import Instant, Span
from app.rules.cel import Facts
from app.rules.rule import Rule
from app.rules.vocabulary import Value

DEFAULT_AFTER: Final = Span(15_000)
"""Silence after which a metric is missing when neither the rule nor the room says."""

AFTER_GAP: Final = Span(30_000)


class Fact(NamedTuple):
    """What is known of one name now.

    `value` None: unknown (never read, too few samples, estimated only). `seen_ms`: instant of the newest data behind
    it; counts are as fresh as their source. None: it does not age. `silent_ms`: when it is missing, where the rule
    does not say and its sources have intervals of their own; None: after the one patience there is for it.
    """

    value: Value | None
    seen_ms: Instant | None = None
    silent_ms: Instant | None = None


class Sight(NamedTuple):
    """The three-valued outcome of one look.

    `silent`: a needed metric is missing and the rule's `no_data` says that this is itself the fault. `missing`: a
    metric that levels or `clear` need is unknown. `stale_ms`: next instant at which a metric falls silent.
    """

    when: bool | None
    fires: Sequence[bool | None]
    clear: bool | None
    silent: bool
    missing: bool
    known: Mapping[str, Value]
    stale_ms: Instant | None

    def undecided(self, *, open_: bool) -> bool:
        """Return whether the rule cannot be judged now."""
        if self.when is None:
            return True
        if not self.when or self.silent or True in self.fires:
            return False
        return self.missing or None in self.fires or (open_ and self.clear is None)


_NEVER: Final = Fact(None)
_Truths = tuple[bool | None, tuple[bool | None, ...], bool | None]


class Eye:
    """Turns facts into sights for one rule; knows nothing of alerts.

    `patience`: name -> silence that is still normal, where the rule does not say.
    """

    __slots__ = ("_given", "_judged", "_known", "_needed", "_policy", "_rule", "_truths")

    def __init__(self, rule: Rule, patience: Mapping[str, Span]) -> None:
        self._rule = rule
        self._judged = rule.judged_names()
        self._known: dict[str, Value] | None = None
        self._truths: _Truths = (None, (), None)
        self._policy = rule.no_data.policy
        given = rule.no_data.after_ms
        self._given = given is not None
        after = {name: patience.get(name, DEFAULT_AFTER) if given is None else given for name in rule.ageing}
        self._needed = tuple((name, after.get(name)) for name in sorted(self._judged | rule.gate_names()))

    def look(
        self,
        at: Instant,
        facts: Mapping[str, Fact],
        frozen: Mapping[str, Value],
        gaps: Sequence[tuple[Instant, Instant]],
    ) -> Sight:
        """Return what the rule sees at `at`; `frozen` values stand for what the facts say.

        Time in which nobody took events is not silence, but what was seen before it is unknown until seen again.
        """
        known: dict[str, Value] = dict(frozen)
        missing: list[str] = []
        excused = silent = False
        stale_ms: Instant | None = None
        heard_since = gaps[-1][1] if gaps else None
        for name, after in self._needed:
            if name in frozen:
                continue
            value, seen_ms, silent_ms = facts.get(name, _NEVER)
            if after is not None and seen_ms is not None:
                before_gap = heard_since is not None and seen_ms < heard_since
                if self._policy != "keep":
                    if silent_ms is not None and not self._given:
                        after = Span(silent_ms - seen_ms)
                    ends_ms = self._ends_ms(seen_ms, after, at, gaps if before_gap else ())
                    if ends_ms <= at:
                        excused = excused or self._policy == "ok"
                        silent = silent or (self._policy == "fire" and name in self._judged)
                        if self._policy != "ok":
                            missing.append(name)
                        continue
                    if stale_ms is None or ends_ms < stale_ms:
                        stale_ms = ends_ms
                if before_gap:
                    value = None
            if value is None:
                missing.append(name)
            else:
                known[name] = value
        return self._judge(known, missing, excused=excused, silent=silent, stale_ms=stale_ms)

    def _ends_ms(self, seen_ms: Instant, after: Span, at: Instant, gaps: Sequence[tuple[Instant, Instant]]) -> Instant:
        """Return when silence since `seen_ms` is too long. Where silence itself is the fault, what has not come back
        after a gap gets AFTER_GAP from its end: whoever sends has to notice first that we are here again."""
        if gaps and self._policy == "fire":
            return Instant(gaps[-1][1] + max(after, AFTER_GAP))
        return Instant(seen_ms + after + (_unheard(seen_ms, at, gaps) if gaps else 0))

    def _judge(
        self, known: dict[str, Value], missing: list[str], *, excused: bool, silent: bool, stale_ms: Instant | None
    ) -> Sight:
        when, fires, clear = self._evaluate(known)
        if when is None and excused and not missing:
            when = True
        if not when:
            return Sight(when, (), None, False, False, known, stale_ms)
        blind = any(name in self._judged for name in missing)
        if excused and not missing:  # `no_data: ok` reads missing as "nothing is wrong"
            fires = tuple(bool(fire) for fire in fires)
            clear = True if clear is None else clear
        if blind and clear:
            clear = None  # missing data never resolves
        return Sight(True, fires, clear, silent, blind, known, stale_ms)

    def _evaluate(self, known: dict[str, Value]) -> _Truths:
        """Return gate, levels and clear; the same values again cost one comparison (a look: 6 µs, not 9)."""
        if known != self._known:
            rule, facts = self._rule, Facts(known)
            when = rule.when.truth(facts) if rule.when else True
            fires: tuple[bool | None, ...] = ()
            clear: bool | None = None
            if when is not False:
                fires = tuple(level.fire.truth(facts) for level in rule.levels)
                clear = rule.clear.truth(facts) if rule.clear else _none_of(fires)
            self._known, self._truths = known, (when, fires, clear)
        return self._truths


def _unheard(since: Instant, at: Instant, gaps: Sequence[tuple[Instant, Instant]]) -> int:
    """Return how much of the time from `since` to `at` lies in gaps."""
    return sum(max(min(end, at) - max(start, since), 0) for start, end in gaps)


def _none_of(fires: Sequence[bool | None]) -> bool | None:
    if True in fires:
        return False
    return None if None in fires else True
