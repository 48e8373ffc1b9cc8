"""The hub: keeps the boards somebody watches, and publishes what changed, encoded once a board.

A board belongs to a session (or to the overview) and is made by a source of topics. The hub is told of changes only
after their commit; between two tellings it never looks at a source, so nothing uncommitted can be seen.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from app.bus.ports import FrameLog, Stored
from app.domain.board import Board
from app.domain.frames import DELTA_MS
from app.errors import FenceLost, Unavailable
from app.instants import Instant
from app.realtime.boards import BoardSource, Clocked, View, views_of
from app.realtime.breath import Breath
from app.realtime.frames import changed, cut_deltas, delta_frame, snapshot_frames

__all__ = ["BoardSource", "Clocked", "Hub", "Told", "View"]

log = structlog.get_logger()

RESNAPSHOT_AFTER: Final = 48
"""Deltas kept after a snapshot before the next one is made: what a late comer reads stays short."""
IDLE_AFTER_MS: Final = 30_000
"""A board nobody asked for during this time is dropped."""
TELL_WITHIN_S: Final = 1.0
AWAY_MS: Final = 1_000
"""Frames that cannot be carried are not tried again for this long: telling must not hold up the commits."""
TOLD_AT_ONCE: Final = 250
"""Deltas handed to the frame log in one call."""
SEEN_EVERY_MS: Final = 10_000
"""A board that is asked for is looked for in the frame log no more often than this."""
LEFT_KNOWN: Final = 10_000
"""Dropped boards whose last number is remembered."""


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
    seen_ms: int = 0
    """When it was last known to be in the frame log."""
    cut_off: bool = False
    """Something could not be published: the next thing that is, is the whole board."""


@dataclass(slots=True)
class Told:
    """What a telling has found out about those it was to tell."""

    lost: set[str] = field(default_factory=set)
    """A newer owner tells the boards of these."""
    broken: dict[str, Exception] = field(default_factory=dict)
    """Boards of these could not be made."""


@dataclass(slots=True)
class _Post:
    """What is to be carried to the frame log, in this order."""

    dropped: list[_Shown] = field(default_factory=list)
    deltas: list[tuple[str, Stored]] = field(default_factory=list)
    snapshots: list[tuple[_Shown, tuple[bytes, ...]]] = field(default_factory=list)
    shown: dict[str, _Shown] = field(default_factory=dict)
    """By name, all boards of which something is here."""


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
        return max(0, max(shown.told_ms for shown in boards.values()) + DELTA_MS - wall, self._away_until - wall)

    def doubt(self) -> None:
        """The frame log may have been emptied: each board is told whole the next time it is told or asked for."""
        for boards in self._shown.values():
            for shown in boards.values():
                shown.cut_off = True

    def forget(self, of: str) -> None:
        """Drop every board of a session that has been put back."""
        self._shown.pop(of, None)

    async def withdraw(self, of: str, epoch: int, wall: Instant) -> None:
        """Take every board of a session out of the frame log too: what it says is not to be shown any more.

        `epoch`: of its owner here; a newer one's boards stay. Raises Unavailable: then all of it is to be done again.
        """
        views = views_of(of)
        with self._carrying(wall, boards=len(views)):
            for view in views:
                async with asyncio.timeout(TELL_WITHIN_S):
                    await self._frames.forget(view.name, epoch)
        for shown in list(self._shown.get(of, {}).values()):
            self._leave(shown)

    async def show(self, view: View, source: BoardSource, wall: Instant) -> None:
        """Make sure the frame log holds a board that is as new as its source.

        Raises FenceLost when a newer owner shows it, Unavailable when the frames cannot be carried: then the next
        telling that can makes it whole.
        """
        shown = self._shown.get(view.of, {}).get(view.name)
        if shown is None or shown.epoch < source.epoch or not await self._stands(shown, wall):
            post = _Post()
            shown = self._begin(view, source, wall, post)
            if await self._carry(post, wall):
                self._leave(shown)
                raise FenceLost("a newer owner shows this board", board=view.name)
        shown.wanted_ms = wall

    async def _stands(self, shown: _Shown, wall: Instant) -> bool:
        """Whether the frame log has the board: a quiet one may have run out there. Raises Unavailable."""
        if not shown.cut_off and wall - shown.seen_ms >= SEEN_EVERY_MS:
            with self._carrying(wall, boards=1):
                async with asyncio.timeout(TELL_WITHIN_S):
                    shown.cut_off = not await self._frames.has(shown.view.name)
            shown.seen_ms = wall
        return not shown.cut_off

    async def tell(self, of: str, source: BoardSource, wall: Instant) -> None:
        """Publish what changed on every board of `of`. Raises FenceLost, and what tell_all raises."""
        told = await self.tell_all({of: source}, wall)
        for fault in told.broken.values():
            raise fault
        if told.lost:
            raise FenceLost("a newer owner tells this board", board=of)

    async def tell_all(self, sources: Mapping[str, BoardSource], wall: Instant) -> Told:
        """Publish what changed on every board of these since they were last told, all of it together.

        Raises Unavailable when the frames cannot be carried: then the next telling that can is whole.
        """
        told, post, breath = Told(), _Post(), Breath()
        self._refuse_while_away(wall)
        for of, source in sources.items():
            try:
                self._make(of, source, wall, post)
            except Exception as fault:  # one source's trouble is not the others'
                told.broken[of] = fault
            await breath.take()
        told.lost = {shown.view.of for shown in await self._carry(post, wall)}
        return told

    # Making.

    def _make(self, of: str, source: BoardSource, wall: Instant, post: _Post) -> None:
        for shown in list(self._shown.get(of, {}).values()):
            if wall - shown.wanted_ms > IDLE_AFTER_MS:
                self._leave(shown)
                post.dropped.append(shown)
            elif shown.epoch < source.epoch:
                self._begin(shown.view, source, wall, post).wanted_ms = shown.wanted_ms
            else:
                self._go_on(shown, source, wall, post)

    def _begin(self, view: View, source: BoardSource, wall: Instant, post: _Post) -> _Shown:
        """Show a board from nothing."""
        boards = self._shown.setdefault(view.of, {})
        before = boards.get(view.name)
        seq = before.seq + 1 if before is not None and before.epoch == source.epoch else None
        versions = dict(source.versions())
        shown = _Shown(view, source.epoch, self._next_seq(view.name, source.epoch) if seq is None else seq)
        shown.board = {name: dict(source.topic(name, view)) for name in versions}
        shown.versions, shown.wanted_ms, shown.seen_ms = versions, wall, wall
        boards[view.name] = shown
        self._whole(shown, source.clocked(wall), post)
        return shown

    def _next_seq(self, name: str, epoch: int) -> int:
        """Numbers go on after a board was dropped within its epoch: an old place must not look like a new one."""
        left = self._left.pop(name, None)
        return left[1] + 1 if left is not None and left[0] == epoch else 0

    def _leave(self, shown: _Shown) -> None:
        boards = self._shown.get(shown.view.of, {})
        boards.pop(shown.view.name, None)
        if not boards:
            self._shown.pop(shown.view.of, None)
        self._left[shown.view.name] = (shown.epoch, shown.seq)
        if len(self._left) > LEFT_KNOWN:
            del self._left[next(iter(self._left))]

    def _go_on(self, shown: _Shown, source: BoardSource, wall: Instant, post: _Post) -> None:
        changes = {}
        versions = source.versions()
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
            self._whole(shown, source.clocked(wall), post)
        elif changes:
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
                post.deltas.append((shown.view.name, Stored(shown.epoch, shown.seq, data)))
            post.shown[shown.view.name] = shown
            if shown.since_snapshot >= RESNAPSHOT_AFTER:
                self._whole(shown, clocked, post)

    @staticmethod
    def _whole(shown: _Shown, clocked: Clocked, post: _Post) -> None:
        parts = snapshot_frames(
            shown.board,
            epoch=shown.epoch,
            seq=shown.seq,
            now_ms=clocked.now_ms,
            wall_ms=clocked.wall_ms,
            rate=clocked.rate,
        )
        post.snapshots.append((shown, tuple(parts)))
        post.shown[shown.view.name] = shown
        shown.since_snapshot = 0

    # Carrying.

    def _refuse_while_away(self, wall: Instant) -> None:
        if wall < self._away_until:
            raise Unavailable("the frames cannot be carried")

    @contextmanager
    def _carrying(self, wall: Instant, boards: int) -> Iterator[None]:
        """Around what asks the frame log: one that did not answer is left alone for a while. Raises Unavailable."""
        self._refuse_while_away(wall)
        try:
            yield
        except (TimeoutError, Unavailable) as fault:
            self._away_until = wall + AWAY_MS
            log.warning("frames_unavailable", boards=boards, reason=type(fault).__name__)
            raise Unavailable("the frames cannot be carried") from None

    async def _carry(self, post: _Post, wall: Instant) -> list[_Shown]:
        """Hand it to the frame log; return the boards that a newer owner has. Raises Unavailable."""
        for shown in post.shown.values():
            shown.cut_off = True  # until all of it has arrived
        with self._carrying(wall, boards=len(post.shown)):
            lost = await self._carried(post)
        for shown in post.shown.values():
            shown.cut_off = False
        return lost

    async def _carried(self, post: _Post) -> list[_Shown]:
        lost = []
        for shown in post.dropped:
            async with asyncio.timeout(TELL_WITHIN_S):
                await self._frames.forget(shown.view.name, shown.epoch)
        for group in _groups(post.deltas):
            async with asyncio.timeout(TELL_WITHIN_S):
                lost += [post.shown[name] for name in await self._frames.publish_all(group)]
        for shown, parts in post.snapshots:
            try:
                async with asyncio.timeout(TELL_WITHIN_S):
                    await self._frames.put_snapshot(shown.view.name, shown.epoch, shown.seq, parts)
            except FenceLost:
                lost.append(shown)
        return lost


def _groups(deltas: Sequence[tuple[str, Stored]]) -> Iterator[Sequence[tuple[str, Stored]]]:
    for first in range(0, len(deltas), TOLD_AT_ONCE):
        yield deltas[first : first + TOLD_AT_ONCE]
