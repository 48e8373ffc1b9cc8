"""Promises of reading a batch: unknown fields cost nothing but themselves, and a bad batch does not stop the others."""

import asyncio
from typing import Any, get_args

import msgspec
import pytest

from app.domain.events import KIND_NAMES, Event
from app.intake.batch import SAMPLE, TURN, read_batch
from app.settings import Limits
from tests.intake.reading import read_now

LIMITS = Limits()
USER = {"id": "u", "name": "王小明", "tier": "金"}
ACT: dict[str, Any] = {"user": USER, "count": 2, "total": 9, "source": "推荐", "ext": {"x": 1, "y": None, "z": 0.5}}
ORDER: dict[str, Any] = {
    "order": "o1",
    "currency": "CNY",
    "lines": [{"sku": "S", "qty": 1, "amount": 5}, {"sku": "T", "qty": 2, "amount": 6}],
    "buyer": "b",
    "source": "直播间",
}
SPEECH = {"text": "好", "start_ms": 1, "end_ms": 2, "final": True, "confidence": 1, "speaker": "主播"}
PAYLOADS: dict[str, dict[str, Any]] = {
    "viewers": {"online": 3},
    **dict.fromkeys(("enter", "leave", "like", "share", "follow", "fan_join"), ACT),
    "comment": {"text": "多少钱", "user": USER},
    "gift": {"gift": "火箭", "user": USER, "value": 100},
    **dict.fromkeys(("exposure", "click", "cart_add"), ACT | {"sku": "S"}),
    "stream": {"line": "main", "bitrate_kbps": 4_000, "fps": 29.97},
    **dict.fromkeys(("order_created", "order_paid", "order_cancelled", "order_refunded"), ORDER),
    "stock": {"sku": "S", "feed": "erp", "available": 0, "version": 2**62},
    "price": {"sku": "S", "amount": 1, "currency": "CNY"},
    "listing": {"sku": "S", "on_sale": False},
    "on_air": {"sku": None},
    "speech": SPEECH,
    "ad": {"plan": "p", "spend": 5},
    "service_question": {"ticket": "t"},
    "service_reply": {"ticket": "t", "tier": "金"},
    "status": {"state": "live"},
}


def record(kind: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "e", "room": "wine-dy", "kind": kind, "occurred_ms": 5, "payload": payload, **more}


def strewn(value: Any) -> Any:
    """Return it with a field nobody knows in every object but `ext`."""
    if isinstance(value, dict):
        return {"surplus": {"a": [1]}} | {k: v if k == "ext" else strewn(v) for k, v in value.items()}
    return [strewn(one) for one in value] if isinstance(value, list) else value


def events(*records: Any) -> list[Event]:
    batch = read_now(msgspec.json.encode(list(records)), "json", LIMITS)
    assert batch.faults == []
    return batch.events


def test_every_kind_is_looked_at() -> None:
    assert set(PAYLOADS) == set(KIND_NAMES.values())


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_record_with_unknown_fields_is_the_record_without_them(kind: str) -> None:
    plain = record(kind, PAYLOADS[kind])
    assert events(strewn(plain)) == events(plain)
    assert type(events(strewn(plain))[0]) in get_args(Event)


def test_of_many_records_with_unknown_fields_all_are_taken_and_a_sample_is_counted() -> None:
    records = [record("comment", {"text": str(n), "user": USER}, shard=n) for n in range(300)]
    batch = read_now(msgspec.json.encode(records), "json", LIMITS)
    assert [event.payload.text for event in batch.events] == [str(n) for n in range(300)]  # type: ignore[union-attr]
    assert batch.unknown == {"shard": SAMPLE}


def test_good_unknown_and_bad_ones_in_turn_keep_their_places() -> None:
    good = record("comment", {"text": "好"})
    loose = good | {"shard": 1}
    bad = [
        good | {"occurred_ms": 1.5},
        loose | {"payload": {}},
        good | {"payload": {"text": "好\0"}},
        5,
        loose | {"kind": "x"},
    ]
    body = msgspec.json.encode([each for one in bad for each in (good, loose, one, loose, good)])
    batch = read_now(body, "json", LIMITS)
    assert [(index, code) for index, (code, _) in batch.faults] == [
        (2, "not_whole"),
        (7, "missing_field"),
        (12, "bad_character"),
        (17, "not_an_object"),
        (22, "unknown_kind"),
    ]
    assert len(batch.events) == 20
    assert batch.places == [n for n in range(25) if n % 5 != 2]


def test_a_record_with_too_much_of_the_unknown_is_refused_for_its_size() -> None:
    body = msgspec.json.encode([record("comment", {"text": "好", "surplus": "x" * LIMITS.payload_bytes})])
    assert read_now(body, "json", LIMITS).faults == [(0, ("payload_too_big", "payload"))]


def test_a_number_beyond_all_numbers_costs_no_other_record_and_none_at_all_where_nobody_knows_its_field() -> None:
    good = msgspec.json.encode(record("comment", {"text": "好"}))
    loose = good[:-1] + b',"shard":1e400}'
    bad = good.replace(b'"occurred_ms":5', b'"occurred_ms":1e400')
    for body in (b"[" + b",".join([good, loose, bad] * 2) + b"]", b"\n".join([good, loose, bad] * 2)):
        batch = read_now(body, "json" if body[:1] == b"[" else "lines", LIMITS)
        assert batch.places == [0, 1, 3, 4]
        assert batch.faults == [(n, ("out_of_range", "")) for n in (2, 5)]
    assert len(read_now(loose, "json", LIMITS).events) == 1
    assert read_now(bad, "json", LIMITS).faults == [(0, ("out_of_range", ""))]


async def test_others_have_their_turn_while_a_bad_batch_is_read() -> None:
    body = msgspec.json.encode([record("comment", {"text": 5}) for _ in range(TURN * 5)])
    reading = asyncio.create_task(read_batch(body, "json", LIMITS))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 5
    assert len((await reading).faults) == TURN * 5
