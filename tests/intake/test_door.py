"""Promises of the door: what is taken, what is refused and why, and that nothing in between is possible."""

import asyncio
from typing import Any

import msgspec
import pytest

from app.domain.events import CommentEvent, OrderPaidEvent
from app.errors import ControlRoomError, Forbidden, Unavailable
from app.intake.door import Overfull, Source
from app.intake.refusals import BatchTooBig, NotABatch, NotUtf8, TooFast
from app.intake.seal import is_hashed
from app.intake.tally import Tally
from app.settings import Limits
from app.store.doctor import NAMES_KEPT, counts
from tests.intake.house import NOON, WINE, House, open_house

DAY = 86_400_000
ORDER: dict[str, Any] = {"order": "o-1", "currency": "CNY", "lines": [{"sku": "SKU-2", "qty": 1, "amount": 19_900}]}


async def only_refusal(house: House, record: Any) -> tuple[str, str]:
    answer = await house.post(record)
    (refusal,) = answer.refused
    assert refusal.reason
    return refusal.code, refusal.place


async def test_a_batch_is_answered_with_its_session_and_positions_after_the_commit(house: House) -> None:
    answer = await house.post(house.record("enter"), house.record("like", count=3), house.record("viewers", online=80))
    (taken,) = answer.sessions
    assert (taken.taken, taken.duplicates, taken.first, taken.last) == (3, 0, 2, 4)
    assert answer.refused == []
    assert [event.__struct_config__.tag for event in house.loop.sessions[taken.session].events] == [
        "enter",
        "like",
        "viewers",
    ]


async def test_ndjson_array_and_single_are_the_same_batch(house: House) -> None:
    records = [house.record("comment", text=f"第 {n} 条") | {"id": f"c-{n}"} for n in range(3)]
    lines = b"\r\n".join(msgspec.json.encode(record) for record in records) + b"\n\n"
    first = await house.door.take(WINE, lines, "lines")
    again = await house.door.take(WINE, msgspec.json.encode(records), "json")
    single = await house.door.take(WINE, msgspec.json.format(msgspec.json.encode(records[0])), "json")
    assert (first.sessions[0].taken, first.sessions[0].duplicates) == (3, 0)
    assert (again.sessions[0].taken, again.sessions[0].duplicates) == (3, 3)
    assert (single.sessions[0].taken, single.sessions[0].duplicates) == (1, 1)


async def test_the_same_body_without_ids_has_no_second_effect(house: House) -> None:
    records = [house.record("like", count=5), house.record("like", count=5)]
    first = await house.post(*records)
    again = await house.post(*records)
    assert (first.sessions[0].duplicates, again.sessions[0].duplicates) == (0, 2)


