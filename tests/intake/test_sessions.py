"""Promises of the choice of a session: what opens one, and where everything else goes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.events import StockEvent
from app.intake.directory import Directory
from app.intake.door import Source
from app.store import tables
from app.store.contents import plan
from app.store.levels import levels
from app.store.sessions import session
from app.workspace.plan import plan_session
from tests.intake.house import NOON, WINE, WORKSPACE, House

MINUTE = 60_000
EVERYWHERE = Source("t-all", "全部", None, operator=True)
ORDER: dict[str, Any] = {"order": "o-1", "currency": "CNY", "lines": [{"sku": "SKU-2", "qty": 1, "amount": 19_900}]}
STOCK = {"sku": "SKU-2", "feed": "platform"}


async def taken_by(house: House, record: dict[str, Any]) -> str | None:
    """The session that took a record; None when it was kept or refused."""
    answer = await house.post(record, source=EVERYWHERE)
    return answer.sessions[0].session if answer.sessions else None


async def end(house: House, room: str = "wine-dy") -> str:
    ended = await taken_by(house, house.record("status", room, state="ended"))
    assert ended is not None
    assert house.directory.current(room) is None
    return ended


@pytest.mark.parametrize(
    ("kind", "payload", "opens"),
    [
        ("viewers", {"online": 1}, True),
        ("viewers", {"online": 0}, False),
        ("enter", {}, True),
        ("like", {}, True),
        ("comment", {"text": "来了"}, True),
        ("gift", {"gift": "rose"}, True),
        ("follow", {}, True),
        ("status", {"state": "live"}, True),
        ("leave", {}, False),
        ("share", {}, False),
        ("fan_join", {}, False),
        ("status", {"state": "paused"}, False),
        ("status", {"state": "ended"}, False),
        ("stream", {"line": "main", "bitrate_kbps": 4_000}, False),
        ("order_paid", ORDER, False),
        ("click", {"sku": "SKU-2"}, False),
        ("speech", {"text": "好", "start_ms": 0, "end_ms": 1}, False),
        ("on_air", {"sku": "SKU-2"}, False),
        ("ad", {"plan": "p"}, False),
    ],
)
async def test_what_opens_a_session_and_what_does_not(
    house: House, kind: str, payload: dict[str, Any], opens: bool
) -> None:
    answer = await house.post(house.record(kind, **payload))
    assert (house.directory.current("wine-dy") is not None) == opens
    if not opens:
        assert [(each.code, each.retryable) for each in answer.refused] == [("no_session", True)]


async def test_where_the_setting_is_off_only_a_start_opens(house: House) -> None:
    assert await taken_by(house, house.record("enter", "quiet")) is None
    assert await taken_by(house, house.record("status", "quiet", state="live")) is not None


async def test_for_ten_minutes_after_an_end_only_a_start_opens_the_next(house: House) -> None:
    first = await taken_by(house, house.record("enter"))
    assert await end(house) == first
    house.clock.advance(10 * MINUTE - 1)
    assert await taken_by(house, house.record("comment", text="还有吗")) == first, "a late fact of it"
    assert await taken_by(house, house.record("stream", line="main", bitrate_kbps=1)) == first
    house.clock.advance(1)
    second = await taken_by(house, house.record("comment", text="还有吗"))
    assert second not in (None, first)


async def test_a_start_opens_the_next_at_once(house: House) -> None:
    first = await taken_by(house, house.record("enter"))
    await end(house)
    second = await taken_by(house, house.record("status", state="live"))
    assert second not in (None, first)


async def test_a_start_after_an_end_in_one_batch_is_asked_for_again(house: House) -> None:
    first = await taken_by(house, house.record("enter"))
    records = [
        house.record("like"),
        house.record("status", state="ended"),
        house.record("like"),
        house.record("status", state="live"),
        house.record("enter"),
    ]
    answer = await house.post(*records)
    assert [(each.session, each.taken) for each in answer.sessions] == [(first, 3)]
    assert [(each.index, each.code, each.retryable) for each in answer.refused] == [
        (3, "session_ending", True),
        (4, "session_ending", True),
    ]
    again = await house.post(*records[3:])
    assert again.sessions[0].session != first
    assert again.sessions[0].taken == 2


async def test_orders_go_to_the_session_that_holds_the_order_others_to_the_present_one(house: House) -> None:
    first = await taken_by(house, house.record("enter"))
    assert await taken_by(house, house.record("order_paid", **ORDER)) == first
    await end(house)
    second = await taken_by(house, house.record("status", state="live"))
    assert await taken_by(house, house.record("order_refunded", **ORDER)) == first
    assert await taken_by(house, house.record("order_paid", **(ORDER | {"order": "o-2"}))) == second
    await end(house)
    assert await taken_by(house, house.record("order_refunded", **(ORDER | {"order": "o-3"}))) == second, "the last"


async def test_who_holds_an_order_is_known_after_a_restart(house: House) -> None:
    from app.domain.effects import OrderRow
    from app.intake.routes import Router
    from app.store import tables
    from app.store.orders import order_row
    from app.store.statements import insert_rows

    first = await taken_by(house, house.record("enter"))
    assert first is not None
    no = (await house.directory.find(first)).no
    row = order_row(no, OrderRow(2, "wine-dy", "o-1", "order_paid", NOON, "CNY", 19_900, 1))
    await house.store.write(lambda conn: insert_rows(conn, tables.orders, [row]))
    await end(house)
    await taken_by(house, house.record("status", state="live"))
    house.door._router = Router(house.directory, house.store)  # it remembers nothing
    assert await taken_by(house, house.record("order_refunded", **ORDER)) == first


async def test_levels_without_a_session_are_kept_and_enter_the_next_one_only(house: House) -> None:
    answer = await house.post(
        house.record("stock", **STOCK, available=500, version=1),
        house.record("stock", **STOCK, available=480, version=2),
        house.record("stock", **STOCK, delta=-30, version=3),
        house.record("price", sku="SKU-2", amount=18_800, currency="CNY"),
        house.record("listing", sku="SKU-2", on_sale=False, planned=900),
    )
    assert (answer.sessions, answer.refused, answer.kept) == ([], [], 5)
    first = await taken_by(house, house.record("enter"))
    assert first is not None

    async def sku_of(name: str) -> tuple[Any, ...]:
        row = await house.store.read(lambda conn: session(conn, name))
        (sku,) = (await house.store.read(lambda conn: plan(conn, row.plan))).skus
        return sku.opening_stock, sku.price, sku.on_sale, sku.planned

    assert await sku_of(first) == (450, 18_800, False, 900)
    assert await taken_by(house, house.record("stock", **STOCK, available=400, version=4)) == first, "planned or live"
    await end(house)
    second = await taken_by(house, house.record("status", state="live"))
    assert second is not None
    assert await sku_of(second) == (670, 19_900, True, 1_000), "what entered one session is not the next one's start"


async def test_a_kept_level_is_of_its_room(house: House) -> None:
    await house.post(house.record("stock", **STOCK, available=5, version=1))
    (kept,) = await house.store.read(lambda conn: levels(conn, ["wine-dy"]))
    assert isinstance(kept, StockEvent)
    assert kept.payload.available == 5
    assert await house.store.read(lambda conn: levels(conn, ["wine-sph"])) == []


async def test_a_session_spans_the_rooms_that_are_broadcast_together(house: House) -> None:
    second_room = await taken_by(house, house.record("enter", "duo-2"))
    assert await taken_by(house, house.record("enter", "duo")) == second_room
    answer = await house.post(
        house.record("like", "duo", count=1),
        house.record("like", "duo-2", count=2),
        house.record("like", "duo", count=3),
        source=EVERYWHERE,
    )
    assert [each.taken for each in answer.sessions] == [3]
    assert second_room is not None
    counts = [event.payload.count for event in house.loop.sessions[second_room].events[-3:]]  # type: ignore[union-attr]
    assert counts == [1, 2, 3], "in the order of the batch"
    assert house.loop.sessions[second_room].entries[-1].entry.body.rooms == ("duo", "duo-2")  # type: ignore[union-attr]


async def test_many_first_batches_at_once_open_one_session(house: House) -> None:
    answers = await asyncio.gather(*(house.post(house.record() | {"id": str(n)}) for n in range(20)))
    assert len({answer.sessions[0].session for answer in answers}) == 1


async def test_a_drill_in_a_room_never_takes_its_real_events(house: House) -> None:
    drill, _ = await house.directory.open("wine-dy", "drill")
    live = await taken_by(house, house.record("enter"))
    assert live not in (None, drill.id)
    shown = house.directory.showing("wine-dy")
    assert shown is not None
    assert shown.id == live
    await end(house)
    shown = house.directory.showing("wine-dy")
    assert shown is not None
    assert shown.id == drill.id


async def test_a_restart_knows_every_rooms_session_and_its_last(house: House) -> None:
    wine = await taken_by(house, house.record("enter"))
    planned, _ = await house.directory.open("tea-dy", "live", live=False)
    drill, _ = await house.directory.open("wine-sph", "drill")
    again = Directory(
        store=house.store,
        clock=house.clock,
        workspace=lambda: WORKSPACE,
        recipe=house.directory._recipe,
        plan=plan_session,
    )
    await again.load()
    found = {room: again.current(room) for room in ("wine-dy", "tea-dy", "wine-sph")}
    assert {room: ref.id if ref else None for room, ref in found.items()} == {
        "wine-dy": wine,
        "tea-dy": planned.id,
        "wine-sph": None,
    }
    shown = {room: again.showing(room) for room in found}
    assert {room: ref.id if ref else None for room, ref in shown.items()} == {
        "wine-dy": wine,
        "tea-dy": planned.id,
        "wine-sph": drill.id,
    }


async def test_listeners_hear_of_openings_and_ends(house: House) -> None:
    heard: list[tuple[str, str]] = []
    house.directory.listen(lambda ref: heard.append((ref.rooms[0], ref.state)))
    await house.post(house.record("enter"))
    await house.post(house.record("like"))
    await end(house)
    assert heard == [("wine-dy", "live"), ("wine-dy", "ended")]


async def test_bounds_of_time_follow_the_sessions_clock_not_the_wall(house: House) -> None:
    answer = await house.post(house.record() | {"occurred_ms": NOON + 120_001}, source=WINE)
    assert answer.refused[0].code == "occurred_in_future"
    house.clock.advance(1)
    assert (await house.post(house.record() | {"occurred_ms": NOON + 120_001})).refused == []


async def test_a_level_enters_the_session_that_a_later_record_of_its_batch_opens(house: House) -> None:
    answer = await house.post(
        house.record("stock", "duo-2", **STOCK, available=500), house.record("enter", "duo"), source=EVERYWHERE
    )
    assert ([each.taken for each in answer.sessions], answer.kept) == ([2], 0)
    assert [event.room for event in house.loop.sessions[answer.sessions[0].session].events] == ["duo-2", "duo"]


class Early:
    """The real store, before whose writes something else happens."""

    def __init__(self, house: House, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._house, self._meanwhile = house, meanwhile

    async def write(self, fn: Any) -> Any:
        await self._meanwhile()
        return await self._house.store.write(fn)


async def test_a_level_that_was_about_to_be_kept_enters_the_session_that_opens_meanwhile(house: House) -> None:
    opens = Early(house, lambda: house.directory.open("wine-dy", "live"))
    house.door._router._store = opens  # type: ignore[assignment]  # asks nothing else of it
    answer = await house.post(house.record("stock", **STOCK, available=500))
    opened = house.directory.current("wine-dy")
    assert opened is not None
    assert ([(each.session, each.taken) for each in answer.sessions], answer.kept) == ([(opened.id, 1)], 0)
    assert await house.store.read(lambda conn: levels(conn, ["wine-dy"])) == []


class Late:
    """The real store, whose answers to a reader come after something else has happened."""

    def __init__(self, house: House, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._house, self._meanwhile = house, meanwhile

    async def read(self, fn: Any) -> Any:
        rows = await self._house.store.read(fn)
        await self._meanwhile()
        return rows


async def test_a_reload_that_read_before_an_end_does_not_open_the_session_again(house: House) -> None:
    await taken_by(house, house.record("enter"))
    house.directory._store = Late(house, lambda: end(house))  # type: ignore[assignment]  # asks nothing else of it
    await house.directory.load()
    assert house.directory.current("wine-dy") is None


async def test_what_was_read_before_a_pause_does_not_undo_it(house: House) -> None:
    opened, _ = await house.directory.open("wine-dy", "live")
    house.directory._store = Late(house, lambda: paused(house, opened.id))  # type: ignore[assignment]  # as above
    await house.directory.learn(opened.id)
    known = house.directory.known(opened.id)
    assert known is not None
    assert known.state == "paused"


async def paused(house: House, session_id: str) -> str:
    known = house.directory.known(session_id)
    if known is not None and known.state != "paused":
        await house.loop.become(session_id, "paused", NOON)
    return session_id


async def test_a_reload_corrects_what_was_believed_open(house: House) -> None:
    opened, _ = await house.directory.open("wine-dy", "live")
    later, _ = await house.directory.open("wine-sph", "drill")
    over = tables.sessions.update().where(tables.sessions.c.id.in_([opened.id, later.id])).values(state="ended")
    await house.store.write(lambda conn: conn.execute(over))  # another process, whose word was not heard
    heard: list[tuple[str, str]] = []
    house.directory.listen(lambda ref: heard.append((ref.id, ref.state)))
    await house.directory.load()
    assert house.directory.current("wine-dy") is None
    assert [ref.open for room in ("wine-dy", "wine-sph") if (ref := house.directory.showing(room))] == [False, False]
    assert heard == [(opened.id, "ended"), (later.id, "ended")]
