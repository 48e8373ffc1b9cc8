"""The hub: keeps the boards somebody watches, and publishes what changed, encoded once a board.

A board belongs to a session (or to the overview) and is made by a source of topics. The hub is told of changes only
after their commit; between two tellings it never looks at a source, so nothing uncommitted can be seen.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.bus.ports import FrameLog, Stored
from app.domain.board import Audience, Board
from app.domain.frames import DELTA_MS
from app.domain.people import Clearance
from app.errors import Unavailable
from app.instants import Instant
from app.realtime.frames import changed, cut_deltas, delta_frame, snapshot_frames

RESNAPSHOT_AFTER = 48
"""Deltas kept after a snapshot before the next one is made: what a late comer reads stays short."""
IDLE_AFTER_MS = 30_000
"""A board nobody asked for during this time is dropped."""

TELL_WITHIN_S = 1.0
AWAY_MS = 1_000
"""Frames that cannot be carried are not tried again for this long: telling must not hold up the commits."""
LEFT_KNOWN = 10_000
"""Dropped boards whose last number is remembered."""


@dataclass(frozen=True, slots=True)
class View:
    """Which board: of what, for whom."""

    of: str
    audience: Audience
    clearance: Clearance

    @property
    def name(self) -> str:
        """The board's name in the frame log."""
        return f"{self.of}|{self.audience}|{self.clearance.value}"


@dataclass(frozen=True, slots=True)
class Clocked:
    """A session's clock at the moment of a frame."""

    now_ms: int
    wall_ms: int
    rate: float


class BoardSource(Protocol):
    """Where a board comes from: an engine with its overlays, or the overview."""

    @property
    def epoch(self) -> int:
        """The fence of its owner: a higher one starts every page anew."""
        ...

    def versions(self) -> Mapping[str, int]:
        """Topic -> a number that grows when the topic may have changed."""
        ...

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        """The topic as this audience may see it; empty for topics that are not theirs."""
        ...

    def clocked(self, wall: Instant) -> Clocked: ...


@dataclass(slots=True)
class _Shown:
    """What the frame log holds of one board."""

    view: View
    epoch: int
    seq: int = 0
    board: Board = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    since_snapshot: int = 0
    told_ms: int = 0
    wanted_ms: int = 0
    cut_off: bool = False
    """Something could not be published: the next thing that is, is the whole board."""


