"""The caretaker: prolongs the leases of this worker, and looks for sessions that wait for an owner.

Three loops, since each asks somebody else: a database that hangs must not let the leases run out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from app.bus.ports import SessionLog
from app.errors import ControlRoomError, Unavailable
from app.realtime.holdings import RENEW_PARTS, Holdings

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.05
"""How often ended sessions are looked for in which something waits; one that was wished for is looked for at once."""
LOOKS_A_LEASE: Final = 20
"""How often in the length of a lease all running sessions are looked at: each look costs the bus a word a session."""
RUNNING_EVERY_S: Final = 2.0
"""How often SQL is asked which sessions run: the news of an opening may be lost."""
RETRY_S: Final = 0.5


class Caretaker:
    """Owns what is wished for and which sessions run; knows nothing of engines.

    `taken`, `lost`: told of sessions that are this worker's from now on, or no more. `hand_over`: told of those it has
    too many of.
    """

    def __init__(
        self,
        holdings: Holdings,
        session_log: SessionLog,
        running: Callable[[], Awaitable[list[str]]],
        *,
        taken: Callable[[Iterable[str]], Awaitable[None]],
        lost: Callable[[str], None],
        hand_over: Callable[[Iterable[str]], None],
    ) -> None:
        self._holdings, self._log, self._ask_running = holdings, session_log, running
        self._taken, self._lost, self._hand_over = taken, lost, hand_over
        self._wished: set[str] = set()
        self._wish = asyncio.Event()
        self._running: list[str] | None = None
        self._all_looked_at = float("-inf")
        self._leaving = False
        self._taking = asyncio.Lock()
        self.began = asyncio.Event()
        """Set once everything there was to take at the start is taken."""

    def wish(self, session: str) -> None:
        """Take a session that nobody owns, though nothing waits for it yet."""
        self._wished.add(session)
        self._wish.set()

    async def take_no_more(self) -> None:
        """Take nothing from now on; returns when nothing is on its way any more."""
        self._leaving = True
        async with self._taking:
            pass

    async def run(self) -> None:
        """Look after all of it until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._again_and_again(self._renew, self._holdings.lease_ms / 1_000 / RENEW_PARTS / 4))
            loops.create_task(self._again_and_again(self._see_who_runs, RUNNING_EVERY_S))
            loops.create_task(self._again_and_again(self._look, LOOK_EVERY_S, self._wish))

    @staticmethod
    async def _again_and_again(
        work: Callable[[], Awaitable[None]], pause_s: float, sooner: asyncio.Event | None = None
    ) -> None:
        """What goes wrong once may go well the next time; if this ended, the leases would be lost."""
        while True:
            try:
                await work()
            except ControlRoomError as refusal:
                log.warning("sessions_not_looked_after", work=work.__name__, code=refusal.code, detail=refusal.detail)
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("care_breaks", work=work.__name__)
                await asyncio.sleep(RETRY_S)
            if sooner is None:
                await asyncio.sleep(pause_s)
            else:
                await _first(sooner, pause_s)

    async def _renew(self) -> None:
        for session in await self._holdings.renew(_now()):
            self._lost(session)

    async def _see_who_runs(self) -> None:
        before, self._running = self._running, await self._ask_running()
        self._hand_over(self._holdings.surplus(self._running, _now()))
        if before is None:
            self._all_looked_at = float("-inf")
            self._wish.set()

    async def _look(self) -> None:
        async with self._taking:
            if not self._leaving:
                await self._take_what_is_free()

    async def _take_what_is_free(self) -> None:
        now, held = _now(), self._holdings.held
        wished, self._wished = self._wished, set()
        known = self._running is not None
        whole = now - self._all_looked_at >= self._holdings.lease_ms / 1_000 / LOOKS_A_LEASE
        try:
            running = dict.fromkeys(self._running or ())
            waiting = [session for session in await self._log.waiting() if session not in held]
            given = wished | {session for session in waiting if session not in running}  # ended ones belong to nobody
            wanted = running.keys() if whole else ()
            if given or wanted:
                await self._taken(await self._holdings.take_fairly(given, wanted, running, now))
        except BaseException as fault:
            self._wished |= wished  # asked again
            if isinstance(fault, Unavailable):
                self._holdings.doubt()
            raise
        if whole:
            self._all_looked_at = now
        if known:
            self.began.set()


async def _first(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
