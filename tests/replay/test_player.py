"""Promise: a replay sends every record of its slices once, at its time, and says when the count does not add up."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from app.cli.replay import lines_of
from app.clock import ManualClock
from app.domain.events import Event
from app.instants import Instant
from app.replay.plan import READERS, BadPlan, from_ms, length_ms, read_plan, single
from app.replay.player import Player, Report
from app.replay.progress import FOLDER, CannotNote, Notes
from app.replay.recording import Tally, load
from app.replay.remote import (
    Accepted,
    Board,
    HttpRemote,
    IngestAnswer,
    RefusedRecord,
    RemoteBusy,
    RemoteRefused,
    Told,
)
from app.replay.stocktake import opening_stock, workspace_text
from app.sources.record import NotThisRecording
from app.workspace.file import read_workspace

APP = Path(__file__).parents[2] / "app/replay"
SAMPLES = APP / "samples"
START = Instant(1_795_000_000_000)
PLAN = """
version: 1
recordings:
  - {file: twitch-chat-90s.json, from: "10:00", span: "1:00", start: "0:05"}
  - {file: uk-orders-2010-12-09.jsonl, from: 2010-12-09T14:40, span: "20:00"}
  - {file: obs-websocket-60s.jsonl, line: main, target_kbps: 900}
  - {file: nginx-rtmp-stat-60s.jsonl, room: other}
