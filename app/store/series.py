"""History: a metric's values, one a second, kept by the minute."""

from collections.abc import Sequence
from struct import Struct as Packing
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from app.domain.readings import MinuteRow, Scope
from app.instants import MINUTE
from app.store import tables
from app.store.statements import Row

_SECONDS: Final = Packing("<60d")


def reading_row(session_no: int, row: MinuteRow) -> Row:
    """Return the row of a minute, in the table's order."""
    return (session_no, row.metric, row.scope, row.scope_id, row.minute_ms, _SECONDS.pack(*row.values))


def series(
    conn: Connection, session_no: int, metric: str, scope: Scope = "session", scope_id: str = "", *,
    start_ms: int | None = None, end_ms: int | None = None,
) -> list[MinuteRow]:  # fmt: skip
    """Return the minutes that hold any instant of start <= t < end, oldest first; NaN where a second is unknown."""
    table = tables.readings
    query = select(table.c.minute_ms, table.c.seconds).where(
        table.c.session_no == session_no,
        table.c.metric == metric,
        table.c.scope == scope,
        table.c.scope_id == scope_id,
    )
    if start_ms is not None:
        query = query.where(table.c.minute_ms > start_ms - MINUTE)
    if end_ms is not None:
        query = query.where(table.c.minute_ms < end_ms)
    return [
        MinuteRow(metric, scope, scope_id, minute, _SECONDS.unpack(seconds))
        for minute, seconds in conn.execute(query.order_by(table.c.minute_ms))
    ]


class Packed(NamedTuple):
    """A stored minute, its seconds still packed: unpacking is the caller's business, in a thread."""

    metric: str
    scope: Scope
    scope_id: str
    minute_ms: int
    seconds: bytes

    def unpacked(self) -> MinuteRow:
        return MinuteRow(self.metric, self.scope, self.scope_id, self.minute_ms, _SECONDS.unpack(self.seconds))


def newest_of(
    conn: Connection, session_no: int, metrics: Sequence[str], *, most: int, scope: Scope | None = None,
    scope_id: str | None = None, start_ms: int | None = None, end_ms: int | None = None,
) -> tuple[list[Packed], int | None]:  # fmt: skip
    """Return the newest `most` minutes of some metrics, oldest first, of every scope or of one.

    Beside them the instant before which there is more: only whole minutes are returned, unless one is more than `most`.
    """
    table = tables.readings
    columns = (table.c.metric, table.c.scope, table.c.scope_id, table.c.minute_ms, table.c.seconds)
    query = select(*columns).where(table.c.session_no == session_no, table.c.metric.in_(metrics))
    if scope is not None:
        query = query.where(table.c.scope == scope)
    if scope_id is not None:
        query = query.where(table.c.scope_id == scope_id)
    if start_ms is not None:
        query = query.where(table.c.minute_ms > start_ms - MINUTE)
    if end_ms is not None:
        query = query.where(table.c.minute_ms < end_ms)
    found = [Packed(*row) for row in conn.execute(query.order_by(table.c.minute_ms.desc()).limit(most + 1))]
    if len(found) <= most:
        return found[::-1], None
    cut = found[-1].minute_ms  # of this minute not all is here
    whole = [row for row in found if row.minute_ms > cut]
    return (whole[::-1], cut + MINUTE) if whole else (found[:most], cut)


def metrics(conn: Connection, session_no: int) -> Sequence[tuple[str, Scope, str]]:
    """Return what a session has history of: (metric, scope, scope id)."""
    table = tables.readings
    query = select(table.c.metric, table.c.scope, table.c.scope_id).where(table.c.session_no == session_no).distinct()
    return [
        (metric, scope, scope_id) for metric, scope, scope_id in conn.execute(query.order_by(*query.selected_columns))
    ]
