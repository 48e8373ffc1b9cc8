"""Restoring a session from SQL: newest checkpoint, the chunks after it, and time up to the stored now.

Up to the committed (position, now_ms) a rebuilding engine only gains state; what it says is discarded. Open alerts and
prompts are then taken from SQL, which is the record.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import structlog
from sqlalchemy import Connection

from app.domain.alerts import Alert
from app.domain.deliveries import Delivery, Standing
from app.domain.identity import Fence, Position
from app.domain.plan import SessionPlan, decode_plan
from app.domain.prompts import Prompt
from app.domain.records import Chunk, Opened
from app.engine.engine import Engine
from app.errors import ControlRoomError, NotFound, Unavailable
from app.instants import Instant
from app.realtime.breath import Breath
from app.realtime.live import DELIVERIES_SHOWN, Live, Overlay
from app.rules.file import decode_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon
from app.store import alerts, checkpoints, deliveries, prompts, sessions
from app.store import standings as stored_standings
from app.store.chunks import chunks_after
from app.store.contents import content
from app.store.counters import next_fence
from app.store.database import Store
from app.store.faults import RowLocked
from app.store.sessions import SessionRow

log = structlog.get_logger()

PAGE_CHUNKS: Final = 200
"""Chunks read and applied before the loop is given away once; also what a rebuild holds in memory at a time."""


class SessionLocked(ControlRoomError):
    """The owner before is in the middle of a commit, and perhaps stands still there: the session comes later."""

    kind, code, retryable = "busy", "session_locked", True


class BrokenSession(ControlRoomError):
    """The stored log of a session cannot be read, or no engine can be made of it."""

    kind, code = "broken", "broken_session"


PASSED_ON: Final = (NotFound, Unavailable, SessionLocked, BrokenSession)
"""What restoring a session may be refused with."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What SQL has of a session besides its chunks, read in one transaction."""

    opened: Opened
    plan: bytes
    rules: bytes
    lexicon: bytes
    checkpoint: bytes | None
    alerts: list[Alert]
    prompts: list[Prompt]
    deliveries: list[Delivery]
    standings: list[Standing]


class Restorer:
    """Builds sessions from SQL; what they share (rule sets, matchers) is built once."""

    def __init__(self, store: Store, *, build: str) -> None:
        self._store = store
        self._build = build

    async def running(self) -> list[str]:
        """The sessions that are planned, live or paused."""
        return await self._store.read(sessions.open_session_ids)

    async def restore(self, session_id: str) -> Live:
        """Take the session under a new fence and bring its engine to where it was committed.

        Raises NotFound, Unavailable, SessionLocked, and BrokenSession for one whose log cannot be read or applied.
        """
        try:
            return await self._rebuilt(await self._taken(session_id))
        except PASSED_ON:
            raise
        except Exception as fault:  # whatever one session's log does to an engine is that session's trouble alone
            log.exception("session_cannot_be_rebuilt", session=session_id)
            raise BrokenSession("the session cannot be rebuilt from its log", session=session_id) from fault

    async def _taken(self, session_id: str) -> SessionRow:
        try:
            return await self._store.write(lambda conn: _take(conn, session_id))
        except RowLocked:
            raise SessionLocked("its owner before is in the middle of a commit", session=session_id) from None

    async def _rebuilt(self, row: SessionRow) -> Live:
        stored = await self._store.read(lambda conn: _read(conn, row))
        plan = decode_plan(stored.plan)
        engine = self._engine(row, stored, plan)
        breath = Breath()
        while engine.position < row.position:
            page = await self._store.read(partial(_page, session_no=row.session_no, after=engine.position))
            if not page:
                raise BrokenSession("the stored log ends before the session's position", session=row.id)
            for chunk in page:
                engine.apply(chunk)
                engine.discard_effects()
                await breath.take()  # a whole evening may have to be applied again
        engine.advance(Instant(max(engine.now, row.now_ms)))
        engine.discard_effects()
        for difference in engine.adopt(stored.alerts, stored.prompts):
            log.warning("rebuilt_differs_from_record", session=row.id, difference=str(difference))
        return Live(
            id=row.id,
            session_no=row.session_no,
            fence=row.fence,
            engine=engine,
            clock=row.clock,
            overlay=Overlay(stored.deliveries, [channel.name for channel in plan.channels], stored.standings),
            room_ids=row.rooms,
        )

    def _engine(self, row: SessionRow, stored: _Stored, plan: SessionPlan) -> Engine:
        rules = decode_rules(stored.rules)
        matcher = _matcher(stored.lexicon, tuple(sorted({sku.name for sku in plan.skus})))
        if stored.checkpoint is not None:
            try:
                return Engine.restore(stored.checkpoint, stored.opened, plan, rules, matcher)
            except ControlRoomError as refusal:
                log.warning("checkpoint_thrown_away", session=row.id, code=refusal.code, detail=refusal.detail)
        return Engine(stored.opened, plan, rules, matcher)

    async def save_checkpoints(self, engines: Iterable[Live]) -> None:
        """Write the state of engines that are as SQL has them; older ones of the same sessions are removed."""
        states, breath = [], Breath()
        for live in engines:
            at = (live.engine.position, live.engine.now)
            states.append((live.session_no, live.fence, *at, live.engine.checkpoint()))
            await breath.take()
        await self._store.write(partial(_save, states=states, build=self._build))


def _save(conn: Connection, states: Iterable[tuple[int, Fence, Position, Instant, bytes]], build: str) -> None:
    for session_no, fence, position, now, body in sorted(states):  # two that save together wait in the same order
        checkpoints.save(conn, session_no, position, now, body, fence=fence, build=build)


@lru_cache(maxsize=32)
def _matcher(lexicon: bytes, names: tuple[str, ...]) -> Matcher:
    return Matcher(parse_lexicon(lexicon.decode()), names)


def _page(conn: Connection, session_no: int, after: int) -> list[Chunk]:
    return list(chunks_after(conn, session_no, after, most=PAGE_CHUNKS))


def _take(conn: Connection, session_id: str) -> SessionRow:
    session_no = sessions.session(conn, session_id).session_no
    sessions.lock(conn, session_no)
    row = sessions.own(conn, session_no, next_fence(conn))
    if row.purged_ms is not None:
        raise sessions.Purged("the session's records were removed by retention", session=session_id)
    return row


def _read(conn: Connection, row: SessionRow) -> _Stored:
    first = next(chunks_after(conn, row.session_no, 0, most=1), None)
    if first is None or not isinstance(first.body, Opened):
        raise BrokenSession("the session's first record is not its opening", session=row.id)
    return _Stored(
        opened=first.body,
        plan=_content(conn, row, row.plan),
        rules=_content(conn, row, row.rules),
        lexicon=_content(conn, row, row.lexicon),
        checkpoint=checkpoints.newest(conn, row.session_no),
        alerts=alerts.of_session(conn, row.session_no),
        prompts=prompts.of_session(conn, row.session_no),
        deliveries=deliveries.of_session(conn, row.session_no, most=DELIVERIES_SHOWN),
        standings=[standing for standing, _ in stored_standings.standings(conn).values()],
    )


def _content(conn: Connection, row: SessionRow, name: str) -> bytes:
    try:
        return content(conn, name)
    except NotFound as refusal:  # the session is there
        raise BrokenSession(refusal.detail, session=row.id) from None
