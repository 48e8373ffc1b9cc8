"""Departures: sessions that are let go of. Those handed over leave with everything saved, a few at a time."""

from collections.abc import Callable, Iterable
from typing import Final

import structlog

from app.errors import Unavailable
from app.instants import Instant
from app.realtime.checkpoints import Checkpoints
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub
from app.realtime.residents import Residents

log = structlog.get_logger()

AT_ONCE: Final = 20
"""Sessions handed over in one turn. Their time is saved at its beginning and goes on with the next owner, so it must be
short, or it would be entered as a gap; and those who stay wait for it."""


class Departures:
    """Owns who is to leave. `forget`: told of each that does. `freed`: told then whether others shall go on with it."""

    def __init__(
        self,
        residents: Residents,
        checkpoints: Checkpoints,
        holdings: Holdings,
        hub: Hub,
        *,
        forget: Callable[[str], None],
        freed: Callable[[str, bool], None],
    ) -> None:
        self._residents, self._checkpoints, self._holdings, self._hub = residents, checkpoints, holdings, hub
        self._forget, self._freed = forget, freed
        self._handed_over: dict[str, None] = {}
        self._put_back: dict[str, None] = {}
        self._outdated: dict[str, None] = {}

    @property
    def any_waiting(self) -> bool:
        return bool(self._handed_over)

    def hand_over(self, sessions: Iterable[str]) -> None:
        """Others have room for them: let them leave in good order, when everything they have done is saved."""
        self._handed_over.update(dict.fromkeys(sessions))

    def put_back(self, session: str) -> None:
        """It has ended, or is none: let go of it at the end of the turn, unless somebody comes to look."""
        self._put_back[session] = None

    def drop(self, session: str) -> None:
        """Its log is not what its engine was built of any more: let go of it at the end of the turn, unsaved."""
        self._outdated[session] = None

    def next_to_leave(self) -> list[str]:
        """Take those to be handed over in this turn: their time is to be saved in its commit."""
        leaving = [session for session in self._handed_over if session in self._holdings.held][:AT_ONCE]
        if not leaving:
            self._handed_over.clear()  # what is left was lost meanwhile
        for session in leaving:
            del self._handed_over[session]
        return leaving

    async def leave(self, leaving: Iterable[str], now: float, wall: Instant) -> None:
        """Let go of those that are saved by now, and of those that were put back."""
        leaving = list(leaving)
        live = self._residents.live
        await self._checkpoints.save([live[session] for session in leaving if session in live])
        await self._free(leaving, now, to_others=True)
        await self._drop_outdated(now, wall)
        put_back, self._put_back = self._put_back, {}
        stays = [session for session in put_back if self._hub.watched(session) and session in live]
        for session in stays:
            self._residents.look_at(session, wall)
        await self._free([session for session in put_back if session not in stays], now, to_others=False)

    async def _drop_outdated(self, now: float, wall: Instant) -> None:
        outdated, self._outdated = self._outdated, {}
        for session in outdated:
            if session not in self._holdings.held:
                continue
            try:
                if (live := self._residents.live.get(session)) is not None:
                    await self._hub.withdraw(session, live.epoch, wall)
            except Unavailable:  # in a later turn: as long as the frames are away nobody is shown them
                self._outdated[session] = None
            else:
                await self._free([session], now, to_others=False)

    async def abandon(self, sessions: Iterable[str], now: float) -> None:
        """Give the leases up, whatever was saved: this process ends, or has no right to them any more."""
        await self._free(list(sessions), now, to_others=True)

    async def _free(self, sessions: list[str], now: float, *, to_others: bool) -> None:
        for session in sessions:
            self._forget(session)
        if not sessions:
            return
        try:
            await self._holdings.free(sessions, now)
        except Unavailable as refusal:  # the leases end by themselves
            log.warning("leases_not_freed", sessions=sessions, detail=refusal.detail)
        for session in sessions:
            log.info("session_freed", session=session)
            self._freed(session, to_others)
