"""The one transaction: what came out of a step of one or more sessions, all of it or nothing.

One statement a table for the whole group. The guarded update of the sessions' rows comes first: it takes their locks
and refuses an old fence before anything else is written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select, update

from app.domain.alerts import Alert
from app.domain.commands import Outcome
from app.domain.deliveries import ENDED
from app.domain.effects import Effects, SessionChange
from app.domain.identity import Fence, Position
from app.domain.prompts import Prompt
from app.domain.readings import MinuteRow
from app.domain.records import Chunk
from app.domain.session_clock import SessionClock
from app.errors import FenceLost
from app.instants import Instant
from app.store import tables
from app.store.chunks import chunk_row
from app.store.deliveries import cancelled, delivery_row
from app.store.messages import message_row
from app.store.orders import order_row
from app.store.series import reading_row
from app.store.statements import Row, insert_rows

_json: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class SessionCommit:
    """One session's part of a group. `position` and `now_ms` are the engine's after the step, in session time.

    `wall_ms` is the instant of the commit: deliveries that are cancelled and the audit carry it.
    """

    session_no: int
    session: str
    fence: Fence
    chunks: Sequence[Chunk]
    effects: Effects
    position: Position
    now_ms: Instant
    clock: SessionClock
    wall_ms: Instant
    build: str = ""


def commit_group(conn: Connection, group: Sequence[SessionCommit]) -> None:
    """Write the group. Raises FenceLost, naming a session whose owner is another by now; then nothing is written.

    Rows that a replayed step makes again (outcomes, alert changes, deliveries) are left as they were the first time.
    """
    _guard(conn, group)
    insert_rows(conn, tables.chunks, [chunk_row(c.session_no, chunk, c.build) for c in group for chunk in c.chunks])
    insert_rows(conn, tables.messages, [message_row(c.session_no, m) for c in group for m in c.effects.messages])
    insert_rows(conn, tables.orders, [order_row(c.session_no, order) for c in group for order in c.effects.orders])
    readings = [reading_row(c.session_no, minute) for c in group for minute in _newest(c.effects.readings)]
    insert_rows(conn, tables.readings, readings, "replace")
    alerts = [(c.session_no, alert, _text(alert)) for c in group for alert in c.effects.alerts.values()]
    insert_rows(conn, tables.alerts, [_alert(*row) for row in alerts], "replace")
    insert_rows(conn, tables.alert_changes, [_change(*row) for row in alerts], "ignore")
    prompts = [_prompt(c.session_no, prompt) for c in group for prompt in c.effects.prompts.values()]
    insert_rows(conn, tables.prompts, prompts, "replace")
    outcomes = [(c, outcome) for c in group for outcome in c.effects.outcomes]
    insert_rows(conn, tables.outcomes, [_outcome(c.session_no, outcome) for c, outcome in outcomes], "ignore")
    insert_rows(conn, tables.audit, [_audit(c, outcome) for c, outcome in outcomes], "ignore")
    insert_rows(
        conn, tables.deliveries, [delivery_row(c.session_no, d) for c in group for d in c.effects.deliveries], "ignore"
    )
    for c in group:
        _cancel(conn, c)
        for change in c.effects.changes:
            _change_state(conn, c.session_no, change)


_GUARDED: Final = {
    "sqlite": "UPDATE sessions SET position = ?, now_ms = max(now_ms, ?), clock_wall_ms = ?, clock_session_ms = ?, "
    "clock_rate = ? WHERE session_no = ? AND fence = ?",
    "postgresql": "UPDATE sessions SET position = v.position, now_ms = greatest(sessions.now_ms, v.now_ms), "
    "clock_wall_ms = v.wall, clock_session_ms = v.session, clock_rate = v.rate "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::bigint[], $7::bigint[]) "
    "AS v (position, now_ms, wall, session, rate, session_no, fence) "
    "WHERE sessions.session_no = v.session_no AND sessions.fence = v.fence",
}
"""asyncpg does not count the rows of a repeated statement, so PostgreSQL is given all rows in one."""


def _guard(conn: Connection, group: Sequence[SessionCommit]) -> None:
    """Move each session's row on under its fence. Time never falls below what was committed."""
    rows = [
        (c.position, c.now_ms, c.clock.wall_ms, c.clock.session_ms, c.clock.rate, c.session_no, c.fence)
        for c in sorted(group, key=lambda c: c.session_no)  # two groups lock their rows in the same order
    ]
    if not rows:
        return
    statement = _GUARDED[conn.dialect.name]
    if conn.dialect.name == "sqlite":
        touched = conn.exec_driver_sql(statement, rows).rowcount
    else:
        touched = conn.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True))).rowcount
    if touched != len(rows):
        raise FenceLost("another owner has taken the session", session=_lost(conn, group))


