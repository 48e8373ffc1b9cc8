"""Slips: tickets that carry their own answer, so that an answer nobody asks for is forgotten with its ticket."""

import asyncio

from app.bus.ports import Committed, Ticket
from app.errors import ControlRoomError, Unavailable


class Slip(Ticket):
    """A ticket of this process. `size`: how many positions its entry takes, `weight`: how many bytes; answered once."""

    __slots__ = ("__weakref__", "asker", "result", "size", "weight")
    __setattr__ = object.__setattr__  # what a Ticket names stays frozen by convention
    asker: asyncio.Future[None] | None
    result: Committed | ControlRoomError | None
    size: int
    weight: int

    def answer(self, result: Committed | ControlRoomError) -> None:
        """Set the answer and wake who asks for it; a second answer is not looked at."""
        if self.result is None:
            self.result = result
            if self.asker is not None and not self.asker.done():
                self.asker.set_result(None)

    async def wait(self, within_ms: int) -> Committed:
        """Return the answer, or raise it when it is a refusal; raises Unavailable when none came in time."""
        if self.result is None:
            # One future for all who ask: one that gives up must not take the answer from the others.
            self.asker = self.asker or asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within_ms / 1000):
                    await asyncio.shield(self.asker)
            except TimeoutError:
                raise Unavailable("no answer yet; ask again or send the same ids", session=self.session) from None
        assert self.result is not None
        if isinstance(self.result, ControlRoomError):
            raise self.result
        return self.result


def new_slip(session: str, token: str, size: int, weight: int = 0) -> Slip:
    """Return a slip without an answer. (A function: an own constructor of a frozen dataclass costs twice the time.)"""
    slip = Slip(session, token)
    slip.asker = slip.result = None
    slip.size = size
    slip.weight = weight
    return slip
