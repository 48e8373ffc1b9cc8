"""Promises to real sockets, on both loops and by both outlets: what one client does, or does not do, ends with it."""

import asyncio
import base64
import contextlib
import gc
import json
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from app.bus.memory import MemoryFrameLog
from app.bus.ports import Stored
from app.clock import SystemClock
from app.domain.frames import Changed, Hello
from app.domain.people import Clearance
from app.realtime.fanout_direct import DirectSocket
from app.realtime.fanout_door import EXTENSION, Detachable
from app.realtime.fanout_plain import PlainSocket
from app.realtime.frames import delta_frame, snapshot_frames
from app.realtime.hub import Clocked, View
from app.realtime.relay import Relay
from app.realtime.viewers import Followed, Seat, Subject, Viewers
from app.routers.stream import Channel
from tests.system.page import Believed

VIEW = View("s1", "control", Clearance.OPEN)
SEND_BUFFER = 64 * 1024
MANY = 100
PATIENCE_S = 30.0
SHAKE = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
)


class _Server(uvicorn.Server):
    """Leaves the signals to the test."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class House:
    """A server on a port of its own over one board, and how many viewers it has."""

    def __init__(self, ws: Any, *, grace_s: int | None) -> None:
        self.log = MemoryFrameLog()
        self.viewers = Viewers(
            Relay(frames=self.log, clock=SystemClock(), want=lambda _: None, clocked=lambda _: Clocked(1, 2, 1.0))
        )
        self.seq, self.board = 0, dict[str, Any]()
        self.ended = 0
        self.outlets: list[DirectSocket | PlainSocket] = []
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listening.bind(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        self.config = uvicorn.Config(
            self._app,
            interface="asgi3",
            ws=ws,
            ws_max_size=4_096,
            ws_per_message_deflate=False,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=grace_s,
        )
        self.server = _Server(self.config)
        self._tasks = [
            asyncio.create_task(self.server.serve([listening])),
            asyncio.create_task(self.viewers.run()),
        ]

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        ws = WebSocket(scope, receive, send)
        if scope["path"] == "/ws/away":
            await ws.close(4403)
            return
        split = [(b"x-seen", b"1\r\nx: 2")] if EXTENSION in scope["extensions"] else []  # uvicorn's own breaks on it
        await ws.accept(headers=split)
        if scope["path"] == "/echo":
            await ws.send_text(await ws.receive_text())
            return
        if scope["path"] == "/ws/refused":
            await ws.close(4404, "nothing here")
            return
        detach = scope["extensions"].get(EXTENSION)
        direct = detach() if detach is not None else None
        outlet = direct if direct is not None else PlainSocket(Channel(ws))
        self.outlets.append(outlet)
        seat = self.viewers.join(outlet, Subject("room", lambda: Followed(VIEW, Hello(session="s1"))))
        seat.on_end(self._end)
        if isinstance(outlet, DirectSocket):
            outlet.serve(seat)
        else:
            await outlet.serve(seat)

    def _end(self) -> None:
        self.ended += 1

    async def publish(self, count: int, size: int) -> None:
        for _ in range(count):
            self.seq += 1
            key = f"k{self.seq % 5}"
            self.board[key] = f"{self.seq}:" + "x" * size
            change = {"t": Changed({key: self.board[key]})}
            data = delta_frame(change, epoch=7, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0)
            await self.log.publish(VIEW.name, Stored(7, self.seq, data))
            if self.seq % 40 == 0:
                await self.snapshot()

    async def snapshot(self) -> None:
        parts = snapshot_frames({"t": self.board}, epoch=7, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0)
        await self.log.put_snapshot(VIEW.name, 7, self.seq, tuple(parts))

    async def stop(self) -> None:
        """Stop as on SIGTERM."""
        self.server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await self._tasks[0]

    async def close(self) -> None:
        await self.stop()
        self._tasks[1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Client:
    """One end of a connection, byte by byte. `closed`: the code of the server's close frame, 0 when it only went."""

    def __init__(self) -> None:
        self.page = Believed()
        self.pongs: list[bytes] = []
        self.closed: int | None = None
        self._reading: asyncio.Task[None] | None = None
        self._data = b""

    async def open(self, port: int, *, reads: bool = True) -> "Client":
        raw = socket.socket()
        if not reads:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        await loop.sock_sendall(raw, SHAKE.format(path="/ws/x", version=13, key=key).encode())
        self.raw = raw
        if reads:
            self.read()
        else:
            answer = await loop.sock_recv(raw, 64)
            assert answer.startswith(b"HTTP/1.1 101"), answer
            self._data = answer
        return self

    def read(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop, shaken = asyncio.get_running_loop(), False
        while True:
            if not shaken and b"\r\n\r\n" in self._data:
                shaken, self._data = True, self._data.partition(b"\r\n\r\n")[2]
            if shaken:
                self._take()
            try:
                piece = await loop.sock_recv(self.raw, 262_144)
            except ConnectionError:
                piece = b""
            if not piece:
                break
            self._data += piece
        self.closed = self.closed or 0

    def _take(self) -> None:
        while len(self._data) >= 10 or (len(self._data) >= 2 and self._data[1] < 126):
            size, head = self._data[1], 2
            if size == 126:
                size, head = int.from_bytes(self._data[2:4], "big"), 4
            if len(self._data) < head + size:
                return
            payload = self._data[head : head + size]
            match self._data[0]:
                case 0x81:
                    self.page.believe(json.loads(payload))
                case 0x88:
                    self.closed = int.from_bytes(payload[:2], "big") or 1005
                case 0x8A:
                    self.pongs.append(payload)
            self._data = self._data[head + size :]

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.raw, data)

    async def say(self, opcode: Opcode, data: bytes = b"") -> None:
        await self.send(Frame(opcode, data).serialize(mask=True))

    async def vanish(self) -> None:
        """Without a word: the other side is told of a broken connection, or of nothing."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)  # else a loop still looks at its number
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()


async def until(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> None:
    give_up = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up, f"still not: {what}"
        await asyncio.sleep(0.01)


Play = Callable[[Callable[[House], Awaitable[None]]], None]


@pytest.fixture(params=["direct on uvloop", "direct on asyncio", "plain on uvloop"])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a script on a house with one of the outlets, on one of the loops."""
    direct, fast = request.param.startswith("direct"), request.param.endswith("uvloop")

    def run(script: Callable[[House], Awaitable[None]]) -> None:
        async def played() -> None:
            # uvicorn itself would wait for its own stalled sockets for good; for ours it has to wait for nothing.
            house = House(Detachable, grace_s=None) if direct else House("websockets-sansio", grace_s=1)
            await house.snapshot()
            await until(lambda: house.server.started, "it listens")
            try:
                await script(house)
                assert all(isinstance(outlet, DirectSocket) == direct for outlet in house.outlets)
            finally:
                await house.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop if fast else asyncio.new_event_loop) as runner:
            runner.run(played())

    return run


