"""What the door saw of each source, summed up for `cueroom doctor`."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, select

from app.store import tables
from app.store.statements import insert_rows

NAMES_KEPT = 50
"""Most different names of unknown fields or kinds kept a row: a source that invents names must not fill the disk."""


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
    """Add counts to those that are stored. One caller at a time: the door's own, every few seconds."""
    rows = []
    for count in counts:
        table = tables.source_counters
        query = select(table).where(
            table.c.room == count.room, table.c.source == count.source, table.c.kind == count.kind
        )
        held = conn.execute(query).mappings().first()
        total = count if held is None else _sum(_row(held), count)
        rows.append(
            (
                total.room,
                total.source,
                total.kind,
                total.source_name,
                total.last_ms,
                total.taken,
                total.duplicates,
                total.conflicts,
                msgspec.json.encode(total.refused).decode(),
                msgspec.json.encode(total.unknown).decode(),
            )
        )
    insert_rows(conn, tables.source_counters, rows, "replace")


def counts(conn: Connection, room: str) -> list[SourceCount]:
    """Return a room's counts by source and kind."""
    table = tables.source_counters
    query = select(table).where(table.c.room == room).order_by(table.c.source, table.c.kind)
    return [_row(row) for row in conn.execute(query).mappings()]


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
