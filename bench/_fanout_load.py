"""A thousand viewers and one who publishes, in one process: epoll, and a loop that never sleeps.

A receiver that spins costs the server no wake-ups, as a network card would not; it needs a core of its own.
"""

import base64
import os
import select
import socket
import struct
import time
from bisect import bisect_left
from dataclasses import dataclass, field

TEXT = 600
HEAD = struct.pack("!BBH", 0x81, 126, TEXT)
FRAME = len(HEAD) + TEXT
PING = 0x89
_NUMBER = slice(len(HEAD) + 22, len(HEAD) + 32)
_STAMP = slice(len(HEAD) + 39, len(HEAD) + 55)
AT_ONCE = 100
PATIENCE_S = 10.0


def delta(number: int) -> bytes:
    """A delta of TEXT bytes with its number and the time it was sent at, each at a fixed place."""
    head = f'{{"type":"delta", "n":"{number:010d}","t":"{time.monotonic_ns():016d}","pad":"'
    return f'{head}{"x" * (TEXT - len(head) - 2)}"}}'.encode()


@dataclass
class Client:
    """One viewer's end. `number`: of the newest delta it has; `missed`: gaps between those it got."""

    socket: socket.socket
    rest: bytes = b""
    number: int = 0
    missed: int = 0
    got: int = 0


@dataclass
class Window:
    """What came during a stretch of publishing. `lags`: (milliseconds, deltas), of the oldest of each piece read."""

    told: int = 0
    deliveries: int = 0
    seconds: float = 0.0
    lags: list[tuple[float, int]] = field(default_factory=list)

    @property
    def at_once(self) -> float:
        """How many deltas a piece read held, on the average: 1 where nothing was sent together."""
        return self.deliveries / max(len(self.lags), 1)

    def lag(self, share: float) -> float:
        """Milliseconds within which `share` of the deltas were here."""
        ordered = sorted(self.lags)
        total, places = 0, []
        for _, count in ordered:
            total += count
            places.append(total)
        return ordered[min(bisect_left(places, share * total), len(ordered) - 1)][0] if ordered else float("inf")


