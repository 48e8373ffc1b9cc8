"""What a session has to show, as lists: alerts, prompts, messages, deliveries, and its history."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from app.domain.people import Clearance, may_see
from app.domain.readings import MinuteRow, Scope
from app.errors import NotFound
from app.instants import MINUTE
from app.routers.answers import (
    MOST,
    PAGE,
    Cursor,
    Limit,
    decode_cursor,
    decode_named_cursor,
    encode_cursor,
    json,
    page_of,
)
from app.routers.deps import ReaderDep, RuntimeDep, SessionDep
from app.routers.fields import Id, Seen
from app.store import alerts, deliveries, messages, prompts
from app.store.series import Packed, newest_of

router = APIRouter(prefix="/api/sessions/{session_id}", tags=["sessions"])
METRICS = 24
MINUTES = 12_000


@router.get("/alerts")
async def listed_alerts(
    session: SessionDep,
    reader: ReaderDep,
    runtime: RuntimeDep,
    listed: bool = False,
    cursor: Cursor = None,
    limit: Limit = MOST,
) -> Response:
    """List alerts, oldest first; `listed`: without those that ended and were acknowledged."""
    after = decode_named_cursor(cursor)
    found = await runtime.store.look(
        partial(alerts.page, session_no=session.no, most=limit, listed=listed, after=after)
    )
    last = encode_cursor(found[-1].opened_ms, found[-1].id) if len(found) == limit else None
    return json({"rows": [alert for alert in found if may_see(reader.clearance, alert.clearance)], "next": last})


@router.get("/alerts/{alert_id}")
async def one_alert(session: SessionDep, alert_id: Id, reader: ReaderDep, runtime: RuntimeDep) -> Response:
    """Return one alert, how it stood after each commit, and what was told of it to groups."""
    alert = await runtime.store.look(partial(alerts.alert, session_no=session.no, alert_id=alert_id))
    if not may_see(reader.clearance, alert.clearance):
        raise NotFound("no such alert", alert=alert_id[:128])
    changes = await runtime.store.look(partial(alerts.changes, alert_id=alert_id))
    told = await runtime.store.look(partial(deliveries.planned_for, alerts=[alert_id]))
    return json({"alert": alert, "changes": changes, "deliveries": told})


@router.get("/prompts")
async def listed_prompts(
    session: SessionDep, _: ReaderDep, runtime: RuntimeDep, cursor: Cursor = None, limit: Limit = MOST
) -> Response:
    """List the newest prompts with each tablet's receipts, oldest of them first; `next` leads to older ones."""
    before = decode_cursor(cursor)
    found = await runtime.store.look(partial(prompts.of_session, session_no=session.no, most=limit, before=before))
    return json(page_of(found, limit, found[0].n if found else 0))


@router.get("/messages")
async def listed_messages(
    session: SessionDep,
    _: ReaderDep,
    runtime: RuntimeDep,
    kind: Literal["comment", "speech"] | None = None,
    q: Annotated[str, Query(max_length=100), Seen] = "",
    marked: bool = False,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> Response:
    """List comments and transcript segments, newest first; `q`: those that contain it.

    `removed_ms`: since when there are none any more, of a session whose texts retention has removed.
    """
    found = await runtime.store.look(
        partial(
            messages.messages,
            session_no=session.no,
            before=decode_cursor(cursor),
            most=limit,
            kind=kind,
            containing=q,
            marked=marked,
        )
    )
    told = page_of(found, limit, found[-1].position if found else 0)
    return json(told if session.purged_ms is None else told | {"removed_ms": session.purged_ms})


@router.get("/deliveries")
async def listed_deliveries(
    session: SessionDep, reader: ReaderDep, runtime: RuntimeDep, limit: Limit = PAGE
) -> Response:
    """List the newest messages to groups, oldest of them first."""
    found = await runtime.store.look(partial(deliveries.of_session, session_no=session.no, most=limit))
    restricted = reader.clearance is Clearance.RESTRICTED
    return json({"rows": [row for row in found if restricted or not row.restricted]})


@router.get("/series")
async def history(
    session: SessionDep,
    _: ReaderDep,
    runtime: RuntimeDep,
    metric: Annotated[list[Id], Query(min_length=1, max_length=METRICS)],
    from_ms: Annotated[int | None, Query(ge=0, le=10**14)] = None,
    to_ms: Annotated[int | None, Query(ge=0, le=10**14)] = None,
    scope: Scope | None = None,
    scope_id: Id | None = None,
) -> Response:
    """Return metrics by the minute, sixty values each, unknown ones null: every scope that has them, or one.

    At most 12,000 minutes, the newest; `before_ms` says where older ones begin: ask again with it as `to_ms`.
    """
    wanted = frozenset(metric)
    stored, before = await runtime.store.look(
        partial(
            newest_of,
            session_no=session.no,
            metrics=sorted(wanted),
            most=MINUTES,
            scope=scope,
            scope_id=scope_id,
            start_ms=from_ms,
            end_ms=to_ms,
        )
    )
    tail = [
        row
        for row in await runtime.series_tail(session.id)
        if row.metric in wanted
        and scope in (None, row.scope)
        and scope_id in (None, row.scope_id)
        and (from_ms is None or row.minute_ms > from_ms - MINUTE)
        and (to_ms is None or row.minute_ms < to_ms)
    ]
    return Response(await asyncio.to_thread(_history, stored, tail, before), media_type="application/json")


def _history(stored: Sequence[Packed], tail: Sequence[MinuteRow], before: int | None) -> bytes:
    """Encode the stored minutes, with those that are newer in memory in their place; megabytes, so in a thread."""
    rows = {row[:4]: row.unpacked() for row in stored}
    rows |= {(row.metric, row.scope, row.scope_id, row.minute_ms): row for row in tail}
    return msgspec.json.encode({"rows": list(rows.values()), "before_ms": before})
