"""A room's last stock, price and listing readings, from when it had no session; they enter the next one that opens."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select, tuple_

from app.domain.events import Event, ListingEvent, PriceEvent, StockEvent
from app.domain.identity import id_hash
from app.store import tables
from app.store.dialects import hold
from app.store.statements import insert_rows

LevelEvent = StockEvent | PriceEvent | ListingEvent
_Place = tuple[str, str, str]
KNOWN_IDS: Final = 1_000
"""Of each level so many last ids are remembered: what comes again, since its answer was lost, is not added again."""
AT_ONCE: Final = 1_000
LEVELS: Final = 1
"""What is held while a session takes levels over, so that none is kept beside it: it would miss that session."""


class _Kept(Struct, frozen=True, tag="kept", tag_field="kind"):
    """A level, and the hashes of the ids that made it, oldest first; an earlier build kept the event alone.

    `read_ms`: when the level itself was read, before the changes that were added since. A change from before it, where
    no version says better, is in it already, whichever id it has: a session takes it so too, and what comes again
    after a session took a level over counts in neither.
    """

    event: LevelEvent
    ids: tuple[int, ...] = ()
    read_ms: int | None = None


_body: "msgspec.json.Decoder[_Kept | LevelEvent]" = msgspec.json.Decoder(_Kept | LevelEvent)


def keep(conn: Connection, events: Sequence[Event]) -> frozenset[str]:
    """Keep of each feed, SKU and warehouse the newest reading; a change of stock is added to the level that is held.

    Events of other kinds are left out; so is a change of which no level is held, for it says nothing by itself, and
    what has come before with the same id. Returned are the rooms that have a session by now: theirs was not kept, it
    belongs into that session.
    """
    hold(conn, LEVELS, together=True)
    taken = _with_a_session(conn, {event.room for event in events})
    told = [event for event in events if isinstance(event, LevelEvent) and event.room not in taken]
    held = _held(conn, sorted({_place(event) for event in told}))
    changed: dict[_Place, _Kept] = {}
    for event in told:
        place = _place(event)
        if (after := _after(held.get(place), event)) is not None:
            held[place] = changed[place] = after
    rows = [
        (*place, kept.event.occurred_ms, msgspec.json.encode(kept).decode()) for place, kept in sorted(changed.items())
    ]
    insert_rows(conn, tables.room_levels, rows, "replace")
    return taken


def take_over(conn: Connection, rooms: Sequence[str]) -> list[LevelEvent]:
    """Return what was kept for some rooms, for a session that opens in this transaction; nothing is kept until it is
    committed, and from then on what comes finds the session."""
    hold(conn, LEVELS)
    return levels(conn, rooms)


def levels(conn: Connection, rooms: Sequence[str]) -> list[LevelEvent]:
    """Return the readings kept for some rooms, oldest first."""
    table = tables.room_levels
    query = select(table.c.body).where(table.c.room.in_(rooms)).order_by(table.c.at_ms, table.c.kind, table.c.key)
    return [_decoded(body).event for body in conn.scalars(query)]


def forget(conn: Connection, rooms: Sequence[str]) -> None:
    """Drop what is kept for some rooms, once it has entered a session: the one after must not start from it again."""
    conn.execute(delete(tables.room_levels).where(tables.room_levels.c.room.in_(rooms)))


def _with_a_session(conn: Connection, rooms: Collection[str]) -> frozenset[str]:
    table = tables.session_rooms
    query = select(table.c.room).where(table.c.room.in_(rooms), table.c.kind == "live", table.c.state != "ended")
    return frozenset(conn.scalars(query))


def _held(conn: Connection, places: Sequence[_Place]) -> dict[_Place, _Kept]:
    """Return what is kept; nobody else may change it before this transaction ends."""
    table = tables.room_levels
    place = (table.c.room, table.c.kind, table.c.key)
    held: dict[_Place, _Kept] = {}
    for start in range(0, len(places), AT_ONCE):
        query = select(*place, table.c.body).where(tuple_(*place).in_(places[start : start + AT_ONCE]))
        for room, kind, key, body in conn.execute(query.order_by(*place).with_for_update()):
            held[(room, kind, key)] = _decoded(body)
    return held


def _decoded(body: str) -> _Kept:
    found = _body.decode(body)
    return found if isinstance(found, _Kept) else _Kept(found, (id_hash(found.id),))


def _after(held: _Kept | None, event: LevelEvent) -> _Kept | None:
    """Return what to hold from now on; None when nothing changes."""
    name = id_hash(event.id)
    if held is not None and name in held.ids:
        return None
    newer = event if held is None else _newer(held, event)
    if newer is None or (isinstance(newer, StockEvent) and newer.payload.available is None):
        return None
    read_ms = event.occurred_ms if held is None or newer is event else _read_ms(held)
    return _Kept(newer, (*(held.ids if held else ()), name)[-KNOWN_IDS:], read_ms)


def _read_ms(held: _Kept) -> int:
    return held.event.occurred_ms if held.read_ms is None else held.read_ms


def _newer(kept: _Kept, event: LevelEvent) -> LevelEvent | None:
    """Return what to hold from now on; None to leave it as it is."""
    held = kept.event
    if isinstance(held, StockEvent) and isinstance(event, StockEvent):
        old, new = held.payload, event.payload
        if old.version is not None and new.version is not None and new.version <= old.version:
            return None
        if new.available is None:
            if new.version is None and event.occurred_ms < _read_ms(kept):
                return None
            level = (old.available or 0) + (new.delta or 0)
            payload = msgspec.structs.replace(new, available=level, delta=None)
            event = msgspec.structs.replace(
                event, payload=payload, occurred_ms=max(held.occurred_ms, event.occurred_ms)
            )
    return event if event.occurred_ms >= held.occurred_ms else None


def _place(event: LevelEvent) -> _Place:
    kind = str(event.__struct_config__.tag)
    if isinstance(event, StockEvent):
        stock = event.payload
        return event.room, kind, f"{stock.sku}|{stock.feed}|{stock.warehouse}"
    return event.room, kind, event.payload.sku