class Hub:
    """Owns the boards being shown; knows nothing of SQL, rules or sockets."""

    def __init__(self, frames: FrameLog) -> None:
        self._frames = frames
        self._shown: dict[str, dict[str, _Shown]] = {}  # of -> board name -> shown
        self._left: dict[str, tuple[int, int]] = {}  # board name -> (epoch, seq) it was dropped at
        self._away_until = 0

    def watched(self, of: str) -> bool:
        """Whether somebody watches a board of this session."""
        return of in self._shown

    def boards(self) -> list[str]:
        """What has a board here: sessions, or overviews."""
        return list(self._shown)

    def views(self) -> int:
        """How many boards are kept."""
        return sum(len(boards) for boards in self._shown.values())

    async def show(self, view: View, source: BoardSource, wall: Instant) -> None:
        """Make sure the frame log holds a board that is as new as its source."""
        boards = self._shown.setdefault(view.of, {})
        shown = boards.get(view.name)
        if shown is None or shown.epoch < source.epoch:
            shown = boards[view.name] = _Shown(view, source.epoch, self._next_seq(view.name, source.epoch))
            shown.board = {name: dict(source.topic(name, view)) for name in source.versions()}
            shown.versions = dict(source.versions())
            await self._snapshot(shown, source, wall)
        shown.wanted_ms = wall

    def _next_seq(self, name: str, epoch: int) -> int:
        """Numbers go on after a board was dropped within its epoch: an old place must not look like a new one."""
        left = self._left.pop(name, None)
        return left[1] + 1 if left is not None and left[0] == epoch else 0

    async def _drop(self, shown: _Shown) -> None:
        del self._shown[shown.view.of][shown.view.name]
        self._left[shown.view.name] = (shown.epoch, shown.seq)
        if len(self._left) > LEFT_KNOWN:
            del self._left[next(iter(self._left))]
        await self._frames.forget(shown.view.name, shown.epoch)

    def keep(self, view: View, wall: Instant) -> bool:
        """Say that the board is still being read; False when it has been dropped and must be shown again."""
        shown = self._shown.get(view.of, {}).get(view.name)
        if shown is None:
            return False
        shown.wanted_ms = wall
        return True

    def due(self, of: str, wall: Instant) -> int | None:
        """Milliseconds until boards of `of` may be told again; None when nobody watches."""
        boards = self._shown.get(of)
        if not boards:
            return None
        return max(0, max(shown.told_ms for shown in boards.values()) + DELTA_MS - wall)

    async def tell(self, of: str, source: BoardSource, wall: Instant) -> None:
        """Publish what changed on every board of `of` since it was last told.

        Raises FenceLost when a newer owner tells them, Unavailable when the frames cannot be carried: then the next
        telling that can is whole.
        """
        if wall < self._away_until:
            return
        try:
            async with asyncio.timeout(TELL_WITHIN_S):
                await self._tell(of, source, wall)
        except (TimeoutError, Unavailable):
            self._away_until = wall + AWAY_MS
            for shown in self._shown.get(of, {}).values():
                shown.cut_off, shown.told_ms = True, wall
            raise Unavailable("the frames cannot be carried", board=of) from None

    async def _tell(self, of: str, source: BoardSource, wall: Instant) -> None:
        for shown in list(self._shown.get(of, {}).values()):
            if wall - shown.wanted_ms > IDLE_AFTER_MS:
                await self._drop(shown)
                continue
            if shown.epoch < source.epoch:
                await self.show(shown.view, source, wall)
                continue
            await self._tell_board(shown, source, wall)
        if not self._shown.get(of, True):
            del self._shown[of]

    async def _tell_board(self, shown: _Shown, source: BoardSource, wall: Instant) -> None:
        versions = source.versions()
        changes = {}
        for name, version in versions.items():
            if shown.versions.get(name) == version:
                continue
            values = dict(source.topic(name, shown.view))
            change = changed(shown.board.get(name, {}), values)
            if change is not None:
                changes[name] = change
                shown.board[name] = values
        shown.versions = dict(versions)
        shown.told_ms = wall
        if shown.cut_off:
            shown.seq += 1
            await self._snapshot(shown, source, wall)
            shown.cut_off = False
            return
        if not changes:
            return
        clocked = source.clocked(wall)
        for piece in cut_deltas(changes):
            shown.seq += 1
            shown.since_snapshot += 1
            data = delta_frame(
                piece,
                epoch=shown.epoch,
                seq=shown.seq,
                now_ms=clocked.now_ms,
                wall_ms=clocked.wall_ms,
                rate=clocked.rate,
            )
            await self._frames.publish(shown.view.name, Stored(shown.epoch, shown.seq, data))
        if shown.since_snapshot >= RESNAPSHOT_AFTER:
            await self._snapshot(shown, source, wall)

    async def _snapshot(self, shown: _Shown, source: BoardSource, wall: Instant) -> None:
        clocked = source.clocked(wall)
        parts = snapshot_frames(
            shown.board,
            epoch=shown.epoch,
            seq=shown.seq,
            now_ms=clocked.now_ms,
            wall_ms=clocked.wall_ms,
            rate=clocked.rate,
        )
        await self._frames.put_snapshot(shown.view.name, shown.epoch, shown.seq, tuple(parts))
        shown.since_snapshot = 0

    def forget(self, of: str) -> None:
        """Drop every board of a session that has been put back."""
        self._shown.pop(of, None)
