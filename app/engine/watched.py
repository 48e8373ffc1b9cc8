"""One rule for one member: its machine, the facts it needs, and the texts it is reported with."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.alerts import Evidence
from app.domain.words import LANGUAGES, Words
from app.engine.alerts import Report, Subject
from app.engine.inputs import Getter, Inputs, groups_of, slides
from app.engine.spoken import Spoken
from app.rules.machine import Machine, Memory
from app.rules.rule import Rule
from app.rules.sight import Fact
from app.rules.vocabulary import Name, Value


class Names(NamedTuple):
    """The names that a rule shows, and those of them that it judges; the same for all its members."""

    shown: Mapping[str, Name]
    needed: Mapping[str, Name]


def names_of(rule: Rule, inputs: Inputs) -> Names:
    """Return the names of the vocabulary that a rule reads."""
    kind = rule.each or rule.event
    paths = sorted(path for path in rule.names() if not path.startswith(("e.", "group.")))
    shown = {path: inputs.name(path, kind) for path in paths}
    judged = rule.gate_names() | rule.judged_names()
    return Names(shown, {path: name for path, name in shown.items() if path in judged})


def metrics_of(rule: Rule) -> tuple[str, ...]:
    """Return the metrics that the levels of a rule and its `clear` look at; its gate is not its subject."""
    return tuple(sorted(path[2:] for path in rule.judged_names() if path.startswith(("m.", "i."))))


class Watched:
    """Owns one machine. `last`: the values of its last look; the same again change nothing before it is due."""

    __slots__ = (
        *("_patience", "clocked", "groups", "key", "last", "machine", "needed", "rule", "shown", "slides", "subject"),
    )

    def __init__(
        self, rule: Rule, names: Names, scope: str, member: str, labels: Mapping[str, str], inputs: Inputs
    ) -> None:
        needed = names.needed
        self.rule = rule
        own = {**rule.labels, **labels}
        self.subject = Subject(rule.id, rule.version, scope, member, own, rule.clearance, metrics_of(rule))
        self.key = self.subject.key
        self.shown: dict[str, Getter] = {path: inputs.getter(name, member) for path, name in names.shown.items()}
        self.needed = [(path, self.shown[path]) for path in needed]
        self.groups = {group for name in needed.values() for group in groups_of(name, member)}
        self.slides = any(slides(name) for name in needed.values())
        self.clocked = any(slides(name) for name in needed.values() if name.owner != "member")
        """Whether something of the session slides: that moves each second, whatever its member does."""
        self._patience = inputs.patience(needed, member)
        self.machine = Machine(rule, self._patience)
        self.last: list[Value | None] | None = None

    def facts(self, at: int) -> dict[str, Fact]:
        return {path: getter(at) for path, getter in self.needed}

    def settled(self, facts: Mapping[str, Fact], at: int) -> bool:
        """Return whether a look at these facts could change nothing; they are remembered for the next look."""
        values = [fact.value for fact in facts.values()]
        due = self.machine.due
        same = values == self.last and not self.machine.unknown and (due is None or due > at)
        self.last = values
        return same

    def restore(self, memory: Memory) -> None:
        self.machine = Machine.unpack(self.rule, memory, self._patience)

    def report(self, at: int, zone_ms: int, *, silent: bool) -> Report:
        """Return the texts with the values of now, and the readings that the rule judged as evidence."""
        values = {path: getter(at).value for path, getter in self.shown.items()}
        rendered = self.rule.render(values, labels=self.subject.labels, zone_ms=zone_ms, silent=silent)
        evidence = tuple(
            Evidence(kind="reading", at_ms=at, name=path, value=values[path])
            for path, _ in self.needed
            if not path.startswith(("s.", "labels."))
        )
        return Report(rendered.title, rendered.host, rendered.action, evidence)

    def report_of(self, spoken: Spoken, at: int, zone_ms: int, earlier: tuple[Evidence, ...] = ()) -> Report:
        """Return the texts about something that was said: each language with its own correction line.

        `earlier`: what was said before it.
        """
        shown = {path: getter(at).value for path, getter in self.shown.items()}
        title: Words = {}
        host: Words = {}
        action: Words = {}
        for language in LANGUAGES:
            own = {f"e.{name}": value for name, value in spoken.values(language).items()}
            rendered = self.rule.render({**shown, **own}, labels=self.subject.labels, zone_ms=zone_ms)
            for words, texts in ((title, rendered.title), (host, rendered.host), (action, rendered.action)):
                if texts.get(language):
                    words[language] = texts[language]
        return Report(title, host, action, (*earlier, spoken.evidence()))
