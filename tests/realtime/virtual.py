"""An event loop whose time passes only when it has nothing to do: an hour of waiting takes no time, and is the same
each time it is run. For tests without sockets."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Never sleeps: it tells how long it would have."""

    slept = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is going to happen")
        self.slept += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._slept = _Selector()
        super().__init__(self._slept)

    def time(self) -> float:
        return self._slept.slept


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, without waiting."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
