"""The owner's side of a process: its worker with the boards it tells, and what it hears from and tells the others.

Screens may hang on another process; they say by facts which boards, tablets and rows of the overview they need, and the
owner of the session gives them. In one process the same facts go from hand to hand.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from app.access.principal import device_of
from app.bus.ports import FrameLog, News, Ownership, SessionLog
from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.effects import SessionState
from app.domain.facts import (
    BoardWanted,
    CardsWanted,
    ChannelStood,
    DeliveryMoved,
    Fact,
    OutboxMoved,
    Revoked,
    SessionFreed,
    SessionMoved,
    SessionOpened,
    SessionPurged,
    SessionRewritten,
    SessionTaken,
    TabletsHere,
    TailTold,
    TailWanted,
    WorkerHere,
)
from app.domain.session_clock import SessionClock
from app.domain.workspace import Room
from app.errors import Unavailable
from app.realtime.holdings import LEASE_MS, Holdings
from app.realtime.hub import Hub, View
from app.realtime.outgoing import Outgoing
from app.realtime.overview import Cards
from app.realtime.restore import Restorer
from app.realtime.tablets import TabletsHeard
from app.realtime.worker import Note, Worker
from app.store.database import Store

log = structlog.get_logger()

BEAT_S: Final = 1.0
CARDS_WANTED_S: Final = 5.0
"""Rows of the overview are told for so long after somebody wanted them."""


class Owner:
    """Builds a worker and answers for its sessions; knows nothing of sockets and HTTP."""

    def __init__(
        self,
        *,
        store: Store,
        session_log: SessionLog,
        frames: FrameLog,
        leases: Ownership,
        news: News,
        clock: Clock,
        build: str,
        rooms: Callable[[], Iterable[Room]],
        shown_session: Callable[[str], str | None],
        lease_ms: int = LEASE_MS,
    ) -> None:
        """`shown_session`: the session that screens of a room show now."""
        self._news = news
        self._name = secrets.token_hex(6)
        self._shown_session = shown_session
        self._tablets = TabletsHeard(clock, self._tablet_moved)
        self._cards = Cards(rooms)
        self._cards_until = 0.0
        self._stands: dict[str, tuple[SessionState, SessionClock]] = {}
        self._stopping = False
        self.holdings = Holdings(leases, lease_ms)
        self.worker = Worker(
            store=store,
            session_log=session_log,
            hub=Hub(frames),
            clock=clock,
            restorer=Restorer(store, build=build),
            holdings=self.holdings,
            notes=(self._noted,),
            tablets=self._tablets.of,
            taken=self._taken,
            freed=self._freed,
        )
        self.outgoing = Outgoing(store, lambda: self.worker.sessions, self.worker.lay_over)
        news.listen(self._hear)
        news.missed(self._doubt)

    async def run(self) -> None:
        """Work until stopped. Raises only what nobody here can mend."""
        beside = (
            asyncio.create_task(self._beat(), name="owner-beat"),
            asyncio.create_task(self.outgoing.run(), name="owner-outgoing"),
        )
        try:
            await self.worker.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def stop(self) -> None:
        """Commit what waits, hand every session over, and return."""
        self._stopping = True
        self._news.tell(WorkerHere(self._name, len(self.holdings.held), stopping=True))
        await self.worker.stop()

    async def _beat(self) -> None:
        while not self._stopping:
            try:
                await self._beat_once()
            except Unavailable:
                return  # the worker has stopped
            except Exception:  # the others count on hearing this worker, whatever is wrong with what it has to tell
                log.exception("beat_breaks")
            await asyncio.sleep(BEAT_S)

    async def _beat_once(self) -> None:
        self._news.tell(WorkerHere(self._name, len(self.holdings.held)))
        self._tablets.forget_silent()
        if asyncio.get_running_loop().time() < self._cards_until:
            await self.worker.between_turns(self._tell_cards)

    def _doubt(self) -> None:
        """Facts may have been missed, as when Redis comes back empty: then the frames are gone too."""
        self._cards.forget_all()
        self.worker.doubt_frames()
        self.outgoing.doubt()

    # What it tells.

    def _noted(self, note: Note) -> None:
        stands = (note.state, note.clock)
        if self._stands.get(note.session) != stands:
            self._stands[note.session] = stands
            self._news.tell(SessionMoved(note.session, note.state, note.clock, note.now_ms))
        if note.effects.deliveries or note.effects.cancels:
            self._news.tell(OutboxMoved())

    def _taken(self, session: str) -> None:
        self._news.tell(SessionTaken(session))

    def _freed(self, session: str, to_others: bool) -> None:
        self._stands.pop(session, None)
        self._cards.forget(session)
        if to_others:  # one that has ended is taken by whoever needs it
            self._news.tell(SessionFreed(session))

    async def _tell_cards(self) -> None:
        for card in self._cards.all_changed(self.worker.sessions.values()):
            self._news.tell(card)

    # What it hears.

    def _hear(self, fact: Fact) -> None:
        worker = self.worker
        match fact:
            case SessionOpened(session=session) | SessionFreed(session=session):
                worker.wish(session)
            case SessionPurged(session=session) | SessionRewritten(session=session):
                worker.drop(session)
            case BoardWanted(of=of, audience=audience, clearance=clearance):
                worker.want(View(of, audience, clearance))
            case DeliveryMoved(row=row):
                worker.note_delivery(row)
            case ChannelStood(standing=standing):
                worker.note_standing(standing)
            case Revoked(handle=handle) if (device := device_of(handle)) is not None:
                self._tablets.revoke(device)
                worker.drop_device(device)
            case TabletsHere():
                self._tablets.hear(fact)
            case CardsWanted(whole=whole):
                self._cards_until = asyncio.get_running_loop().time() + CARDS_WANTED_S
                if whole:
                    self._cards.forget_all()
            case TailWanted(session=session, ask=ask):
                if (live := worker.sessions.get(session)) is not None:
                    self._news.tell(TailTold(ask, live.engine.tail()))
            case WorkerHere(worker=name) if name != self._name:
                now = asyncio.get_running_loop().time()
                self.holdings.heard(name, fact.sessions, now, stopping=fact.stopping)
            case _:
                pass

    def _tablet_moved(self, room: str, row: DeviceRow) -> None:
        session = self._shown_session(room)
        if session is not None:
            self.worker.note_device(session, row)
