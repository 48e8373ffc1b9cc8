"""The overview as this process shows it: its rows are asked for while somebody looks, and told as they change."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from app.bus.ports import FrameLog, FrameReader, Kept, Stored
from app.clock import Clock
from app.domain.facts import CardsWanted
from app.instants import Instant
from app.realtime.hub import Hub, View
from app.realtime.overview import OVERVIEW, BrandOverview, Overview

EVERY_S: Final = 1.0
CARDS_EVERY_S: Final = 2.0
"""How often owners are told that somebody looks."""

log = structlog.get_logger()


class OverviewScreen:
    """Owns the overview's boards of one process; knows nothing of who watches, and of what is in a row.

    What goes wrong with a row is said in the log, and tried again a second later.
    """

    def __init__(self, overview: Overview, frames: FrameLog, clock: Clock, ask: Callable[[CardsWanted], None]) -> None:
        """`ask`: tells the owners of sessions that their rows are wanted."""
        self._overview, self._hub, self._clock, self._ask = overview, Hub(frames), clock, ask
        self._wanted: dict[View, None] = {}
        self._wish = asyncio.Event()
        self._whole = True
        self._asked_s = float("-inf")

    def want(self, view: View) -> None:
        """Somebody watches a board of the overview."""
        if not self._hub.keep(view, self._clock.now()):
            self._wanted[view] = None
            self._wish.set()

    def doubt(self) -> None:
        """Rows may have been missed: all are asked for."""
        self._whole = True

    async def run(self) -> None:
        """Show what is wanted at once and tell once a second what has changed, until cancelled."""
        loop = asyncio.get_running_loop()
        tell_at = loop.time() + EVERY_S
        while True:
            try:
                async with asyncio.timeout_at(tell_at):
                    await self._wish.wait()
            except TimeoutError:
                tell_at = loop.time() + EVERY_S
                await self._tell()
            await self._show_wanted()

    async def _show_wanted(self) -> None:
        self._wish.clear()
        wanted, self._wanted = self._wanted, {}
        if wanted and self._whole:  # the first to look: owners hear of it at once
            with _said(OVERVIEW):
                self._ask_owners(asyncio.get_running_loop().time())
        for view in wanted:
            with _said(view.of):
                await self._hub.show(view, self._board(view.of), self._now())

    async def _tell(self) -> None:
        boards = self._hub.boards()
        if not boards:
            self._whole = True
            return
        with _said(OVERVIEW):
            self._ask_owners(asyncio.get_running_loop().time())
            self._overview.touch()
        for of in boards:
            with _said(of):
                await self._hub.tell(of, self._board(of), self._now())

    def _ask_owners(self, now: float) -> None:
        if self._whole or now - self._asked_s >= CARDS_EVERY_S:
            whole, self._whole, self._asked_s = self._whole, False, now
            self._ask(CardsWanted(whole))

    def _board(self, of: str) -> BrandOverview:
        return self._overview.of(of.removeprefix(OVERVIEW))

    def _now(self) -> Instant:
        return self._clock.now()


@contextmanager
def _said(board: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("overview_breaks", board=board)


class FramesHere:
    """What the relay reads: the frames of sessions come by the bus, those of the overview are this process's own."""

    def __init__(self, sessions: FrameReader, overview: FrameReader) -> None:
        self._sessions, self._overview = sessions, overview

    def _of(self, board: str) -> FrameReader:
        return self._overview if board.startswith(OVERVIEW) else self._sessions

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        return await self._of(board).since(board, epoch, seq)

    async def newest(self, board: str) -> Kept | None:
        return await self._of(board).newest(board)

    async def wait(self, board: str, epoch: int, seq: int, within_ms: int) -> Sequence[Stored]:
        return await self._of(board).wait(board, epoch, seq, within_ms)
