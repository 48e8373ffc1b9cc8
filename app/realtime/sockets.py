"""The open sockets of this process: who holds them, and how a revocation ends the ones that hang on it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.access.principal import Principal


class Sockets:
    """Owns the list of open sockets; each is the task that serves it."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[Principal, asyncio.Task[Any]]] = {}
        self._revoked: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    def kinds(self) -> list[str]:
        """The kind of whoever holds each of them."""
        return [principal.kind for principal, _ in self._open.values()]

    def of(self, principal: Principal) -> int:
        """How many sockets this one has open."""
        return sum(1 for held, _ in self._open.values() if (held.kind, held.id) == (principal.kind, principal.id))

    @contextmanager
    def held(self, principal: Principal) -> Iterator[Callable[[], bool]]:
        """While the block runs, a revocation cancels its task; yields a way to ask whether that is what happened."""
        task = asyncio.current_task()
        assert task is not None
        place = id(task)
        self._open[place] = (principal, task)
        try:
            yield lambda: place in self._revoked
        finally:
            del self._open[place]
            self._revoked.discard(place)

    def revoke(self, handle: str) -> None:
        """End every socket that hangs on a handle."""
        for place, (principal, task) in list(self._open.items()):
            if handle in principal.handles:
                self._revoked.add(place)
                task.cancel()
