"""Slips: tickets that carry their own answer, so that an answer nobody asks for is forgotten with its ticket."""

import asyncio

from app.bus.ports import Committed, Ticket
from app.errors import ControlRoomError, Unavailable


class Slip(Ticket):
    """A ticket of this process. `size`: how many positions its entry takes, `weight`: how many bytes; answered once."""

    __slots__ = ("__weakref__", "askers", "result", "size", "weight")
    __setattr__ = object.__setattr__  # what a Ticket names stays frozen by convention
    askers: list[asyncio.Future[None]]
    result: Committed | ControlRoomError | None
    size: int
    weight: int

    def answer(self, result: Committed | ControlRoomError) -> None:
        """Set the answer and wake who asks for it; a second answer is not looked at."""
        if self.result is None:
            self.result = result
            for asker in self.askers:
                _wake(asker)

    async def wait(self, within_ms: int) -> Committed:
        """Return the answer, or raise it when it is a refusal; raises Unavailable when none came in time."""
        if self.result is None:
            await self._answered(within_ms)
        if self.result is None:
            raise Unavailable("no answer yet; ask again or send the same ids", session=self.session)
        if isinstance(self.result, ControlRoomError):
            raise self.result
        return self.result

    async def _answered(self, within_ms: int) -> None:
        """Wait for the answer, or until time is up. (By a future and a timer: `asyncio.timeout` costs three times as
        much, and this is waited for once an entry.)"""
        loop = asyncio.get_running_loop()
        asker: asyncio.Future[None] = loop.create_future()
        self.askers.append(asker)
        timer = loop.call_later(within_ms / 1000, _wake, asker)
        try:
            await asker
        finally:
            timer.cancel()
            self.askers.remove(asker)


def _wake(asker: "asyncio.Future[None]") -> None:
    if not asker.done():
        asker.set_result(None)


def new_slip(session: str, token: str, size: int, weight: int = 0) -> Slip:
    """Return a slip without an answer. (A function: an own constructor of a frozen dataclass costs twice the time.)"""
    slip = Slip(session, token)
    slip.askers, slip.result = [], None
    slip.size = size
    slip.weight = weight
    return slip