@pytest.mark.parametrize(
    ("kind", "payload", "code", "place"),
    [
        ("viewers", {"online": -1}, "out_of_range", "payload.online"),
        ("viewers", {"online": 10**9 + 1}, "out_of_range", "payload.online"),
        ("viewers", {"online": 3.5}, "not_whole", "payload.online"),
        ("viewers", {"online": "80"}, "wrong_type", "payload.online"),
        ("viewers", {"online": True}, "wrong_type", "payload.online"),
        ("viewers", {}, "missing_field", "payload.online"),
        ("stock", {"sku": "SKU-2", "feed": "erp", "available": 12.5}, "fractional_stock", "payload.available"),
        ("stock", {"sku": "SKU-2", "feed": "erp"}, "available_or_delta", "payload"),
        ("stock", {"sku": "SKU-2", "feed": "erp", "available": 1, "delta": 1}, "available_or_delta", "payload"),
        ("stock", {"sku": "", "feed": "erp", "available": 1}, "empty", "payload.sku"),
        ("stock", {"sku": "SKU-2", "feed": "excel", "available": 1}, "bad_choice", "payload.feed"),
        ("order_paid", ORDER | {"lines": [{"sku": "S", "qty": 1, "amount": 199.0}]}, "fractional_amount",
         "payload.lines[0].amount"),
        ("order_paid", ORDER | {"lines": [{"sku": "S", "qty": 1.5, "amount": 1}]}, "fractional_stock",
         "payload.lines[0].qty"),
        ("order_paid", ORDER | {"lines": [{"sku": "S", "qty": 1, "amount": 10**12 + 1}]}, "out_of_range",
         "payload.lines[0].amount"),
        ("order_paid", ORDER | {"currency": "rmb"}, "bad_currency", "payload.currency"),
        ("order_paid", ORDER | {"lines": [{"sku": "S" * 100, "qty": 1, "amount": 1}] * 200}, "payload_too_big",
         "payload"),
        ("comment", {"text": "长" * 2_001}, "too_long", "payload.text"),
        ("comment", {"text": "好", "user": {"id": "u" * 129}}, "too_long", "payload.user.id"),
        ("comment", {"text": "好", "user": {"id": ""}}, "empty", "payload.user.id"),
        ("comment", {"text": "好\0"}, "bad_character", ""),
        ("comment", {"text": "好", "ext": {"x": "y" * 1_100}}, "ext_too_big", "payload.ext"),
        ("comment", {"text": "好", "ext": {"x": 2**70}}, "out_of_range", "payload.ext"),
        ("like", {"count": 10**9 + 1}, "out_of_range", "payload.count"),
        ("like", {"count": 10**30}, "out_of_range", "payload.count"),
        ("stream", {"line": "main", "bitrate_kbps": 4_000_000}, "wrong_unit", "payload.bitrate_kbps"),
        ("speech", {"text": "好", "start_ms": 0, "end_ms": 9, "confidence": 95}, "wrong_unit", "payload.confidence"),
        ("speech", {"text": "好", "start_ms": 9, "end_ms": 0}, "out_of_range", "payload.end_ms"),
        ("status", {"state": "over"}, "bad_choice", "payload.state"),
        ("review", {"stars": 5}, "unknown_kind", "kind"),
    ],
)  # fmt: skip
async def test_a_bad_field_is_refused_by_code_and_place(
    house: House, kind: str, payload: dict[str, Any], code: str, place: str
) -> None:
    assert await only_refusal(house, house.record(kind, **payload)) == (code, place)
    assert house.loop.sessions == {}


