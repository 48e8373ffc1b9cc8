"""Promises: the newest level of each feed is kept, changes add to it, and what comes twice counts once."""

import asyncio
from functools import partial

import msgspec
from sqlalchemy import Connection

from app.domain.events import Listing, ListingEvent, Price, PriceEvent, StockEvent, StockReading
from app.store import tables
from app.store.database import Store
from app.store.levels import LevelEvent, forget, keep, levels, take_over
from app.store.sessions import open_session
from app.store.statements import insert_rows
from tests.store import samples

ROOM = "douyin"


def stock(name: str, at: int, available: int | None = None, delta: int | None = None, **more: object) -> StockEvent:
    reading = StockReading("sku-2", "erp", available, delta, **more)  # type: ignore[arg-type]
    return StockEvent(id=name, room=ROOM, occurred_ms=at, payload=reading)


async def kept(store: Store, *events: LevelEvent) -> None:
    await store.write(partial(keep, events=events))


async def available(store: Store) -> list[int | None]:
    found = await store.read(partial(levels, rooms=[ROOM]))
    return [event.payload.available for event in found if isinstance(event, StockEvent)]


async def test_the_newest_reading_of_each_kind_is_kept(store: Store) -> None:
    price = PriceEvent(id="p", room=ROOM, occurred_ms=3, payload=Price("sku-2", 9_900, "CNY"))
    listing = ListingEvent(id="l", room=ROOM, occurred_ms=2, payload=Listing("sku-2", on_sale=True))
    await kept(store, stock("a", 5, 100), price, listing, stock("b", 4, 90), stock("c", 6, 80, warehouse="w"))
    assert await store.read(partial(levels, rooms=[ROOM])) == [
        listing,
        price,
        stock("a", 5, 100),
        stock("c", 6, 80, warehouse="w"),
    ]
    await store.write(partial(forget, rooms=[ROOM]))
    assert await store.read(partial(levels, rooms=[ROOM])) == []


async def test_a_change_that_comes_again_is_added_once(store: Store) -> None:
    await kept(store, stock("a", 1, 100), stock("b", 2, delta=-3), stock("b", 2, delta=-3))
    assert await available(store) == [97]
    await kept(store, stock("b", 2, delta=-3), stock("c", 3, delta=-7))
    await kept(store, stock("a", 1, 100), stock("b", 2, delta=-3), stock("c", 3, delta=-7))
    assert await available(store) == [90]


async def test_a_change_of_no_known_level_says_nothing_and_counts_once_there_is_one(store: Store) -> None:
    await kept(store, stock("b", 2, delta=-3))
    assert await available(store) == []
    await kept(store, stock("a", 1, 100), stock("b", 2, delta=-3))
    assert await available(store) == [97]


async def test_a_change_that_a_session_took_over_is_never_added_to_the_next_level(store: Store) -> None:
    change = stock("b", 2, delta=-3)
    await kept(store, stock("a", 1, 100), change)
    await store.write(partial(forget, rooms=[ROOM]))
    await kept(store, stock("c", 5, 90))
    await kept(store, change, stock("d", 7, delta=-1), stock("e", 6, delta=-1))
    assert await available(store) == [88]


async def test_changes_from_two_sides_at_once_both_count(store: Store) -> None:
    await kept(store, stock("a", 1, 1_000))
    await asyncio.gather(*(kept(store, stock(f"d{n}", 2, delta=-1)) for n in range(20)))
    assert await available(store) == [980]


async def test_a_level_that_an_earlier_build_kept_is_read_and_added_to(store: Store) -> None:
    old = stock("a", 1, 100)
    row = (ROOM, "stock", "sku-2|erp|", 1, msgspec.json.encode(old).decode())
    await store.write(partial(insert_rows, table=tables.room_levels, rows=[row]))
    assert await available(store) == [100]
    await kept(store, old, stock("b", 2, delta=-3))
    assert await available(store) == [97]


async def test_a_thousand_levels_at_once(store: Store) -> None:
    many = [
        StockEvent(id=f"{n}", room=ROOM, occurred_ms=n, payload=StockReading(f"sku-{n}", "erp", n))
        for n in range(2_500)
    ]
    await kept(store, *many)
    await kept(store, *many)
    assert len(await available(store)) == 2_500


async def test_a_level_told_while_a_session_opens_is_in_it_or_is_known_to_belong_into_it(store: Store) -> None:
    def opened(conn: Connection) -> set[str]:
        entered = {event.id for event in take_over(conn, [ROOM])}
        open_session(conn, samples.opening("s", ROOM))
        forget(conn, [ROOM])
        return entered

    async def told(name: str) -> tuple[str, bool]:
        event = StockEvent(id=name, room=ROOM, occurred_ms=1, payload=StockReading(name, "erp", 5))
        return name, ROOM in await store.write(partial(keep, events=[event]))

    keeping = [asyncio.create_task(told(f"sku-{n}")) for n in range(6)]
    opening = asyncio.create_task(store.write(opened))
    keeping += [asyncio.create_task(told(f"sku-{n}")) for n in range(6, 12)]
    belong = {name for name, taken in await asyncio.gather(*keeping) if taken}
    assert sorted([*belong, *await opening]) == sorted(f"sku-{n}" for n in range(12))
    assert await store.read(partial(levels, rooms=[ROOM])) == []
