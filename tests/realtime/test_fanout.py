"""Promises of the fan-out: both outlets give the same frames, and from them every page makes the board as it is.

However it stalled, came back or asked. Time is virtual, and so are the sockets: what each takes is written in the case.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from app.bus.memory import MemoryFrameLog
from app.bus.ports import Stored
from app.clock import ManualClock
from app.domain.frames import Ask, Changed, Hello
from app.domain.people import Clearance
from app.instants import Instant
from app.realtime.fanout import SLICE
from app.realtime.fanout_direct import PING_S, PING_SPREAD_S, SLOW_S, DirectSocket
from app.realtime.fanout_plain import Gone, PlainSocket
from app.realtime.fanout_track import BATCH_BYTES, Batch
from app.realtime.frames import delta_frame, snapshot_frames
from app.realtime.hub import Clocked, View
from app.realtime.relay import LINGER_S, WANT_EVERY_S, Relay
from app.realtime.viewers import Followed, Seat, Subject, Viewers
from tests.realtime.virtual import run
from tests.system.page import Believed

VIEW, OTHER = View("s1", "control", Clearance.OPEN), View("s2", "control", Clearance.OPEN)


PONG = Frame(Opcode.PONG, b"").serialize(mask=True)


class Kernel:
    """What a connection's other side has got, and how much more of it is taken: any number of frames, or `room`."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.room: int | None = None
        self.alive = True
        self.closed: tuple[int, str] | None = None
        self.freed: Callable[[], None] = lambda: None

    def stall(self, room: int) -> None:
        self.room = room

    def go(self) -> None:
        self.room = None
        self.freed()

    def take(self, frame: bytes) -> bool:
        if self.room is not None:
            if not self.room:
                return False
            self.room -= 1
        self.got.append(frame)
        return True

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.got]


def cut(data: bytes) -> list[bytes]:
    """The frames in a piece of what a server sends."""
    frames = []
    while data:
        size = data[1] & 0x7F
        head = 2
        if size == 126:
            size, head = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[2:10], "big"), 10
        frames.append(data[: head + size])
        data = data[head + size :]
    return frames


class Transport:
    """uvicorn's side of a connection over a Kernel. `inside`: bytes of a frame the kernel takes before it is full."""

    def __init__(self, kernel: Kernel, inside: int) -> None:
        self._kernel, self._inside = kernel, inside
        self._part = b""  # of the frame that was cut
        self._held: list[bytes] = []
        self._protocol: Any = None
        self.ended = False
        kernel.freed = self._flush

    def direct(self, data: bytes) -> int:
        """What `os.write` does."""
        assert not self._held, "what the transport holds would be overtaken"
        sent = 0
        for frame in cut(data):
            if not self._kernel.take(frame[_head(frame) :]):
                self._part = frame[: min(self._inside, len(frame) - 1)]
                if not sent and not self._part:
                    raise BlockingIOError
                return sent + len(self._part)
            sent += len(frame)
        return sent

    def write(self, data: bytes) -> None:
        whole, self._part = self._part + data, b""
        (frame,) = cut(whole)
        if frame[0] == 0x89:
            if self._kernel.alive:
                asyncio.get_running_loop().call_soon(self._protocol.data_received, PONG)
        elif frame[0] == 0x88:
            self._kernel.closed = (int.from_bytes(frame[2:4], "big"), frame[4:].decode())
        elif self._held or not self._kernel.take(frame[_head(frame) :]):
            self._held.append(frame)
            self._protocol.pause_writing()

    def _flush(self) -> None:
        if self._held:
            self._kernel.got += [frame[_head(frame) :] for frame in self._held]
            self._held.clear()
            self._protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self._held))

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self

    def fileno(self) -> int:
        return -1

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        if not self.ended:
            self.ended = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    close = abort


def _head(frame: bytes) -> int:
    return 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10


