"""Promises: a session is opened once and whole, a room has one open live session, an owner's fence only grows."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import Connection, text

from app.domain.events import Price, PriceEvent, StockEvent, StockReading
from app.domain.plan import SessionKind
from app.domain.records import Opened
from app.errors import NotFound
from app.instants import Instant
from app.store import chunks, contents, counters, levels, sessions
from app.store.database import Store
from app.store.faults import RowLocked
from app.store.sessions import RoomTaken
from tests.store import samples


async def open_one(store: Store, name: str, *rooms: str, kind: SessionKind = "live") -> sessions.SessionRow:
    opening = samples.opening(name, *rooms, kind=kind)
    return (await store.write(partial(sessions.open_session, opening=opening)))[0]


async def test_an_opened_session_has_its_contents_and_position_1(store: Store) -> None:
    row = await open_one(store, "s", "douyin", "kuaishou")
    assert (row.position, row.state, row.rooms, row.now_ms) == (1, "live", ("douyin", "kuaishou"), samples.NOW)
    assert await store.read(partial(sessions.session, session_id="s")) == row
    (first,) = await store.read(lambda conn: list(chunks.chunks_after(conn, row.session_no)))
    assert first.body == Opened("s", row.session_no, row.plan, row.rules, row.lexicon, "test", True)
    assert await store.read(partial(contents.plan, name=row.plan)) == samples.plan("douyin", "kuaishou")
    assert await store.read(partial(contents.content, name=row.rules)) == samples.RULES


async def test_opening_the_same_id_again_finds_the_session(store: Store) -> None:
    row = await open_one(store, "s")
    again, new = await store.write(partial(sessions.open_session, opening=samples.opening("s")))
    assert (again, new) == (row, False)


async def test_a_room_has_one_open_live_session(store: Store) -> None:
    await open_one(store, "first", "douyin")
    before = await store.write(counters.next_fence)
    with pytest.raises(RoomTaken) as refused:
        await open_one(store, "second", "kuaishou", "douyin")
    assert refused.value.context == {"room": "douyin", "session": "first"}
    with pytest.raises(NotFound):
        await store.read(partial(sessions.session, session_id="second"))
    assert await store.write(counters.next_fence) == before + 1, "nothing of a refused opening is left"
    await open_one(store, "drill", "douyin", kind="drill")
    await open_one(store, "demo", "douyin", kind="demo")


async def test_of_two_that_open_a_room_at_once_one_is_told_of_the_other(store: Store) -> None:
    results = await asyncio.gather(
        *(open_one(store, name, "douyin") for name in ("a", "b", "c")), return_exceptions=True
    )
    opened = [result for result in results if isinstance(result, sessions.SessionRow)]
    refused = [result for result in results if isinstance(result, RoomTaken)]
    assert (len(opened), len(refused)) == (1, 2)
    assert {refusal.context["session"] for refusal in refused} == {opened[0].id}


async def test_fences_grow_with_every_opening_and_every_owner(store: Store) -> None:
    a, b = await open_one(store, "a", "a"), await open_one(store, "b", "b")
    owner = await store.write(counters.next_fence)
    assert a.fence < b.fence < owner
    owned = await store.write(partial(sessions.own, session_no=a.session_no, fence=owner))
    assert owned.fence == owner
    found = await store.read(sessions.open_sessions)
    assert [(row.id, row.fence) for row in found] == [("a", owner), ("b", b.fence)]
    kept = await store.write(partial(sessions.own, session_no=a.session_no, fence=a.fence))
    assert kept.fence == owner, "an older fence changes nothing"


async def test_a_rooms_sessions_are_found_open_and_last(store: Store) -> None:
    live = await open_one(store, "live", "douyin")
    demo = await open_one(store, "demo", "douyin", kind="demo")
    assert await store.read(partial(sessions.open_session_of, room="douyin")) == live
    assert await store.read(partial(sessions.last_session_of, room="douyin")) == demo
    assert await store.read(partial(sessions.last_session_of, room="douyin", kinds=["live"])) == live
    assert await store.read(partial(sessions.open_session_of, room="kuaishou")) is None
    assert await store.read(partial(sessions.sessions_of, rooms=["douyin"], most=1)) == [demo]
    page = partial(sessions.sessions_of, rooms=["douyin"], before_no=demo.session_no)
    assert await store.read(page) == [live]


def stock(available: int | None = None, delta: int | None = None, *, at: int, version: int | None = None) -> StockEvent:
    payload = StockReading("sku-2", "erp", available=available, delta=delta, version=version)
    return StockEvent(id=f"s{at}", room="douyin", occurred_ms=at, payload=payload)


async def test_a_rooms_last_levels_are_kept_without_a_session(store: Store) -> None:
    price = PriceEvent(id="p", room="douyin", occurred_ms=5, payload=Price("sku-2", 12_900, "CNY"))
    await store.write(partial(levels.keep, events=[stock(670, at=10, version=3), price]))
    await store.write(partial(levels.keep, events=[stock(999, at=20, version=2), stock(delta=-70, at=30)]))
    found = await store.read(partial(levels.levels, rooms=["douyin", "kuaishou"]))
    kept = [event.payload.available for event in found if isinstance(event, StockEvent)]
    assert (kept, price in found, len(found)) == ([600], True, 2)


async def test_a_change_of_stock_without_a_level_says_nothing(store: Store) -> None:
    await store.write(partial(levels.keep, events=[stock(delta=-70, at=Instant(30))]))
    assert await store.read(partial(levels.levels, rooms=["douyin"])) == []


async def test_a_session_that_a_transaction_holds_keeps_nobody_waiting_for_a_fence(store: Store) -> None:
    if store.dialect == "sqlite":
        return  # one writer: no row is held while another asks
    row = await open_one(store, "s")
    held = asyncio.Event()

    def hold(conn: Connection) -> None:
        sessions.lock(conn, row.session_no)
        held.set()
        conn.execute(text("SELECT pg_sleep(0.3)"))

    def take(conn: Connection) -> None:
        sessions.lock(conn, row.session_no, 50)
        counters.next_fence(conn)

    holding = asyncio.create_task(store.write(hold))
    await held.wait()
    with pytest.raises(RowLocked):
        await store.write(take)
    await store.write(counters.next_fence)
    assert not holding.done()
    await holding
    await store.write(take)


async def test_a_writer_that_stands_still_is_ended_before_a_lease_is(store: Store) -> None:
    if store.dialect == "sqlite":
        return
    ends = await store.write(lambda conn: conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one())
    assert ends == "3s"
