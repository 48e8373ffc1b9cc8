"""What the door saw of each source, summed up for `cueroom doctor`."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, select

from app.store import tables
from app.store.statements import Row, insert_rows

WHOLE_SOURCE: Final = ""
"""The kind under which a source's duplicates, refusals and unknown fields are counted."""
NAMES_KEPT: Final = 50
"""Most different names of unknown fields kept of one source: one that invents names must not fill memory or disk."""


class SourceCount(Struct, frozen=True, kw_only=True):
    """Counts since the last time they were added. `last_ms`: newest `received_ms`; `refused`: code -> count."""

    room: str
    source: str
    kind: str
    source_name: str = ""
    last_ms: int | None = None
    taken: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


_counts = msgspec.json.Decoder(dict[str, int])


def add_counts(conn: Connection, counts: Sequence[SourceCount]) -> None:
    """Add counts to those that are stored; the doors of several processes may do so at once."""
    table = tables.source_counters
    ordered = sorted(counts, key=_key)  # all in one order, or two doors might wait for each other
    nothing_yet = [SourceCount(room=count.room, source=count.source, kind=count.kind) for count in ordered]
    insert_rows(conn, table, [_values(count) for count in nothing_yet], "ignore")
    totals = []
    for count in ordered:
        mine = (table.c.room == count.room, table.c.source == count.source, table.c.kind == count.kind)
        held = conn.execute(select(table).where(*mine).with_for_update()).mappings().one()  # until the transaction ends
        totals.append(_sum(_row(held), count))
    insert_rows(conn, table, [_values(total) for total in totals], "replace")


def counts(conn: Connection, room: str) -> list[SourceCount]:
    """Return a room's counts by source and kind."""
    table = tables.source_counters
    query = select(table).where(table.c.room == room).order_by(table.c.source, table.c.kind)
    return [_row(row) for row in conn.execute(query).mappings()]


def _key(count: SourceCount) -> tuple[str, str, str]:
    return count.room, count.source, count.kind


def _values(count: SourceCount) -> Row:
    return (
        count.room,
        count.source,
        count.kind,
        count.source_name,
        count.last_ms,
        count.taken,
        count.duplicates,
        count.conflicts,
        msgspec.json.encode(count.refused).decode(),
        msgspec.json.encode(count.unknown).decode(),
    )


def _sum(old: SourceCount, new: SourceCount) -> SourceCount:
    return SourceCount(
        room=old.room,
        source=old.source,
        kind=old.kind,
        source_name=new.source_name or old.source_name,
        last_ms=max((at for at in (old.last_ms, new.last_ms) if at is not None), default=None),
        taken=old.taken + new.taken,
        duplicates=old.duplicates + new.duplicates,
        conflicts=old.conflicts + new.conflicts,
        refused=_add(old.refused, new.refused),
        unknown=_add(old.unknown, new.unknown),
    )


def _add(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    return (
        dict(Counter(old) + Counter(new)) if len(old) < NAMES_KEPT else {k: n + new.get(k, 0) for k, n in old.items()}
    )


def _row(row: object) -> SourceCount:
    values = dict(row)  # type: ignore[call-overload]
    return SourceCount(
        **{**values, "refused": _counts.decode(values["refused"]), "unknown": _counts.decode(values["unknown"])}
    )
