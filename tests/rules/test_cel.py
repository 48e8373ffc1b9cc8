"""Expressions: checked types and names, unknown as a third truth, and two bindings that agree."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from cel_expr_python import cel as google  # type: ignore[import-untyped] # its stubs carry no py.typed
from hypothesis import given
from hypothesis import strategies as st

from app.rules.cel import Expression, ExpressionRefused, Facts, compile_expression
from app.rules.file import read_rules
from app.rules.pack import shipped_rules
from app.rules.rule import Rule
from app.rules.tokens import flat
from app.rules.vocabulary import Value, ValueType
from tests.rules.extended import EXTENDED
from tests.rules.twelve import TWELVE

NAMES: Mapping[str, ValueType] = {"m.viewers": "number", "i.sellable": "number", "s.live": "truth", "e.text": "text"}


def compiled(text: str, result: ValueType | None = None, params: Mapping[str, Value] | None = None) -> Expression:
    return compile_expression(text, names=NAMES, result=result, params=params)


def value(text: str, params: Mapping[str, Value] | None = None, **known: Value) -> Value | None:
    facts = Facts({name.replace("_", ".", 1): each for name, each in known.items()})
    return compiled(text, params=params).value(facts)


def test_an_expression_names_what_it_reads_and_gives_its_type() -> None:
    expression = compiled("m.viewers / i.sellable")
    assert expression.type == "number"
    assert expression.names == {"m.viewers", "i.sellable"}
    assert compiled("s.live && e.text.startsWith('x')").type == "truth"


def test_parameters_and_lets_are_written_into_the_text() -> None:
    pace = compiled("m.viewers / i.sellable")
    params: dict[str, Value] = {"p.low": -0.5, "p.word": "it's \\ 中", "p.on": True}
    expression = compile_expression(
        "v.pace > p.low && e.text != p.word && p.on", names=NAMES, result="truth", params=params, lets={"v.pace": pace}
    )
    assert expression.names == {"m.viewers", "i.sellable", "e.text"}
    assert expression.truth(Facts({"m.viewers": 1.0, "i.sellable": -1.0, "e.text": ""})) is False
    assert expression.truth(Facts({"m.viewers": 1.0, "i.sellable": 1.0, "e.text": "it's \\ 中"})) is False
    assert expression.truth(Facts({"m.viewers": 1.0, "i.sellable": 1.0, "e.text": ""})) is True


def test_an_unknown_name_makes_the_outcome_unknown_unless_the_rest_decides() -> None:
    assert value("m.viewers > 1.0") is None
    assert value("m.viewers > 1.0 || s.live", s_live=True) is True
    assert value("s.live || m.viewers > 1.0", s_live=False) is None
    assert value("m.viewers > 1.0 && s.live", s_live=False) is False
    assert value("s.live ? 1.0 : m.viewers", s_live=True) == 1.0


def test_arithmetic_without_an_answer_is_unknown_and_not_false() -> None:
    assert value("m.viewers / i.sellable", m_viewers=0.0, i_sellable=0.0) is None
    assert value("m.viewers / i.sellable < 1.0", m_viewers=0.0, i_sellable=0.0) is None
    assert value("m.viewers / i.sellable", m_viewers=1.0, i_sellable=0.0) == math.inf


def test_whole_numbers_are_doubles() -> None:
    assert value("m.viewers / i.sellable", m_viewers=1, i_sellable=2) == 0.5


def test_faults_have_their_place_on_the_right_line() -> None:
    with pytest.raises(ExpressionRefused) as refused:
        compiled("s.live\n  && m.nobody > 3")
    assert [(fault.line, fault.column, fault.code) for fault in refused.value.faults] == [
        (1, 5, "name_unknown"),
        (1, 16, "expression_integer"),
    ]


@pytest.mark.parametrize("text", ["(" * 200 + "s.live" + ")" * 200, "!" * 480 + "s.live &&", "", "s.live s.live", "'a"])
def test_what_cannot_be_read_is_refused_and_not_crashed_on(text: str) -> None:
    with pytest.raises(ExpressionRefused):
        compiled(text)


def test_lets_that_grow_without_end_are_refused() -> None:
    lets: dict[str, Expression] = {"v.a": compiled("m.viewers + i.sellable")}
    with pytest.raises(ExpressionRefused) as refused:
        for _ in range(20):
            lets["v.a"] = compile_expression("v.a + v.a * v.a", names=NAMES, result="number", lets=lets)
    assert refused.value.faults[0].code == "expression_long"


RULES = (*shipped_rules().rules, *read_rules({"twelve.yaml": TWELVE}, EXTENDED).rules)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-3.0, 0.0, 0.05, 0.055, 1.0, 3.0, 10.0, 100.0, 4000.0]),
)
VALUES: Mapping[ValueType, st.SearchStrategy[Value]] = {"number": NUMBERS, "truth": st.booleans(), "text": st.text()}


def expressions(rule: Rule) -> list[Expression]:
    given_ones = (rule.when, rule.clear, *(level.fire for level in rule.levels), *rule.lets.values())
    return [each for each in given_ones if each is not None]


@cache
def checked(expression: Expression, types: tuple[tuple[str, ValueType], ...]) -> Any:
    """Return the same flat text compiled by the other binding."""
    declared = {"number": google.Type.DOUBLE, "truth": google.Type.BOOL, "text": google.Type.STRING}
    environment = google.NewEnv(variables={flat(name): declared[type_] for name, type_ in types})
    return environment.compile(expression.flat)


def by_google(expression: Expression, known: Mapping[str, Value], types: Mapping[str, ValueType]) -> Value | None:
    """Evaluate with the other binding; its error values are unknown."""
    names = tuple((name, types[name]) for name in sorted(expression.names))
    found = checked(expression, names).eval(data={flat(name): each for name, each in known.items()})
    return None if found.type() == google.Type.ERROR else found.value()


def is_nan(value: Value | None) -> bool:
    return isinstance(value, float) and math.isnan(value)


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.file}:{rule.id}" for rule in RULES])
@given(data=st.data())
def test_both_bindings_agree_on_every_expression(rule: Rule, data: st.DataObject) -> None:
    """They differ in one thing: compared with 0/0, Google's says false and ours says unknown, which is what we want."""
    types = {path: name.type for path, name in EXTENDED.visible(each=rule.each, event=rule.event).items()}
    known = {
        name: data.draw(VALUES[types[name]], label=name)
        for name in sorted(rule.gate_names() | rule.judged_names())
        if data.draw(st.integers(0, 9), label=f"{name} is known")
    }
    no_answer = any(is_nan(by_google(let, known, types)) for let in rule.lets.values())
    for expression in expressions(rule):
        ours, theirs = expression.value(Facts(known)), by_google(expression, known, types)
        assert ours == theirs or (no_answer and ours is None), (expression.flat, known)
