"""The fan-out: what is new on one board goes out to everybody who watches it, in one write each.

Nothing is queued for a viewer: it is a place in the board's track. A pass looks at every viewer that can take
something; one that cannot is left out until it has drained, and costs its place and what its socket holds.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from app.domain.frames import BEAT_MS, CLOSE_BROKEN, Beat
from app.metrics.own import FRAME_BYTES, FRAMES
from app.realtime.fanout_pace import Pace
from app.realtime.fanout_track import Batch, Present, Track
from app.realtime.fanout_wire import framed
from app.realtime.frames import encode
from app.realtime.hub import Clocked

SLICE: Final = 256
"""Viewers written to without a break: two milliseconds."""
BEAT_EARLY_S: Final = 0.75 * BEAT_MS / 1000
"""A beat that is this near goes out with what is written anyhow."""
STALLED_S: Final = 1.0
"""One that was stalled longer is given the present, if that is less than what it has missed."""
NOWHERE: Final = -2

log = structlog.get_logger()


class Outlet(Protocol):
    """The sending side of a socket. It takes frames as long as the other side does."""

    busy: bool
    """Whether it takes nothing now: not drained yet, or closed."""

    def take(self, batch: Batch) -> int:
        """Send frames from the first on; return how many are taken, at least one. Not to be asked while busy."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Say why, and end. The viewer is told that it has ended before this returns."""
        ...

    def tick(self, now: float) -> None:
        """Once a second: let go of an end that takes nothing or is not there any more."""
        ...


class Source(Protocol):
    """Where a board's frames come from."""

    @property
    def track(self) -> Track: ...

    def refresh(self) -> None:
        """Have the present read anew; the fan-out is told when it is there."""
        ...

    async def look_back(self, epoch: int, seq: int) -> None:
        """Hold what followed an older place, if it is still to be had."""
        ...


class Viewer:
    """Owns one viewer's place on the board it watches. `epoch` NOWHERE: it has none, and starts from the present.

    `greeting` goes out first. `resume`: the place it says it has, to be tried once it has been greeted.
    """

    __slots__ = ("_at", "_present", "beat", "epoch", "fanout", "greeting", "outlet", "resume", "seq", "waits")

    def __init__(self, outlet: Outlet, fanout: "Fanout") -> None:
        self.outlet = outlet
        self.fanout = fanout
        self.epoch = NOWHERE
        self.seq = 0
        self.greeting: bytes | None = None
        self.resume: tuple[int, int] | None = None
        self.waits = False
        """For older frames that are being read for it."""
        self.beat: bytes | None = None
        """Owed once it has all there is."""
        self._present: Present | None = None
        self._at = 0

    def begin(self, fanout: "Fanout", greeting: bytes | None, resume: tuple[int, int] | None) -> None:
        """From the next push on, watch this board, from this place or from its present. No `greeting`: none but one
        that is still owed."""
        self.fanout = fanout
        self.greeting, self.resume = greeting or self.greeting, resume
        self.epoch, self.waits, self.beat, self._present = NOWHERE, False, None, None

    def push(self) -> None:
        """Send what there is for this one, until it has all or takes no more."""
        outlet = self.outlet
        while not outlet.busy:
            batch = self._next()
            if batch is None:
                return
            taken = outlet.take(batch)
            FRAMES.add(taken)
            FRAME_BYTES.add(batch.ends[taken - 1] if taken else 0)
            self._took(taken)

    def drained(self, stalled_s: float) -> None:
        """The outlet takes frames again."""
        if stalled_s > STALLED_S:
            self.beat = None  # it tells a time that has passed
            track = self.fanout.track
            if track.holds(self.epoch, self.seq) and track.present_size < track.backlog(self.seq):
                self.epoch = NOWHERE
        self.push()

    def _next(self) -> Batch | None:
        if self.greeting is not None:
            return Batch((self.greeting,))
        track = self.fanout.track
        if self._present is not None and self._present.frames:
            return self._present.batch(self._at)
        if self.resume is not None and track.epoch >= 0:
            self._resume(track, *self.resume)
        if self.waits or track.epoch < 0:
            return self._owed()
        if track.holds(self.epoch, self.seq):
            return track.after(self.seq) if self.seq < track.seq else self._owed()
        if self.epoch != NOWHERE:
            self.epoch, self.beat = NOWHERE, None  # which told of deltas that it is not going to get
        self._at, self._present = 0, track.present
        if self._present is None:
            self.fanout.source.refresh()
            return self._owed()
        return self._present.batch(0)

    def _owed(self) -> Batch | None:
        return None if self.beat is None else Batch((self.beat,))

    def _resume(self, track: Track, epoch: int, seq: int) -> None:
        self.resume = None
        if track.holds(epoch, seq):
            self.epoch, self.seq = epoch, seq
        elif epoch == track.epoch and seq < track.first:
            self.waits = True
            self.fanout.look_back(self, epoch, seq)

    def _took(self, frames: int) -> None:
        if self.greeting is not None:
            self.greeting = None
        elif self._present is not None:
            self._at += frames
            if self._at >= len(self._present.frames):
                self.epoch, self.seq, self._present = self._present.epoch, self._present.seq, None
        elif self.epoch != NOWHERE and self.seq < self.fanout.track.seq:
            self.seq += frames
        else:
            self.beat = None


