"""Checking rule files and running their in-file tests, as `cueroom rules check` and `cueroom rules test` show it.

Both return data and print nothing:

    report = check({"stock.yaml": text})
    for problem in report.problems:
        print(problem)                      # stock.yaml:12:34: name_unknown: unknown name 'i.sellble' (i.sellable?)
    for result in run_tests(report.rules):  # `rules` is None when there is a problem
        print(result)                       # stock.yaml:30: stock-shortfall: 31.0 s: firing:warning
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.domain.alerts import SEVERITY_OF
from app.instants import Instant
from app.rules.file import read_rules
from app.rules.machine import Machine
from app.rules.problems import Problem, RuleFileError
from app.rules.rule import Case, Rule, RuleSet
from app.rules.sight import Fact
from app.rules.vocabulary import VOCABULARY, Value, Vocabulary

_WORD_OF = {severity: word for word, severity in SEVERITY_OF.items()}


class Report(NamedTuple):
    """What a check found: the rule set, or None and every problem."""

    rules: RuleSet | None
    problems: tuple[Problem, ...]


class Expectation(NamedTuple):
    """One expected condition of an in-file test and the one found, at so many seconds."""

    at_s: float
    expected: str
    found: str


class CaseResult(NamedTuple):
    """One in-file test as it ran. `line` is where the test stands in `file`."""

    file: str
    line: int
    rule: str
    expectations: tuple[Expectation, ...]

    @property
    def passed(self) -> bool:
        return all(each.expected == each.found for each in self.expectations)

    def __str__(self) -> str:
        differing = [each for each in self.expectations if each.expected != each.found]
        told = "; ".join(f"at {each.at_s:g} s expected {each.expected}, found {each.found}" for each in differing)
        return f"{self.file}:{self.line}: {self.rule}: {told or 'passed'}"


def check(files: Mapping[str, str | bytes], vocabulary: Vocabulary = VOCABULARY) -> Report:
    """Read rule files (name -> text) and return the rule set or everything that is wrong with them."""
    try:
        return Report(read_rules(files, vocabulary), ())
    except RuleFileError as refused:
        return Report(None, refused.problems)


def run_tests(rules: RuleSet) -> Iterator[CaseResult]:
    """Run every in-file test through the machine that runs live, and yield how each went.

    In a test a reading stays fresh until its next entry; null makes it missing from then on, with `no_data.after`
    counted from that entry.
    """
    for rule in rules.rules:
        for case in rule.cases:
            yield CaseResult(rule.file, case.line, rule.id, tuple(_Bench(rule).run(case)))


class _Bench:
    """Drives one machine through one test, looking at each entry and whenever it is due."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._machine = Machine(rule)
        self._values: dict[str, Value] = {}
        self._silent_since: dict[str, Instant] = {}

    def run(self, case: Case) -> Iterator[Expectation]:
        entries = list(case.inputs)
        for at, expected in case.expect:
            while entries and entries[0][0] <= at:
                self._enter(Instant(entries[0][0]), entries.pop(0)[1])
            self._advance(Instant(at))
            yield Expectation(at / 1_000, expected, condition_of(self._machine))

    def _enter(self, at: Instant, values: Mapping[str, Value | None]) -> None:
        self._advance(at)  # as live: what is due at an instant acts before what comes in at it
        for name, value in values.items():
            if value is None:
                self._silent_since.setdefault(name, at)
            else:
                self._values[name] = value
                self._silent_since.pop(name, None)
        if self._rule.event:
            self._machine.hit(at, self._facts(at))
        self._machine.look(at, self._facts(at))

    def _advance(self, until: Instant) -> None:
        while (due := self._machine.due) is not None and due <= until:
            self._machine.look(due, self._facts(due))

    def _facts(self, at: Instant) -> dict[str, Fact]:
        return {name: Fact(value, self._silent_since.get(name, at)) for name, value in self._values.items()}


def condition_of(machine: Machine) -> str:
    """Return a machine's condition as in-file tests write it: `firing:critical`, else one word."""
    if machine.condition == "firing" and machine.severity:
        return f"firing:{_WORD_OF[machine.severity]}"
    return machine.condition
