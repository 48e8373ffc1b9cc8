"""Promise: each recording becomes events by its mapping, and what does not is counted with its reason."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from app.domain.events import CommentEvent, OrderPaidEvent, OrderRefundedEvent, StreamHealth
from app.sources import nginx_rtmp, obs, twitch_chat, uk_orders
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


def test_every_sample_is_named_with_its_licence() -> None:
    text = (SAMPLES / "LICENSES.md").read_text()
    assert "Copyright (c) 2021 Charlie Collard" in text
    assert {path.name for path in SAMPLES.iterdir() if path.suffix != ".md"} == {
        name for name in text.split("`") if name.endswith((".json", ".jsonl"))
    }