async def has_the_board(house: House, client: Client) -> None:
    await until(lambda: client.page.seq == house.seq, "it has the newest")
    assert client.page.topics.get("t", {}) == house.board
    assert client.page.faults == []


def test_one_that_never_reads_costs_the_others_nothing_and_gets_the_present_when_it_does(play: Play) -> None:
    async def script(house: House) -> None:
        well, stalled = await Client().open(house.port), await Client().open(house.port, reads=False)
        await until(lambda: len(house.viewers) == 2, "both are there")
        for _ in range(60):
            await house.publish(4, 12_000)  # 3 MB in all
            await asyncio.sleep(0.022)
        await has_the_board(house, well)
        assert (well.page.snapshots, well.page.deltas) == (1, 240)
        held = [
            outlet._transport.get_write_buffer_size() for outlet in house.outlets if isinstance(outlet, DirectSocket)
        ]
        assert all(size <= 16_384 for size in held), held
        stalled.read()
        await has_the_board(house, stalled)
        assert stalled.page.deltas < 120, "the present, not the backlog"
        for client in (well, stalled):
            await client.vanish()

    play(script)


GARBAGE = [
    (b"\x81\x02hi", 1002),  # no mask
    (b"\xff\0\0GET / HTTP/1.1\r\n\r\n", 1002),
    (Frame(Opcode.TEXT, b"x" * 5_000).serialize(mask=True), 1009),
    (Frame(Opcode.TEXT, b"\xff\xff").serialize(mask=True), 1007),
    (Frame(Opcode.BINARY, b"\x01").serialize(mask=True), 1003),
]


def test_garbage_closes_the_one_that_sent_it_with_the_right_code(play: Play) -> None:
    async def script(house: House) -> None:
        well = await Client().open(house.port)
        for data, code in GARBAGE:
            bad = await Client().open(house.port)
            await until(lambda bad=bad: bad.page.snapshots, "it has the board")  # type: ignore[misc]
            await bad.send(data)
            await until(lambda bad=bad: bad.closed is not None, "it is closed")  # type: ignore[misc]
            assert bad.closed == code, data
            await bad.vanish()
        await until(lambda: len(house.viewers) == 1, "they have left")
        await house.publish(3, 10)
        await has_the_board(house, well)
        assert (well.closed, house.ended) == (None, len(GARBAGE))
        await well.vanish()

    play(script)


