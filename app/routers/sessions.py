"""Sessions: opened, started and ended by people; listed; one with what it is run by."""

from functools import partial

from fastapi import APIRouter, Request
from msgspec import Struct
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.domain.commands import EndSession, StartSession
from app.domain.identity import derived_id
from app.domain.plan import SessionKind
from app.domain.session_clock import LIVE, SessionClock
from app.errors import Forbidden
from app.intake.desk import KeyReused
from app.intake.directory import SessionRef
from app.routers.answers import PAGE, Cursor, Limit, decode_cursor, json, page_of, submitted
from app.routers.deps import IdempotencyKey, OperatorDep, ReaderDep, RuntimeDep, SessionDep, room_of
from app.routers.fields import Id
from app.routers.words import language_of
from app.store import sessions as rows
from app.store.sessions import SessionRow

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


class ClockOf(BaseModel):
    """Where a replay's own clock stands now, and how fast it runs (0: it is moved by its driver)."""

    session_ms: int = Field(ge=0, le=10**14)
    rate: float = Field(default=1.0, ge=0, le=10_000)


class Opening(BaseModel):
    """`planned`: not live yet. `clock`: of kinds other than live only."""

    room: Id
    kind: SessionKind = "live"
    planned: bool = False
    clock: ClockOf | None = None


class SessionView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session as lists show it; instants are session time."""

    id: str
    no: int
    kind: SessionKind
    state: str
    brand: str
    title: str
    rooms: tuple[str, ...]
    opened_ms: int
    position: int
    now_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    summary: dict[str, float] | None = None
    build: str = ""
    purged_ms: int | None = None
    removed: dict[str, int] | None = None
    """By table, what retention has removed of it; its totals, readings and alerts stay."""


@router.post("")
async def open_or_start(
    body: Opening, request: Request, key: IdempotencyKey, operator: OperatorDep, runtime: RuntimeDep
) -> Response:
    """Start the room's planned session, or open one. A live session that is there already is answered as it is.

    Kinds replay, drill and demo carry their own clock and never send a message out of the house.
    """
    room = room_of(body.room, operator, runtime)
    if body.kind == "live" and body.clock is not None:
        raise Forbidden("a live session runs by the wall clock")
    current = runtime.directory.current(room.id) if body.kind == "live" else None
    if current is not None and current.state == "planned" and not body.planned:
        return await submitted(runtime, current, key, StartSession(), operator, language_of(request))
    clock = LIVE if body.clock is None else SessionClock(runtime.clock.now(), body.clock.session_ms, body.clock.rate)
    # The key names the session, so that the same request again opens no second one.
    name = derived_id(operator.id, key)[:16]
    ref, new = await runtime.directory.open(room.id, body.kind, live=not body.planned, clock=clock, session_id=name)
    if ref.kind != body.kind or room.id not in ref.rooms:
        raise KeyReused("this key opened another session", session=ref.id)
    if new:
        await runtime.access.note(operator.actor, "open_session", ref.id, {"room": room.id, "kind": body.kind})
    return json(opened_answer(ref, new), 201 if new else 200)


def opened_answer(ref: SessionRef, new: bool) -> dict[str, object]:
    """Return what is told of an opening."""
    return {"session": ref.id, "kind": ref.kind, "state": ref.state, "rooms": ref.rooms, "new": new}


@router.post("/{session_id}/end")
async def end(
    request: Request, session: SessionDep, key: IdempotencyKey, operator: OperatorDep, runtime: RuntimeDep
) -> Response:
    """End the session; it still takes late facts and receipts."""
    return await submitted(runtime, session, key, EndSession(), operator, language_of(request))


@router.get("")
async def listed(
    reader: ReaderDep,
    runtime: RuntimeDep,
    room: Id | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> Response:
    """List the sessions of the rooms one may see, newest first."""
    visible = [each.id for each in reader.visible(runtime.catalogue.rooms()) if room in (None, each.id)]
    before = decode_cursor(cursor)
    found = await runtime.store.look(partial(rows.sessions_of, rooms=visible, before_no=before, most=limit))
    return json(page_of([view(row) for row in found], limit, found[-1].session_no if found else 0))


@router.get("/{session_id}")
async def one(session: SessionDep, _: ReaderDep, runtime: RuntimeDep) -> Response:
    """Return one session as it was last committed."""
    return json(view(await runtime.store.read(partial(rows.session, session_id=session.id))))


def view(row: SessionRow) -> SessionView:
    """Return a session's row as lists show it."""
    return SessionView(
        id=row.id,
        no=row.session_no,
        kind=row.kind,
        state=row.state,
        brand=row.brand,
        title=row.title,
        rooms=row.rooms,
        opened_ms=row.opened_ms,
        position=row.position,
        now_ms=row.now_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        summary=row.summary or None,
        build=row.build,
        purged_ms=row.purged_ms,
        removed=row.removed,
    )
