"""WebSocket frames as bytes (RFC 6455, the server's side): ours made once for all, and a client's small messages read.

Only what a viewer needs: text out, a few short messages in, no extensions. Knows nothing of sockets.
"""

import struct
from collections.abc import Iterator
from typing import Final, Literal

from app.errors import ControlRoomError

MOST_IN: Final = 4_096
"""Bytes of a client's message; all a page sends is a place to resume from."""
MOST_CONTROL: Final = 125
MOST_FRAMES: Final = 1_000
"""Of a client, in a second: a page sends one now and then. To read one takes 8 µs, and the socket may bring forty
thousand at once, for which everybody else would wait."""
_TEXT: Final = 0x1
_CONTINUED: Final = 0x0
_KINDS: Final = {0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong"}
_MAY_BE_SENT: Final = frozenset(range(1000, 1015)) - {1004, 1005, 1006}
Kind = Literal["text", "binary", "close", "ping", "pong"]


class WireFault(ControlRoomError):
    """A client broke the protocol or sent too much; `close` is the code that says so."""

    code = "websocket_fault"

    def __init__(self, close: int, detail: str) -> None:
        super().__init__(detail)
        self.close = close


def framed(text: bytes) -> bytes:
    """Return one whole text message."""
    return _frame(_TEXT, text)


def payload_of(frame: bytes) -> bytes:
    """Return the text of a message that `framed` made."""
    short = frame[1]
    return frame[2 if short < 126 else 4 if short == 126 else 10 :]


def closing(code: int, reason: str = "") -> bytes:
    """Return a close frame; 1005 means without a code."""
    if code == 1005:
        return _frame(0x8, b"")
    return _frame(0x8, struct.pack("!H", code) + reason.encode()[: MOST_CONTROL - 2])


def ping(payload: bytes = b"") -> bytes:
    return _frame(0x9, payload)


def pong(payload: bytes) -> bytes:
    return _frame(0xA, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def close_code(payload: bytes) -> int:
    """Return the code a client closed with, 1005 when it gave none. Raises WireFault."""
    if not payload:
        return 1005
    code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
    if code not in _MAY_BE_SENT and not 3000 <= code <= 4999:
        raise WireFault(1002, "a close code that may not be sent")
    _text(payload[2:])
    return code


class Inlet:
    """Owns what has come of a client's frames and is not whole yet: never more than one message of MOST_IN."""

    __slots__ = ("_bytes", "_frames", "_message", "_opcode")

    def __init__(self) -> None:
        self._frames = 0
        self._bytes = b""
        self._message = b""
        self._opcode = 0  # of the message that is being continued; 0: none

    def take(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield the messages that are whole now; a text is valid UTF-8. Raises WireFault."""
        self._bytes = self._bytes + data if self._bytes else data
        at = 0
        try:
            while (frame := _next(self._bytes, at)) is not None:
                first, payload, at = frame
                self._frames += 1
                if self._frames > MOST_FRAMES:
                    raise WireFault(1008, "too many messages")
                message = self._whole(first & 0x0F, bool(first & 0x80), payload)
                if message is not None:
                    yield message
        finally:
            self._bytes = self._bytes[at:]

    def breathe(self) -> None:
        """A second has passed: as many frames may come again."""
        self._frames = 0

    def _whole(self, opcode: int, last: bool, payload: bytes) -> tuple[Kind, bytes] | None:
        if opcode >= 0x8:
            if not last or len(payload) > MOST_CONTROL or opcode not in _KINDS:
                raise WireFault(1002, "a broken control frame")
            return _KINDS[opcode], payload  # type: ignore[return-value]  # the table holds kinds only
        if (opcode == _CONTINUED) != bool(self._opcode) or opcode not in (0x0, 0x1, 0x2):
            raise WireFault(1002, "a frame out of its order")
        if len(self._message) + len(payload) > MOST_IN:
            raise WireFault(1009, f"a message of more than {MOST_IN} bytes")
        message, kind = self._message + payload, self._opcode or opcode
        if not last:
            self._message, self._opcode = message, kind
            return None
        self._message, self._opcode = b"", 0
        if kind == _TEXT:
            _text(message)
        return _KINDS[kind], message  # type: ignore[return-value]


def _next(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Return the first byte, the unmasked payload and the end of the frame at `at`; None while it is not whole."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    if first & 0x70 or not second & 0x80:
        raise WireFault(1002, "a frame without a mask or with an extension")
    size, at = second & 0x7F, at + 2
    if size == 127:
        raise WireFault(1009, f"a message of more than {MOST_IN} bytes")
    if size == 126:
        if len(data) - at < 2:
            return None
        size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
    if size > MOST_IN:
        raise WireFault(1009, f"a message of more than {MOST_IN} bytes")
    if len(data) - at < 4 + size:
        return None
    mask, at = data[at : at + 4], at + 4
    return first, _unmasked(data[at : at + size], mask), at + size


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """All of it at once, as one large number: a byte at a time costs forty times as much."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise WireFault(1007, "text that is not UTF-8") from None
