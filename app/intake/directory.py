"""The directory: which session a room has now, which it had last, their clocks; and the opening of new ones.

Fed from SQL at start, then by its own openings and by what each commit says. While events come SQL is asked only for
rooms without a session: another process may have opened one.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from app.clock import Clock
from app.domain.effects import SessionState
from app.domain.plan import REAL, SessionKind, SessionPlan
from app.domain.session_clock import LIVE, SessionClock
from app.domain.workspace import Workspace
from app.errors import NotFound
from app.instants import MINUTE, Instant
from app.intake.opening import stock_levels, with_listings
from app.store.database import Store
from app.store.levels import LevelEvent, forget, take_over
from app.store.sessions import (
    Opening,
    RoomTaken,
    SessionRow,
    last_session_of,
    open_session,
    open_session_of,
    open_sessions,
    session,
    sessions_called,
)
from app.workspace.plan import Levels, leading_room

QUIET_AFTER_END_MS: Final = 10 * MINUTE
"""For so long after a session ended only a start or `status: live` opens the next; the rest are its late facts."""

Planner = Callable[[Workspace, str, SessionKind, Levels, int], SessionPlan]


@dataclass(frozen=True, slots=True)
class SessionRef:
    """What the door must know of a session. `ended_ms`: session time, None while it is planned or live."""

    id: str
    no: int
    kind: SessionKind
    state: SessionState
    rooms: tuple[str, ...]
    clock: SessionClock
    ended_ms: int | None = None
    purged_ms: int | None = None
    """Since when retention has removed its log: it can be read, but takes nothing and has no board."""

    @property
    def open(self) -> bool:
        return self.state != "ended"


class Recipe(Struct, frozen=True):
    """What a session opened now is run by, besides its plan: the accepted rules, the lexicon, the build."""

    rules: bytes
    lexicon: bytes
    build: str


@dataclass(slots=True)
class _Place:
    """One room: its open sessions by kind (the newest of each), and its last session of kind live."""

    open: dict[SessionKind, str] = field(default_factory=dict)
    last: str = ""
    newest: str = ""


class Directory:
    """Owns the room-to-session map; knows nothing of tokens, records and engines."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        workspace: Callable[[], Workspace],
        recipe: Callable[[], Recipe],
        plan: Planner,
        opened: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`opened`: told the id of each session that is opened here, once it is in SQL."""
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._recipe = recipe
        self._plan = plan
        self._opened_here = opened
        self._listed: tuple[Workspace | None, frozenset[str]] = (None, frozenset())
        self._sessions: dict[str, SessionRef] = {}
        self._places: dict[str, _Place] = {}
        self._opening = asyncio.Lock()
        self._listeners: list[Callable[[SessionRef], None]] = []

    async def load(self) -> None:
        """Read the open sessions, the last one of every room of the workspace, and those believed to be open.

        Raises Unavailable.
        """
        before = dict(self._sessions)
        rooms = [room.id for room in self._workspace().rooms]
        believed = [ref.id for ref in before.values() if ref.open]
        for row in await self._store.read(partial(_known_sessions, rooms=rooms, believed=believed)):
            if self._sessions.get(row.id) is before.get(row.id):  # else what was heard meanwhile is newer
                self._learnt(row)

    def listen(self, listener: Callable[[SessionRef], None]) -> None:
        """Be told of every session that opens, starts, pauses or ends."""
        self._listeners.append(listener)

    async def learn(self, session_id: str) -> None:
        """Another process opened a session, or knows better how it stands. Raises NotFound, Unavailable."""
        while True:
            before = self._sessions.get(session_id)
            row = await self._store.read(partial(session, session_id=session_id))
            if self._sessions.get(session_id) is before:
                return self._learnt(row)
            # What was heard meanwhile may be newer than what was read: it is read once more.

    async def look(self, room: str) -> SessionRef | None:
        """Return the session that takes the room's events, asking SQL when none is known: another process may have
        opened one this very moment."""
        if (found := self.current(room)) is not None:
            return found
        row = await self._store.read(partial(open_session_of, room=room))
        if row is not None and row.id not in self._sessions:  # else what was heard meanwhile is newer
            self._learnt(row)
        return self.current(room)

    def _learnt(self, row: SessionRow) -> None:
        ref, known = _ref(row), self._sessions.get(row.id)
        if known is not None and not known.open and ref.open:
            return  # the row was read before its end was: a session that has ended stays so
        if known != ref:
            self._put(ref)
            self._tell(ref)

    def note(self, session_id: str, state: SessionState, clock: SessionClock, now_ms: int) -> None:
        """A commit says how a session stands now; called after every one of them."""
        found = self._sessions.get(session_id)
        if found is None or (found.state == state and found.clock == clock):
            return
        ended = (found.ended_ms if found.ended_ms is not None else now_ms) if state == "ended" else None
        changed = replace(found, state=state, clock=clock, ended_ms=ended)
        self._put(changed)
        self._tell(changed)

    # Asking.

    def knows(self, room: str) -> bool:
        """Return whether the workspace has such a room."""
        workspace = self._workspace()
        if workspace is not self._listed[0]:  # set up anew
            self._listed = (workspace, frozenset(each.id for each in workspace.rooms))
        return room in self._listed[1]

    def current(self, room: str) -> SessionRef | None:
        """Return the room's planned or live session of kind live: the one that takes its events."""
        place = self._places.get(room)
        return self._sessions[place.open["live"]] if place and "live" in place.open else None

    def showing(self, room: str) -> SessionRef | None:
        """Return what screens of the room show: its live session, else the newest open one, else its last one."""
        place = self._places.get(room)
        if place is None:
            return None
        running = place.open.get("live") or max(
            place.open.values(), key=lambda each: self._sessions[each].no, default=""
        )
        return _kept(self._sessions.get(running or place.newest))

    def last(self, room: str) -> SessionRef | None:
        """Return the room's newest session of kind live, open or ended: where late facts go."""
        place = self._places.get(room)
        return _kept(self._sessions.get(place.last)) if place else None

    def known(self, session_id: str) -> SessionRef | None:
        """Return a session this process has met."""
        return self._sessions.get(session_id)

    async def find(self, session_id: str) -> SessionRef:
        """Return any session, asking SQL for an old one. Raises NotFound."""
        found = self._sessions.get(session_id)
        if found is None and not session_id.isprintable():
            raise NotFound("no such session")
        if found is None:
            found = _ref(await self._store.read(partial(session, session_id=session_id)))
        return found

    def purged(self, session_id: str, at: Instant) -> None:
        """Retention has removed the session's log."""
        if (found := self._sessions.get(session_id)) is not None:
            self._sessions[session_id] = replace(found, purged_ms=at)

    def may_open_itself(self, room: str, wall: Instant) -> bool:
        """Return whether viewers' events may open a session here now: the setting, and 10 min since the last end."""
        if not leading_room(self._workspace(), room).opens_itself:
            return False
        last = self.last(room)
        return last is None or last.ended_ms is None or wall - last.ended_ms >= QUIET_AFTER_END_MS

    # Opening.

    async def open(
        self, room: str, kind: SessionKind, *, live: bool = True, clock: SessionClock = LIVE, session_id: str = ""
    ) -> tuple[SessionRef, bool]:
        """Open a session in a room and in those broadcast with it; True beside it when it is new.

        A live session that is there already is returned as it is: two senders may be the first at the same instant.
        Raises NotFound for a room that the workspace does not have.
        """
        async with self._opening:
            if session_id and (found := self._sessions.get(session_id)):
                return found, False
            leading = leading_room(self._workspace(), room).id
            if kind in REAL and (running := self.current(room) or self.current(leading)):
                return running, False
            row, new = await self._open(leading, kind, live, clock, session_id or secrets.token_hex(8))
            ref = _ref(row)
            self._put(ref)
            if new:
                self._tell(ref)
                self._opened_here(ref.id)
            return ref, new

    async def _open(
        self, room: str, kind: SessionKind, live: bool, clock: SessionClock, session_id: str
    ) -> tuple[SessionRow, bool]:
        workspace, wall, recipe = self._workspace(), self._clock.now(), self._recipe()

        def opening(kept: Sequence[LevelEvent]) -> Opening:
            plan = self._plan(workspace, room, kind, stock_levels(kept), clock.at(wall))
            return Opening(
                id=session_id,
                plan=with_listings(plan, kept),
                rules=recipe.rules,
                lexicon=recipe.lexicon,
                build=recipe.build,
                wall_ms=wall,
                live=live,
                clock=clock,
            )

        rooms = (room, *next(each.session_rooms for each in workspace.rooms if each.id == room))
        work = partial(_opened, opening=opening, rooms=rooms if kind in REAL else ())
        try:
            return await self._store.write(work)
        except RoomTaken as taken:  # another process was first
            there = str(taken.context["session"])
            return await self._store.read(partial(session, session_id=there)), False

    # Keeping.

    def _put(self, ref: SessionRef) -> None:
        self._sessions[ref.id] = ref
        for room in ref.rooms:
            place = self._places.setdefault(room, _Place())
            if self._is_newer(ref, place.newest):
                place.newest = ref.id
            if ref.kind in REAL and self._is_newer(ref, place.last):
                place.last = ref.id
            held = place.open.get(ref.kind)
            if ref.open and (held is None or self._is_newer(ref, held)):
                place.open[ref.kind] = ref.id
            elif not ref.open and held == ref.id:
                del place.open[ref.kind]
        self._forget(ref)

    def _is_newer(self, ref: SessionRef, held: str) -> bool:
        return held not in self._sessions or self._sessions[held].no <= ref.no

    def _forget(self, newest: SessionRef) -> None:
        """Drop ended sessions that no room of theirs names any more."""
        for ref in [each for each in self._sessions.values() if not each.open and each.id != newest.id]:
            places = [self._places[room] for room in ref.rooms]
            if all(ref.id not in (place.last, place.newest) for place in places):
                del self._sessions[ref.id]

    def _tell(self, ref: SessionRef) -> None:
        for listener in self._listeners:
            listener(ref)


