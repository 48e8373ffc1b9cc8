"""Promises of connections: what never becomes whole, or is never taken, holds a connection for a while only."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.routers.connections import MOST_BETWEEN, Patient

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG_ANSWER = b"x" * 8_000_000


class Hasty(Patient):
    head_s, body_s, taken_s = 0.05, 0.1, 0.1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = 0.2  # type: ignore[assignment]  # it is added to an instant, nothing else


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what came: its trailers would be among the headers, were they believed."""
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    said = LONG_ANSWER.decode() if request.url.path == "/long" else f"{len(body)} {request.headers.get('x-late', '')}"
    await PlainTextResponse(said)(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config, loop = Config(told, lifespan="off", log_config=None), asyncio.get_running_loop()
    config.load()
    state = ServerState()
    server = await loop.create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    assert not state.connections


async def ended(port: int, said: bytes, within_s: float = 2.0) -> bytes:
    """Return what came until the other side ended it. Raises TimeoutError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    came = b""
    try:
        async with asyncio.timeout(within_s):
            while more := await reader.read(65_536):
                came += more
    except ConnectionError:
        pass
    finally:
        writer.close()
    return came


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
        CHUNKS + b"2\r\nab\r\n0\r\nX-Late: 1\r\n",
    ],
    ids=["nothing", "half a line", "half a head", "empty lines", "half a body", "half a trailer"],
)
async def test_half_a_request_is_not_waited_for(port: int, said: bytes) -> None:
    assert await ended(port, said, within_s=0.9) == b""


async def test_a_kept_connection_that_sends_an_empty_line_is_let_go_too(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    assert (await reader.readuntil(b"\r\n\r\n0 ")).startswith(b"HTTP/1.1 200")
    writer.write(b"\r\n")
    async with asyncio.timeout(0.9):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("before", [b"GET / HTTP/1.1\r\nX-A: ", b"GET /", CHUNKS + b"0\r\nX-A: ", CHUNKS + b"1;"])
async def test_a_head_without_an_end_is_cut_before_it_fills_the_memory(port: int, before: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.setblocking(False)
        loop, sent = asyncio.get_running_loop(), 0
        with pytest.raises(ConnectionError):
            await loop.sock_sendall(asking, before)
            while sent < 100 * MOST_BETWEEN:
                await loop.sock_sendall(asking, b"a" * 65_536)
                sent += 65_536
                await asyncio.sleep(0.002)
        assert sent < 20 * MOST_BETWEEN


async def test_an_answer_that_nobody_takes_is_not_kept(port: int) -> None:
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        asking.connect(("127.0.0.1", port))
        asking.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.5)
        asking.setblocking(False)
        came = 0
        with contextlib.suppress(ConnectionError):
            while more := await asyncio.get_running_loop().sock_recv(asking, 1_000_000):
                came += len(more)
        assert came < len(LONG_ANSWER)


async def test_whole_requests_are_answered_in_turn_and_trailers_are_no_headers(port: int) -> None:
    body = CHUNKS + b"3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n"
    came = await ended(port, ASK + body + ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert came.count(b"200 OK") == 3
    assert b"3 HTTP" in came
