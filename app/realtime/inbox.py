"""The inbox: what others in the process ask of the worker, done when everything is committed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from app.errors import Unavailable
from app.realtime.hub import View

log = structlog.get_logger()

Asker = asyncio.Future[bool]


class Inbox:
    """Owns what was asked and not done yet; knows nothing of how it is done."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        """Set when there is something new."""
        self._boards: dict[View, list[Asker]] = {}
        self._changes: list[Callable[[], None]] = []
        self._works: list[tuple[Callable[[], Awaitable[None]], asyncio.Future[None]]] = []
        self._closed = False

    # Asking.

    async def show(self, view: View) -> bool:
        """Have a board shown, and wait for it; False when there is none. Raises what making it raises."""
        asker: Asker = self._place()
        self.want(view, asker)
        return await asker

    def want(self, view: View, *askers: Asker) -> None:
        """Have a board shown. Without an asker it may take its time."""
        self._boards.setdefault(view, []).extend(askers)
        self.wake.set()

    def lay(self, change: Callable[[], None]) -> None:
        """Have something changed that lies over the boards."""
        self._changes.append(change)
        self.wake.set()

    async def between_turns(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done that looks at several sessions, and wait for it. Raises what it raises."""
        done: asyncio.Future[None] = self._place()
        self._works.append((work, done))
        self.wake.set()
        await done

    def _place(self) -> "asyncio.Future[Any]":
        if self._closed:
            raise Unavailable("this process is stopping")
        return asyncio.get_running_loop().create_future()

    # Doing.

    def take_boards(self) -> dict[View, list[Asker]]:
        """Take the boards that are to be shown, each with those who still wait for it."""
        boards, self._boards = self._boards, {}
        return boards

    def keep_board(self, view: View, askers: list[Asker]) -> None:
        """Leave a board for a later turn, which comes by itself."""
        self._boards.setdefault(view, []).extend(askers)

    def lay_over(self) -> None:
        """Make the changes."""
        changes, self._changes = self._changes, []
        for change in changes:
            try:
                change()
            except Exception:  # a screen's trouble, not that of the sessions
                log.exception("overlay_breaks")

    async def do_works(self) -> None:
        """Do what was to be done between the turns; whoever asked is told what goes wrong, the worker goes on."""
        works, self._works = self._works, []
        for work, done in works:
            if done.done():
                continue
            try:
                await work()
            except Exception as fault:
                if not done.done():
                    done.set_exception(fault)
            else:
                if not done.done():
                    done.set_result(None)

    def close(self) -> None:
        """Nothing is done any more: let nobody wait for it."""
        self._closed = True
        for askers in self._boards.values():
            for asker in askers:
                asker.cancel()
        for _, done in self._works:
            done.cancel()
