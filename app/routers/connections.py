"""Connections: uvicorn's, that lets nobody hold one, or fill the memory, with a request that never becomes whole.

What is asked must come in its time, and what is answered must be taken: else anybody who reaches the port could keep
everybody else out without a name or a password. What a request may be is judged behind it (security.py).
"""

import asyncio
from typing import Any, ClassVar, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

log = structlog.get_logger()

MOST_BETWEEN: Final = 64 * 1024
"""Bytes that are no body, one after the other: a head, the trailers of a body in chunks."""
NEVER: Final = float("inf")
_TOO_LONG: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Patient(HttpToolsProtocol):
    """Owns the clock of a connection. One timer looks now and then: to set one for each part would cost each request.

    Of another protocol than HTTP, after an upgrade, it knows nothing any more.
    """

    head_s: ClassVar[float] = 10.0
    """From the connection, or from a request's first byte, to the end of its head."""
    body_s: ClassVar[float] = 30.0
    """From there to the end of its body; the door has a time of its own."""
    taken_s: ClassVar[float] = 30.0
    """In which somebody who takes an answer takes at least something of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._between, self._in_head = 0, True
        self._read_by = self._taken_by = NEVER
        self._closing = False
        self._look_again: asyncio.TimerHandle | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._read_by = self.loop.time() + self.head_s
        self._look_again = self.loop.call_later(self.head_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._between += len(data)
        super().data_received(data)
        if self._between > MOST_BETWEEN and not self.transport.is_closing():
            log.debug("connection_cut", why="head_too_long")
            if not self._is_answering():
                self.transport.write(_TOO_LONG)
            self.transport.close()

    def pause_writing(self) -> None:
        self._taken_by = self.loop.time() + self.taken_s
        super().pause_writing()

    def resume_writing(self) -> None:
        self._taken_by = NEVER
        super().resume_writing()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._between, self._in_head, self._read_by = 0, True, self.loop.time() + self.head_s
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer belongs to no head that was judged
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._read_by = False, self.loop.time() + self.body_s
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._between = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._between, self._read_by = 0, NEVER if self._is_answering() else self._next_by()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self.pipeline and self._read_by == NEVER:
            self._read_by = self._next_by()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        self._look_no_more()
        super().handle_websocket_upgrade()

    # The clock.

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn does not say that there may be none yet
        return cycle is not None and not cycle.response_complete

    def _next_by(self) -> float:
        """When the head of the next request must be whole; one that sends nothing is let go before."""
        return self.loop.time() + self.timeout_keep_alive + self.head_s

    def _look(self) -> None:
        now = self.loop.time()
        if self._closing or now >= min(self._read_by, self._taken_by):
            log.debug("connection_cut", why="slow")
            self.transport.abort()
            return
        self._closing = self.transport.is_closing()  # what it still has to say must be taken until the next look
        at = min(self._read_by, self._taken_by, now + self.head_s)
        self._look_again = self.loop.call_at(at, self._look)

    def _look_no_more(self) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None
