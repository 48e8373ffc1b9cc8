"""In-file tests as read from a file: what was read or heard when, and the condition expected when."""

from collections.abc import Mapping
from typing import Final

from app.rules.cel import nearest, type_of
from app.rules.fields import Fields
from app.rules.rule import CONDITIONS, Case
from app.rules.vocabulary import Value, ValueType
from app.workspace.document import Mapping as MappingNode
from app.workspace.document import Node, Scalar, Sequence

MAX_CASES: Final = 50
MAX_STEPS: Final = 200
MAX_SECONDS: Final = 86_400
_CASE_KEYS: Final = ("series", "events", "expect")


def read_cases(fields: Fields, types: Mapping[str, ValueType], *, event: bool) -> tuple[Case, ...]:
    """Return the cases under `tests`; inputs may set the names in `types` only."""
    reader = _CaseReader(fields, types, event=event)
    return tuple(case for node in fields.items("tests", MAX_CASES) if (case := reader.read(node)) is not None)


class _CaseReader:
    """Reads the cases of one rule; adds to the problems of its file."""

    def __init__(self, fields: Fields, types: Mapping[str, ValueType], *, event: bool) -> None:
        self._rule, self._types = fields, types
        self._input_key, self._other_key = ("events", "series") if event else ("series", "events")

    def read(self, node: Node) -> Case | None:
        fields = Fields(node, self._rule.file, self._rule.problems, _CASE_KEYS)
        if not isinstance(node, MappingNode):
            return None
        if self._other_key in fields or self._input_key not in fields:
            fields.wrong(node.mark, "test_input")
        fields.need("expect")
        steps = self._steps(fields, self._input_key, "test_event")
        inputs = [(at, values) for at, item in steps if (values := self._values(item)) is not None]
        expect = [
            (at, word)
            for at, item in self._steps(fields, "expect", "test_expect")
            if (word := fields.one_of(item, CONDITIONS)) is not None
        ]
        return Case(node.mark.line, tuple(inputs), tuple(expect))

    def _steps(self, fields: Fields, key: str, code: str) -> list[tuple[int, Node]]:
        steps: list[tuple[int, Node]] = []
        for node in fields.items(key, MAX_STEPS):
            at = _seconds(node)
            if at is None or not isinstance(node, Sequence):
                fields.wrong(node.mark, code)
            elif steps and at < steps[-1][0]:
                fields.wrong(node.mark, "test_order")
            else:
                steps.append((at, node.items[1]))
        return steps

    def _values(self, node: Node) -> Mapping[str, Value | None] | None:
        if not isinstance(node, MappingNode):
            self._rule.wrong(node.mark, "test_event")
            return None
        return {key.text: value for key, item in node.entries for value in self._value(key, item)}

    def _value(self, key: Scalar, node: Node) -> tuple[Value | None, ...]:
        """Return the one value, or nothing once its problem has been told."""
        if key.text not in self._types:
            meant = nearest(key.text, self._types)
            self._rule.wrong(key.mark, "name_unknown", text=key.text[:60], hint=f" ({meant}?)" if meant else "")
            return ()
        if isinstance(node, Scalar) and node.value is None:
            return (None,)
        wanted = self._types[key.text]
        if not isinstance(node, Scalar) or node.value is None or type_of(node.value) != wanted:
            self._rule.wrong(node.mark, "value_kind", text=key.text, wanted=wanted)
            return ()
        return (node.value,)


def _seconds(node: Node) -> int | None:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        return None
    at = node.items[0]
    if not isinstance(at, Scalar) or isinstance(at.value, bool) or not isinstance(at.value, float):
        return None
    return round(at.value * 1_000) if 0 <= at.value <= MAX_SECONDS else None
