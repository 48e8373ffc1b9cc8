"""The sample livestream as a session that plays itself: a lead-in at once, then a loop on wall time, then the next.

It knocks at the public door and the public desk like anybody else. Where it is, is read from the session's own clock,
so that a restarted process goes on where the clock stands; what happened in between was taken by nobody.
"""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import structlog
from sqlalchemy import Connection

from app.bus.ports import SessionLog, Ticket
from app.domain.alerts import Alert
from app.domain.board import DeviceRow
from app.domain.commands import Command, EndSession, MoveRundown, SetGuide
from app.domain.effects import Effects
from app.domain.events import Event
from app.domain.people import Actor, Role
from app.domain.prompts import Prompt
from app.domain.records import ClockSet, Entry
from app.domain.session_clock import SessionClock
from app.domain.workspace import Workspace
from app.errors import Unavailable
from app.instants import Instant
from app.replay import tablet
from app.replay.assistant import Stand
from app.replay.process import Process
from app.replay.sample import Loop, Second, goods_of, steady_id
from app.replay.script import Script, seconds
from app.replay.tablet import Tablet
from app.store import alerts, prompts
from app.store.sessions import SessionRow, open_session_of

log = structlog.get_logger()

GUIDE: Final = Actor("system", "sample-guide", "演练解说", Role.ADMIN)
PIPELINE_S: Final = 50
"""Seconds of the lead-in that are on their way at once; less than the door lets an event lie ahead of the clock."""
COMMIT_WITHIN_MS: Final = 10_000
CONSOLE_WITHIN_MS: Final = 30_000
TICK_S: Final = 0.1
SUMMARY_S: Final = 12.0
"""How long the summary of a session is left on the screens before the next one opens."""
BEHIND_MS: Final = 30_000
"""A second that is later than this is not sent any more: the machine was asleep."""
RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Place:
    """A session of the sample. `zero_ms`: the instant of its 0:00."""

    id: str
    no: int
    zero_ms: int


class _OnWay:
    """Owns what has been sent and is not committed yet."""

    def __init__(self, session_log: SessionLog) -> None:
        self._log = session_log
        self.tickets: list[Ticket] = []
        self.sending: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        """Return how many seconds of it there are."""
        return len(self.tickets)

    async def settle(self) -> None:
        """Wait until all of it is committed."""
        await asyncio.gather(*self.sending)
        for ticket in self.tickets:
            await self._log.committed(ticket, COMMIT_WITHIN_MS)
        self.tickets.clear()
        self.sending.clear()

    def drop(self) -> None:
        """Wait for none of it any more."""
        for task in self.sending:
            task.cancel()


