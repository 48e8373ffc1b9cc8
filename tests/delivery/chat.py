"""A chat platform on a real socket: checks signatures as DingTalk does and answers what a test asks for."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

TOKEN = "0123456789abcdef-token"
SECRET = "SECfake" + 58 * "0"
DATA = Path(__file__).parent / "data"
OK = '{"errcode":0,"errmsg":"ok"}'
BAD_SIGN = '{"errcode":310000,"errmsg":"description:机器人发送签名不匹配;solution:请确认;"}'
TOO_MANY = '{"status":1111,"wait":5,"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}'


@dataclass(frozen=True)
class Answer:
    """`how`: answer; hang until told; reset the connection without a word; begin an answer and never end it."""

    body: str = OK
    status: int = 200
    how: str = "answer"
    headers: tuple[str, ...] = ()


ACCEPT = Answer()
HANG = Answer(how="hang")
RESET = Answer(how="reset")
HTML = Answer("<html>please sign in</html>")
BROKEN = Answer("bad gateway", status=502, headers=("Retry-After: 7",))


@dataclass(frozen=True)
class Received:
    """A request as it came in: `query` is not decoded."""

    query: dict[str, str]
    body: dict[str, Any]
    size: int
    signed: bool
    head: str = ""

    @property
    def text(self) -> str:
        return str(self.body.get("markdown", {}).get("text") or self.body.get("text", {}).get("content"))


@dataclass
class Chat:
    """What was received; answers are taken from `script`, then everything is accepted."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    date_s: float | None = None
    serving: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/robot/send?access_token={TOKEN}"

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)^content-length: (\d+)\r$", head, re.MULTILINE)
            assert length is not None
            body = await reader.readexactly(int(length[1]))
            one = self._read(head, body)
            self.received.append(one)
            answer = self.script.popleft() if self.script else (ACCEPT if one.signed else Answer(BAD_SIGN))
            self.arrived.set()
            await self._answer(answer, writer)

    def _read(self, head: str, body: bytes) -> Received:
        target = head.split(" ", 2)[1]
        query = dict(pair.split("=", 1) for pair in target.partition("?")[2].split("&"))
        return Received(query, json.loads(body), len(body), signature_fits(query), head)

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        if answer.how == "hang":
            await self.release.wait()
        if answer.how == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if answer.how == "endless":
            await self._never_end(answer, writer)
            return
        lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(answer.body.encode())}", *answer.headers]
        if self.date_s is not None:
            lines.append(f"Date: {formatdate(self.date_s, usegmt=True)}")
        writer.write("\r\n".join([*lines, "", answer.body]).encode())
        await writer.drain()

    async def _never_end(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {answer.status} X\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while not self.release.is_set():
            writer.write(b"1\r\n.\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)


def signature_fits(query: dict[str, str]) -> bool:
    """Decode the query once, as a server does, and compare with the signature of the timestamp that was sent."""
    stamp = query.get("timestamp", "")
    digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    return len(stamp) == 13 and unquote_to_bytes(query.get("sign", "")) == base64.b64encode(digest)


@asynccontextmanager
async def running_chat(*, certificate: str = "", chat: Chat | None = None) -> AsyncIterator[Chat]:
    """A platform on a free port of this machine; `certificate`: it speaks TLS and shows this one of the data."""
    chat, tls = chat or Chat(), None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(DATA / certificate)
    server = await asyncio.start_server(chat.serve, "127.0.0.1", 0, ssl=tls)
    chat.port = server.sockets[0].getsockname()[1]
    try:
        yield chat
    finally:
        chat.release.set()
        server.close()
        await server.wait_closed()
        for task in tuple(chat.serving):  # a connection must not outlive the loop it is served in
            task.cancel()
        await asyncio.gather(*chat.serving, return_exceptions=True)