def _lost(conn: Connection, group: Sequence[SessionCommit]) -> str:
    table = tables.sessions
    query = select(table.c.session_no, table.c.fence).where(table.c.session_no.in_([c.session_no for c in group]))
    held = {row.session_no: row.fence for row in conn.execute(query)}
    return next((c.session for c in group if held.get(c.session_no) != c.fence), "")


def _text(value: msgspec.Struct | dict[str, float]) -> str:
    return _json.encode(value).decode()


def _newest(readings: Iterable[MinuteRow]) -> Iterable[MinuteRow]:
    """Of rows for the same minute the last one stands: one statement may not touch a row twice."""
    return {(row.metric, row.scope, row.scope_id, row.minute_ms): row for row in readings}.values()


def _alert(session_no: int, alert: Alert, body: str) -> Row:
    return (
        alert.id,
        session_no,
        alert.rule,
        alert.severity,
        alert.condition,
        alert.opened_ms,
        alert.ended_ms,
        alert.acked_ms,
        alert.version,
        body,
    )


def _change(session_no: int, alert: Alert, body: str) -> Row:
    return (alert.id, alert.version, session_no, alert.changed_ms, body)


def _prompt(session_no: int, prompt: Prompt) -> Row:
    return (prompt.id, session_no, prompt.n, prompt.state, prompt.sent_ms, prompt.version, _text(prompt))


def _outcome(session_no: int, outcome: Outcome) -> Row:
    return (session_no, outcome.key, outcome.position, outcome.code, _text(outcome))


def _audit(commit: SessionCommit, outcome: Outcome) -> Row:
    by = outcome.by
    detail = {"position": outcome.position, "at_ms": outcome.at_ms, "found": outcome.found, "detail": outcome.detail}
    return (
        commit.wall_ms,
        by.kind,
        by.id,
        by.name,
        by.role,
        outcome.command,
        outcome.subject,
        commit.session,
        outcome.key,
        outcome.code,
        _json.encode(detail).decode(),
    )


def _cancel(conn: Connection, commit: SessionCommit) -> None:
    """Cancel what still waits of the named alerts, except what tells of the very change that cancels (已恢复)."""
    table = tables.deliveries
    for alert in dict.fromkeys(commit.effects.cancels):
        state = commit.effects.alerts.get(alert)
        waiting = update(table).where(table.c.alert == alert, table.c.state == "waiting", table.c.recipient != ENDED)
        if state is not None:
            waiting = waiting.where(table.c.change < state.version)
        conn.execute(waiting.values(state=cancelled(), settled_ms=commit.wall_ms))


def _change_state(conn: Connection, session_no: int, change: SessionChange) -> None:
    sessions, rooms = tables.sessions, tables.session_rooms
    values: dict[str, object] = {"state": change.state}
    if change.state == "live":
        values["started_ms"] = func.coalesce(sessions.c.started_ms, change.at_ms)
    elif change.state == "ended":
        values |= {"ended_ms": change.at_ms, "summary": _text(change.summary)}
    conn.execute(update(sessions).where(sessions.c.session_no == session_no).values(values))
    conn.execute(update(rooms).where(rooms.c.session_no == session_no).values(state=change.state))
