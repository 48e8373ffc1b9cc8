"""Promises: every name a rule may use is supplied, with its type and its age."""

from functools import cache

import pytest

from app.domain import events as ev
from app.engine.inputs import Inputs, groups_of
from app.engine.readings import Readings
from app.engine.seconds import Seconds
from app.rules.vocabulary import VOCABULARY, Name
from tests.engine.script import PLAN, QUIET, Script

NAMES = [name for name in VOCABULARY.names if name.owner != "event"]


@cache
def talking() -> Script:
    script = Script(rules=QUIET)
    for second in range(1, 40):
        script.send(second, script.viewers(second, 800), script.like(second, second), script.paid(second, f"o{second}"))
    script.send(
        40, script.stock(40, available=90, version=1), script.stream(40, 3_900.0, fps=30.0), script.click(40, "SKU-2")
    )
    return script


def inputs_of(script: Script) -> Inputs:
    state, seconds = script.engine._state, Seconds("s1")
    return Inputs(state, Readings(state, PLAN, seconds), seconds, PLAN.currency)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.kind}-{name.path}")
def test_every_name_has_a_value_of_its_type_once_everything_was_heard(name: Name) -> None:
    script = talking()
    inputs = inputs_of(script)
    member = {"sku": "SKU-2", "line": "main"}.get(name.kind, "")
    fact = inputs.getter(name, member)(script.engine.now)
    assert type(fact.value) is {"number": float, "truth": bool, "text": str}[name.type]
    assert (fact.seen_ms is not None) == name.ages
    assert groups_of(name, member)


def test_money_is_told_to_rules_in_the_unit_people_say() -> None:
    script = talking()
    inputs = inputs_of(script)
    assert inputs.getter(inputs.name("m.gmv", ""), "")(script.engine.now).value == 39 * 699.0
    assert script.value("gmv") == 39 * 69_900


def test_two_lines_of_one_sku_are_one_order_of_it() -> None:
    script = Script(rules=QUIET)
    lines = (ev.OrderLine("SKU-2", 1, 69_900), ev.OrderLine("SKU-2", 2, 139_800))
    order = ev.Order("o1", "CNY", lines)
    script.send(1, ev.OrderPaidEvent(room="r1", occurred_ms=script.at(1), id="e", payload=order))
    inputs = inputs_of(script)
    counted = {
        path: inputs.getter(inputs.name(path, "sku"), "SKU-2")(script.engine.now).value
        for path in ("i.orders_5m", "i.paid_units_5m")
    }
    assert counted == {"i.orders_5m": 1.0, "i.paid_units_5m": 3.0}


def test_what_was_never_heard_is_unknown() -> None:
    script = Script(rules=QUIET)
    inputs = inputs_of(script)
    for path in ("m.viewers", "m.comments_60s", "m.gmv", "m.interaction_rate_5m"):
        assert inputs.getter(inputs.name(path, ""), "")(script.engine.now).value is None
