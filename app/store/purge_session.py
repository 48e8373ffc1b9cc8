"""One session's log and texts: marked, removed and unquoted; its totals, readings, alerts and prompts stay.

A session that has been marked is never rebuilt any more; its fence is taken from whoever still holds it, so that
nothing is written after the mark. Of its messages to groups the fact stays that they were sent.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from app.domain.alerts import Alert, Evidence
from app.domain.session_clock import SessionClock
from app.errors import ControlRoomError
from app.instants import Instant
from app.store import tables
from app.store.counters import next_fence
from app.store.purge_by_age import worded
from app.store.sessions import UNFINISHED, lock, removed_of
from app.store.slices import SLICE_S, Removal, Slice, count_rows, in_slices, overwritten, remove

OF_SESSION: Final[tuple[Table, ...]] = (
    tables.chunks,
    tables.messages,
    tables.checkpoints,
    tables.quarantine,
    tables.outcomes,
    tables.alert_changes,
)
"""What goes with the texts. Outcomes and changes of alerts are only of use while the session can be asked to act."""
_alert: Final = msgspec.json.Decoder(Alert)
_texts: Final = msgspec.json.Encoder()


class StillRuns(ControlRoomError):
    """A session that has not ended is not touched."""

    kind, code = "conflict", "still_runs"


class Ended(Struct, frozen=True, kw_only=True):
    """An ended session as retention sees it. `ended_wall_ms`: wall time, whatever the session's own clock says."""

    session_no: int
    id: str
    kind: str
    ended_wall_ms: int
    purged_ms: int | None
    whole: bool
    """False while a purge that was begun is not finished."""


def ended_sessions(conn: Connection) -> list[Ended]:
    """Return every session that has ended, oldest first."""
    table = tables.sessions
    query = select(table).where(table.c.state == "ended").order_by(table.c.session_no)
    return [_ended(row) for row in conn.execute(query).mappings()]


def _ended(row: Any) -> Ended:
    clock = SessionClock(row["clock_wall_ms"], row["clock_session_ms"], row["clock_rate"])
    at = row["ended_ms"] if row["ended_ms"] is not None else row["now_ms"]
    passed = (at - clock.session_ms) / clock.rate if clock.rate > 0 else 0
    return Ended(
        session_no=row["session_no"],
        id=row["id"],
        kind=row["kind"],
        ended_wall_ms=int(clock.wall_ms + passed) if row["kind"] != "live" else at,
        purged_ms=row["purged_ms"],
        whole=row["purged_ms"] is None or (row["removed"] is not None and UNFINISHED not in removed_of(row["removed"])),
    )


def mark(conn: Connection, session_no: int, at: Instant) -> None:
    """Begin: from this transaction on nobody may rebuild or commit the session. Raises StillRuns."""
    lock(conn, session_no)
    table = tables.sessions
    ended = update(table).where(table.c.session_no == session_no, table.c.state == "ended")
    values = {"purged_ms": func.coalesce(table.c.purged_ms, at), "fence": next_fence(conn)}
    if conn.execute(ended.values(values).returning(table.c.session_no)).first() is None:
        raise StillRuns("the session has not ended", session_no=session_no)


def counted(conn: Connection, session_no: int, name: str, cut: Removal) -> Slice:
    """Remove a slice, and add it to what is kept of it beside the session: whoever goes on counts on from there."""
    slice_ = cut(conn)
    removed = _removed(conn, session_no)
    _keep_removed(conn, session_no, removed | {name: removed.get(name, 0) + slice_.rows, UNFINISHED: 1})
    return slice_


def finish(conn: Connection, session_no: int) -> dict[str, int]:
    """All of it is done; return what was removed, by table."""
    removed = {name: rows for name, rows in _removed(conn, session_no).items() if name != UNFINISHED}
    _keep_removed(conn, session_no, removed)
    return removed


def _removed(conn: Connection, session_no: int) -> dict[str, int]:
    table = tables.sessions
    body = conn.scalar(select(table.c.removed).where(table.c.session_no == session_no).with_for_update())
    return {} if body is None else removed_of(body)


def _keep_removed(conn: Connection, session_no: int, removed: dict[str, int]) -> None:
    table = tables.sessions
    body = _texts.encode(removed).decode()
    conn.execute(update(table).where(table.c.session_no == session_no).values(removed=body))


def count_of_session(conn: Connection, session_no: int) -> dict[str, int]:
    """Return how many rows of a session would go, by table."""
    counts = {table.name: count_rows(conn, table, table.c.session_no == session_no) for table in OF_SESSION}
    return counts | {"alerts": len(_quoting(conn, session_no))}


def remove_of_session(conn: Connection, table: Table, session_no: int) -> Slice:
    """Remove a slice of a session's rows."""
    own = table.c.session_no == session_no
    first, *rest = table.primary_key
    if first.name != "session_no":
        return remove(conn, table, own)
    (key,) = rest
    return in_slices(conn, table, lambda step: _remove_up_to(conn, table, own, key, step))


def _remove_up_to(conn: Connection, table: Table, own: ColumnElement[bool], key: ColumnElement[Any], step: int) -> int:
    """Remove the first `step` rows by a range of their key, which is one walk through the tree and no search a row."""
    last = conn.scalar(select(key).where(own).order_by(key).offset(step - 1).limit(1))
    gone = delete(table).where(own) if last is None else delete(table).where(own, key <= last)
    return conn.execute(gone).rowcount


def unquote(conn: Connection, session_no: int) -> Slice:
    """Take what alerts of a session quote out of them, and the texts of the messages that told of those alerts."""
    began, rows, alerts, told = perf_counter(), 0, tables.alerts, tables.deliveries
    with overwritten(conn):
        for alert in _quoting(conn, session_no):
            body = _texts.encode(_without_quotes(alert)).decode()
            conn.execute(update(alerts).where(alerts.c.id == alert.id).values(body=body))
            conn.execute(update(told).where(told.c.alert == alert.id, worded()).values(title="", text=""))
            rows += 1
            if perf_counter() - began > SLICE_S:
                return Slice(rows, True)
    return Slice(rows, False)


def _quoting(conn: Connection, session_no: int) -> list[Alert]:
    table = tables.alerts
    bodies = conn.scalars(select(table.c.body).where(table.c.session_no == session_no))
    return [alert for alert in map(_alert.decode, bodies) if any(each.text for each in alert.evidence)]


def _without_quotes(alert: Alert) -> Alert:
    quotes = [each.text for each in alert.evidence if each.text]

    def worded(words: dict[str, str]) -> dict[str, str]:
        return {language: _blanked(text, quotes) for language, text in words.items()}

    return replace(
        alert,
        title=worded(alert.title),
        host=worded(alert.host),
        action=worded(alert.action),
        evidence=tuple(_emptied(each) for each in alert.evidence),
    )


def _blanked(text: str, quotes: Sequence[str]) -> str:
    for quote in quotes:
        text = text.replace(quote, "…")
    return text


def _emptied(evidence: Evidence) -> Evidence:
    return replace(evidence, text="", marks=()) if evidence.text else evidence
