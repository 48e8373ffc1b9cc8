"""One rule, from its place in a file to its running form."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple, cast

from app.domain.alerts import SEVERITY_OF, Severity
from app.domain.people import Clearance
from app.instants import Span
from app.rules.cases import read_cases
from app.rules.cel import Expression, ExpressionRefused, compile_expression, nearest, type_of
from app.rules.fields import Fields
from app.rules.problems import Problems
from app.rules.rule import Level, Light, NoData, NoDataPolicy, Rule, Texts, TranscriptSpan
from app.rules.text import Template, Text, TextRefused, compile_template
from app.rules.vocabulary import Name, Value, ValueType, Vocabulary
from app.workspace.document import Mapping as MappingNode
from app.workspace.document import Node, Scalar

MAX_LEVELS: Final = 8
MAX_ENTRIES: Final = 40
_RULE_KEYS: Final = (
    *("id", "title", "each", "event", "labels", "params", "let", "when", "levels", "clear", "keep_firing_for"),
    *("step_down", "no_data", "group_by", "dedup", "freeze", "inhibited_by", "clearance", "evidence", "route"),
    *("text", "tests"),
)
_METRIC_KEYS: Final = ("clear", "step_down", "no_data", "freeze")
"""Keys that an event rule cannot have: nothing is read between two events."""
_LEVEL_KEYS: Final = ("severity", "light", "fire", "for")
_TEXT_KEYS: Final = ("title", "host", "action", "no_data")
_EVIDENCE_KEYS: Final = ("transcript_before", "transcript_after")
_GROUPS: Final = ("session", "rule", "room")
_DEDUP: Final = ("rule", "session", "member")
_POLICIES: Final = ("unknown", "keep", "ok", "fire")
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Defaults(NamedTuple):
    """What a file gives to each of its rules that does not say otherwise."""

    for_ms: Span = Span(0)
    keep_firing_ms: Span = Span(0)
    no_data: NoData = NoData()
    route: str = ""


def read_no_data(fields: Fields, key: str, default: NoData) -> NoData:
    """Return what missing data means, from `{after, as}`."""
    node = fields.node(key)
    if node is None:
        return default
    inner = Fields(node, fields.file, fields.problems, ("after", "as"))
    policy = cast(NoDataPolicy, inner.choice("as", _POLICIES, default.policy))
    return NoData(policy, inner.duration("after", default.after_ms))


def read_rule(
    node: Node, version: str, defaults: Defaults, vocabulary: Vocabulary, file: str, problems: Problems
) -> Rule | None:
    """Return the rule that a node holds, or None when problems were added."""
    before = len(problems.found)
    fields = Fields(node, file, problems, _RULE_KEYS)
    if not isinstance(node, MappingNode):
        return None
    rule = _RuleReader(fields, defaults, vocabulary).read(version)
    return rule if len(problems.found) == before else None


class _RuleReader:
    """Reads the keys of one rule in the order in which they build on each other: names, params, lets, the rest."""

    def __init__(self, fields: Fields, defaults: Defaults, vocabulary: Vocabulary) -> None:
        self._fields, self._defaults, self._vocabulary = fields, defaults, vocabulary
        self._each = fields.choice("each", vocabulary.kinds("member"), "")
        self._event = fields.choice("event", vocabulary.kinds("event"), "")
        self._names: Mapping[str, Name] = vocabulary.visible(each=self._each, event=self._event)
        self._types: dict[str, ValueType] = {path: name.type for path, name in self._names.items()}
        self._labels = self._read_labels()
        self._params = self._read_params()
        self._lets: dict[str, Expression] = {}
        self._read_lets()

    def read(self, version: str) -> Rule:
        fields = self._fields
        self._check_form()
        levels = self._levels()
        clear = self._expression("clear", "truth")
        when = self._expression("when", "truth")
        judged = frozenset[str]().union(*(level.fire.names for level in levels), clear.names if clear else ())
        needed = [self._names[path] for path in judged.union(when.names if when else ()) if path in self._names]
        return Rule(
            id=self._id(),
            version=version,
            title=fields.plain_words("title"),
            levels=levels,
            texts=self._texts(),
            file=fields.file,
            line=fields.mark.line,
            each=self._each,
            event=self._event,
            labels=self._labels,
            params=self._params,
            lets=self._lets,
            when=when,
            clear=clear,
            keep_firing_ms=fields.duration("keep_firing_for", self._defaults.keep_firing_ms) or Span(0),
            step_down=fields.truth("step_down"),
            no_data=read_no_data(fields, "no_data", self._defaults.no_data),
            freeze=self._freeze(judged),
            group_by=self._choices("group_by", _GROUPS),
            dedup=self._choices("dedup", _DEDUP) or _DEDUP,
            inhibited_by=tuple(scalar.text for scalar in self._texts_of("inhibited_by")),
            clearance=Clearance(fields.choice("clearance", [word.value for word in Clearance], Clearance.OPEN.value)),
            transcript=self._transcript(),
            ageing=frozenset(name.path for name in needed if name.ages),
            moving=any(name.moves for name in needed),
            route=fields.text("route", self._defaults.route),
            cases=read_cases(fields, self._types, event=bool(self._event)),
        )

    def _id(self) -> str:
        node = self._fields.need("id")
        scalar = self._fields.text_node(node) if node is not None else None
        if scalar is None:
            return ""
        if not _ID.fullmatch(scalar.text):
            self._fields.wrong(scalar.mark, "name_form", text=scalar.text[:70], sign="-")
        return scalar.text

    def _check_form(self) -> None:
        fields = self._fields
        if "each" in fields and "event" in fields:
            fields.wrong(fields.key_mark("event"), "each_and_event")
        for key in _METRIC_KEYS if "event" in fields else ():
            if key in fields:
                fields.wrong(fields.key_mark(key), "event_without", key=key)

    def _name(self, key: Scalar) -> str | None:
        if _NAME.fullmatch(key.text):
            return key.text
        self._fields.wrong(key.mark, "name_form", text=key.text[:70], sign="_")
        return None

    def _read_labels(self) -> dict[str, str]:
        labels = {}
        for key, node in self._fields.entries("labels", MAX_ENTRIES):
            scalar = self._fields.text_node(node)
            if self._name(key) and scalar:
                labels[key.text] = scalar.text
        return labels

    def _read_params(self) -> dict[str, Value]:
        params: dict[str, Value] = {}
        for key, node in self._fields.entries("params", MAX_ENTRIES):
            value = self._fields.value(node)
            if self._name(key) and value is not None:
                params[f"p.{key.text}"] = value
        return params

    def _read_lets(self) -> None:
        for key, node in self._fields.entries("let", MAX_ENTRIES):
            expression = self._compiled(node, None)
            if self._name(key) and expression:
                self._lets[f"v.{key.text}"] = expression
            elif expression is None:
                self._types[f"v.{key.text}"] = "number"  # already told; its users are not told again

    def _expression(self, key: str, result: ValueType) -> Expression | None:
        node = self._fields.node(key)
        return self._compiled(node, result) if node is not None else None

    def _compiled(self, node: Node, result: ValueType | None) -> Expression | None:
        scalar = self._fields.text_node(node, limit=2_000)
        if scalar is None:
            return None
        names = self._types
        try:
            return compile_expression(scalar.text, names=names, result=result, params=self._params, lets=self._lets)
        except ExpressionRefused as refused:
            for fault in refused.faults:
                self._fields.wrong(scalar.place(fault.line, fault.column), fault.code, **fault.context)
            return None

    def _levels(self) -> tuple[Level, ...]:
        if self._fields.need("levels") is None:
            return ()
        nodes = self._fields.items("levels", MAX_LEVELS)
        if not nodes and not isinstance(self._fields.node("levels"), Scalar | MappingNode):
            self._fields.wrong(self._fields.key_mark("levels"), "key_missing", key="fire")
        levels = [level for node in nodes if (level := self._level(node)) is not None]
        for worse, milder in pairwise(levels):
            if worse.severity > milder.severity:
                self._fields.wrong(self._fields.key_mark("levels"), "levels_order")
                break
        return tuple(levels)

    def _level(self, node: Node) -> Level | None:
        fields = Fields(node, self._fields.file, self._fields.problems, _LEVEL_KEYS)
        if not isinstance(node, MappingNode):
            return None
        severity = fields.need("severity")
        word = fields.one_of(severity, SEVERITY_OF) if severity is not None else None
        fire = fields.need("fire")
        expression = self._compiled(fire, "truth") if fire is not None else None
        for_ms = fields.duration("for", Span(0) if self._event else self._defaults.for_ms) or Span(0)
        if self._event and "for" in fields:
            fields.wrong(fields.key_mark("for"), "event_without", key="for")
        light = cast(Light, fields.choice("light", ("red", "yellow", "green"), ""))
        if word is None or expression is None:
            return None
        return Level(cast(Severity, SEVERITY_OF[word]), expression, for_ms, light)

    def _texts(self) -> Texts:
        node = self._fields.need("text")
        if node is None:
            return Texts(Text({}))
        fields = Fields(node, self._fields.file, self._fields.problems, _TEXT_KEYS)
        if isinstance(node, MappingNode):
            fields.need("title")
        title, host, action, no_data = (self._text(fields, key) for key in _TEXT_KEYS)
        return Texts(title or Text({}), host, action, no_data)

    def _text(self, fields: Fields, key: str) -> Text | None:
        node = fields.node(key)
        if node is None:
            return None
        paths = self._shown_types()
        templates: dict[str, Template] = {}
        for language, scalar in fields.words(node):
            try:
                templates[language] = compile_template(scalar.text, paths)
            except TextRefused as refused:
                for fault in refused.faults:
                    fields.wrong(scalar.place(0, fault.start), fault.code, **fault.context)
        return Text(templates)

    def _shown_types(self) -> dict[str, ValueType]:
        """Return what a text may show: the vocabulary, labels, params, lets, group figures."""
        shown: dict[str, ValueType] = dict(self._types)
        shown.update({f"labels.{name}": "text" for name in self._labels})
        shown.update({path: type_of(value) for path, value in self._params.items()})
        shown.update({path: let.type for path, let in self._lets.items()})
        if "group_by" in self._fields:
            shown["group.count"] = "number"
            members = [path for path, type_ in self._types.items() if path.startswith("i.") and type_ == "number"]
            shown.update({f"group.max.{path[2:]}": "number" for path in members})
        return shown

    def _texts_of(self, key: str) -> list[Scalar]:
        nodes = self._fields.items(key, MAX_ENTRIES)
        return [scalar for node in nodes if (scalar := self._fields.text_node(node)) is not None]

    def _choices(self, key: str, known: Iterable[str]) -> tuple[str, ...]:
        chosen = (self._fields.one_of(node, known) for node in self._fields.items(key, MAX_ENTRIES))
        return tuple(word for word in chosen if word)

    def _freeze(self, judged: frozenset[str]) -> frozenset[str]:
        frozen = set()
        for scalar in self._texts_of("freeze"):
            if scalar.text not in self._names:
                meant = nearest(scalar.text, self._names)
                hint = f" ({meant}?)" if meant else ""
                self._fields.wrong(scalar.mark, "name_unknown", text=scalar.text[:60], hint=hint)
            elif scalar.text not in judged:
                self._fields.wrong(scalar.mark, "freeze_unused", text=scalar.text)
            frozen.add(scalar.text)
        return frozenset(frozen)

    def _transcript(self) -> TranscriptSpan | None:
        node = self._fields.node("evidence")
        if node is None:
            return None
        fields = Fields(node, self._fields.file, self._fields.problems, _EVIDENCE_KEYS)
        before, after = (fields.duration(key, Span(0)) or Span(0) for key in _EVIDENCE_KEYS)
        return TranscriptSpan(before, after)
