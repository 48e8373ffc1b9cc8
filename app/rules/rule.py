"""A rule as it runs: checked, frozen, named by its version. Times are milliseconds, severities P1 to P4."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import msgspec

from app.domain.alerts import Severity
from app.domain.people import Clearance
from app.domain.words import Words
from app.instants import Span
from app.rules.cel import Expression, Facts
from app.rules.text import Shown, Text
from app.rules.vocabulary import Value

CONDITIONS: Final = ("ok", "pending", "unknown", "firing:critical", "firing:warning", "firing:notice", "firing:log")
"""Conditions as in-file tests write them."""

NoDataPolicy = Literal["unknown", "keep", "ok", "fire"]
Light = Literal["", "red", "yellow", "green"]


class Level(NamedTuple):
    """One degree of a rule: it holds once `fire` has been true for `for_ms` without a break."""

    severity: Severity
    fire: Expression
    for_ms: Span
    light: Light = ""


class NoData(NamedTuple):
    """What a needed metric that fell silent means; `after_ms` None: four of its source's intervals, at least 15 s."""

    policy: NoDataPolicy = "unknown"
    after_ms: Span | None = None


NO_SPAN: Final = Span(0)
SAYS_SO: Final = NoData()


class TranscriptSpan(NamedTuple):
    """How much of the transcript around a hit belongs to the evidence."""

    before_ms: Span
    after_ms: Span


class Case(NamedTuple):
    """One in-file test: what was read or heard when, and the condition expected when. Instants from 0, in ms."""

    line: int
    inputs: tuple[tuple[int, Mapping[str, Value | None]], ...]
    expect: tuple[tuple[int, str], ...]


class Rendered(NamedTuple):
    """The texts of one alert as they stand, each by language; `host` and `action` may be empty."""

    title: Words
    host: Words
    action: Words


@dataclass(frozen=True, slots=True)
class Texts:
    """What each audience is told. `no_data` replaces the title while the rule fires because data is missing."""

    title: Text
    host: Text | None = None
    action: Text | None = None
    no_data: Text | None = None

    def paths(self) -> frozenset[str]:
        given = (self.title, self.host, self.action, self.no_data)
        return frozenset().union(*(text.paths() for text in given if text))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file.

    `each`: member kind it is judged for (empty: the session); `event`: event kind it judges, one evaluation each.
    `lets` by path (`v.x`), `params` by path (`p.x`). `version` changes with what the rule or the file's defaults say,
    not with comments or layout. `levels` are worst first. `ageing`: the needed names whose source may fall silent;
    `moving`: something it needs changes with time alone, so it is looked at each second.
    """

    id: str
    version: str
    title: Words
    levels: tuple[Level, ...]
    texts: Texts
    file: str = ""
    line: int = 1
    each: str = ""
    event: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    lets: Mapping[str, Expression] = field(default_factory=dict)
    when: Expression | None = None
    clear: Expression | None = None
    keep_firing_ms: Span = NO_SPAN
    step_down: bool = False
    no_data: NoData = SAYS_SO
    freeze: frozenset[str] = frozenset()
    group_by: tuple[str, ...] = ()
    dedup: tuple[str, ...] = ("rule", "session", "member")
    inhibited_by: tuple[str, ...] = ()
    clearance: Clearance = Clearance.OPEN
    transcript: TranscriptSpan | None = None
    ageing: frozenset[str] = frozenset()
    moving: bool = False
    route: str = ""
    cases: tuple[Case, ...] = ()

    def gate_names(self) -> frozenset[str]:
        """Return the names `when` reads."""
        return self.when.names if self.when else frozenset()

    def judged_names(self) -> frozenset[str]:
        """Return the names that levels and `clear` read: without them the rule can neither fire nor end."""
        expressions = (*(level.fire for level in self.levels), *((self.clear,) if self.clear else ()))
        return frozenset().union(*(expression.names for expression in expressions))

    def names(self) -> frozenset[str]:
        """Return every name of the vocabulary that the rule reads or shows."""
        shown = self.texts.paths().union(*(let.names for let in self.lets.values()))
        own = {path for path in shown if path.startswith(("p.", "v.", "group."))}
        return (self.gate_names() | self.judged_names() | shown) - own - {f"labels.{name}" for name in self.labels}

    def render(
        self,
        values: Mapping[str, Shown],
        *,
        labels: Mapping[str, str] | None = None,
        zone_ms: int = 0,
        silent: bool = False,
    ) -> Rendered:
        """Return the texts filled from `values` (by path; None or absent shows as —, a text may be by language).

        `labels`: the member's own, beside the rule's. `zone_ms`: the room's offset from UTC. `silent`: the alert fires
        because data is missing (a transition's reason `no_data`).
        """
        shown: dict[str, Shown] = dict(values)
        facts = Facts({path: value for path, value in values.items() if isinstance(value, int | float | str)})
        shown.update(self.params)
        shown.update({path: let.value(facts) for path, let in self.lets.items()})
        shown.update({f"labels.{name}": value for name, value in {**self.labels, **(labels or {})}.items()})
        title = self.texts.no_data if silent and self.texts.no_data else self.texts.title
        host, action = self.texts.host, self.texts.action
        return Rendered(
            title.render(shown, zone_ms=zone_ms),
            host.render(shown, zone_ms=zone_ms) if host else {},
            action.render(shown, zone_ms=zone_ms) if action else {},
        )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a set of files. `source`: file name -> text with plain line ends; `hash`: of `body()`."""

    rules: tuple[Rule, ...]
    source: Mapping[str, str]
    hash: str

    def body(self) -> bytes:
        """Return the bytes that are stored under `hash`; `file.decode_rules` makes the same rule set of them."""
        return rules_body(self.source)

    def rule(self, rule_id: str) -> Rule:
        """Return the rule of this id; KeyError when there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)


def rules_body(source: Mapping[str, str]) -> bytes:
    """Return the one form in which a set of files is hashed and stored."""
    return msgspec.json.encode(dict(source), order="deterministic")
