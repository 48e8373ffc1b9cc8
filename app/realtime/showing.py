"""Showing: boards that somebody has asked for, made when nothing is uncommitted, and answered for."""

from collections.abc import Awaitable, Callable, Iterable

import structlog

from app.errors import ControlRoomError, FenceLost, NotFound, Unavailable
from app.instants import Instant
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub, View
from app.realtime.inbox import Inbox
from app.realtime.outage import Outage
from app.realtime.residents import NotHeld, Residents
from app.realtime.restore import BrokenSession
from app.realtime.telling import Telling
from app.realtime.trouble import Trouble

log = structlog.get_logger()


class Showing:
    """Does what the inbox asks of boards; keeps nothing itself. `hold`: told of a session that had to be taken."""

    def __init__(
        self,
        inbox: Inbox,
        residents: Residents,
        holdings: Holdings,
        hub: Hub,
        telling: Telling,
        outage: Outage,
        trouble: Trouble,
        *,
        hold: Callable[[Iterable[str]], Awaitable[None]],
    ) -> None:
        self._inbox, self._residents, self._holdings, self._hub = inbox, residents, holdings, hub
        self._telling, self._outage, self._trouble = telling, outage, trouble
        self._hold = hold

    async def show_all(self, wall: Instant) -> set[str]:
        """Show every board that was asked for; return the sessions whose boards a newer owner shows."""
        lost = set()
        for view, askers in self._inbox.take_boards().items():
            waiting = [asker for asker in askers if not asker.done()]
            if not waiting and (askers or self._can_wait(view, wall)):
                continue
            shown = await self._tried(view, wall, take=bool(waiting))
            if shown is None:
                self._inbox.keep_board(view, waiting)
                continue
            if isinstance(shown, FenceLost):
                lost.add(view.of)
            for asker in waiting:
                if asker.done():
                    continue
                if isinstance(shown, bool):
                    asker.set_result(shown)
                else:
                    asker.set_exception(shown)
        return lost

    def _can_wait(self, view: View, wall: Instant) -> bool:
        """Whether a board that nobody waits for is left for later: its session comes into memory in its turn."""
        later = self._outage.since is not None or self._residents.arriving(view.of)
        if later:
            self._hub.keep(view, wall)  # what was told of it stays meanwhile
            self._inbox.keep_board(view, [])
        return later

    async def _tried(self, view: View, wall: Instant, *, take: bool) -> bool | ControlRoomError | None:
        try:
            return await self._shown(view, wall, take=take)
        except (NotFound, NotHeld):
            return False
        except ControlRoomError as refusal:
            if isinstance(refusal, Unavailable):
                self._telling.soon(view.of)  # made whole as soon as it can be carried
            elif isinstance(refusal, BrokenSession):
                log.error("session_left_out", session=view.of, code=refusal.code, detail=refusal.detail)
                self._residents.drop(view.of, self._trouble.leave_out(view.of, wall))
            return refusal
        except Exception:
            log.exception("board_breaks", board=view.name)
            return BrokenSession("the board cannot be made", session=view.of)

    async def _shown(self, view: View, wall: Instant, *, take: bool) -> bool | None:
        """Show one board. None: in the next turn, since what the session was opened with is not committed yet."""
        if self._outage.since is not None:
            return False
        self._trouble.refuse(view.of, wall)
        if take:
            await self._hold(await self._holdings.take((view.of,)))
        live = await self._residents.open(view.of)
        if live.chunks:
            return None
        live.touched_ms = wall
        await self._hub.show(view, live, wall)
        return True