class Crowd:
    """Owns the viewers' sockets and the publisher's. `number`: of the newest delta that was told."""

    def __init__(self, port: int, *, told: int = 0) -> None:
        self._port = port
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._silent: set[int] = set()
        self._buffer = bytearray(1024 * 1024)
        self._publisher = self._opened(b"/pub", b"", wait=True)
        self.number = told

    @property
    def clients(self) -> list[Client]:
        return list(self._clients.values())

    def open(self, requests: list[tuple[bytes, bytes]], *, reads: bool = True) -> float:
        """Open a viewer for each (path, header line); return seconds until all of them were accepted."""
        began = time.perf_counter()
        for at in range(0, len(requests), AT_ONCE):
            opened = [self._opened(path, header, narrow=not reads) for path, header in requests[at : at + AT_ONCE]]
            for each in opened:
                rest = _accepted(each)
                each.setblocking(False)
                self._clients[each.fileno()] = Client(each, rest)
                if reads:
                    self._poll.register(each.fileno(), select.EPOLLIN)
                else:
                    self._silent.add(each.fileno())
        return time.perf_counter() - began

    def storm(self, requests: list[tuple[bytes, bytes, int]], per_second: float) -> tuple[float, int, int]:
        """Lose every viewer at once and open as many again, each from its place; publish meanwhile. Return seconds
        until the last one had gone on, how many of them had a gap, and how many never came."""
        for client in self.clients:
            self._forget(client)
        began, told = time.perf_counter(), 0
        waiting: set[int] = set()
        for path, header, number in requests:
            each = self._opened(path, header)
            each.setblocking(False)
            self._clients[each.fileno()] = Client(each, b"", number)
            self._poll.register(each.fileno(), select.EPOLLIN)
            waiting.add(each.fileno())
            told = self._publish_due(began, told, per_second)
        window, shaken = Window(), set[int]()
        last = 0.0
        while waiting and time.perf_counter() - began < PATIENCE_S:
            told = self._publish_due(began, told, per_second)
            for fd, _ in self._poll.poll(0, 1_000):
                found = self._clients.get(fd)
                if found is None:
                    self._drain_publisher()
                    continue
                client = found
                if fd not in shaken:
                    if not _shake(client):
                        continue
                    shaken.add(fd)
                    self._count(client, b"", window)
                else:
                    self._read(client, window)
                if client.got and fd in waiting:
                    waiting.discard(fd)
                    last = time.perf_counter() - began
        return last, sum(client.missed > 0 for client in self.clients), len(waiting)

    def publish(self, per_second: float, seconds: float) -> Window:
        """Publish at a rate and read all the while, then for as long as anything is missing, at most a second."""
        window = Window()
        began = time.perf_counter()
        end = began + seconds
        while time.perf_counter() < end:
            window.told = self._publish_due(began, window.told, per_second)
            self._turn(window)
        expected = window.told * (len(self._clients) - len(self._silent))
        window.seconds = time.perf_counter() - began
        in_time = window.deliveries
        until = time.perf_counter() + 1.0
        while window.deliveries < expected and time.perf_counter() < until:
            self._turn(window)
        if window.deliveries - in_time > expected * 0.1:  # it was far behind at the end: that is no rate it holds
            window.seconds = time.perf_counter() - began
        return window

    def idle(self, seconds: float) -> None:
        """Read, and publish nothing."""
        self.publish(0.0001, seconds)

    def close(self) -> None:
        for client in self.clients:
            self._forget(client)
        self._publisher.close()
        self._poll.close()

    def _publish_due(self, began: float, told: int, per_second: float) -> int:
        while told < (time.perf_counter() - began) * per_second - 0.5:
            self.number += 1
            text = delta(self.number)
            self._publisher.sendall(struct.pack("!BBH", 0x81, 0xFE, len(text)) + b"\0\0\0\0" + text)  # a mask of zeros
            told += 1
        return told

    def _turn(self, window: Window) -> None:
        for fd, _ in self._poll.poll(0, 1_000):
            client = self._clients.get(fd)
            if client is None:
                self._drain_publisher()
            else:
                self._read(client, window)

    def _drain_publisher(self) -> None:
        data = self._publisher.recv(65_536)
        if not data:
            raise ConnectionError("the server has closed the publisher's connection")
        _answer(self._publisher, data)

    def _read(self, client: Client, window: Window) -> None:
        rest = len(client.rest)
        self._buffer[:rest] = client.rest
        try:
            size = client.socket.recv_into(memoryview(self._buffer)[rest:])
        except BlockingIOError:
            return
        except ConnectionError:
            size = 0
        if not size:
            self._forget(client)
            return
        self._count(client, bytes(self._buffer[: rest + size]), window)

    def _count(self, client: Client, data: bytes, window: Window) -> None:
        data, at = data or client.rest, 0
        now = time.monotonic_ns()
        while at + 4 <= len(data):
            if data[at : at + 4] == HEAD:
                whole = (len(data) - at) // FRAME
                if not whole:
                    break
                first = int(data[at + _NUMBER.start : at + _NUMBER.stop])
                last_at = at + (whole - 1) * FRAME
                if data[last_at : last_at + 4] != HEAD or (
                    int(data[last_at + _NUMBER.start : last_at + _NUMBER.stop]) != first + whole - 1
                ):
                    whole = 1
                if client.number and first != client.number + 1:
                    client.missed += 1
                client.number = first + whole - 1
                client.got += whole
                window.deliveries += whole
                window.lags.append(((now - int(data[at + _STAMP.start : at + _STAMP.stop])) / 1e6, whole))
                at += whole * FRAME
                continue
            size = _frame_size(data, at)
            if at + size > len(data):
                break
            _answer(client.socket, data[at : at + size])
            at += size
        client.rest = data[at:]

    def _forget(self, client: Client) -> None:
        fd = client.socket.fileno()
        self._clients.pop(fd, None)
        if fd not in self._silent:
            self._poll.unregister(fd)
        self._silent.discard(fd)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # without a word
        client.socket.close()

    def _opened(self, path: bytes, header: bytes, *, narrow: bool = False, wait: bool = False) -> socket.socket:
        made = socket.socket()
        if narrow:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        made.connect(("127.0.0.1", self._port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16))
        made.sendall(
            b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n" + header + b"\r\n"
        )
        if wait:
            _accepted(made)
            self._poll.register(made.fileno(), select.EPOLLIN)
        return made


def _accepted(client: socket.socket) -> bytes:
    """Wait for the answer to the handshake; return what came behind it."""
    data = b""
    client.settimeout(PATIENCE_S)
    while b"\r\n\r\n" not in data:
        piece = client.recv(65_536)
        if not piece:
            raise ConnectionError(f"refused: {data[:200]!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"refused: {head[:200]!r}")
    return rest


def _shake(client: Client) -> bool:
    """Take a piece of the answer to the handshake; True when it is whole."""
    client.rest += client.socket.recv(262_144)
    head, found, rest = client.rest.partition(b"\r\n\r\n")
    if not found:
        return False
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"refused: {head[:200]!r}")
    client.rest = rest
    return True


def _answer(client: socket.socket, frame: bytes) -> None:
    """A ping is answered: who is silent for long is taken to be gone."""
    if frame[0] == PING:
        client.sendall(bytes((0x8A, 0x80 | len(frame) - 2)) + b"\0\0\0\0" + frame[2:])


def _frame_size(data: bytes, at: int) -> int:
    size = data[at + 1] & 0x7F
    if size < 126:
        return 2 + size
    if size == 126:
        return 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 10 + int.from_bytes(data[at + 2 : at + 10], "big") if len(data) >= at + 10 else 10
