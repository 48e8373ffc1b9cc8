"""Following boards: one reader for all boards a process waits for, so a thousand of them take one connection.

The reader waits in all their streams at once, and in one of its own by which it is called when there are others. A
board is followed on for a while between two waits, and what comes for it meanwhile is kept here.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from app.bus.ports import Stored
from app.bus.redis_streams.link import BLOCK_MS, RedisLink
from app.errors import Unavailable

READ_FRAMES: Final = 64
"""Most frames of one board in one answer, and most that are kept here for one."""
PAUSE_S: Final = 0.004
"""Between two answers: to name a thousand streams is dear, so what comes close together is read together."""
LINGER_S: Final = 5.0
"""A board that nobody has waited for this long is followed no more."""
WAKE_MS: Final = 60_000

Place = tuple[int, int]
"""(epoch, seq): what lies after it is later, also when only the epoch is higher."""


class _Followed:
    """One board: the place after which all is held, up to the place that was read to, and who waits for more."""

    __slots__ = ("asked_at", "frames", "held_after", "read_to", "waiters")

    def __init__(self) -> None:
        self.held_after: Place = (1, 0)
        self.read_to: Place = (0, 0)  # before the other: nothing is followed yet
        self.frames: deque[Stored] = deque()
        self.waiters: set[asyncio.Future[None]] = set()
        self.asked_at = 0.0

    def follows(self, place: Place) -> bool:
        """Tell whether what lies after a place is held or will be read, on the way to which somebody waits already."""
        return self.held_after <= place and (place <= self.read_to or bool(self.waiters))

    def begin(self, place: Place) -> None:
        self.held_after = self.read_to = place
        self.frames.clear()

    def add(self, frames: Sequence[Stored]) -> None:
        self.frames.extend(frames)
        self.read_to = _place(frames[-1])
        while len(self.frames) > READ_FRAMES:
            self.held_after = _place(self.frames.popleft())
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def after(self, place: Place) -> list[Stored]:
        return [frame for frame in self.frames if _place(frame) > place]


class Following:
    """Owns what is followed and the task that reads; knows nothing of how a frame log keeps its boards."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._bell = link.name("wake", uuid.uuid4().hex)
        self._heard = "0-0"
        self._followed: dict[str, _Followed] = {}
        self._reader: asyncio.Task[None] | None = None
        self._reading = False  # the reader waits, with a set of streams that is still right

    async def wait(self, stream: str, place: Place, within_ms: int) -> Sequence[Stored]:
        """Return what lies after a place in a stream, waiting for the first; raises Unavailable as soon as Redis does
        not answer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_ms / 1000
        while True:
            board = self._followed.setdefault(stream, _Followed())
            board.asked_at = loop.time()
            if board.follows(place) and ((found := board.after(place)) or loop.time() >= until):
                return found
            await self._wait(board, place, until - loop.time())

    async def _wait(self, board: _Followed, place: Place, within_s: float) -> None:
        begins = not board.follows(place)
        if begins:
            board.begin(place)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        board.waiters.add(waiter)
        try:
            if begins:
                await self._call()
            async with asyncio.timeout(within_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            board.waiters.discard(waiter)

    async def _call(self) -> None:
        """See to it that the reader reads what is followed now."""
        if self._reader is None or self._reader.done():
            self._reader = self._link.in_background(self._read_for_ever(), name="bus-frames")
        elif self._reading:
            self._reading = False  # one call is enough for all that come with it
            await self._link.command("XADD", self._bell, "MAXLEN", 1, "*", "n", "")
            await self._link.command("PEXPIRE", self._bell, WAKE_MS)

    async def _read_for_ever(self) -> None:
        try:
            while self._follow_on():
                await self._read()
                await asyncio.sleep(PAUSE_S)
        except Unavailable as refusal:
            self._give_up(refusal)
        finally:
            self._reading = False

    def _follow_on(self) -> bool:
        """Drop what nobody has asked for lately; return whether anything is left."""
        before = asyncio.get_running_loop().time() - LINGER_S
        for stream, board in [*self._followed.items()]:
            if board.asked_at < before and not board.waiters:
                del self._followed[stream]
        return bool(self._followed)

    async def _read(self) -> None:
        asked = {stream: board.read_to for stream, board in self._followed.items()}
        streams = {stream: f"{epoch}-{seq + 1}" for stream, (epoch, seq) in asked.items()}
        self._reading = True
        try:
            read = await self._link.read({self._bell: self._heard, **streams}, most=READ_FRAMES, block_ms=BLOCK_MS)
        finally:
            self._reading = False
        for stream, entries in read:
            if stream == self._bell:
                self._heard = entries[-1][0]
            elif (board := self._followed.get(stream)) is not None and board.read_to == asked[stream]:
                board.add(frames_of(entries))  # else it was begun anew meanwhile, elsewhere

    def _give_up(self, refusal: Unavailable) -> None:
        """Tell all who wait; those who ask again begin anew, with Redis as it is then."""
        self._heard = "0-0"
        followed, self._followed = self._followed, {}
        for board in followed.values():
            for waiter in board.waiters:
                if not waiter.done():
                    waiter.set_exception(Unavailable(refusal.detail, **refusal.context))


def frames_of(entries: Sequence[tuple[str, Mapping[bytes, bytes]]]) -> list[Stored]:
    """Return frames as they lie in a board's stream: the id is (epoch, seq + 1)."""
    frames = []
    for entry_id, fields in entries:
        epoch, _, seq = entry_id.partition("-")
        frames.append(Stored(int(epoch), int(seq) - 1, fields[b"f"]))
    return frames


def _place(frame: Stored) -> Place:
    return frame.epoch, frame.seq