@pytest.mark.parametrize(
    ("occurred_ms", "code"),
    [
        (NOON - 7 * DAY - 1, "occurred_too_old"),
        (NOON + 120_001, "occurred_in_future"),
        (NOON // 1_000, "seconds_not_milliseconds"),
    ],
)
async def test_an_instant_outside_the_bounds_is_refused(house: House, occurred_ms: int, code: str) -> None:
    assert await only_refusal(house, house.record() | {"occurred_ms": occurred_ms}) == (code, "occurred_ms")


async def test_the_very_bounds_are_taken(house: House) -> None:
    records = [house.record() | {"occurred_ms": NOON - 7 * DAY}, house.record() | {"occurred_ms": NOON + 120_000}]
    records.append(
        house.record("comment", text="长" * 2_000, user={"id": "u" * 128, "name": "王小明"}) | {"id": "i" * 128}
    )
    assert (await house.post(*records)).refused == []


@pytest.mark.parametrize(("room", "code"), [("nowhere", "unknown_room"), ("tea-dy", "room_not_allowed")])
async def test_a_room_that_is_not_the_tokens_is_refused_and_sql_is_not_asked(
    house: House, room: str, code: str
) -> None:
    await house.store.close()
    assert await only_refusal(house, house.record(room=room)) == (code, "room")


@pytest.mark.parametrize("record", [5, "x", None, [], [1]])
async def test_what_is_no_object_is_refused_by_itself(house: House, record: Any) -> None:
    assert await only_refusal(house, record) == ("not_an_object", "")


async def test_one_bad_record_costs_itself_only_and_keeps_its_index(house: House) -> None:
    bad = house.record("stock", sku="SKU-2", feed="erp", available=0.5)
    answer = await house.post(house.record("enter"), bad, house.record("like"), {"kind": "x"}, house.record("like"))
    assert [(each.index, each.code) for each in answer.refused] == [(1, "fractional_stock"), (3, "unknown_kind")]
    assert answer.sessions[0].taken == 3


async def test_a_broken_line_costs_itself_only_but_no_json_at_all_is_no_batch(house: House) -> None:
    good = msgspec.json.encode(house.record())
    answer = await house.door.take(WINE, good + b"\n{oops\n" + good, "lines")
    assert [(each.index, each.code) for each in answer.refused] == [(1, "not_json")]
    for body, form in (
        (b"oops\noops", "lines"),
        (b"oops", "json"),
        (b'{"a":', "json"),
        (b"17", "json"),
        (b'"x"', "json"),
    ):
        with pytest.raises(NotABatch):
            await house.door.take(WINE, body, form)  # type: ignore[arg-type]  # both words are forms
    with pytest.raises(NotABatch):
        await house.door.take(WINE, b"[" * 100_000 + b"]" * 100_000, "json")


@pytest.mark.parametrize("form", ["json", "lines"])
async def test_broken_utf8_is_refused_as_a_whole(house: House, form: Any) -> None:
    body = msgspec.json.encode(house.record("comment", text="好")).replace("好".encode(), b"\xff\xfe")
    with pytest.raises(NotUtf8):
        await house.door.take(WINE, body, form)
    assert house.loop.sessions == {}


async def test_unknown_fields_are_dropped_and_counted_by_name(house: House) -> None:
    record = house.record("comment", text="好", user={"id": "u", "vip": 3}, color="red") | {"shard": 4}
    answer = await house.post(record, house.record("like"))
    assert answer.refused == []
    (whole,) = [count for count in house.tally.drain() if count.room == "wine-dy" and count.kind == ""]
    assert whole.unknown == {"shard": 1, "payload.color": 1, "payload.user.vip": 1}


def test_names_of_unknown_fields_stay_few_also_when_they_could_not_be_written_down() -> None:
    tally = Tally()
    for round_ in range(4):
        names = {f"field-{round_}-{n}": 1 for n in range(NAMES_KEPT - 1)}
        tally.batch("t", "聚合", ["wine-dy"], NOON, refused={}, unknown=names)
        tally.put_back(tally.drain() if round_ % 2 else [])
    late = tally.drain()
    tally.batch("t", "聚合", ["wine-dy"], NOON, refused={}, unknown={f"new-{n}": 1 for n in range(NAMES_KEPT)})
    tally.put_back(late)
    (counts,) = tally.drain()
    assert len(counts.unknown) == NAMES_KEPT + 1
    assert sum(counts.unknown.values()) == 4 * (NAMES_KEPT - 1) + NAMES_KEPT, "none is lost"


async def test_a_full_batch_is_taken_and_one_more_is_too_big(house: House) -> None:
    records = [house.record() | {"id": str(n)} for n in range(10_000)]
    answer = await house.post(*records)
    assert (answer.sessions[0].taken, answer.sessions[0].first, answer.sessions[0].last) == (10_000, 2, 10_001)
    entries = house.loop.sessions[answer.sessions[0].session].entries
    assert [len(one.entry.body.events) for one in entries] == [1_000] * 10  # type: ignore[union-attr]
    with pytest.raises(BatchTooBig):
        await house.post(*records, house.record())


async def test_users_are_hashed_with_the_key_and_names_masked_before_anything_is_kept(house: House) -> None:
    ready = "h:0123456789abcdef"
    answer = await house.post(
        house.record("comment", text="好", user={"id": "13800001111", "name": "王小明"}),
        house.record("comment", text="好", user={"id": ready, "name": "李**"}),
        house.record("order_paid", **ORDER, buyer="13800001111", address="北京市朝阳区"),
    )
    first, second, order = house.loop.sessions[answer.sessions[0].session].events
    assert isinstance(first, CommentEvent)
    assert isinstance(second, CommentEvent)
    assert isinstance(order, OrderPaidEvent)
    assert first.payload.user is not None
    assert second.payload.user is not None
    assert is_hashed(first.payload.user.id)
    assert first.payload.user.name == "王**"
    assert (second.payload.user.id, second.payload.user.name) == (ready, "李**")
    assert order.payload.buyer == first.payload.user.id
    assert is_hashed(order.payload.address)


async def test_a_token_that_sends_too_fast_is_told_when_to_come_again(house: House) -> None:
    batch = [house.record() for _ in range(10_000)]
    for _ in range(4):
        await house.post(*batch)
    with pytest.raises(TooFast) as refusal:
        await house.post(*batch)
    assert refusal.value.context["wait_s"] == 1
    other = Source("t-other", "另一个", frozenset({"tea-dy"}))
    assert (await house.post(house.record(room="tea-dy"), source=other)).refused == []
    house.clock.advance(500)
    assert len((await house.post(*batch)).sessions) == 1


async def test_a_full_log_takes_nothing_of_the_batch(house: House) -> None:
    tea = Source("t", "t", None, operator=True)
    await house.post(house.record(), house.record(room="tea-dy"), source=tea)
    house.loop.held.clear()
    batch = [house.record() for _ in range(9_000)]
    filling = [asyncio.create_task(house.post(*batch, source=Source(f"s{n}", "", None))) for n in range(11)]
    await asyncio.sleep(0.05)
    with pytest.raises(Overfull):
        await house.post(*batch, house.record(room="tea-dy"), source=tea)
    house.loop.held.set()
    await asyncio.gather(*filling)
    session = house.directory.current("tea-dy")
    assert session is not None
    assert len(house.loop.sessions[session.id].events) == 1, "there was room in its own session, but not for the whole"


async def test_what_may_not_be_committed_is_never_answered_202(house: House) -> None:
    session = (await house.post(house.record())).sessions[0].session
    house.loop.refuse[session] = Unavailable("away")
    with pytest.raises(Unavailable):
        await house.post(house.record("like"))


async def test_records_set_aside_are_refused_and_the_others_taken(house: House) -> None:
    class SetAside(ControlRoomError):
        kind, code = "broken", "quarantined"

    both = Source("t", "t", frozenset({"wine-dy", "tea-dy"}))
    first = await house.post(house.record(), house.record(room="tea-dy"), source=both)
    house.loop.refuse[first.sessions[0].session] = SetAside("twice")
    answer = await house.post(house.record("like"), house.record("like", room="tea-dy"), source=both)
    assert [(each.index, each.code, each.retryable) for each in answer.refused] == [(0, "quarantined", False)]
    assert [each.session for each in answer.sessions] == [first.sessions[1].session]


async def test_an_empty_batch_is_a_heartbeat_of_every_session_of_the_token(house: House) -> None:
    assert (await house.post()).sessions == []
    await house.post(house.record(), house.record(room="wine-sph"))
    answer = await house.door.take(WINE, b" \n", "lines")
    assert [(each.taken, each.first) for each in answer.sessions] == [(0, 3), (0, 3)]


async def test_a_batch_of_refused_records_only_is_answered_like_any_other(house: House) -> None:
    answer = await house.post({"kind": "x"}, {"kind": "y"})
    assert (answer.sessions, [each.index for each in answer.refused]) == ([], [0, 1])


async def test_a_named_session_takes_all_of_a_batch_in_its_own_time(house: House) -> None:
    from app.domain.session_clock import SessionClock

    start = NOON - 300 * DAY
    replay, _ = await house.directory.open("wine-dy", "replay", clock=SessionClock(NOON, start, 1.0))
    record = house.record("enter") | {"occurred_ms": start}
    answer = await house.post(record, house.record("enter"), session=replay.id)
    assert [each.session for each in answer.sessions] == [replay.id]
    assert [(each.index, each.code) for each in answer.refused] == [(1, "occurred_in_future")]
    assert house.directory.current("wine-dy") is None
    assert (await house.post(house.record(room="wine-sph"), session=replay.id)).refused[0].code == "not_in_session"
    with pytest.raises(Forbidden):
        await house.post(record, session=replay.id, source=Source("x", "x", frozenset({"tea-dy"})))


async def test_counts_reach_the_doctor(house: House) -> None:
    await house.post(house.record("like") | {"id": "a"}, house.record("like") | {"id": "a"}, {"kind": "?"})
    await house.door.save_tally()
    await house.post(house.record("like") | {"id": "a"})
    await house.door.save_tally()
    rows = {row.kind: row for row in await house.store.read(lambda conn: counts(conn, "wine-dy"))}
    assert (rows["like"].taken, rows["like"].last_ms, rows[""].duplicates) == (3, NOON, 2)
    assert rows[""].refused == {"unknown_kind": 1}


async def test_a_batch_that_must_come_again_costs_its_source_nothing(house: House) -> None:
    session = (await house.directory.open("wine-dy", "live"))[0].id
    house.loop.refuse[session] = Unavailable("the store does not answer")
    records = [house.record() | {"id": f"{n}"} for n in range(10_000)]
    for _ in range(6):  # more records than the burst allows
        with pytest.raises(Unavailable):
            await house.post(*records)
    house.loop.refuse.clear()
    assert (await house.post(*records)).sessions[0].taken == 10_000


async def test_other_bounds_can_be_set(migrated_file: Any, tmp_path: Any) -> None:
    async with open_house(migrated_file, tmp_path, Limits(text_chars=5, batch_records=2)) as house:
        assert await only_refusal(house, house.record("comment", text="一二三四五六")) == ("too_long", "payload.text")
        with pytest.raises(BatchTooBig):
            await house.post(*[house.record()] * 3)