class Demo:
    """Drives one session after another until it is cancelled. Owns no more than where it is in the script."""

    def __init__(self, process: Process, workspace: Workspace, script: Script) -> None:
        self._process, self._script = process, script
        self._room = script.rooms["main"]
        self._zone = ZoneInfo(next(room.zone for room in workspace.rooms if room.id == self._room))
        self._goods = goods_of(workspace)
        self._tablet = Tablet(self._issue, process.real_tablet)
        self._stand = Stand(script.assistant, workspace.quick, self._issue)
        self._moves = {seconds(at): segment for at, segment in script.moves}
        self._guide = {seconds(guide.at): guide for guide in script.guide}
        self._session = ""
        self._shown: bool | None = None
        self.ready = asyncio.Event()
        """Set when the first lead-in is over: from then on there is something to see."""

    async def run(self) -> None:
        """Play for ever. While the store is away nothing is sent; afterwards it goes on from the session's clock."""
        while True:
            try:
                await self._play(await self._standing() or await self._opened())
                await self._process.sleep(SUMMARY_S)
            except Unavailable as refusal:
                log.warning("sample_waits", detail=refusal.detail)
                await self._process.sleep(RETRY_S)

    def hear(self, session: str, effects: Effects) -> None:
        """A commit of any session; to be called after each, it does no work."""
        if session == self._session:
            wall = self._process.clock.now()
            self._tablet.hear(effects.prompts.values(), wall)
            self._stand.hear(effects.alerts.values(), effects.outcomes, wall)

    # Sessions

    async def _standing(self) -> _Place | None:
        """Return the session that an earlier process has left open, if any."""
        row = await self._process.store.read(partial(open_session_of, room=self._room, kind="demo"))
        if row is None:
            return None
        known, sent = await self._process.store.read(partial(_remembered, row=row))
        self._begin(row.id)
        wall = self._process.clock.now()
        self._tablet.hear(sent, wall)
        self._stand.take_up(known, sent, lambda at: wall + at - row.clock.at(wall))
        return _Place(row.id, row.session_no, row.opened_ms - self._script.first_s * 1_000)

    async def _opened(self) -> _Place:
        """Open the next session: its clock stands at the evening's beginning, today."""
        process = self._process
        wall = process.clock.now()
        hour, minute = map(int, self._script.starts.split(":"))
        today = datetime.fromtimestamp(wall / 1_000, self._zone)
        starts = int(today.replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp() * 1_000)
        name = steady_id(lambda: secrets.token_hex(8))
        session, _ = await process.directory.open(
            self._room, "demo", clock=SessionClock(wall, starts, 0.0), session_id=name
        )
        self._begin(session.id)
        return _Place(session.id, session.no, starts - self._script.first_s * 1_000)

    def _begin(self, session: str) -> None:
        self._session, self._shown = session, None
        self._tablet.clear()
        self._stand.clear()

    def _clock(self, place: _Place) -> SessionClock | None:
        """Return the session's clock, None when somebody has ended it."""
        session = self._process.directory.known(place.id)
        return session.clock if session is not None and session.open else None

    # Playing

    async def _play(self, place: _Place) -> None:
        unrolled = iter(Loop(self._script, self._goods, place.no, place.zero_ms))
        clock = self._clock(place)
        if clock is None:
            return
        reached = clock.at(self._process.clock.now()) - place.zero_ms
        if clock.rate == 0:
            await self._lead_in(place, unrolled, reached // 1_000)
            await self._say(0)
            self.ready.set()
            await self._wait_for_console()
            await self._move_clock(place, 0, 1.0)
        else:
            self.ready.set()
            await _skip(unrolled, reached // 1_000)
            await self._say(max(at_s for at_s in self._guide if at_s * 1_000 <= reached))
        if await self._loop(place, unrolled):
            await self._issue("end", EndSession("driver"), GUIDE)

    async def _lead_in(self, place: _Place, unrolled: Iterator[Second], from_s: int) -> None:
        """Send everything up to 0:00 at once, each second under its own instant; what was sent before is sent again
        with the same ids, which changes nothing."""
        on_way = _OnWay(self._process.log)
        try:
            for second in unrolled:
                if second.at_s >= from_s:
                    await self._post(place, second, on_way)
                    if len(on_way) >= PIPELINE_S or second.at_s in self._moves or second.at_s == 0:
                        await on_way.settle()
                    await self._move_rundown(second.at_s)
                if second.at_s == 0:
                    return
        finally:
            on_way.drop()

    async def _post(self, place: _Place, second: Second, on_way: "_OnWay") -> None:
        at = Instant(place.zero_ms + second.at_s * 1_000)
        on_way.tickets.append(await self._process.log.append(place.id, Entry(at, ClockSet(at, 0.0))))
        for source, events in self._batches(second):
            on_way.sending.append(asyncio.create_task(self._send(place, source, events)))
            await asyncio.sleep(0)  # it runs up to its append here, so that the log has the seconds in order

    async def _loop(self, place: _Place, unrolled: Iterator[Second]) -> bool:
        """Play on wall time to the end; False when somebody has ended the session before."""
        for second in unrolled:
            now = await self._until(place, place.zero_ms + second.at_s * 1_000)
            if now is None:
                return False
            if now - place.zero_ms - second.at_s * 1_000 > BEHIND_MS:
                continue
            await asyncio.gather(*(self._send(place, source, events) for source, events in self._batches(second)))
            await self._move_rundown(second.at_s)
            await self._say(second.at_s)
            self._show_tablet(place)
        return True

    async def _until(self, place: _Place, session_ms: int) -> Instant | None:
        """Wait for an instant of the session and do meanwhile what is due; None when the session has ended."""
        while (clock := self._clock(place)) is not None:
            wall = self._process.clock.now()
            now = clock.at(wall)
            await self._tablet.act(wall, now)
            await self._stand.act(wall)
            if now >= session_ms:
                return now
            await self._process.sleep(min(TICK_S, (session_ms - now) / 1_000))
        return None

    async def _wait_for_console(self) -> None:
        until = self._process.clock.now() + CONSOLE_WITHIN_MS
        while not self._process.console_open() and self._process.clock.now() < until:
            await self._process.sleep(TICK_S)

    async def _move_clock(self, place: _Place, at_s: int, rate: float) -> None:
        at = Instant(place.zero_ms + at_s * 1_000)
        ticket = await self._process.log.append(place.id, Entry(at, ClockSet(at, rate)))
        await self._process.log.committed(ticket, COMMIT_WITHIN_MS)

    # Sending

    def _batches(self, second: Second) -> list[tuple[object, Sequence[Event]]]:
        """Return what each source has to say; one that has nothing is silent."""
        return [(source, second.feeds[feed]) for feed, source in self._process.sources.items() if second.feeds[feed]]

    async def _send(self, place: _Place, source: object, events: Sequence[Event]) -> None:
        await self._process.door.take(source, msgspec.json.encode(events), "json", place.id)

    async def _issue(self, key: str, command: Command, actor: Actor) -> None:
        outcome = await self._process.desk.submit(self._session, key, command, actor)
        if outcome is not None and not outcome.done:
            log.info("sample_refused", command=outcome.command, code=outcome.code)

    async def _move_rundown(self, at_s: int) -> None:
        if segment := self._moves.get(at_s):
            await self._issue(f"rundown {segment}", MoveRundown(segment), GUIDE)

    async def _say(self, at_s: int) -> None:
        if guide := self._guide.get(at_s):
            await self._issue(f"guide {guide.at}", SetGuide(guide.line, guide.hint), GUIDE)

    def _show_tablet(self, place: _Place) -> None:
        """The simulated tablet is on the console while no real one is."""
        here = not self._process.real_tablet()
        if here != self._shown:
            self._shown = here
            row = DeviceRow(tablet.DEVICE, tablet.NAME, here, self._process.clock.now(), simulated=True)
            self._process.show_device(place.id, row)


async def _skip(unrolled: Iterator[Second], upto_s: int) -> None:
    """Unroll what is over without sending it, in slices."""
    for second in unrolled:
        if second.at_s >= upto_s:
            return
        if second.at_s % PIPELINE_S == 0:
            await asyncio.sleep(0)


def _remembered(conn: Connection, row: SessionRow) -> tuple[list[Alert], list[Prompt]]:
    return alerts.of_session(conn, row.session_no), prompts.of_session(conn, row.session_no)
