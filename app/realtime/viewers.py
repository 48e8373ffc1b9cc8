"""Viewers: who watches what in this process, and what changes for all of them at once.

People who follow the same thing as the same audience are one gallery: what they follow is looked at once for all of
them. Galleries that show the same board share its fan-out.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from app.domain.frames import BEAT_MS, CLOSE_BROKEN, CLOSE_RESTART, Ask, Hello
from app.realtime.fanout import Fanout, Outlet, Viewer
from app.realtime.fanout_wire import framed
from app.realtime.frames import encode
from app.realtime.hub import View
from app.realtime.relay import Relay

LOOK_EVERY_S: Final = 0.25
"""How often it is seen what a gallery follows, and pages are given what they have asked for: at most so often each."""

log = structlog.get_logger()
_asks: Final = msgspec.json.Decoder(Ask)


@dataclass(frozen=True, slots=True)
class Followed:
    """What a viewer follows at this moment; None in `view`: the room has no session."""

    view: View | None
    hello: Hello


@dataclass(frozen=True, slots=True)
class Subject:
    """What somebody wants to follow. Equal keys follow the same and see the same."""

    key: Hashable
    now: Callable[[], Followed]


class _Gallery:
    """Those who follow one subject. Owns what that was when it was last looked at."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.followed = subject.now()
        self.seats: dict[Seat, None] = {}

    def moved(self) -> bool:
        """Look again; True when they follow something else now."""
        before, self.followed = self.followed, self.subject.now()
        return (before.view, before.hello.session) != (self.followed.view, self.followed.hello.session)

    def greeting(self) -> bytes:
        return framed(encode(self.followed.hello))


class Seat(Viewer):
    """A viewer in its gallery. Its outlet says what the page has said, and that it has drained or ended."""

    __slots__ = ("_ended", "_viewers", "asked", "gallery")

    def __init__(self, viewers: "Viewers", outlet: Outlet, gallery: _Gallery, fanout: Fanout) -> None:
        super().__init__(outlet, fanout)
        self._viewers = viewers
        self.gallery = gallery
        self.asked: Ask | None = None
        self._ended: Callable[[], object] | None = None

    def said(self, text: bytes) -> None:
        """Take a message of the page: a place to go on from, or nothing that is understood (then it is ignored)."""
        try:
            self.asked = _asks.decode(text)
        except msgspec.MsgspecError:
            return
        self._viewers.asked(self)

    def on_end(self, ended: Callable[[], object]) -> None:
        """Call this once the socket has ended, however that was."""
        self._ended = ended

    def ended(self) -> None:
        """The socket has ended. Told again, it does nothing."""
        self._viewers.leave(self)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()


class Viewers:
    """Owns the galleries; knows nothing of people and of what a session is."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._galleries: dict[Hashable, _Gallery] = {}
        self._asking: set[Seat] = set()

    def __len__(self) -> int:
        return sum(len(gallery.seats) for gallery in self._galleries.values())

    def join(self, outlet: Outlet, subject: Subject, resume: Ask | None = None) -> Seat:
        """Seat somebody, who has what there is once pushed. `resume`: the place a reconnecting page still holds."""
        gallery = self._galleries.get(subject.key)
        if gallery is None:
            gallery = self._galleries[subject.key] = _Gallery(subject)
        elif gallery.moved():
            self._move(gallery)
        fanout = self._relay.fanout(gallery.followed.view)
        seat = Seat(self, outlet, gallery, fanout)
        gallery.seats[seat] = fanout.viewers[seat] = None
        seat.begin(fanout, gallery.greeting(), _place(resume))
        return seat

    def leave(self, seat: Seat) -> None:
        """Somebody has gone."""
        gallery = seat.gallery
        gallery.seats.pop(seat, None)
        seat.fanout.viewers.pop(seat, None)
        self._asking.discard(seat)
        if not gallery.seats and self._galleries.get(gallery.subject.key) is gallery:
            del self._galleries[gallery.subject.key]

    def asked(self, seat: Seat) -> None:
        """A page has asked for something."""
        self._asking.add(seat)

    def end(self, of: str) -> None:
        """What was told of a session is not to be shown any more: its viewers are closed, and may come again."""
        self._relay.drop(of)
        for gallery in list(self._galleries.values()):
            if gallery.followed.view is not None and gallery.followed.view.of == of:
                for seat in list(gallery.seats):
                    seat.outlet.close(CLOSE_RESTART, "outdated")

    async def run(self) -> None:
        """Look after everybody until cancelled."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                now = loop.time()
                self.look()
                await self._relay.tend(now)
                if now >= beat_at:
                    beat_at = max(beat_at + BEAT_MS / 1000, now)
                    self.beat(now)
        finally:
            await self._relay.close()

    def look(self) -> None:
        """See what has changed for a gallery, and answer those who have asked."""
        for gallery in list(self._galleries.values()):
            try:
                if gallery.moved():
                    self._move(gallery)
            except Exception:
                log.exception("gallery_breaks", subject=gallery.subject.key)
        asking, self._asking = self._asking, set()
        for seat in asking:
            asked, seat.asked = seat.asked, None
            seat.begin(seat.fanout, None, _place(asked))
            seat.push()

    def beat(self, now: float) -> None:
        """A second has passed: tell the time, and let go of whoever is not there any more."""
        for fanout in self._relay.fanouts():
            fanout.beat()
            for viewer in list(fanout.viewers):
                try:
                    viewer.outlet.tick(now)
                except Exception:
                    log.exception("socket_breaks")
                    viewer.outlet.close(CLOSE_BROKEN, "internal")

    def _move(self, gallery: _Gallery) -> None:
        """Greet everybody again, and let them watch the board that is shown now."""
        fanout, greeting = self._relay.fanout(gallery.followed.view), gallery.greeting()
        for seat in gallery.seats:
            seat.fanout.viewers.pop(seat, None)
            fanout.viewers[seat] = None
            seat.begin(fanout, greeting, None)
        fanout.soon()


def _place(asked: Ask | None) -> tuple[int, int] | None:
    return (asked.epoch, asked.seq) if asked is not None and asked.seq is not None else None
