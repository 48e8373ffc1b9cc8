"""Promises: a channel that rests or is stopped says so, and why, to the doctor and on the screens of its sessions."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from app.access.access import Access
from app.domain.deliveries import Standing
from app.domain.people import Clearance
from app.domain.workspace import Workspace
from app.operations.channels import ChannelTest, try_channel
from app.operations.doctor import Examine, examine
from app.operations.installation import Installation
from app.realtime.hub import View
from app.realtime.live import Overlay
from app.realtime.outgoing import Outgoing
from app.settings import Settings
from app.store import standings
from app.store.workspace import replace_workspace
from tests.delivery.chat import TOO_MANY, Answer, Chat, running_chat
from tests.delivery.outbox import GROUP, NOW, Outbox, pump_out
from tests.delivery.receiver import HOOK, Receiver, listened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with running_chat(chat=receiver):
        yield receiver


async def installation(outbox: Outbox) -> Installation:
    new = Workspace(id="w", name="工作区", channels=(GROUP, HOOK))
    await outbox.store.write(lambda conn: replace_workspace(conn, new, source="", by="test", at=NOW))
    return Installation(
        settings=Settings(allow_private_webhooks=True),
        store=outbox.store,
        clock=outbox.clock,
        access=Access(store=outbox.store, clock=outbox.clock),
        environ=outbox.environ,
    )


async def told(here: Installation) -> dict[str, str]:
    """Return how the doctor says that each channel stands."""
    lines = (await examine(here, Examine("zh-CN"))).lines
    rows = {line.split()[0]: line for line in lines}
    return {name: " ".join(rows[name].split()[3:]) for name in ("group", "hook")}


async def test_the_doctor_says_how_channels_stand_and_a_good_test_mends_them(
    outbox: Outbox, chat: Chat, receiver: Receiver
) -> None:
    listened(outbox, receiver)
    here = await installation(outbox)
    assert await told(here) == {"group": "正常", "hook": "正常"}
    chat.script.append(Answer(TOO_MANY))
    receiver.script.append(Answer("", status=410))
    await outbox.plan()
    await outbox.plan(channel="hook")
    pump = outbox.pump()
    await pump_out(pump)
    assert await told(here) == {
        "group": "暂停发送，2025-11-25 00:01:00 再试",
        "hook": "已停用：gone: 对方已停止接收（HTTP 410）；改好后运行 cueroom channel test hook",
    }
    assert (await try_channel(here, ChannelTest("hook", "zh-CN"))).code == 0
    assert (await told(here))["hook"] == "正常"
    (row,) = await outbox.plan(channel="hook")
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"
    del outbox.environ["SECRET"]
    assert (await told(here))["group"].startswith("已停用：no_address: 环境变量 SECRET 未设置")


async def test_what_waits_for_a_group_that_rests_goes_after_a_test_that_went_well_anywhere(
    outbox: Outbox, chat: Chat
) -> None:
    here = await installation(outbox)
    chat.script.append(Answer(TOO_MANY))
    (row,) = await outbox.plan()
    pump = outbox.pump()
    await pump_out(pump)
    outbox.clock.advance(10_000)
    await pump_out(pump)
    assert (await outbox.row(row)).state == "waiting"
    assert (await try_channel(here, ChannelTest("group", "zh-CN"))).code == 0
    await pump_out(pump)
    assert (await outbox.row(row)).state == "accepted"


async def test_what_a_pump_wrote_down_is_taken_back_when_messages_go_again(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer(TOO_MANY))
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    outbox.clock.advance(30_000)
    after = outbox.pump()
    await pump_out(after)  # the next pump keeps the rest that the one before was told to take
    assert len(chat.received) == 1
    outbox.clock.advance(30_000)
    await pump_out(after)
    assert (await outbox.row(row)).state == "accepted"
    assert [one.state for one in outbox.standings] == ["resting", "open"]
    assert await outbox.store.read(standings.standings) == {}


def test_a_session_shows_its_own_channels_on_the_console_alone() -> None:
    stopped = Standing("ops", "stopped", "运营群", "310000", NOW)
    overlay = Overlay((), ["ops"], [stopped, Standing("others", "stopped")])
    console, tablet = View("s", "control", Clearance.OPEN), View("s", "tablet", Clearance.OPEN)
    assert overlay.topic("channels", console) == {"ops": stopped}
    assert overlay.topic("channels", tablet) == {}
    before = overlay.versions["channels"]
    overlay.standing(Standing("others", "resting"))
    overlay.standing(stopped)
    assert overlay.versions["channels"] == before
    overlay.standing(Standing("ops", "open"))
    assert (overlay.topic("channels", console), overlay.versions["channels"]) == ({}, before + 1)


async def test_a_console_that_missed_a_word_of_the_pump_is_corrected_from_sql(outbox: Outbox) -> None:
    shown = await outbox.plan(2)
    overlay = Overlay(shown, ["group"], [Standing("group", "resting")])
    live = SimpleNamespace(overlay=overlay)
    newer = replace(shown[1], state="failed")

    def after_news(session: str, change: Callable[[Any], None]) -> None:
        assert session == "s1"
        overlay.delivery(newer)  # heard while SQL was read
        change(live)

    await pump_out(outbox.pump())
    await Outgoing(outbox.store, lambda: {"s1": live}, after_news).read()  # type: ignore[dict-item]  # its overlay alone
    console = View("s", "control", Clearance.OPEN)
    assert overlay.topic("deliveries", console) == {shown[0].id: await outbox.row(shown[0]), newer.id: newer}
    assert overlay.topic("deliveries", console)[shown[0].id].state == "accepted"
    assert overlay.topic("channels", console) == {}