def test_a_page_is_answered_pings_closes_and_what_it_asks_for(play: Play) -> None:
    async def script(house: House) -> None:
        page = await Client().open(house.port)
        await house.publish(2, 10)
        await has_the_board(house, page)
        await page.say(Opcode.TEXT, b'{"type":"pong"}')
        await page.say(Opcode.TEXT, b"not even JSON")
        await page.say(Opcode.PING, b"are you there")
        await until(lambda: page.pongs == [b"are you there"], "the pong")
        await page.say(Opcode.TEXT, b'{"type":"ask","epoch":7}')
        await until(lambda: page.page.snapshots == 2, "a snapshot")
        ask = Frame(Opcode.TEXT, b'{"type":"ask","epoch":7,"seq":1}').serialize(mask=True)
        for at in range(len(ask)):
            await page.send(ask[at : at + 1])
        await until(lambda: len(page.page.faults) == 1, "the delta after 1 once more")
        await page.say(Opcode.CLOSE, struct.pack("!H", 1001))
        await until(lambda: page.closed is not None, "it is closed")
        assert page.closed == 1001
        await until(lambda: not len(house.viewers), "it has left")
        await page.vanish()

    play(script)


def test_one_that_half_closes_is_let_go_of(play: Play) -> None:
    async def script(house: House) -> None:
        page, stalled = await Client().open(house.port), await Client().open(house.port, reads=False)
        await until(lambda: page.page.snapshots and len(house.viewers) == 2, "both are there")
        await house.publish(60, 12_000)
        for client in (page, stalled):
            client.raw.shutdown(socket.SHUT_WR)
        await until(lambda: not len(house.viewers), "they have left")
        assert house.ended == 2
        await page.vanish()
        await stalled.vanish()

    play(script)


def test_hundreds_that_vanish_at_once_leave_nothing_behind(play: Play) -> None:
    async def script(house: House) -> None:
        well = await Client().open(house.port)
        crowd = [await Client().open(house.port) for _ in range(MANY)]
        await until(lambda: all(client.page.snapshots for client in crowd), "all have the board")
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        for client in crowd:
            await client.vanish()
        await house.publish(20, 500)
        await until(lambda: len(house.viewers) == 1, "they have left")
        await until(lambda: len(house.server.server_state.connections) == 1, "their connections too")
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors - 2 * MANY
        assert house.ended == MANY
        await has_the_board(house, well)
        await until(lambda: len(house.server.server_state.tasks) <= 1, "the routes have returned")
        house.outlets.clear()
        gc.collect()
        kinds = (DirectSocket, PlainSocket, Seat)
        assert sum(isinstance(thing, kinds) for thing in gc.get_objects()) <= 2
        await well.vanish()

    play(script)


def test_the_server_stops_soon_though_somebody_reads_nothing(play: Play) -> None:
    async def script(house: House) -> None:
        well, stalled = await Client().open(house.port), await Client().open(house.port, reads=False)
        await until(lambda: well.page.snapshots and len(house.viewers) == 2, "both are there")
        for _ in range(10):
            await house.publish(4, 12_000)
            await asyncio.sleep(0.022)
        await house.stop()
        await until(lambda: well.closed is not None, "it is told")
        assert well.closed == 1012
        await until(lambda: not len(house.viewers), "both have left")
        await well.vanish()
        await stalled.vanish()

    play(script)


KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def answer(port: int, path: str, version: str = "13", key: str = KEY, more: bytes = b"") -> bytes:
    """What a server says to a handshake, to its end or for as long as it says something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(SHAKE.format(path=path, version=version, key=key).encode() + more)
    said = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(1):
            while piece := await reader.read(65_536):
                said += piece
                if b"\r\n\r\n" in said and b" 101 " not in said[:20]:
                    break
                if b"refused" in path.encode() and b"nothing here" in said:
                    break
    writer.transport.abort()
    return said


def test_a_handshake_is_answered_by_the_book_and_a_wrong_one_refused(play: Play) -> None:
    async def script(house: House) -> None:
        said = await answer(house.port, "/ws/refused")
        head, _, rest = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "RFC 6455, section 1.3"
        assert b"\r\nx: 2" not in head, "a header's value does not become another header"
        assert rest == b"\x88\x0e" + struct.pack("!H", 4404) + b"nothing here"
        assert (await answer(house.port, "/ws/away")).startswith(b"HTTP/1.1 403 ")
        for path, version, key in (
            ("/ws/x", "12", KEY),
            ("/ws/x", "13", "c2hvcnQ="),
            ("/ws/x", "13", "not base64 at all!!!!!!!"),
            ("/ws/x?" + "y" * 20_000, "13", KEY),
        ):
            refused = await answer(house.port, path, version, key)
            assert b" 101 " not in refused[:20], (path[:10], version, key)
            assert refused[:10] in (b"HTTP/1.1 4", b""), refused[:40]
        async with connect(f"ws://127.0.0.1:{house.port}/echo", proxy=None) as other:
            await other.send("a path that is no stream")
            assert await other.recv() == "a path that is no stream"
        page = await Client().open(house.port)
        await has_the_board(house, page)
        await page.vanish()

    play(script)
