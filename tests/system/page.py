"""A page without a browser: believes frames exactly as static/js/feed/board.js does, and notes what should not come."""

import asyncio
import socket
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.domain.frames import SUBPROTOCOL
from tests.system.server import ROOM, decoded, until

Topics = dict[str, dict[str, Any]]


class Believed:
    """One board, built from a snapshot and numbered deltas. `faults`: frames that were missing or came twice."""

    def __init__(self) -> None:
        self.epoch = self.seq = 0
        self.hello: dict[str, Any] = {}
        self.topics: Topics = {}
        self.faults: list[str] = []
        self.snapshots = self.deltas = self.bytes = 0
        self._parts: dict[int, dict[str, Any]] = {}

    def believe(self, frame: dict[str, Any]) -> None:
        """Apply one frame."""
        match frame["type"]:
            case "hello":
                self.hello = frame
            case "snapshot":
                self._snapshot(frame)
            case "delta":
                self._delta(frame)
            case "beat" if self._ahead(frame["epoch"], frame["seq"]):
                self.faults.append(f"a beat says {frame['epoch']}/{frame['seq']}, the page is at {self._place}")

    @property
    def _place(self) -> str:
        return f"{self.epoch}/{self.seq}"

    def _ahead(self, epoch: int, seq: int) -> bool:
        return epoch > self.epoch or (epoch == self.epoch and seq > self.seq)

    def _snapshot(self, frame: dict[str, Any]) -> None:
        if frame["epoch"] < self.epoch:
            self.faults.append(f"a snapshot of the owner before: {frame['epoch']}, the page is at {self._place}")
            return
        self._parts[frame["part"]] = frame
        if len(self._parts) < frame["parts"]:
            return
        self.epoch, self.seq, self.snapshots = frame["epoch"], frame["seq"], self.snapshots + 1
        self.topics = {}
        for part in self._parts.values():
            for name, values in part["topics"].items():
                self.topics.setdefault(name, {}).update(values)
        self._parts = {}

    def _delta(self, frame: dict[str, Any]) -> None:
        if (frame["epoch"], frame["seq"]) != (self.epoch, self.seq + 1):
            self.faults.append(f"delta {frame['epoch']}/{frame['seq']}, the page is at {self._place}")
            return
        self.seq, self.deltas = frame["seq"], self.deltas + 1
        for name, change in frame["topics"].items():
            values = self.topics.setdefault(name, {})
            for key in change.get("gone", []):
                values.pop(key, None)
            values.update(change.get("set", {}))


class Reached(Protocol):
    """Where a page finds the control room."""

    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...


class Page(Believed):
    """A board that follows a socket of a running server. `closed`: the code it was closed with."""

    def __init__(self, server: Reached, token: str = "", *, path: str = f"/ws/rooms/{ROOM}", **headers: str) -> None:
        super().__init__()
        self._server, self._path = server, path
        self._headers = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        self.socket: ClientConnection | None = None
        self.closed: int | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, *, reads: bool = True) -> "Page":
        """Connect; with the place this page still holds, if it holds one. Without `reads`, take nothing of it yet."""
        url = f"{self._server.address.replace('http', 'ws', 1)}{self._path}"
        if self.epoch:
            url += f"?epoch={self.epoch}&seq={self.seq}"
        self._parts, self.closed = {}, None
        self.socket = await connect(
            url,
            sock=None if reads else _narrow(self._server),
            max_queue=16 if reads else 1,
            additional_headers=self._headers,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            proxy=None,
            compression=None,
        )
        if reads:
            self.read()
        return self

    def read(self) -> None:
        """Take what comes, from now on."""
        assert self.socket is not None
        self._reading = asyncio.create_task(self._read(self.socket))

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                self.bytes += len(frame)
                self.believe(decoded(frame))
        except ConnectionClosed:
            pass
        self.closed = socket.close_code

    async def cut(self) -> None:
        """Lose the connection without a word, as a train does in a tunnel."""
        assert self.socket is not None
        assert self._reading is not None
        self.socket.transport.abort()
        await self._reading

    async def close(self) -> None:
        if self.socket is not None and self._reading is not None:
            await self.socket.close()
            await self._reading

    async def shows(self, what: str, topic: str, holds: Any) -> Any:
        """Return once `holds(values of the topic)` is true here."""
        return await until(lambda: holds(self.topics.get(topic, {})), f"{what}: {self.topics.get(topic)}")


def _narrow(server: Reached) -> socket.socket:
    """A connection whose own side holds next to nothing, so that not reading is soon felt at the other side."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.connect(("127.0.0.1", server.port))
    narrow.setblocking(False)
    return narrow


async def fresh_board(server: Reached, token: str, path: str = f"/ws/rooms/{ROOM}") -> Topics:
    """Return what a page that joins now shows first."""
    page = await Page(server, token, path=path).open()
    try:
        await until(lambda: page.snapshots, "a snapshot came")
        return page.topics
    finally:
        await page.close()