"""


def plan_of(text: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "plan.yaml"
    path.write_text(text)
    for sample in SAMPLES.iterdir():
        (folder / sample.name).symlink_to(sample)
    return path


@dataclass
class Recorder:
    """A control room that takes everything, and counts what it is told to leave out."""

    clock: ManualClock
    refuse: str = ""
    lose: int = 0
    repeat: bool = False
    goes_after: int = 0
    """The batch that it takes, but does not answer."""
    batches: list[tuple[Instant, list[Event]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    async def open(self, room: str, key: str) -> str:
        self.calls.append(f"open {room}")
        return "s1"

    async def is_open(self, session: str) -> bool:
        return "end" not in self.calls

    async def send(self, session: str, body: bytes) -> tuple[IngestAnswer, bool]:
        events = msgspec.json.decode(body, type=list[Event])
        known = {each.id for each in self.events}
        self.batches.append((self.clock.now(), events))
        refused = [RefusedRecord(n, "no") for n, each in enumerate(events) if kind_of(each) == self.refuse]
        taken = len(events) - len(refused)
        again = sum(each.id in known for each in events)
        if len(self.batches) == self.goes_after:
            self.goes_after = 0
            raise RemoteBusy("no answer")
        return IngestAnswer([Accepted(session, taken, again)] if taken else [], refused), self.repeat

    async def end(self, session: str, key: str) -> None:
        self.calls.append("end")

    async def board(self, session: str) -> Board:
        first = {each.id: each for each in reversed(self.events)}
        counters = Counter(kind_of(each) for each in first.values() if kind_of(each) != self.refuse)
        counters.subtract({"comment": self.lose})
        return Board(dict(counters), len(self.events) - len(first))

    async def alerts(self, session: str) -> list[Told]:
        return [Told("r", "P1", "ended", START + 61_500, {"zh-CN": "没了"}, "SKU-1", START + 90_000)]

    @property
    def events(self) -> list[Event]:
        return [event for _, events in self.batches for event in events]


def kind_of(event: Event) -> str:
    return str(event.__struct_config__.tag)


async def play(path: Path, recorder: Recorder, speed: float = 1.0, stop_after: int = 10**9) -> Report:
    """Play a plan; `stop_after`: somebody stops it after so many batches."""

    async def sleep(seconds: float) -> None:
        recorder.clock.advance(round(seconds * 1_000))

    reel = load(read_plan(path), "r1")
    notes = Notes.of(path.parent, reel, room="r1", speed=speed, url="http://room")
    player = Player(
        recorder,
        recorder.clock,
        sleep,
        notes,
        room="r1",
        speed=speed,
        stopping=lambda: len(recorder.batches) >= stop_after,
    )
    return await player.play(reel, await player.begin())


# Plans and slices


def test_lengths_and_points_of_a_recordings_own_clock_are_read_as_they_are_written() -> None:
    assert [length_ms(text) for text in ("0:05", "49:00", "1:02:30", "90", "1.5s")] == [
        5_000,
        2_940_000,
        3_750_000,
        90_000,
        1_500,
    ]
    assert from_ms("", 7) == 7
    assert from_ms("0:10", 7) == 10_007
    assert from_ms("2010-12-09T14:30", 7) == 1_291_905_000_000
    assert from_ms("1795417118", 7) == 1_795_417_118_000


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nrecordings: []",
        "version: 1\nrecordings: [{file: what.json}]",
        "version: 1\nrecordings: [{file: obs.jsonl, span: soon}]",
        "version: 1\nrecordings: [{file: obs.jsonl, form: x}]",
        "version: 1\nrecordings: {",
        "- 1",
    ],
)
def test_a_plan_that_cannot_be_played_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(BadPlan):
        read_plan(path)


def test_slices_begin_where_the_plan_says_and_lie_in_one_order(tmp_path: Path) -> None:
    reel = load(read_plan(plan_of(PLAN, tmp_path)), "r1")
    offsets = [item.offset_ms for item in reel.items]
    assert offsets == sorted(offsets)
    first = {kind: next(item.offset_ms for item in reel.items if item.kind == kind) for kind in ("comment", "stream")}
    assert first == {"comment": 5_000, "stream": pytest.approx(0, abs=1_500)}
    assert max(item.offset_ms for item in reel.items if item.kind == "comment") < 65_000
    orders = [item.offset_ms for item in reel.items if item.kind.startswith("order")]
    assert (min(orders) >= 0, max(orders) < 1_200_000) == (True, True)
    assert {item.event.room for item in reel.items} == {"r1", "other"}
    assert len({item.event.id for item in reel.items}) == len(reel.items)


def test_ids_are_the_files_own_and_the_same_whenever_it_is_read(tmp_path: Path) -> None:
    ids = [item.event.id for item in load(single(SAMPLES / "obs-websocket-60s.jsonl"), "r1").items]
    assert ids == [item.event.id for item in load(single(SAMPLES / "obs-websocket-60s.jsonl"), "r2").items]
    assert all(each.startswith(ids[0].partition(":")[0]) for each in ids)


def test_what_is_read_is_what_is_played_and_what_is_left_out(tmp_path: Path) -> None:
    reel = load(read_plan(plan_of(PLAN, tmp_path)), "r1")
    played = Counter(item.kind for item in reel.items)
    for kind, read in reel.tally.read.items():
        assert read == played[kind] + reel.tally.left_of(kind)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotThisRecording):
        load(single(SAMPLES / "obs-websocket-60s.jsonl", source="uk_orders"), "r1")


def test_the_shipped_plans_are_plans_that_play_every_source() -> None:
    sources = {part.source_name for path in (APP / "plans").glob("*.yaml") for part in read_plan(path).recordings}
    assert sources == READERS.keys()


def test_a_long_pause_of_a_recording_is_played_as_short_as_the_plan_says(tmp_path: Path) -> None:
    folder = plan_of('version: 1\nrecordings: [{file: tiktok-webcast-cut.jsonl, pause: "0:02"}]', tmp_path)
    short = [item.offset_ms for item in load(read_plan(folder), "r1").items]
    whole = [item.offset_ms for item in load(single(SAMPLES / "tiktok-webcast-cut.jsonl"), "r1").items]
    assert len(short) == len(whole)
    assert whole[-1] > 30 * 86_400_000
    assert short[-1] <= 2_000 * 91  # of left-out records too
    steps = zip(pairwise(short), pairwise(whole), strict=True)
    assert all(b - a <= d - c for (a, b), (c, d) in steps)


# Playing


async def test_at_speed_n_every_record_is_n_times_as_early_and_sent_when_it_is_due(tmp_path: Path) -> None:
    recorder = Recorder(ManualClock(START))
    path = plan_of(PLAN, tmp_path)
    report = await play(path, recorder, speed=4.0)
    items = load(read_plan(path), "r1").items
    assert [event.id for event in recorder.events] == [item.event.id for item in items]
    assert [event.occurred_ms - START for event in recorder.events] == [int(item.offset_ms / 4) for item in items]
    for at, events in recorder.batches:
        assert all(event.occurred_ms <= at for event in events)
        assert all(at - event.occurred_ms <= 200 for event in events)
    assert recorder.calls == ["open r1", "end"]
    assert report.mismatches() == []


async def test_a_crowd_at_once_is_cut_into_batches_that_the_door_takes(tmp_path: Path) -> None:
    recorder = Recorder(ManualClock(START))
    await play(plan_of(PLAN, tmp_path), recorder, speed=10_000.0)
    assert max(len(events) for _, events in recorder.batches) <= 1_000


async def test_refused_records_are_counted_by_kind_and_code_and_still_add_up(tmp_path: Path) -> None:
    report = await play(plan_of(PLAN, tmp_path), Recorder(ManualClock(START), refuse="comment"))
    assert report.refused == {("comment", "no"): report.sent["comment"]}
    assert report.taken_of("comment") == 0
    assert report.mismatches() == []


async def test_a_record_that_is_not_on_the_board_is_told(tmp_path: Path) -> None:
    lost = await play(plan_of(PLAN, tmp_path), Recorder(ManualClock(START), lose=1))
    assert lost.mismatches() == ["1 taken are not on the board, which knows of 0 duplicates"]
    assert any(line.startswith("does not add up: 1 taken") for line in lines_of(lost))


def test_what_came_twice_may_be_missing_on_the_board_only_where_it_is_known_there() -> None:
    report = Report("s1", Tally(Counter(comment=3)), sent=Counter(comment=3), taken=3, duplicates=1)
    report.board = Board({"comment": 2}, 1)
    assert report.mismatches() == []
    report.board = Board({"comment": 3}, 3)
    assert report.mismatches() != []
    report.repeated = 1  # the whole batch had been taken already when its answer was lost
    assert report.mismatches() == []
    report.board = Board({"comment": 4}, 0)
    assert report.mismatches() != []


async def test_a_session_is_ended_also_when_the_control_room_refuses(tmp_path: Path) -> None:
    class Refusing(Recorder):
        async def send(self, session: str, body: bytes) -> tuple[IngestAnswer, bool]:
            raise RemoteRefused("no")

    recorder = Refusing(ManualClock(START))
    with pytest.raises(RemoteRefused):
        await play(plan_of(PLAN, tmp_path), recorder)
    assert recorder.calls == ["open r1", "end"]


async def test_the_report_lists_kinds_reasons_and_alerts_with_their_times(tmp_path: Path) -> None:
    told = list(lines_of(await play(plan_of(PLAN, tmp_path), Recorder(ManualClock(START)))))
    assert any(line.startswith("comment") for line in told)
    assert "left out: stream poll_failed 20" in told
    assert any(line.startswith("alert 1:01.5-1:30.0 P1 r SKU-1") for line in told)


# Stopped, and gone on with


async def test_one_that_is_stopped_ends_its_session_and_says_what_it_did_not_play(tmp_path: Path) -> None:
    recorder = Recorder(ManualClock(START))
    report = await play(plan_of(PLAN, tmp_path), recorder, stop_after=9)
    assert recorder.calls == ["open r1", "end"]
    assert report.stopped
    assert report.mismatches() == []
    assert sum(report.sent.values()) == len(recorder.events) > 0
    assert any(line.startswith("not played: comment") for line in lines_of(report))
    later = await play(plan_of(PLAN, tmp_path / "again"), recorder := Recorder(ManualClock(START)))
    assert (later.stopped, recorder.calls) == (False, ["open r1", "end"])


async def test_one_that_lost_its_control_room_goes_on_in_the_same_session_and_sends_nothing_twice_to_effect(
    tmp_path: Path,
) -> None:
    recorder = Recorder(ManualClock(START), goes_after=20)
    path = plan_of(PLAN, tmp_path)
    with pytest.raises(RemoteBusy):
        await play(path, recorder, speed=4.0)
    assert recorder.calls == ["open r1"]
    lost = recorder.batches[-1][1]
    recorder.clock.advance(3_600_000)
    report = await play(path, recorder, speed=4.0)
    assert recorder.calls == ["open r1", "end"]
    assert (report.resumed, report.repeated, report.duplicates) == (1, 1, len(lost))
    assert report.mismatches() == []
    # What had no answer comes again as it was; what follows is as much later as the player stood still.
    assert recorder.batches[20][1] == lost
    items = load(read_plan(path), "r1").items
    assert {each.id for each in recorder.events} == {item.event.id for item in items}
    after = [event for _, events in recorder.batches[21:] for event in events]
    for at, events in recorder.batches[21:]:
        assert all(0 <= at - event.occurred_ms <= 400 for event in events)
    offsets = {item.event.id: int(item.offset_ms / 4) for item in items}
    assert len({event.occurred_ms - offsets[event.id] for event in after}) == 1


async def test_a_session_that_somebody_ended_meanwhile_is_left_alone_and_a_new_one_begun(tmp_path: Path) -> None:
    recorder = Recorder(ManualClock(START), goes_after=5)
    path = plan_of(PLAN, tmp_path)
    with pytest.raises(RemoteBusy):
        await play(path, recorder)
    recorder.calls.append("end")
    report = await play(path, recorder)
    assert recorder.calls == ["open r1", "end", "open r1", "end"]
    assert report.resumed == 0


def test_another_room_speed_or_house_is_another_replay(tmp_path: Path) -> None:
    reel = load(read_plan(plan_of(PLAN, tmp_path)), "r1")
    ways = [("r1", 1.0, "http://a"), ("r2", 1.0, "http://a"), ("r1", 2.0, "http://a"), ("r1", 1.0, "http://b")]
    notes = [Notes.of(tmp_path, reel, room=room, speed=speed, url=url) for room, speed, url in ways]
    assert len({each.path for each in notes}) == len(ways)
    assert notes[0].path == Notes.of(tmp_path, reel, room="r1", speed=1.0, url="http://a").path


def test_notes_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "torn.json")
    assert notes.read() is None
    notes.path.write_text('{"session": "s1", "ke')
    assert notes.read() is None


async def test_where_nothing_can_be_noted_no_session_is_opened(tmp_path: Path) -> None:
    recorder, path = Recorder(ManualClock(START)), plan_of(PLAN, tmp_path)
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    with pytest.raises(CannotNote):
        await play(path, recorder)
    assert recorder.calls == []


async def test_one_that_died_while_it_opened_its_session_opens_the_same(tmp_path: Path) -> None:
    class Dying(Recorder):
        keys: list[str]

        async def open(self, room: str, key: str) -> str:
            self.keys = [*getattr(self, "keys", []), key]
            if len(self.keys) == 1:
                raise RemoteBusy("no answer")
            return await super().open(room, key)

    recorder, path = Dying(ManualClock(START)), plan_of(PLAN, tmp_path)
    with pytest.raises(RemoteBusy):
        await play(path, recorder)
    await play(path, recorder)
    assert len(set(recorder.keys)) == 1
    assert recorder.batches[0][1][0].occurred_ms >= START
    await play(path, recorder)
    assert len(set(recorder.keys)) == 2, "a later replay is another"


# Over HTTP


@dataclass
class Server:
    """Answers what it is told to, then 200 or 202; keeps what it was asked."""

    answers: list[httpx2.Response | Exception] = field(default_factory=list)
    asked: list[httpx2.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return httpx2.Response(202, json={"sessions": [{"session": "s1", "taken": 1, "duplicates": 0}]})

    def remote(self) -> HttpRemote:
        client = httpx2.AsyncClient(
            base_url="http://room", headers={"Authorization": "Bearer t"}, transport=httpx2.MockTransport(self)
        )

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.sleep(0)

        return HttpRemote(client, sleep)


def busy(status: int, after: str = "") -> httpx2.Response:
    return httpx2.Response(status, headers={"Retry-After": after} if after else {})


async def test_a_busy_control_room_is_asked_again_with_the_same_bytes_after_as_long_as_it_says() -> None:
    server = Server([busy(429, "3"), busy(503), httpx2.ConnectError("gone")])
    answer, repeated = await server.remote().send("s1", b"[1]")
    assert (answer.sessions, repeated) == ([Accepted("s1", 1, 0)], True)
    assert {request.content for request in server.asked} == {b"[1]"}
    assert server.slept == [3.0, 1.0, 1.0]
    assert str(server.asked[0].url) == "http://room/api/ingest?session=s1"


async def test_a_control_room_that_stays_busy_is_given_up() -> None:
    server = Server([busy(503, "30") for _ in range(9)])
    with pytest.raises(RemoteRefused, match="gave up"):
        await server.remote().send("s1", b"[]")


async def test_a_refusal_is_told_with_its_own_code_at_once() -> None:
    problem: Any = {"code": "forbidden", "detail": "this role may not do that"}
    server = Server([httpx2.Response(403, json=problem), httpx2.Response(404, text="nothing")])
    with pytest.raises(RemoteRefused, match="forbidden: this role") as refusal:
        await server.remote().open("r1", "k")
    assert refusal.value.context["code"] == "forbidden"
    with pytest.raises(RemoteRefused, match="404"):
        await server.remote().end("s1", "k")
    assert server.slept == []


async def test_a_session_of_kind_replay_is_opened_under_a_key() -> None:
    server = Server([httpx2.Response(201, json={"session": "s9"})])
    assert await server.remote().open("r1", "key-open") == "s9"
    (request,) = server.asked
    assert json.loads(request.content) == {"room": "r1", "kind": "replay"}
    assert (request.headers["Idempotency-Key"], request.headers["Authorization"]) == ("key-open", "Bearer t")


async def test_whether_a_session_is_open_is_asked_and_one_that_is_not_there_is_not() -> None:
    states = [httpx2.Response(200, json={"state": state}) for state in ("live", "ended")]
    server = Server([*states, httpx2.Response(404, json={"code": "not_found"}), httpx2.Response(403, json={})])
    remote = server.remote()
    assert [await remote.is_open("s1") for _ in range(3)] == [True, False, False]
    with pytest.raises(RemoteRefused):
        await remote.is_open("s1")


# Its workspace


def test_every_sku_opens_with_four_fifths_of_what_the_slice_sells_as_planned_and_as_stock(tmp_path: Path) -> None:
    plan = read_plan(plan_of(PLAN, tmp_path))
    reel = load(plan, "evening")
    text = workspace_text(plan, reel, "evening")
    shop = read_workspace(text, "w")
    stock = opening_stock(reel.items)
    assert {sku.sku: (sku.planned, sku.stock) for sku in shop.skus} == {sku: (n, n) for sku, n in stock.items()}
    assert all(sku.currency == "GBP" and sku.price > 0 for sku in shop.skus)
    (room,) = shop.rooms
    assert (room.id, room.opens_itself) == ("evening", False)
    assert {line.name: line.target_kbps for line in room.lines} == {"main": 900.0, "ingest": 800.0}


def test_four_fifths_are_whole_units_and_never_none() -> None:
    reel = load(single(SAMPLES / "uk-orders-2010-12-09.jsonl"), "r1")
    sold: Counter[str] = Counter()
    for item in reel.items:
        if item.kind == "order_paid":
            for line in item.event.payload.lines:  # type: ignore[union-attr]
                sold[line.sku] += line.qty
    assert opening_stock(reel.items) == {sku: max(1, units * 8 // 10) for sku, units in sold.items()}


def test_refunds_take_no_stock() -> None:
    items = load(single(SAMPLES / "uk-orders-2010-12-09.jsonl"), "r1").items
    refunds = [item for item in items if item.kind == "order_refunded"]
    assert refunds
    assert opening_stock(refunds) == {}
