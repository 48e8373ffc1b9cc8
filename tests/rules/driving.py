"""Drives machines in tests as the engine does: at each change of an input and whenever one is due."""

from collections.abc import Iterable, Mapping

from app.instants import Instant
from app.rules.file import read_rules
from app.rules.machine import Machine, Transition
from app.rules.rule import Rule
from app.rules.sight import Fact
from app.rules.vocabulary import Value


def rule_of(body: str, head: str = "") -> Rule:
    """Return the one rule of a file whose fixed parts are given here."""
    text = f"id: r\ntitle: 题\ntext: {{title: 短}}\n{head}\n{body}\n"
    (rule,) = read_rules({"r.yaml": text}).rules
    return rule


class Driver:
    """One machine, its facts and every transition so far. A fact is seen at the instant it is set."""

    def __init__(self, rule: Rule, machine: Machine | None = None) -> None:
        self.machine = machine or Machine(rule)
        self.facts: dict[str, Fact] = {}
        self.transitions: list[Transition] = []

    def set(self, at: int, values: Mapping[str, Value | None]) -> list[Transition]:
        """Set facts at an instant, after everything that was due by then; return what that changed."""
        self.wait(at)
        self.facts.update({name: Fact(value, Instant(at)) for name, value in values.items()})
        return self.look(at)

    def look(self, at: int) -> list[Transition]:
        found = self.machine.look(Instant(at), self.facts)
        self.transitions += found
        return found

    def hit(self, at: int, values: Mapping[str, Value | None]) -> list[Transition]:
        self.wait(at)
        heard = {name: Fact(value) for name, value in values.items()}
        found = self.machine.hit(Instant(at), {**self.facts, **heard})
        self.transitions += found
        return found

    def wait(self, until: int) -> list[Transition]:
        """Look whenever the machine is due up to and with `until`."""
        before = len(self.transitions)
        while (due := self.machine.due) is not None and due <= until:
            self.look(due)
        return self.transitions[before:]

    def gap(self, start: int, end: int) -> list[Transition]:
        self.wait(start)
        self.machine.gap(Instant(start), Instant(end))
        return self.look(end)

    def told(self) -> list[tuple[str, int, str]]:
        return told(self.transitions)


def told(transitions: Iterable[Transition]) -> list[tuple[str, int, str]]:
    """Return kind, instant and severity of each transition."""
    return [(each.kind, each.at, each.severity) for each in transitions]