class Fanout:
    """Owns the viewers of one board and the passes over them; knows nothing of sessions, people or sockets' kinds."""

    def __init__(self, source: Source, clocked: Callable[[], Clocked]) -> None:
        self.source = source
        self.track = source.track
        self.viewers: dict[Viewer, None] = {}
        self._clocked = clocked
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._under_way = self._again = False
        self._pace = Pace()
        self._beaten = -1.0
        self._beat: bytes | None = None
        self._older: dict[Viewer, tuple[int, int]] = {}
        self._looking: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Let a pass begin: in the loop's next turn, or when the pace allows it. What comes while one is under way gets
        another."""
        if self._under_way:
            self._again = True
        elif self._next is None:
            at = self._pace.next_s
            late = at > self._loop.time()
            self._next = self._loop.call_at(at, self._pass) if late else self._loop.call_soon(self._pass)

    def beat(self) -> None:
        """A second has passed: tell the time, unless a pass has just done so."""
        if self._loop.time() - self._beaten >= BEAT_EARLY_S:
            self.soon()

    def close(self) -> None:
        """Nobody watches any more."""
        if self._next is not None:
            self._next.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def look_back(self, viewer: Viewer, epoch: int, seq: int) -> None:
        """Read once for all who come back to a place that is not held any more; then push them."""
        self._older[viewer] = (epoch, seq)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_back())

    async def _look_back(self) -> None:
        await asyncio.sleep(0)  # whoever comes in the same turn is read for too
        while self._older:
            older, self._older = self._older, {}
            epoch = max(epoch for epoch, _ in older.values())
            try:
                await self.source.look_back(epoch, min(seq for at, seq in older.values() if at == epoch))
            except Exception:
                log.exception("look_back_breaks")  # they get the present
            for viewer, place in older.items():
                if viewer.waits and viewer.fanout is self:
                    viewer.waits = False
                    if self.track.holds(*place):
                        viewer.epoch, viewer.seq = place
                    viewer.push()

    def _pass(self) -> None:
        now = self._loop.time()
        self._pace.begin(now)
        self._under_way, self._again = True, False
        self._beat = None
        if now - self._beaten >= BEAT_EARLY_S:
            self._beaten = now
            self._beat = self._frame(max(self.track.epoch, 0), max(self.track.seq, 0))
        self._slice(list(self.viewers), 0)

    def _slice(self, viewers: list[Viewer], at: int) -> None:
        part = viewers[at : at + SLICE]
        try:
            self._write(part)
        except Exception:
            log.exception("pass_breaks", viewers=len(part))
            self._one_by_one(part)
        if at + SLICE < len(viewers):
            self._next = self._loop.call_soon(self._slice, viewers, at + SLICE)
            return
        self._next, self._under_way = None, False
        if self._again:
            self.soon()

    def _write(self, viewers: list[Viewer]) -> None:
        """Nearly all are at the same place and take the same bytes. No await: nothing is added meanwhile."""
        track, at = self.track, NOWHERE
        batch: Batch | None = None
        frames = size = length = 0
        for viewer in viewers:
            outlet = viewer.outlet
            if outlet.busy:
                continue
            if viewer.epoch != track.epoch or viewer.seq < track.first - 1:
                self._start(viewer)
                continue
            if viewer.seq != at:
                at = viewer.seq
                batch = self._due(at)
                length = 0 if batch is None else len(batch.joined)
            if batch is not None:
                taken = outlet.take(batch)
                frames += taken
                if taken == batch.count:
                    size += length
                elif taken:
                    size += batch.ends[taken - 1]
                viewer.seq = min(at + taken, track.seq)
                if taken < batch.count or viewer.seq < track.seq:
                    viewer.beat = self._beat
                    viewer.push()
        FRAMES.add(frames)
        FRAME_BYTES.add(size)

    def _one_by_one(self, viewers: list[Viewer]) -> None:
        """After a mistake of ours: whoever it hangs on is let go of, and the others have what is theirs."""
        for viewer in viewers:
            try:
                self._write([viewer])
            except Exception:
                viewer.outlet.close(CLOSE_BROKEN, "internal")

    def _due(self, seq: int) -> Batch | None:
        """What somebody at this place gets: the deltas after it, and the beat if that is all of them."""
        track, beat = self.track, self._beat
        if seq == track.seq:
            return None if beat is None else Batch((beat,))
        batch = track.after(seq)
        whole = seq + batch.count == track.seq
        return Batch((*batch.frames, beat)) if beat is not None and whole else batch

    def _start(self, viewer: Viewer) -> None:
        """One without a place gets the present; where there is no board yet, at least the time."""
        if self.track.epoch < 0:
            viewer.beat = self._beat
        viewer.push()

    def _frame(self, epoch: int, seq: int) -> bytes:
        clocked = self._clocked()
        beat = Beat(epoch=epoch, seq=seq, now_ms=clocked.now_ms, wall_ms=clocked.wall_ms, rate=clocked.rate)
        return framed(encode(beat))
