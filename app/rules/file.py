"""Rule files: text in, a frozen rule set out, or every problem of every file at once."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from app.domain.identity import content_hash
from app.rules.fields import Fields
from app.rules.problems import Problems
from app.rules.reading import Defaults, read_no_data, read_rule
from app.rules.rule import Rule, RuleSet, rules_body
from app.rules.vocabulary import VOCABULARY, Vocabulary
from app.workspace.document import Mapping as MappingNode
from app.workspace.document import Mark, Node, Scalar, Sequence, compose, unfold

MAX_RULES: Final = 200
_FILE_KEYS: Final = ("version", "defaults", "rules")
_DEFAULT_KEYS: Final = ("for", "keep_firing_for", "no_data", "route")


def read_rules(files: Mapping[str, str | bytes], vocabulary: Vocabulary = VOCABULARY) -> RuleSet:
    """Return the rules of these files (name -> text), or raise RuleFileError with everything wrong in any of them."""
    return _read(tuple(sorted(files.items())), vocabulary)


@lru_cache(maxsize=16)
def _read(files: tuple[tuple[str, str | bytes], ...], vocabulary: Vocabulary) -> RuleSet:
    """Read once what a start checks, and what each of its sessions is then judged by."""
    problems = Problems()
    rules: list[Rule] = []
    defined: list[_Defined] = []
    for name, text in files:
        reader = _FileReader(name, vocabulary, problems)
        rules.extend(reader.read(text))
        defined.extend(reader.defined)
    _check_ids(rules, defined, problems)
    problems.refuse_if_any()
    source = {name: _normalised(text) for name, text in files}
    return RuleSet(tuple(rules), source, content_hash(rules_body(source)))


def decode_rules(body: bytes, vocabulary: Vocabulary = VOCABULARY) -> RuleSet:
    """Return the rule set whose `body()` this is."""
    return read_rules(msgspec.json.decode(body, type=dict[str, str]), vocabulary)


def _normalised(text: str | bytes) -> str:
    decoded = text if isinstance(text, str) else text.decode()
    lines = decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


class _Defined(NamedTuple):
    """Where a rule says its id, whether or not the rest of it can be read."""

    id: str
    file: str
    mark: Mark


def _check_ids(rules: list[Rule], defined: list[_Defined], problems: Problems) -> None:
    first: dict[str, _Defined] = {}
    for here in defined:
        seen = first.setdefault(here.id, here)
        if seen is not here:
            problems.add(here.file, here.mark, "id_duplicate", id=here.id, other=seen.file, first=seen.mark.line)
    for rule in rules:
        for other in rule.inhibited_by:
            if other not in first:
                problems.add(rule.file, Mark(rule.line, 1), "rule_unknown", text=other)


class _FileReader:
    """Reads one file; knows nothing of the others."""

    def __init__(self, name: str, vocabulary: Vocabulary, problems: Problems) -> None:
        self._name, self._vocabulary, self._problems = name, vocabulary, problems
        self.defined: list[_Defined] = []

    def read(self, text: str | bytes) -> list[Rule]:
        root, refusals = compose(text)
        for refusal in refusals:
            self._problems.add(self._name, refusal.mark, refusal.code, **refusal.context)
        if root is None:
            return []
        if not isinstance(root, MappingNode):
            self._problems.add(self._name, root.mark, "expected_mapping")
            return []
        if "id" in {key.text for key, _ in root.entries}:
            return self._one(root)
        return self._many(root)

    def _one(self, root: MappingNode) -> list[Rule]:
        """Read a file whose top level is a rule."""
        self._check_version(next((value for key, value in root.entries if key.text == "version"), None))
        entries = tuple(entry for entry in root.entries if entry[0].text != "version")
        return self._rules([MappingNode(root.mark, entries)], Defaults(), {})

    def _many(self, root: MappingNode) -> list[Rule]:
        fields = Fields(root, self._name, self._problems, _FILE_KEYS)
        self._check_version(fields.node("version"))
        defaults_node = fields.node("defaults")
        nodes = fields.items("rules", MAX_RULES)
        if not nodes and not isinstance(fields.node("rules"), Scalar | MappingNode):
            rules = fields.node("rules")
            self._problems.add(self._name, rules.mark if isinstance(rules, Sequence) else root.mark, "rules_missing")
        unfolded = unfold(defaults_node) if defaults_node is not None else {}
        return self._rules(nodes, self._defaults(defaults_node), unfolded)

    def _rules(self, nodes: list[Node] | tuple[Node, ...], defaults: Defaults, unfolded: object) -> list[Rule]:
        rules = []
        for node in nodes:
            self._define(node)
            version = content_hash(msgspec.json.encode([unfolded, unfold(node)]))
            rule = read_rule(node, version, defaults, self._vocabulary, self._name, self._problems)
            if rule is not None:
                rules.append(rule)
        return rules

    def _define(self, node: Node) -> None:
        for key, value in node.entries if isinstance(node, MappingNode) else ():
            if key.text == "id" and isinstance(value, Scalar):
                self.defined.append(_Defined(value.text, self._name, value.mark))

    def _check_version(self, node: Node | None) -> None:
        if node is not None and not (isinstance(node, Scalar) and node.value == 1.0):
            self._problems.add(self._name, node.mark, "version")

    def _defaults(self, node: Node | None) -> Defaults:
        if node is None:
            return Defaults()
        fields = Fields(node, self._name, self._problems, _DEFAULT_KEYS)
        plain = Defaults()
        return Defaults(
            for_ms=fields.duration("for") or plain.for_ms,
            keep_firing_ms=fields.duration("keep_firing_for") or plain.keep_firing_ms,
            no_data=read_no_data(fields, "no_data", plain.no_data),
            route=fields.text("route"),
        )
