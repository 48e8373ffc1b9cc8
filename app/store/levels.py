"""A room's last stock, price and listing readings, from when it had no session; they enter the next one that opens."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from app.domain.events import Event, ListingEvent, PriceEvent, StockEvent
from app.store import tables
from app.store.statements import insert_rows

LevelEvent = StockEvent | PriceEvent | ListingEvent
_event: "msgspec.json.Decoder[LevelEvent]" = msgspec.json.Decoder(LevelEvent)


def keep(conn: Connection, events: Sequence[Event]) -> None:
    """Keep of each feed, SKU and warehouse the newest reading; a change of stock is added to the level that is held.

    Events of other kinds are left out; so is a change of which no level is held, for it says nothing by itself.
    """
    for event in events:
        if not isinstance(event, LevelEvent):
            continue
        held = _held(conn, event)
        newer = event if held is None else _newer(held, event)
        if newer is not None and not (isinstance(newer, StockEvent) and newer.payload.available is None):
            body = msgspec.json.encode(newer).decode()
            row = (event.room, _kind(event), _key(event), newer.occurred_ms, body)
            insert_rows(conn, tables.room_levels, [row], "replace")


def levels(conn: Connection, rooms: Sequence[str]) -> list[LevelEvent]:
    """Return the readings kept for some rooms, oldest first."""
    table = tables.room_levels
    query = select(table.c.body).where(table.c.room.in_(rooms)).order_by(table.c.at_ms, table.c.kind, table.c.key)
    return [_event.decode(body) for body in conn.scalars(query)]


def forget(conn: Connection, rooms: Sequence[str]) -> None:
    """Drop what is kept for some rooms, once it has entered a session: the one after must not start from it again."""
    conn.execute(delete(tables.room_levels).where(tables.room_levels.c.room.in_(rooms)))


def _held(conn: Connection, event: LevelEvent) -> LevelEvent | None:
    table = tables.room_levels
    query = select(table.c.body).where(
        table.c.room == event.room, table.c.kind == _kind(event), table.c.key == _key(event)
    )
    body = conn.scalar(query)
    return None if body is None else _event.decode(body)


def _newer(held: LevelEvent, event: LevelEvent) -> LevelEvent | None:
    """Return what to hold from now on; None to leave it as it is."""
    if isinstance(held, StockEvent) and isinstance(event, StockEvent):
        old, new = held.payload, event.payload
        if old.version is not None and new.version is not None and new.version <= old.version:
            return None
        if new.available is None:
            level = (old.available or 0) + (new.delta or 0)
            payload = msgspec.structs.replace(new, available=level, delta=None)
            event = msgspec.structs.replace(
                event, payload=payload, occurred_ms=max(held.occurred_ms, event.occurred_ms)
            )
    return event if event.occurred_ms >= held.occurred_ms else None


def _kind(event: LevelEvent) -> str:
    return str(event.__struct_config__.tag)


def _key(event: LevelEvent) -> str:
    if isinstance(event, StockEvent):
        stock = event.payload
        return f"{stock.sku}|{stock.feed}|{stock.warehouse}"
    return event.payload.sku
