"""Promise: each recording becomes events by its mapping, and what does not is counted with its reason."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from app.domain.events import (
    Act,
    CommentEvent,
    CommentText,
    GiftEvent,
    OnAir,
    OrderPaidEvent,
    OrderRefundedEvent,
    Speech,
    Status,
    StreamHealth,
    User,
    Viewers,
)
from app.sources import nginx_rtmp, obs, tiktok_webcast, twitch_chat, uk_orders
from app.sources.protobuf import Message, NotProtobuf
from app.sources.record import NotThisRecording, Record, json_lines, read_bytes

SAMPLES = Path(__file__).parents[2] / "app/replay/samples"


def sample(name: str) -> bytes:
    return read_bytes(SAMPLES / name)


def lines(*records: Any) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


def left_out(records: Iterable[Record]) -> Counter[tuple[str, str]]:
    return Counter((record.kind, record.why) for record in records if record.event is None)


def healths(records: Iterable[Record]) -> list[StreamHealth]:
    return [record.event.payload for record in records if record.event is not None]  # type: ignore[misc]


# Twitch


def test_every_comment_of_a_chat_becomes_a_comment_at_its_place_in_the_video() -> None:
    records = list(twitch_chat.read(sample("twitch-chat-90s.json")))
    assert len(records) == 125
    assert left_out(records) == Counter()
    assert (records[0].at_ms // 1_000, records[-1].at_ms // 1_000) == (600, 688)
    assert [record.at_ms for record in records] == sorted(record.at_ms for record in records)
    event = records[0].event
    assert isinstance(event, CommentEvent)
    assert event.payload.user is not None
    assert event.payload.user.id == event.payload.user.name
    assert event.payload.text


def test_a_comment_without_text_is_left_out_and_one_without_a_person_is_taken() -> None:
    comments = [
        {"_id": "a", "content_offset_seconds": 1.5, "message": {"body": " "}, "commenter": {"_id": "u1"}},
        {"_id": "b", "content_offset_seconds": 2, "message": {"body": "hi"}, "commenter": None},
    ]
    empty, anonymous = twitch_chat.read(json.dumps({"comments": comments}).encode())
    assert (empty.event, empty.why, empty.at_ms) == (None, "empty", 1_500)
    assert isinstance(anonymous.event, CommentEvent)
    assert anonymous.event.payload.user is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"comments": [{}]}', b"\xff"])
def test_a_file_that_is_no_chat_is_refused(body: bytes) -> None:
    with pytest.raises(NotThisRecording):
        list(twitch_chat.read(body))


# Orders


def test_orders_are_named_by_invoice_and_minute_and_cancellations_are_refunds_of_whole_pence() -> None:
    records = list(uk_orders.read(sample("uk-orders-2010-12-09.jsonl")))
    assert Counter(record.kind for record in records) == {"order_paid": 11, "order_refunded": 13}
    events = [record.event for record in records if record.event is not None]
    paid = [event for event in events if isinstance(event, OrderPaidEvent)]
    refunded = [event for event in events if isinstance(event, OrderRefundedEvent)]
    assert all(
        event.payload.order[6:20] == " 2010-12-09T14" or " 2010-12-09T15" in event.payload.order for event in paid
    )
    assert all(event.payload.order.startswith("C") for event in refunded)
    for order in [event.payload for event in paid] + [event.payload for event in refunded]:
        assert order.currency == "GBP"
        assert all(line.qty > 0 and line.amount > 0 for line in order.lines)


def invoice(name: str, *parts: tuple[str, int, str], ts: str = "2010-12-09T14:30:00") -> dict[str, Any]:
    goods = [{"sku": sku, "name": "x", "qty": qty, "unit_price": price} for sku, qty, price in parts]
    return {"invoice": name, "ts": ts, "customer": None, "country": "UK", "lines": goods}


def test_services_and_quantities_and_prices_not_above_zero_are_dirt_by_reason() -> None:
    (record,) = uk_orders.read(
        lines(
            invoice(
                "536365",
                ("22423", 2, "12.75"),
                ("POST", 1, "18"),
                ("gift_0001_20", 1, "17.02"),
                ("22423", -1, "12.75"),
                ("22424", 3, "0"),
                ("22425", 3, "-1"),
            )
        )
    )
    assert isinstance(record.event, OrderPaidEvent)
    assert [(line.sku, line.qty, line.amount) for line in record.event.payload.lines] == [("22423", 2, 2_550)]
    assert record.dirt == {"service": 2, "quantity": 1, "price": 2}


def test_an_order_of_which_nothing_is_left_is_left_out_itself() -> None:
    (record,) = uk_orders.read(lines(invoice("536366", ("POST", 1, "18"))))
    assert (record.event, record.why, record.kind, record.dirt) == (None, "nothing_sold", "order_paid", {"service": 1})


def test_the_quantities_of_a_cancellation_are_given_back_and_its_positive_ones_are_dirt() -> None:
    (record,) = uk_orders.read(lines(invoice("C536379", ("22423", -2, "12.75"), ("22424", 1, "1.00"))))
    assert isinstance(record.event, OrderRefundedEvent)
    assert [(line.qty, line.amount) for line in record.event.payload.lines] == [(2, 2_550)]
    assert record.dirt == {"quantity": 1}


def test_the_orders_of_one_minute_are_spread_over_it_in_their_order() -> None:
    body = lines(
        *(invoice(f"53636{n}", ("22423", 1, "1")) for n in range(4)),
        invoice("6", ("22423", 1, "1"), ts="2010-12-09T14:31:00"),
    )
    at = [record.at_ms for record in uk_orders.read(body)]
    assert [each - at[0] for each in at] == [0, 15_000, 30_000, 45_000, 60_000]


def test_a_price_of_a_tenth_of_a_penny_is_counted_exactly_before_it_is_rounded() -> None:
    (record,) = uk_orders.read(lines(invoice("1", ("22423", 250, "0.001"))))
    assert isinstance(record.event, OrderPaidEvent)
    assert record.event.payload.lines[0].amount == 25


def test_a_line_that_is_no_order_is_refused_with_its_number() -> None:
    with pytest.raises(NotThisRecording) as refusal:
        list(uk_orders.read(lines(invoice("1", ("22423", 1, "1"))) + b"\nnothing"))
    assert refusal.value.context == {"line": 2}
    with pytest.raises(NotThisRecording):
        list(uk_orders.read(lines(invoice("1", ts="yesterday"))))


# OBS


def status(
    t: float, sent: int, duration: int, *, reconnecting: bool = False, active: bool = True, skipped: int = 0
) -> Any:
    data = {
        "outputActive": active,
        "outputBytes": sent,
        "outputDuration": duration,
        "outputSkippedFrames": skipped,
        "outputReconnecting": reconnecting,
    }
    return {"t": t, "dir": "in", "msg": {"op": 7, "d": {"requestType": "GetStreamStatus", "responseData": data}}}


def changed(t: float, state: str) -> Any:
    event = {"eventType": "StreamStateChanged", "eventData": {"outputState": f"OBS_WEBSOCKET_OUTPUT_{state}"}}
    return {"t": t, "dir": "in", "msg": {"op": 5, "d": event}}


def test_bitrate_is_what_was_sent_over_how_long_and_a_negative_difference_is_a_restart() -> None:
    body = lines(
        status(1, 0, 0, active=False),
        status(2, 100_000, 1_000),
        status(3, 200_000, 2_000, skipped=4),
        status(4, 200_000, 2_000, reconnecting=True, skipped=4),
        status(5, 0, 2_000, reconnecting=True),
        status(6, 50_000, 400),
        status(7, 150_000, 1_400),
    )
    records = list(obs.read(body))
    assert left_out(records) == {("stream", "not_streaming"): 1}
    assert [(each.bitrate_kbps, each.reconnecting, each.dropped) for each in healths(records)] == [
        (None, False, 0),
        (800.0, False, 4),
        (0.0, True, 0),
        (None, True, 0),
        (None, False, 0),
        (800.0, False, 0),
    ]


def test_the_frames_a_second_are_those_of_the_last_statistics() -> None:
    stats = {
        "t": 1.5,
        "dir": "in",
        "msg": {"op": 7, "d": {"requestType": "GetStats", "responseData": {"activeFps": 29.5}}},
    }
    records = list(obs.read(lines(status(1, 0, 0), stats, status(2, 1, 1))))
    assert [each.fps for each in healths(records)] == [None, 29.5]
    assert left_out(records) == {("other", "no_reading"): 1}


def test_a_reconnect_is_told_when_obs_says_so_and_what_was_asked_is_no_reading() -> None:
    asked = {"t": 1, "dir": "out", "msg": {"op": 6, "d": {"requestType": "GetStreamStatus"}}}
    note = {"t": 1, "dir": "note", "msg": {"phase": "clean"}}
    body = lines(asked, note, changed(2, "STARTED"), changed(3, "RECONNECTING"), changed(4, "RECONNECTED"))
    records = list(obs.read(body))
    assert [each.reconnecting for each in healths(records)] == [True, False]
    assert left_out(records) == {("other", "no_reading"): 3}


def test_a_real_drop_is_seen_reconnecting_then_restarted_then_steady_again() -> None:
    records = [record for record in obs.read(sample("obs-websocket-60s.jsonl")) if record.event is not None]
    told = healths(records)
    assert {each.line for each in told} == {"obs"}
    reconnecting = [record.at_ms for record, each in zip(records, told, strict=True) if each.reconnecting]
    assert 25_000 <= reconnecting[-1] - reconnecting[0] <= 30_000
    assert all(each.bitrate_kbps in (None, 0.0) for each in [each for each in told if each.reconnecting][2:])
    after = [each.bitrate_kbps for record, each in zip(records, told, strict=True) if record.at_ms > reconnecting[-1]]
    assert None in after[:2]
    assert all(rate is None or rate > 300 for rate in after)


# nginx


def page(sent: int | None, dropped: int = 0) -> str:
    client = f"<client><dropped>{dropped}</dropped><publishing/></client>"
    stream = "" if sent is None else f"<stream><name>room1</name><bytes_in>{sent}</bytes_in>{client}</stream>"
    return f"<rtmp><server><application><live>{stream}</live></application></server></rtmp>"


def test_a_page_tells_the_bitrate_by_what_came_in_since_the_last_and_zero_when_the_stream_is_gone() -> None:
    polls = [(0, None), (1, 100_000), (2, 200_000), (3, None), (4, 10_000), (5, 110_000), (7, 5_000)]
    body = lines(*({"t": t, "xml": page(sent)} for t, sent in polls), {"t": 8, "error": "URLError"})
    records = list(nginx_rtmp.read_stat(body))
    assert [each.bitrate_kbps for each in healths(records)] == [None, 800.0, 0.0, None, 800.0, None]
    assert left_out(records) == {("stream", "no_stream_yet"): 1, ("stream", "poll_failed"): 1}


def test_dropped_frames_of_a_page_are_those_since_the_last() -> None:
    body = lines(*({"t": t, "xml": page(t * 1_000, dropped)} for t, dropped in ((1, 3), (2, 5), (3, 1))))
    assert [each.dropped for each in healths(nginx_rtmp.read_stat(body))] == [3, 2, 1]


def test_a_page_that_declares_entities_is_refused() -> None:
    with pytest.raises(NotThisRecording):
        list(nginx_rtmp.read_stat(lines({"t": 1, "xml": '<!DOCTYPE a [<!ENTITY b "c">]><rtmp>&b;</rtmp>'})))
    with pytest.raises(NotThisRecording):
        list(nginx_rtmp.read_stat(lines({"t": 1, "xml": "<rtmp>"})))


def test_callbacks_say_that_the_stream_is_there_or_gone() -> None:
    body = lines(
        {"t": 1, "path": "/on_publish", "body": "app=live&name=room1"},
        {"t": 2, "path": "/on_update", "body": "name=room1&time=10"},
        {"t": 3, "path": "/on_publish_done", "body": "name=room1"},
        {"t": 4, "path": "/on_play", "body": "name=room1"},
        {"t": 5, "path": "/on_publish", "body": ""},
    )
    records = list(nginx_rtmp.read_hooks(body))
    assert [each.bitrate_kbps for each in healths(records)] == [None, None, 0.0]
    assert left_out(records) == {("other", "no_stream_named"): 2}


def test_the_real_captures_of_one_minute_agree_that_the_stream_was_gone() -> None:
    polls = list(nginx_rtmp.read_stat(sample("nginx-rtmp-stat-60s.jsonl")))
    assert left_out(polls)["stream", "poll_failed"] == 20
    steady = [each.bitrate_kbps for each in healths(polls)[1:11]]
    assert all(rate is not None and 300 < rate < 1_500 for rate in steady)
    assert len(healths(nginx_rtmp.read_hooks(sample("nginx-rtmp-hooks-60s.jsonl")))) == 3


# Files


def test_a_packed_file_reads_like_an_unpacked_one(tmp_path: Path) -> None:
    packed = tmp_path / "chat.json.gz"
    packed.write_bytes(gzip.compress(b'{"comments": []}'))
    assert read_bytes(packed) == b'{"comments": []}'


def test_empty_lines_are_passed_over_and_a_broken_one_is_named() -> None:
    assert list(json_lines(b"1\n\n2\n", int)) == [(1, 1), (3, 2)]
    with pytest.raises(NotThisRecording) as refusal:
        list(json_lines(b"1\nx", int))
    assert refusal.value.context == {"line": 2}


@pytest.mark.parametrize("damage", [lambda body: body[:-9], lambda body: body[:20], lambda body: b"x" + body])
def test_a_packed_file_that_was_cut_or_is_none_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    packed = tmp_path / "chat.json.gz"
    packed.write_bytes(damage(gzip.compress(b'{"comments": []}' * 100)))
    with pytest.raises(NotThisRecording):
        read_bytes(packed)


def reply(request: str, data: Any) -> Any:
    return {"t": 1, "dir": "in", "msg": {"op": 7, "d": {"requestType": request, "responseData": data}}}


@pytest.mark.parametrize(
    ("read", "record"),
    [
        (obs.read, reply("GetStreamStatus", {"outputActive": True})),
        (obs.read, reply("GetStreamStatus", [])),
        (obs.read, reply("GetStats", {"activeFps": "30"})),
        (obs.read, {"t": 1, "dir": "in", "msg": {"op": 5, "d": {"eventType": "StreamStateChanged", "eventData": 1}}}),
        (nginx_rtmp.read_stat, {"t": 1, "xml": page(1).replace("<bytes_in>1", "<bytes_in>")}),
        (uk_orders.read, invoice("1", ("85123A", 2**40, "1.00"))),
    ],
)
def test_a_damaged_record_is_refused_with_its_line(read: Callable[[bytes], Iterable[Record]], record: Any) -> None:
    with pytest.raises(NotThisRecording, match="line 1"):
        list(read(lines(record)))


def test_a_byte_that_is_no_text_is_refused_with_its_line() -> None:
    with pytest.raises(NotThisRecording, match="line 1"):
        list(obs.read(lines(reply("GetStatus", {})).replace(b"GetStatus", b"Get\xff")))


def test_what_is_no_number_is_no_price() -> None:
    orders = [invoice("1", ("85123A", 1, price)) for price in ("NaN", "Infinity", "1e99")]
    records = list(uk_orders.read(lines(*orders)))
    assert [dict(record.dirt) for record in records] == [{"price": 1}] * 3


def test_every_sample_is_named_with_its_licence() -> None:
    text = (SAMPLES / "LICENSES.md").read_text()
    assert "Copyright (c) 2021 Charlie Collard" in text
    assert {path.name for path in SAMPLES.iterdir() if path.suffix != ".md"} == {
        name for name in text.split("`") if name.endswith((".json", ".jsonl"))
    }


# TikTok


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def proto(**fields: int | str | bytes) -> bytes:
    """Encode a message; f3=7 is field 3."""
    out = b""
    for name, value in fields.items():
        field = int(name[1:])
        if isinstance(value, int):
            out += varint(field << 3) + varint(value)
        else:
            body = value.encode() if isinstance(value, str) else value
            out += varint(field << 3 | 2) + varint(len(body)) + body
    return out


def webcast(method: str, identity: int, ts: str = "2023-10-04T19:19:38.000Z", room: str = "r", **fields: Any) -> Any:
    body = proto(f1=proto(f1=f"Webcast{method}Message", f2=identity), **fields)
    return {
        "ts": ts,
        "method": f"Webcast{method}Message",
        "room": room,
        "payload_b64": base64.b64encode(body).decode(),
    }


def test_every_message_of_a_webcast_becomes_an_event_or_is_left_out_with_its_reason() -> None:
    records = list(tiktok_webcast.read(sample("tiktok-webcast-cut.jsonl")))
    assert Counter(record.kind for record in records if record.event is not None) == {
        "comment": 10,
        "enter": 8,
        "follow": 4,
        "gift": 12,
        "like": 6,
        "on_air": 4,
        "share": 4,
        "speech": 9,
        "status": 8,
        "viewers": 8,
    }
    assert left_out(records) == {
        ("gift", "end_of_a_row"): 3,
        ("on_air", "no_product"): 6,
        ("other", "no_kind"): 4,
        ("speech", "empty"): 1,
        ("status", "one_room_of_several"): 4,
    }
    assert [record.at_ms for record in records] == sorted(record.at_ms for record in records)
    for record in records:
        assert record.event is None or record.event.__struct_config__.tag == record.kind


def test_the_fields_of_a_webcast_message_are_where_they_are_looked_for() -> None:
    user = proto(f1=77, f3="柚子")
    records = tiktok_webcast.read(
        lines(
            webcast("RoomUserSeq", 1, f3=812, f7=40_000),
            webcast("Member", 2, f2=user, f10=1),
            webcast("Chat", 3, f2=user, f3="礼盒还有吗"),
            webcast("Like", 4, f2=15, f3=46_782, f5=user),
            webcast("Caption", 5, f2=1_695_115_450_585, f3=7_120, f4=proto(f1="en", f2="hello there")),
            webcast("OecLiveShopping", 6, f4=proto(f1="Tea", f6=1_729_609_304_255_072_963)),
            webcast("Control", 7, f2=3),
        )
    )
    yuzu = User("77", "柚子")
    assert [record.event.payload for record in records if record.event is not None] == [
        Viewers(812),
        Act(yuzu),
        CommentText("礼盒还有吗", yuzu),
        Act(yuzu, count=15),
        Speech("hello there", 1_695_115_450_585, 1_695_115_457_705),
        OnAir("1729609304255072963"),
        Status("ended"),
    ]


def test_gifts_sent_in_a_row_count_once_each_and_diamonds_are_no_money() -> None:
    rose = proto(f11=1, f12=5, f16="Rose")
    row = [webcast("Gift", n, f5=count, f7=proto(f1=7), f11=900, f15=rose) for n, count in enumerate((1, 3, 3, 7), 1)]
    alone = [webcast("Gift", n, f5=1, f7=proto(f1=7), f11=900, f15=proto(f12=30, f16="Lion")) for n in (8, 9)]
    records = list(tiktok_webcast.read(lines(*row, *alone)))
    gifts = [record.event for record in records if isinstance(record.event, GiftEvent)]
    assert [(each.payload.gift, each.payload.count, each.payload.value) for each in gifts] == [
        ("Rose", 1, 0),
        ("Rose", 2, 0),
        ("Rose", 4, 0),
        ("Lion", 1, 0),
        ("Lion", 1, 0),
    ]
    assert [each.payload.ext for each in gifts][:3] == [{"diamonds": 5}, {"diamonds": 10}, {"diamonds": 20}]
    assert left_out(records) == {("gift", "end_of_a_row"): 1}


def test_a_webcast_message_that_comes_again_is_left_out_and_the_order_is_that_of_the_times() -> None:
    late = webcast("Chat", 1, ts="2023-10-04T19:19:40Z", f3="second")
    early = webcast("Chat", 2, ts="2023-10-04T19:19:38.198434400", f3="first")
    records = list(tiktok_webcast.read(lines(late, early, late)))
    assert [(record.at_ms, record.place, record.why) for record in records] == [
        (1_696_447_178_198, "2", ""),
        (1_696_447_180_000, "1", ""),
        (1_696_447_180_000, "3", "repeated"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"\x80",  # a number without an end
        b"\xff" * 11,
        b"\x0a\x05ab",  # a text that ends behind the message
        b"\x09ab",  # a fixed number likewise
        b"\x08" + b"\xff" * 9 + b"\x7f",  # a number of 70 bits
        b"\x0b",  # the beginning of a group
    ],
)
def test_bytes_that_are_no_message_are_refused_with_the_line(body: bytes) -> None:
    with pytest.raises(NotProtobuf):
        Message(body)
    broken = webcast("Chat", 1, f3="x") | {"payload_b64": base64.b64encode(body).decode()}
    with pytest.raises(NotThisRecording, match="line 2"):
        list(tiktok_webcast.read(lines(webcast("Chat", 2, f3="x"), broken)))


def test_a_field_that_is_not_there_is_nothing() -> None:
    message = Message(proto(f2="text", f3=7))
    assert (message.number(1), message.text(1), message.message(1).number(1)) == (0, "", 0)
    assert (message.number(2), message.text(3)) == (0, "")
    assert Message(b"\x09" + b"\0" * 8 + b"\x15" + b"\0" * 4 + proto(f3=300)).number(3) == 300
