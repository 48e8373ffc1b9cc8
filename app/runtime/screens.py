"""The screens of a process: their sockets, what each follows, and what owners of sessions are told of them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from app.bus.memory import MemoryFrameLog
from app.bus.ports import FrameLog, News
from app.clock import Clock
from app.domain.facts import BoardWanted, CardChanged, Fact, Revoked, SessionPurged, SessionRewritten, SessionTaken
from app.domain.frames import Hello
from app.domain.people import Clearance
from app.intake.catalogue import Catalogue
from app.intake.directory import Directory
from app.realtime.hub import Clocked, View
from app.realtime.overview import EVERY_BRAND, OVERVIEW, Overview, overview_view
from app.realtime.overview_screen import FramesHere, OverviewScreen
from app.realtime.relay import Relay
from app.realtime.sockets import Sockets
from app.realtime.tablets import TELL_EVERY_S, TabletsOfProcess
from app.realtime.viewers import Followed, Viewers

FORGET_BOARDS_EVERY_S: Final = 10.0


class Screens:
    """Owns the boards that are watched in this process; knows nothing of who makes them. The overview's it makes."""

    def __init__(
        self, *, news: News, frames: FrameLog, directory: Directory, catalogue: Catalogue, clock: Clock, build: str
    ) -> None:
        self._news, self._directory, self._clock, self._build = news, directory, clock, build
        self.sockets = Sockets()
        self.tablets = TabletsOfProcess(clock, news.tell)
        self.overview = Overview(epoch=0, rooms=catalogue.rooms, session_of=self.session_shown)
        self.overview_frames = MemoryFrameLog()
        self._overview = OverviewScreen(self.overview, self.overview_frames, clock, news.tell)
        reader = FramesHere(frames, self.overview_frames)
        self.viewers = Viewers(Relay(frames=reader, clock=clock, want=self._want_here, clocked=self._clocked))
        self._boards: dict[View, float] = {}  # watched here -> when it was last asked for
        self._consoles: dict[str, int] = {}

    def works(self) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
        """What is to be done for ever, by name."""
        return {
            "viewers": self.viewers.run,
            "sockets": self.sockets.run,
            "overview": self._overview.run,
            "boards": self._forget_boards,
            "tablets": self._tell_tablets,
        }

    @property
    def boards(self) -> int:
        """How many are watched."""
        return len(self._boards)

    # News.

    def hear(self, fact: Fact) -> None:
        """Take what concerns screens."""
        match fact:
            case SessionPurged(session=session) | SessionRewritten(session=session):
                self.viewers.end(session)
            case SessionTaken(session=session):
                self._ask_again(session)
            case CardChanged():
                self.overview.hear(fact)
            case Revoked(handle=handle):
                self.sockets.revoke(handle)
            case _:
                pass

    def doubt(self) -> None:
        """Others may have told what was not heard: ask again."""
        self._overview.doubt()
        self.sockets.doubt()
        for view in list(self._boards):
            self._want(view)

    # Boards.

    def _want_here(self, view: View) -> None:
        """Somebody watches a board here: have it made, or kept, by whoever can."""
        if view.of.startswith(OVERVIEW):
            self._overview.want(view)
        else:
            self._want(view)

    def _want(self, view: View) -> None:
        self._boards[view] = asyncio.get_running_loop().time()
        self._news.tell(BoardWanted(view.of, view.audience, view.clearance))

    async def _forget_boards(self) -> None:
        """Forget those that nobody watches any more: a new owner is not asked for them."""
        while True:
            await asyncio.sleep(FORGET_BOARDS_EVERY_S)
            now = asyncio.get_running_loop().time()
            self._boards = {view: at for view, at in self._boards.items() if now - at < 2 * FORGET_BOARDS_EVERY_S}

    def _ask_again(self, session: str) -> None:
        """A session has a new owner, who does not know yet which of its boards are watched here."""
        for view in [each for each in self._boards if each.of == session]:
            self._want(view)
        known = self._directory.known(session)
        if known is not None and any(map(self.tablets.count, known.rooms)):
            self.tablets.tell()

    # What is followed.

    def session_shown(self, room: str) -> str | None:
        """The session that screens of a room show now."""
        showing = self._directory.showing(room)
        return showing.id if showing is not None else None

    def follow_room(self, room: str, audience: str, clearance: Clearance) -> Followed:
        """What a viewer of the room follows now: its session, or none."""
        session = self.session_shown(room)
        view = None if session is None else View(session, audience, clearance)  # type: ignore[arg-type]
        hello = Hello(
            room=room,
            session=session,
            audience=audience,  # type: ignore[arg-type]  # the route has checked it
            build=self._build,
            wall_ms=self._clock.now(),
        )
        return Followed(view, hello)

    def follow_session(self, session: str, clearance: Clearance) -> Followed:
        """One session for good."""
        hello = Hello(session=session, build=self._build, wall_ms=self._clock.now())
        return Followed(View(session, "control", clearance), hello)

    def follow_overview(self, brand: str, clearance: Clearance) -> Followed:
        """The rooms of a brand, or all of them."""
        hello = Hello(session="overview", build=self._build, wall_ms=self._clock.now())
        return Followed(overview_view(brand or EVERY_BRAND, clearance), hello)

    def _clocked(self, view: View) -> Clocked:
        wall = self._clock.now()
        session = self._directory.known(view.of)
        if session is None:
            return Clocked(wall, wall, 1.0)
        return Clocked(session.clock.at(wall), wall, session.clock.rate)

    # Who is there.

    def console_here(self, room: str, change: int) -> None:
        """A console of the room opened (+1) or closed (-1) here."""
        self._consoles[room] = self._consoles.get(room, 0) + change

    def console_open(self) -> bool:
        """Whether anybody watches the console of any room here."""
        return any(self._consoles.values())

    def tablet_here(self, room: str, device: str, name: str, change: int) -> None:
        """A tablet's socket opened (+1) or closed (-1); its session's console shows it."""
        self.tablets.moved(room, device, name, change)

    async def _tell_tablets(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.tablets.tell()
