"""The fast outlet: a viewer's socket without a web framework, after the framework has let it in.

The transport is uvicorn's; what stands on it from then on is one small object. A frame goes from the track straight
into the kernel; only what the kernel did not take of one frame is ever kept here.
"""

import asyncio
import os
from collections.abc import Callable, MutableSet
from typing import Any, Final, Protocol

from app.domain.frames import CLOSE_BROKEN, CLOSE_BUSY, CLOSE_RESTART
from app.metrics.own import SLOW_VIEWERS
from app.realtime.fanout_track import Batch
from app.realtime.fanout_wire import Inlet, Kind, WireFault, close_code, closing, ping, pong

SLOW_S: Final = 20.0
"""One that has taken nothing for so long is closed (1013)."""
PING_S: Final = 20.0
"""One that has said nothing for so long is pinged; if it is silent as long again, it is gone (1011)."""
PING_SPREAD_S: Final = 5
"""A thousand that came together are not pinged together."""
FAREWELL_S: Final = 10.0
"""For the other side to take our close and answer it; then the connection is cut."""
LAST_S: Final = 1.0
"""The same when the server stops."""


class Watcher(Protocol):
    """The viewer a socket serves."""

    def push(self) -> None: ...
    def drained(self, stalled_s: float) -> None: ...
    def said(self, text: bytes) -> None: ...
    def ended(self) -> None: ...


class DirectSocket(asyncio.Protocol):
    """Owns one upgraded connection; knows nothing of boards.

    Written to past the transport, so only while the transport holds nothing: what it holds must go out first.
    """

    __slots__ = (
        "_closing",
        "_connections",
        "_fd",
        "_heard",
        "_held",
        "_inlet",
        "_loop",
        "_pinged",
        "_pong",
        "_progress",
        "_stalled",
        "_transport",
        "_watcher",
        "_write",
        "busy",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connections: MutableSet[Any],
        *,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self._transport = transport
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._connections = connections
        self._fd: int = transport.get_extra_info("socket").fileno()
        self._inlet = Inlet()
        self._watcher: Watcher | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._pong: bytes | None = None
        self._pinged: float | None = None
        self._held = 0
        self._heard = self._stalled = self._progress = self._loop.time()
        self.busy = True
        connections.add(self)
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)  # so that it says when it holds nothing any more

    def serve(self, watcher: Watcher) -> None:
        """Send this viewer what it is given from now on, and tell it what comes of it."""
        if self._closing is not None or self._transport.is_closing():
            watcher.ended()
            return
        self._watcher = watcher
        if not self._transport.get_write_buffer_size():
            self._free()

    # What the fan-out asks for.

    def take(self, batch: Batch) -> int:
        data = batch.joined
        try:
            sent = self._write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._cut()
            return batch.count
        if sent == len(data):
            return batch.count
        return self._keep(batch, sent)

    def _keep(self, batch: Batch, sent: int) -> int:
        """The kernel is full: the rest of the frame it stopped in is left to the transport, and no more than that."""
        taken = next(place for place, end in enumerate(batch.ends) if sent < end)
        self._hold(batch.joined[sent : batch.ends[taken]])
        return taken + 1

    def _hold(self, rest: bytes) -> None:
        self._transport.write(rest)
        self._held = self._transport.get_write_buffer_size()
        if self._held:
            self.busy = True
            self._stalled = self._progress = self._loop.time()

    def close(self, code: int, reason: str) -> None:
        self._say_farewell(code, reason, FAREWELL_S)

    def tick(self, now: float) -> None:
        self._inlet.breathe()
        if self._closing is not None:
            return
        held = self._transport.get_write_buffer_size()
        if held != self._held:
            self._held, self._progress = held, now
        if held and now - self._progress >= SLOW_S:
            SLOW_VIEWERS.add()
            self.close(CLOSE_BUSY, "too_slow")
        elif not held:
            self._listen(now)

    def _listen(self, now: float) -> None:
        """Ping one that has been silent; whoever is there answers."""
        if self._pinged is not None:
            if now - self._pinged >= PING_S:
                self.close(CLOSE_BROKEN, "no_pong")
        elif now - self._heard >= PING_S + self._fd % PING_SPREAD_S:
            self._pinged = now
            self._hold(ping())

    # What uvicorn asks for when it stops.

    def shutdown(self) -> None:
        """Close, and wait for nobody."""
        if self._closing is None:
            self._say_farewell(CLOSE_RESTART, "", LAST_S)
            if not self._transport.get_write_buffer_size():
                self._transport.close()

    # What the transport tells.

    def pause_writing(self) -> None:
        self.busy = True

    def resume_writing(self) -> None:
        self._free()

    def data_received(self, data: bytes) -> None:
        self._heard, self._pinged = self._loop.time(), None
        try:
            for kind, message in self._inlet.take(data):
                self._take_in(kind, message)
        except WireFault as fault:
            if self._closing is None:
                self._say_farewell(fault.close, fault.detail, FAREWELL_S)
            else:
                self._transport.abort()

    def eof_received(self) -> bool:
        """Gone without a word, or half: nobody reads any more."""
        self._cut()
        return True

    def connection_lost(self, fault: Exception | None) -> None:
        self.busy, self._fd = True, -1
        self._connections.discard(self)
        if self._closing is not None:
            self._closing.cancel()
        self._leave()

    def _take_in(self, kind: Kind, message: bytes) -> None:
        if kind == "close":
            self._answer_close(message)
        elif self._closing is not None:
            return
        elif kind == "text" and self._watcher is not None:
            self._watcher.said(message)
        elif kind == "ping":
            self._answer_ping(message)
        elif kind == "binary":
            raise WireFault(1003, "only text is understood")

    def _answer_ping(self, payload: bytes) -> None:
        """While the transport holds something, only the newest ping is remembered: it alone need be answered."""
        if self._transport.get_write_buffer_size():
            self._pong = payload
        else:
            self._hold(pong(payload))

    def _answer_close(self, payload: bytes) -> None:
        code = close_code(payload)
        if self._closing is None:
            self._say_farewell(code, "", FAREWELL_S)
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # it wants no more of what is on its way
        else:
            self._transport.close()

    def _free(self) -> None:
        if self._closing is not None or self._transport.is_closing():
            return
        payload, self._pong = self._pong, None
        if payload is not None:
            self._transport.write(pong(payload))
            if self._transport.get_write_buffer_size():
                return
        self.busy, self._held = False, 0
        if self._watcher is not None:
            self._watcher.drained(self._loop.time() - self._stalled)

    def _say_farewell(self, code: int, reason: str, within_s: float) -> None:
        self.busy = True
        self._leave()
        if self._transport.is_closing():
            return
        self._closing = self._loop.call_later(within_s, self._transport.abort)
        self._transport.write(closing(code, reason))

    def _cut(self) -> None:
        self.busy = True
        self._leave()
        self._transport.abort()

    def _leave(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.ended()
