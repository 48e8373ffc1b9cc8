"""Promise: what the documentation says of a record and what the door does with it are the same, for every kind."""

import json
import re
from typing import Any, get_args

import msgspec
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.events import KINDS, Event
from app.intake.batch import PAYLOADS as DOOR_PAYLOADS
from app.intake.gate import Gate
from app.intake.seal import Seal
from app.routers.api import install_api
from app.routers.event_models import EVENT, EVENTS, PAYLOADS
from app.settings import Limits
from tests.intake.reading import read_now
from tests.routers.web import Web

LIMITS = Limits()
GATE = Gate(LIMITS, Seal(b"k" * 32))
EDGE_NUMBERS = [
    -1, 0, 1, 100, 10**9, 10**9 + 1, -(10**9), -(10**9) - 1, 10**12, 10**12 + 1, -(10**12), -(10**12) - 1, 10**15,
    10**15 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.0, 0.5, 1.0, 1.5, 1_000.0, 1_000_000.5, -0.5,
]  # fmt: skip
EDGE_TEXTS = [
    "", "a", "好", "CNY", "cny", "CNYX", "CN1", "ＣＮＹ", "CNY\n", "live", "erp", "a" * 128, "a" * 129, "好" * 42,
    "好" * 43, "长" * 200, "长" * 201, "好" * 2_000, "好" * 2_001, "a\0b", "\x1f", "🎁" * 32, "🎁" * 33,
    "h:0123456789abcdef",
]  # fmt: skip
numbers = st.sampled_from(EDGE_NUMBERS) | st.integers(-5, 2_000)
texts = st.sampled_from(EDGE_TEXTS) | st.text(max_size=6).filter(lambda text: text.isprintable())
scalars = numbers | texts | st.booleans() | st.none()
exts = st.dictionaries(st.sampled_from(["a", "b", "", "a\0"]), scalars | st.just("x" * 600), max_size=3)
users = st.fixed_dictionaries({"id": texts}, optional={"name": texts, "tier": texts, "vip": scalars})
lines = st.fixed_dictionaries({"sku": texts, "qty": numbers, "amount": numbers}, optional={"colour": scalars})
values = scalars | exts | users | st.lists(lines, max_size=3) | st.lists(scalars, max_size=2)

GOOD: dict[str, Any] = {
    "online": 80, "text": "好", "gift": "rose", "sku": "S", "line": "main", "order": "o", "currency": "CNY",
    "lines": [{"sku": "S", "qty": 1, "amount": 1}], "feed": "erp", "available": 5, "amount": 1, "on_sale": True,
    "start_ms": 0, "end_ms": 1, "plan": "p", "ticket": "t", "state": "live", "user": {"id": "u"}, "count": 2,
}  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record that is right in most places and on the edge in some."""
    kind = draw(st.sampled_from(KINDS))
    fields = sorted(DOOR_PAYLOADS[kind])
    payload = {name: GOOD[name] for name in fields if name in GOOD}
    for name in draw(st.lists(st.sampled_from(fields), max_size=3)):
        payload[name] = draw(values)
    for name in draw(st.lists(st.sampled_from(fields), max_size=1)):
        payload.pop(name, None)
    if draw(st.integers(0, 9)) == 0:
        payload["surprise"] = draw(st.just("y" * 17_000) | scalars)
    record: dict[str, Any] = {"room": "r", "kind": kind, "occurred_ms": 1_790_000_000_000, "payload": payload}
    for name in draw(st.lists(st.sampled_from(["id", "room", "kind", "occurred_ms", "payload", "more"]), max_size=1)):
        record[name] = draw(values)
    if draw(st.integers(0, 9)) == 0:
        del record[draw(st.sampled_from(sorted(record)))]
    return record


def the_door_takes(body: bytes) -> bool:
    batch = read_now(body, "json", LIMITS)
    if batch.faults:
        return False
    (event,) = batch.events
    return not GATE.long(event.id) and GATE.checks[type(event)](event.payload) is None


def the_model_takes(body: bytes) -> bool:
    try:
        EVENT.validate_json(body)
    except ValidationError:
        return False
    return True


@settings(max_examples=600)
@given(records())
def test_the_models_and_the_door_accept_and_refuse_the_same_records(record: dict[str, Any]) -> None:
    body = msgspec.json.encode(record)
    assert the_model_takes(body) == the_door_takes(body)


@given(st.lists(records(), max_size=5))
def test_a_batch_refuses_exactly_the_records_that_are_refused_alone(batch: list[dict[str, Any]]) -> None:
    taken = read_now(msgspec.json.encode(batch), "json", LIMITS)
    alone = [read_now(msgspec.json.encode(record), "json", LIMITS) for record in batch]
    assert [index for index, _ in taken.faults] == [index for index, each in enumerate(alone) if each.faults]
    assert [fault for _, fault in taken.faults] == [fault for each in alone for _, fault in each.faults]
    assert taken.events == [event for each in alone for event in each.events]
    lines = read_now(b"\n".join(map(msgspec.json.encode, batch)), "lines", LIMITS)
    assert (lines.events, lines.faults) == (taken.events, taken.faults)


def test_an_order_of_many_lines_is_bounded_alike() -> None:
    def order(count: int) -> bytes:
        payload = {"order": "o", "currency": "CNY", "lines": [{"sku": "S" * 90, "qty": 1, "amount": 1}] * count}
        record = {"room": "r", "kind": "order_paid", "occurred_ms": 1, "payload": payload}
        return msgspec.json.encode(record)

    for count in (39, 41, 120, 134, 135, 136, 137, 138, 200):
        body = order(count)
        assert the_model_takes(body) == the_door_takes(body)
    assert the_door_takes(order(120))
    assert not the_door_takes(order(200))


def test_both_know_the_same_kinds_and_fields() -> None:
    assert set(EVENTS) == set(PAYLOADS) == set(KINDS) == {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    for kind, model in EVENTS.items():
        payload = model.model_fields["payload"].annotation
        assert payload is not None
        assert set(payload.model_fields) == DOOR_PAYLOADS[kind]


def test_the_openapi_document_describes_the_door_and_every_reference_in_it_resolves() -> None:
    app = FastAPI()
    install_api(app)
    document = app.openapi()
    assert document == app.openapi()
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(schemas)
    assert {f"{''.join(part.capitalize() for part in kind.split('_'))}Event" for kind in KINDS} <= set(schemas)
    assert set(document["paths"]["/api/ingest"]["post"]["responses"]) == {
        "202", "401", "403", "413", "415", "422", "429", "503",
    }  # fmt: skip


async def test_the_page_of_the_docs_names_every_kind_and_loads_nothing_from_elsewhere(web: Web) -> None:
    answer = await web.client().get("/docs")
    assert answer.status_code == 200
    assert all(f"<code>{kind}</code>" in answer.text for kind in KINDS)
    assert "POST /api/ingest" in answer.text
    assert "script" not in answer.headers["content-security-policy"]
    assert "http://" not in answer.text.replace("http://control.test", "")
    assert "https://" not in answer.text
