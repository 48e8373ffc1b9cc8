"""Promise: the overview has each alert once, on the leading room's row, and counts real tablets only."""

import asyncio
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.bus.memory import MemoryFrameLog
from app.clock import ManualClock
from app.domain.board import DeviceRow
from app.domain.commands import AckAlert, Issued
from app.domain.events import Speech, SpeechEvent
from app.domain.facts import CardChanged, CardsWanted
from app.domain.frames import RoomCard
from app.domain.people import Clearance
from app.domain.plan import RoomPlan
from app.domain.records import CommandIssued, Entry
from app.domain.workspace import Room
from app.realtime.live import Overlay
from app.realtime.overview import EVERY_BRAND, Cards, Overview, overview_view
from app.realtime.overview_screen import OverviewScreen
from tests.realtime.test_worker import PLAN, START, ZHOU, House, house
from tests.realtime.virtual import run

LEADING = Room(id="r", brand="b", name="1号间", platform="douyin")
MIRROR = Room(id="m", brand="b", name="1号间 视频号", platform="shipinhao")
OTHER = Room(id="x", brand="b", name="2号间", platform="douyin")
TWO_ROOMS = msgspec.structs.replace(PLAN, rooms=(RoomPlan("r", "R", "douyin"), RoomPlan("m", "M", "shipinhao")))


def cards(home: House, rooms: Iterable[Room]) -> dict[str, RoomCard]:
    """The rows as a process shows them that has heard the owner's."""
    overview = Overview(epoch=1, rooms=lambda: rooms, session_of=lambda room: "s1" if room in ("r", "m") else None)
    made = Cards(lambda: (MIRROR, LEADING, OTHER)).changed(home.worker.sessions["s1"])
    assert made is not None
    overview.hear(made)
    view = overview_view(EVERY_BRAND, Clearance.RESTRICTED)
    return dict(overview.of(EVERY_BRAND).topic("rooms", view))


async def forbidden(home: House) -> None:
    home.clock.advance(1_000)
    speech = Speech("天冷喝一杯，暖身御寒嘛", 0, 900)
    await home.send(SpeechEvent(room="r", occurred_ms=START + 500, id="s-1", payload=speech))


async def test_an_alert_of_two_rooms_is_counted_once_and_the_mirror_names_the_leading_room(tmp_path: Path) -> None:
    async with house(tmp_path, plan=TWO_ROOMS) as home:
        await forbidden(home)
        shown = cards(home, (MIRROR, LEADING, OTHER))
    assert (shown["r"].listed, shown["r"].counts, shown["r"].with_room) == (1, {"P1": 1}, "")
    assert shown["r"].worst is not None
    assert shown["r"].worst["level_ms"] == shown["r"].worst["opened_ms"], "it has had no other level"
    assert (shown["m"].listed, shown["m"].counts, shown["m"].worst) == (0, {}, None)
    assert (shown["m"].session, shown["m"].with_room) == ("s1", "1号间")
    assert shown["x"].with_room == ""


async def test_who_does_not_see_the_leading_room_still_sees_its_alerts(tmp_path: Path) -> None:
    async with house(tmp_path, plan=TWO_ROOMS) as home:
        await forbidden(home)
        shown = cards(home, (MIRROR,))
    assert (shown["m"].listed, shown["m"].with_room) == (1, "")


async def test_a_simulated_tablet_is_not_counted_as_one(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await forbidden(home)
        live = home.worker.sessions["s1"]
        live.overlay.device(DeviceRow("t1", "模拟平板", True, START, simulated=True))
        live.overlay.device(DeviceRow("t2", "平板 A", True, START))
        live.overlay.device(DeviceRow("t3", "平板 B", False, START))
        card = cards(home, (LEADING,))["r"]
    assert (card.tablets, card.simulated) == (1, 1)


async def test_an_owner_that_was_replaced_is_not_heard_and_what_was_told_is_not_told_again(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.board()
        (live,) = home.worker.sessions.values()
        made = Cards(lambda: (LEADING,))
        row = made.changed(live)
        assert row is not None
        live.overlay.device(DeviceRow("t3", "平板 B", False, START))  # no row of the overview shows it
        assert made.changed(live) is None
    overview = Overview(epoch=1, rooms=lambda: (LEADING,), session_of=lambda _: "s1")
    overview.hear(row)
    overview.hear(CardChanged("s1", row.epoch - 1, {}, {}))
    assert overview.rows("b", Clearance.OPEN) == row.open


async def test_an_alert_somebody_has_acknowledged_is_listed_and_counts_no_more(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await forbidden(home)
        (alert,) = home.worker.sessions["s1"].engine.topic("alerts", "control", Clearance.RESTRICTED)
        body = CommandIssued(Issued("ack", AckAlert(alert), ZHOU))
        await home.log.committed(await home.log.append("s1", Entry(home.clock.now(), body)), 5_000)
        card = cards(home, (LEADING,))["r"]
    assert (card.listed, card.counts) == (1, {})
    assert card.worst is not None


async def test_rows_that_cannot_be_made_keep_no_others_from_being_told(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.board()
        (sound,) = home.worker.sessions.values()
        broken = dataclasses.replace(sound, id="s0", overlay=Overlay())
        broken.overlay.put("devices", "d", "no row")
        told = Cards(lambda: (LEADING,)).all_changed([broken, sound])
        assert [card.session for card in told] == ["s1"]


def test_a_row_that_cannot_be_made_ends_neither_the_overview_nor_its_process() -> None:
    async def play() -> None:
        clock, frames, rooms = ManualClock(START), MemoryFrameLog(), [LEADING]
        broken = True

        def all_rooms() -> Iterable[Room]:
            if broken:
                raise ZeroDivisionError
            return rooms

        asked: list[CardsWanted] = []
        overview = Overview(epoch=1, rooms=all_rooms, session_of=lambda _: None)
        screen = OverviewScreen(overview, frames, clock, asked.append)
        running = asyncio.create_task(screen.run())
        view = overview_view(EVERY_BRAND, Clearance.OPEN)
        screen.want(view)
        await asyncio.sleep(1.5)
        assert not await frames.has(view.name)
        broken = False
        screen.want(view)
        await asyncio.sleep(1.5)
        assert asked[0].whole
        assert await frames.has(view.name)
        broken = True
        await asyncio.sleep(2)
        broken = False
        rooms.append(OTHER)
        clock.advance(2_000)
        await asyncio.sleep(2)
        assert await frames.since(view.name, 1, 0), "what changed is told once it can be"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(play())
