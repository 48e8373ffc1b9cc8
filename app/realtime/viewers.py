"""Viewers: one loop a socket that follows a board through the frame log, and gets the present when it falls behind.

The loop holds nothing but its place (epoch, seq): what it sends are the bytes of the log, encoded once for everybody.
A socket that does not take its bytes holds up only this loop; when it comes back and its place is not in the ring any
more, it gets one fresh snapshot, in which every open alert and prompt stands.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from app.bus.ports import FrameLog
from app.clock import Clock
from app.domain.frames import BEAT_MS, Ask, Beat, Hello
from app.realtime.frames import encode
from app.realtime.hub import Clocked, View

SEND_WITHIN_S = 20.0
"""A socket that has not taken one frame after this long is closed (1013)."""
BEHIND = 64
"""More deltas than this behind: the present instead of the backlog."""


class Sink(Protocol):
    """The sending side of a socket."""

    async def send(self, frame: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Followed:
    """What a viewer follows at this moment; None in `view`: the room has no session."""

    view: View | None
    hello: Hello


class TooSlow(Exception):
    """The socket took nothing for SEND_WITHIN_S."""


class Viewer:
    """Owns one viewer's place in the frames; knows nothing of sessions, people or sockets' kinds."""

    def __init__(
        self,
        sink: Sink,
        *,
        frames: FrameLog,
        clock: Clock,
        now: Callable[[], Followed],
        show: Callable[[View], Awaitable[bool]],
        keep: Callable[[View], bool],
        clocked: Callable[[View], Clocked],
    ) -> None:
        self._sink = sink
        self._frames = frames
        self._clock = clock
        self._now = now
        self._show = show
        self._keep = keep
        self._clocked = clocked
        self._epoch = 0
        self._seq = 0
        self._asked: Ask | None = None

    def ask(self, text: str | bytes) -> None:
        """Take a message of the page: a place to resume from, or nothing that is understood (then it is ignored)."""
        try:
            self._asked = msgspec.json.decode(text, type=Ask)
        except msgspec.MsgspecError:
            return

    async def follow(self, resume: Ask | None = None) -> None:
        """Send until cancelled or the socket is too slow. `resume`: the place a reconnecting page still holds."""
        self._asked = resume
        followed: Followed | None = None
        while True:
            now = self._now()
            if followed is None or now.view != followed.view or now.hello.session != followed.hello.session:
                followed = now
                await self._send(encode(now.hello))
                if now.view is not None:
                    await self._start(now.view)
            if followed.view is None:
                await self._send(encode(self._idle_beat()))
                await asyncio.sleep(BEAT_MS / 1000)
                continue
            await self._pass_on(followed.view)

    async def _start(self, view: View) -> None:
        """The missed deltas when the page's place is still held, else the snapshot."""
        await self._show(view)
        asked, self._asked = self._asked, None
        if asked is not None and asked.seq is not None:
            missed = await self._frames.since(view.name, asked.epoch, asked.seq)
            if missed is not None and len(missed) <= BEHIND:
                self._epoch, self._seq = asked.epoch, asked.seq
                for frame in missed:
                    await self._send(frame.data)
                    self._seq = frame.seq
                return
        await self._present(view)

    async def _present(self, view: View) -> None:
        kept = await self._frames.newest(view.name)
        if kept is None:
            return
        self._epoch, self._seq = kept.epoch, kept.seq
        for part in kept.snapshot:
            await self._send(part)
        for delta in kept.deltas:
            await self._send(delta.data)
            self._seq = delta.seq

    async def _pass_on(self, view: View) -> None:
        if not self._keep(view):
            await self._show(view)
        if self._asked is not None:
            await self._start(view)
        frames = await self._frames.wait(view.name, self._epoch, self._seq, BEAT_MS)
        if not frames:
            newest = await self._frames.newest(view.name)
            if newest is not None and newest.epoch > self._epoch:
                await self._present(view)
            clocked = self._clocked(view)
            await self._send(
                encode(
                    Beat(
                        epoch=self._epoch,
                        seq=self._seq,
                        now_ms=clocked.now_ms,
                        wall_ms=clocked.wall_ms,
                        rate=clocked.rate,
                    )
                )
            )
            return
        follows = frames[0].epoch == self._epoch and frames[0].seq == self._seq + 1
        if not follows or len(frames) > BEHIND:
            await self._present(view)
            return
        for frame in frames:
            await self._send(frame.data)
            self._seq = frame.seq

    def _idle_beat(self) -> Beat:
        wall = self._clock.now()
        return Beat(epoch=0, seq=0, now_ms=wall, wall_ms=wall, rate=1.0)

    async def _send(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._sink.send(frame)
        except TimeoutError as stalled:
            raise TooSlow from stalled
