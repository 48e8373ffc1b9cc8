"""The relay: the boards that are watched in this process, followed through the frame log, each one's track kept new."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from app.bus.ports import FrameReader
from app.clock import Clock
from app.domain.frames import BEAT_MS
from app.errors import ControlRoomError
from app.realtime.fanout import Fanout
from app.realtime.fanout_track import Track
from app.realtime.hub import Clocked, View

SOON_S: Final = 0.005
"""The first wait for a board that was asked for and is not there yet; each one after it is twice as long."""
LATER_S: Final = 0.5
MISSED_AFTER_S: Final = 5.0
"""A board that is not there after this long is missed aloud, once."""
WANT_EVERY_S: Final = 10.0
LINGER_S: Final = 10.0
"""A board nobody watches any more is followed this long: pages that were cut come back to their place."""

log = structlog.get_logger()


class Follower:
    """Owns a board's track, which it keeps as new as the frame log. Where the log has no board yet, or does not answer,
    it goes on asking. `told`: called when the track has changed."""

    def __init__(self, frames: FrameReader, view: View, told: Callable[[], None]) -> None:
        self.track = Track()
        self._frames = frames
        self._name = view.name
        self._told = told
        self._looking: asyncio.Task[None] | None = None
        self._following = asyncio.create_task(self._follow(), name=f"board {view.name}")

    async def close(self) -> None:
        """Follow it no more."""
        tasks = [task for task in (self._following, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refresh(self) -> None:
        """Read the present anew, for viewers who have no place in what is held."""
        if self.track.epoch >= 0 and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        with contextlib.suppress(ControlRoomError):  # whoever waits asks again with the next pass
            await self._load()

    async def look_back(self, epoch: int, seq: int) -> None:
        """Hold what followed a place that is not held any more, if the frame log still has it."""
        with contextlib.suppress(ControlRoomError):
            missed = await self._frames.since(self._name, epoch, seq)
            if missed:
                self.track.add_before(epoch, missed)

    async def _follow(self) -> None:
        while True:
            try:
                await self._find()
                while True:
                    await self._step()
            except ControlRoomError as refusal:
                log.warning("frames_away", board=self._name, reason=refusal.code)
            except Exception:
                log.exception("board_breaks", board=self._name)
            await asyncio.sleep(LATER_S)

    async def _find(self) -> None:
        wait, waited = SOON_S, 0.0
        while self.track.epoch < 0 and not await self._load():
            await asyncio.sleep(wait)
            if waited < MISSED_AFTER_S <= waited + wait:
                log.warning("board_missing", board=self._name, waited_s=MISSED_AFTER_S)
            waited, wait = waited + wait, min(wait * 2, LATER_S)

    async def _step(self) -> None:
        """Take what comes next; after a second of silence, see that nothing went by."""
        track = self.track
        frames = await self._frames.wait(self._name, track.epoch, track.seq, BEAT_MS)
        if not frames:
            missed = await self._frames.since(self._name, track.epoch, track.seq)
            if missed is not None and not missed:
                return
            frames = missed or ()
        if frames and track.add(frames):
            self._told()
        elif not await self._load():
            await asyncio.sleep(LATER_S)  # it was dropped, or its owner has not put it there yet

    async def _load(self) -> bool:
        """Take the present; False when the frame log has none, or only one that is older than what is held."""
        kept = await self._frames.newest(self._name)
        if kept is None:
            return False
        self.track.take(kept)
        self._told()
        newest = kept.deltas[-1].seq if kept.deltas else kept.seq
        return (kept.epoch, newest) >= (self.track.epoch, self.track.seq)


class _Shown:
    """One board: its follower, its fan-out, and when it was last asked for and last watched."""

    def __init__(self, view: View, frames: FrameReader, clocked: Callable[[View], Clocked]) -> None:
        self.view = view
        self.follower = Follower(frames, view, lambda: self.fanout.soon())
        self.fanout = Fanout(self.follower, lambda: clocked(view))
        self.wanted_at = self.watched_at = 0.0

    async def close(self) -> None:
        self.fanout.close()
        await self.follower.close()


class _Nothing:
    """The source of those who follow what has no board."""

    def __init__(self) -> None:
        self.track = Track()

    def refresh(self) -> None: ...

    async def look_back(self, epoch: int, seq: int) -> None: ...


class Relay:
    """Owns the followed boards and their fan-outs; knows nothing of people, and of who makes a board.

    `want`: called for a board when somebody begins to watch it and every WANT_EVERY_S while it is watched; whoever can
    make it sees to it that it is in the frame log soon.
    """

    def __init__(
        self, *, frames: FrameReader, clock: Clock, want: Callable[[View], None], clocked: Callable[[View], Clocked]
    ) -> None:
        self._frames = frames
        self._clock = clock
        self._want = want
        self._clocked = clocked
        self._shown: dict[View, _Shown] = {}
        self._dropped: list[_Shown] = []
        self._nothing: Fanout | None = None

    def fanout(self, view: View | None) -> Fanout:
        """The fan-out of a board, for somebody who is about to watch it; of nothing but the time when there is none."""
        if view is None:
            if self._nothing is None:
                self._nothing = Fanout(_Nothing(), self._wall)
            return self._nothing
        shown = self._shown.get(view)
        if shown is None:
            shown = self._shown[view] = _Shown(view, self._frames, self._clocked)
        now = asyncio.get_running_loop().time()
        shown.watched_at = now
        if not shown.fanout.viewers:
            shown.wanted_at = now
            self._want(view)
        return shown.fanout

    def fanouts(self) -> Iterator[Fanout]:
        """All of them, as they are now."""
        if self._nothing is not None:
            yield self._nothing
        yield from [shown.fanout for shown in self._shown.values()]

    def drop(self, of: str) -> None:
        """Hold nothing that was told of a session: who comes to watch it begins with what the frame log has then."""
        for view in [view for view in self._shown if view.of == of]:
            self._dropped.append(self._shown.pop(view))

    async def tend(self, now: float) -> None:
        """Go on asking for what is watched, and let go of what is not."""
        while self._dropped:
            await self._dropped.pop().close()
        for shown in list(self._shown.values()):
            if shown.fanout.viewers:
                shown.watched_at = now
                if now - shown.wanted_at >= WANT_EVERY_S:
                    shown.wanted_at = now
                    self._want(shown.view)
            elif now - shown.watched_at >= LINGER_S:
                del self._shown[shown.view]
                await shown.close()

    async def close(self) -> None:
        """Follow nothing any more."""
        shown = [*self._shown.values(), *self._dropped]
        self._shown, self._dropped = {}, []
        for each in shown:
            await each.close()

    def _wall(self) -> Clocked:
        wall = self._clock.now()
        return Clocked(wall, wall, 1.0)