def _kept(ref: SessionRef | None) -> SessionRef | None:
    return ref if ref is not None and ref.purged_ms is None else None


def _ref(row: SessionRow) -> SessionRef:
    ref = SessionRef(row.id, row.session_no, row.kind, row.state, row.rooms, row.clock, row.ended_ms)
    return replace(ref, purged_ms=row.purged_ms)


def _opened(
    conn: Connection, opening: Callable[[Sequence[LevelEvent]], Opening], rooms: Sequence[str]
) -> tuple[SessionRow, bool]:
    """Open a session that begins with what was kept for `rooms`: all in one transaction, so that no reading that is
    kept beside it is lost."""
    row, new = open_session(conn, opening(take_over(conn, rooms) if rooms else ()))
    if new and rooms:
        forget(conn, rooms)
    return row, new


def _known_sessions(conn: Connection, rooms: Iterable[str], believed: Collection[str]) -> list[SessionRow]:
    found = {row.session_no: row for row in open_sessions(conn)}
    still = {row.id for row in found.values()}
    found |= {row.session_no: row for row in sessions_called(conn, [each for each in believed if each not in still])}
    for room in rooms:
        for kinds in (None, REAL):
            if (row := last_session_of(conn, room, kinds)) is not None:
                found[row.session_no] = row
    return [found[no] for no in sorted(found)]
