"""The plain outlet: a viewer's socket through the web framework, a frame at a time.

For connections that cannot be handed over: those that are encrypted in this process, and other servers' than uvicorn.
"""

import asyncio
import contextlib
from typing import Protocol

from app.domain.frames import CLOSE_BUSY
from app.metrics.own import SLOW_VIEWERS
from app.realtime.fanout_direct import FAREWELL_S, SLOW_S, Watcher
from app.realtime.fanout_track import Batch
from app.realtime.fanout_wire import payload_of


class Channel(Protocol):
    """An accepted WebSocket of the framework."""

    async def send_text(self, text: str) -> None: ...

    async def receive_text(self) -> str:
        """Raises NotText for a message of another kind, Gone when there will be no more."""
        ...

    async def close(self, code: int, reason: str) -> None: ...


class Gone(Exception):
    """The other side has closed, or is not there."""


class NotText(Exception):
    """It has sent what is not a text."""


class PlainSocket:
    """Owns one accepted WebSocket; knows nothing of boards."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._watcher: Watcher | None = None
        self._frame: bytes | None = None
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._since = self._loop.time()
        self._close: tuple[int, str] | None = None
        self.busy = True

    async def serve(self, watcher: Watcher) -> None:
        """Serve this viewer until the socket has ended; cancelled, end it."""
        self._watcher = watcher
        tasks = [asyncio.create_task(work) for work in (self._read(), self._send(), self._ended.wait())]
        try:
            if self._close is None:
                self.busy = False
                watcher.push()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.busy = True
            self._leave()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._close is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._channel.close(*self._close)

    def take(self, batch: Batch) -> int:
        self._frame, self._since, self.busy = batch.frames[0], self._loop.time(), True
        self._wake.set()
        return 1

    def close(self, code: int, reason: str) -> None:
        self.busy = True
        if self._close is None:
            self._close = (code, reason)
        self._leave()
        self._ended.set()

    def tick(self, now: float) -> None:
        if self._frame is not None and now - self._since >= SLOW_S:
            SLOW_VIEWERS.add()
            self.close(CLOSE_BUSY, "too_slow")
            self._frame = None

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._frame is None:
                continue
            await self._channel.send_text(payload_of(self._frame).decode())
            self._frame = None
            watcher = self._watcher  # gone, when it was closed meanwhile
            if watcher is None:
                return
            self.busy = False
            watcher.drained(self._loop.time() - self._since)

    async def _read(self) -> None:
        try:
            while True:
                text = await self._channel.receive_text()
                if self._watcher is not None:
                    self._watcher.said(text.encode())
        except NotText:
            self.close(1003, "only text is understood")
        except Gone:
            return

    def _leave(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.ended()