class Channel:
    """The framework's side of a connection over a Kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._free = asyncio.Event()
        kernel.freed = self._free.set
        self._gone = asyncio.Event()

    async def send_text(self, text: str) -> None:
        if not self._kernel.take(text.encode()):
            self._free.clear()
            await self._free.wait()
            self._kernel.got.append(text.encode())

    async def receive_text(self) -> str:
        await self._gone.wait()
        raise Gone

    async def close(self, code: int, reason: str) -> None:
        self._kernel.closed = (code, reason)


@dataclass
class End:
    """One viewer: its kernel, its seat, and what its page would believe."""

    kernel: Kernel
    seat: Seat
    serving: asyncio.Task[None] | None
    page: Believed = field(default_factory=Believed)


class Stage:
    """A frame log, the viewers of a process over it, and an owner who publishes boards of one topic."""

    def __init__(self) -> None:
        self.log = MemoryFrameLog(ring_frames=200)
        self.clock = ManualClock(Instant(1_000_000))
        self.wanted: list[View] = []
        self.serving: list[asyncio.Task[None]] = []
        self.shown: View | None = VIEW
        self.epoch, self.seq, self.board = 7, 0, dict[str, int]()
        relay = Relay(
            frames=self.log, clock=self.clock, want=self.wanted.append, clocked=lambda _: Clocked(1, 2, 1.0)
        )  # fmt: skip
        self.viewers = Viewers(relay)
        self.running = asyncio.create_task(self.viewers.run())

    def subject(self) -> Subject:
        return Subject(
            "room", lambda: Followed(self.shown, Hello(session=self.shown.of if self.shown else None, wall_ms=5))
        )

    def direct(self, inside: int = 0, resume: Ask | None = None) -> End:
        kernel = Kernel()
        transport = Transport(kernel, inside)
        outlet = DirectSocket(cast("asyncio.Transport", transport), set(), write=lambda _, data: transport.direct(data))
        seat = self.viewers.join(outlet, self.subject(), resume)
        outlet.serve(seat)
        return End(kernel, seat, None)

    def plain(self, resume: Ask | None = None) -> End:
        kernel = Kernel()
        outlet = PlainSocket(Channel(kernel))
        seat = self.viewers.join(outlet, self.subject(), resume)
        self.serving.append(asyncio.create_task(outlet.serve(seat)))
        return End(kernel, seat, self.serving[-1])

    async def snapshot(self) -> None:
        parts = tuple(
            snapshot_frames({"t": dict(self.board)}, epoch=self.epoch, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0)
        )
        await self.log.put_snapshot(VIEW.name, self.epoch, self.seq, parts)

    async def publish(self, count: int, size: int = 10) -> None:
        for _ in range(count):
            self.seq += 1
            key, value = f"k{self.seq % 5}" + "x" * size, self.seq
            self.board[key] = value
            data = delta_frame(
                {"t": Changed({key: value})}, epoch=self.epoch, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0
            )
            await self.log.publish(VIEW.name, Stored(self.epoch, self.seq, data))

    async def new_epoch(self) -> None:
        self.epoch, self.seq, self.board = self.epoch + 1, 0, {}
        await self.snapshot()

    async def close(self) -> None:
        tasks = [self.running, *self.serving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def played(script: Callable[[Stage], Awaitable[None]]) -> None:
    """Play it on a stage with a board."""

    async def play() -> None:
        stage = Stage()
        await stage.snapshot()
        try:
            await script(stage)
        finally:
            await stage.close()

    run(play())


steps = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 90), st.sampled_from([10, 10, 900])),
    st.tuples(st.just("stall"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("go"), st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0, 30, 300, 2_500]), st.just(0)),
    st.tuples(st.just("snapshot"), st.just(0), st.just(0)),
    st.tuples(st.just("epoch"), st.just(0), st.just(0)),
    st.tuples(st.just("move"), st.just(0), st.just(0)),
    st.tuples(st.just("ask"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("back"), st.integers(0, 120), st.just(0)),
)


@given(st.lists(steps, min_size=1, max_size=25), st.sampled_from([0, 1, 7, 10_000]))
@settings(max_examples=120)
def test_both_outlets_give_the_same_bytes_and_every_page_ends_with_the_board(
    script: Sequence[tuple[str, int, int]], inside: int
) -> None:
    async def play(stage: Stage) -> None:
        ends = [stage.direct(inside), stage.plain()]
        for what, number, size in script:
            await perform(stage, ends, what, number, size, inside)
        stage.shown = VIEW
        for end in ends:
            end.kernel.go()
        await asyncio.sleep(3)
        first, second = ends
        assert timeless(first) == timeless(second)
        for end in ends:
            believe(end)
            assert (end.page.epoch, end.page.seq) == (stage.epoch, stage.seq)
            assert end.page.topics.get("t", {}) == stage.board
            assert [fault for fault in end.page.faults if not fault.startswith("delta")] == []
        if not any(what == "ask" for what, _, _ in script):
            assert first.page.faults == []  # who asks for what it has gets it twice, and ignores it

    played(play)


async def perform(stage: Stage, ends: list[End], what: str, number: int, size: int, inside: int) -> None:
    match what:
        case "publish":
            await stage.publish(number, size)
        case "stall":
            for end in ends:
                end.kernel.stall(number)
        case "go":
            for end in ends:
                end.kernel.go()
        case "wait":
            await asyncio.sleep(number / 1000)
        case "snapshot":
            await stage.snapshot()
        case "epoch":
            await stage.new_epoch()
        case "move":
            stage.shown = None if stage.shown is not None else VIEW
        case "ask":
            for end in ends:
                ask = Ask(stage.epoch, max(stage.seq - number, 0)) if number else Ask(stage.epoch)
                end.seat.asked = ask
                stage.viewers.asked(end.seat)
        case "back":
            await asyncio.sleep(0.1)
            for place, end in enumerate(list(ends)):
                believe(end)
                resume = Ask(end.page.epoch, max(end.page.seq - number, 0))
                end.seat.ended()
                if end.serving is not None:
                    end.serving.cancel()
                again = stage.direct(inside, resume) if end.serving is None else stage.plain(resume)
                again.page = end.page
                again.page.seq = resume.seq or 0  # as a page that was put aside before it had read the rest
                ends[place] = again
    await asyncio.sleep(0.05)


def timeless(end: End) -> list[bytes]:
    """What came, without the beats: those tell the time to whoever can take it at that moment."""
    return [frame for frame in end.kernel.got if not frame.startswith(b'{"type":"beat"')]


def believe(end: End) -> None:
    for frame in end.kernel.frames:
        end.page.believe(frame)


def test_a_snapshot_of_many_parts_and_a_long_backlog_come_whole() -> None:
    async def play(stage: Stage) -> None:
        stage.board.update({f"{n:04d}" + "y" * 500: n for n in range(600)})
        await stage.snapshot()
        ends = [stage.direct(), stage.plain()]
        await asyncio.sleep(0.2)
        for end in ends:
            end.kernel.stall(0)
        await stage.publish(150, 700)  # held: 120 KB, more than goes out at once
        await asyncio.sleep(0.5)
        for end in ends:
            end.kernel.go()
        await asyncio.sleep(0.5)
        assert BATCH_BYTES < 150 * 700
        assert timeless(ends[0]) == timeless(ends[1])
        believe(ends[0])
        assert ends[0].page.topics["t"] == stage.board
        assert (ends[0].page.snapshots, ends[0].page.deltas, ends[0].page.faults) == (1, 150, [])

    played(play)


def test_who_stalled_long_gets_the_present_when_that_is_less_and_who_stalled_shortly_the_deltas() -> None:
    async def play(stage: Stage) -> None:
        long, short = stage.direct(), stage.direct()
        await asyncio.sleep(0.1)
        long.kernel.stall(0)
        await stage.publish(1)
        await asyncio.sleep(1.5)
        short.kernel.stall(0)
        await stage.publish(100)
        await stage.snapshot()
        await asyncio.sleep(0.5)
        for end in (long, short):
            end.kernel.go()
        await asyncio.sleep(0.2)
        for end in (long, short):
            believe(end)
            assert end.page.topics["t"] == stage.board
            assert end.page.faults == []
        assert (short.page.snapshots, short.page.deltas) == (1, 101)
        assert long.page.snapshots == 2
        assert long.page.deltas <= 50

    played(play)


def test_one_that_takes_nothing_for_twenty_seconds_is_closed_and_the_others_are_not() -> None:
    async def play(stage: Stage) -> None:
        ends = [stage.direct(), stage.plain(), stage.direct(), stage.plain()]
        await asyncio.sleep(0.1)
        for end in ends[:2]:
            end.kernel.stall(0)
        for second in range(int(SLOW_S) + 3):
            await stage.publish(4)
            if second == int(SLOW_S) - 2:
                assert [end.kernel.closed for end in ends] == [None] * 4
            await asyncio.sleep(1)
        assert [end.kernel.closed for end in ends] == [(1013, "too_slow")] * 2 + [None] * 2
        assert len(stage.viewers) == 2

    played(play)


def test_a_mistake_of_ours_with_one_viewer_takes_nothing_from_the_others() -> None:
    async def play(stage: Stage) -> None:
        ends = [stage.direct() for _ in range(5)]
        await asyncio.sleep(0.1)

        def breaks(batch: Batch) -> int:
            raise ZeroDivisionError

        cast("Any", ends[2].seat).outlet = SimpleNamespace(
            busy=False, take=breaks, tick=lambda now: None, close=lambda code, reason: ends[2].seat.ended()
        )
        for _ in range(3):
            await stage.publish(2)
            await asyncio.sleep(0.1)
        for end in (*ends[:2], *ends[3:]):
            believe(end)
            assert (end.page.seq, end.page.deltas, end.page.faults) == (6, 6, [])
        assert len(stage.viewers) == 4

    played(play)


def test_one_that_is_not_there_any_more_is_found_by_its_silence() -> None:
    async def play(stage: Stage) -> None:
        there, gone = stage.direct(), stage.direct()
        gone.kernel.alive = False  # its kernel takes everything, as a proxy's does
        await asyncio.sleep(2 * PING_S - 3)
        assert (there.kernel.closed, gone.kernel.closed) == (None, None)
        await asyncio.sleep(PING_SPREAD_S + 5)
        assert gone.kernel.closed == (1011, "no_pong")
        await asyncio.sleep(5 * PING_S)
        assert there.kernel.closed is None
        assert len(stage.viewers) == 1

    played(play)


def test_a_board_that_comes_late_reaches_those_who_waited_with_the_time_meanwhile() -> None:
    async def play(stage: Stage) -> None:
        stage.shown = OTHER
        ends = [stage.direct(), stage.plain()]
        await asyncio.sleep(7.5)
        for end in ends:
            kinds = [frame["type"] for frame in end.kernel.frames]
            assert kinds[0] == "hello"
            assert set(kinds[1:]) == {"beat"}
            assert 6 <= len(kinds) <= 9
        late = snapshot_frames({"t": {"a": 1}}, epoch=9, seq=4, now_ms=0, wall_ms=0, rate=1.0)
        await stage.log.put_snapshot(OTHER.name, 9, 4, tuple(late))
        await asyncio.sleep(0.6)
        for end in ends:
            believe(end)
            assert (end.page.epoch, end.page.seq, end.page.topics) == (9, 4, {"t": {"a": 1}})

    played(play)


def test_a_board_is_asked_for_while_it_is_watched_and_let_go_of_afterwards() -> None:
    async def play(stage: Stage) -> None:
        end = stage.direct()
        assert stage.wanted == [VIEW]
        stage.direct()
        await asyncio.sleep(WANT_EVERY_S * 2 + 1)
        assert stage.wanted == [VIEW] * 3
        for seat in list(end.seat.fanout.viewers):
            cast("Seat", seat).ended()
        await asyncio.sleep(LINGER_S / 2)
        back = stage.direct(resume=Ask(stage.epoch, stage.seq))
        await asyncio.sleep(0.1)
        assert [frame["type"] for frame in back.kernel.frames][:1] == ["hello"]
        assert all(frame["type"] != "snapshot" for frame in back.kernel.frames), "it went on where it was"
        back.seat.ended()
        await asyncio.sleep(LINGER_S + 1)
        wanted = len(stage.wanted)
        assert list(stage.viewers._relay.fanouts()) == []
        await asyncio.sleep(WANT_EVERY_S * 2)
        assert len(stage.wanted) == wanted

    played(play)


def test_what_is_not_to_be_shown_any_more_is_shown_to_nobody_who_comes_afterwards() -> None:
    async def play(stage: Stage) -> None:
        await stage.publish(3)
        ends = [stage.direct(), stage.plain()]
        await asyncio.sleep(0.1)
        stage.viewers.end(OTHER.of)
        await asyncio.sleep(0.1)
        assert [end.kernel.closed for end in ends] == [None, None]
        await stage.log.forget(VIEW.name, stage.epoch)
        stage.viewers.end(VIEW.of)
        late = stage.direct()
        await asyncio.sleep(1)
        assert [end.kernel.closed for end in ends] == [(1012, "outdated")] * 2
        assert {frame["type"] for frame in late.kernel.frames} == {"hello", "beat"}
        await stage.new_epoch()
        await asyncio.sleep(1)
        believe(late)
        assert (late.page.epoch, late.page.topics) == (stage.epoch, {"t": {}})

    played(play)


def test_beats_come_each_second_encoded_once_and_say_how_far_the_board_is() -> None:
    async def play(stage: Stage) -> None:
        ends = [stage.direct() for _ in range(SLICE + 10)]
        await asyncio.sleep(0.1)
        await stage.publish(3)
        await asyncio.sleep(10)
        for end in ends:
            beats = [frame for frame in end.kernel.frames if frame["type"] == "beat"]
            assert 9 <= len(beats) <= 11
            assert (beats[-1]["epoch"], beats[-1]["seq"]) == (7, 3)
        last = [end.kernel.got[-1] for end in ends]
        assert len(set(last)) == 1

    played(play)


@pytest.mark.parametrize("behind", [1, 150])
def test_who_comes_back_to_a_place_only_the_frame_log_still_holds_goes_on_from_it(behind: int) -> None:
    async def play(stage: Stage) -> None:
        await stage.publish(150)
        await stage.snapshot()  # a fresh process holds nothing of what was before it
        end = stage.direct(resume=Ask(stage.epoch, stage.seq - behind))
        await asyncio.sleep(0.3)
        await stage.publish(2)
        await asyncio.sleep(0.1)
        kinds = [frame["type"] for frame in end.kernel.frames if frame["type"] != "beat"]
        assert kinds == ["hello"] + ["delta"] * (behind + 2)
        seqs = [frame["seq"] for frame in end.kernel.frames if frame["type"] == "delta"]
        assert seqs == list(range(150 - behind + 1, 153))

    played(play)
