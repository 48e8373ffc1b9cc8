"""Promises: a message goes to the open internet only, once, without proxies or redirects, and secrets stay inside."""

import socket

import pytest

from app.clock import ManualClock
from app.delivery.courier import Courier, NotSent
from app.delivery.proof import send_test
from app.delivery.reach import OutOfReach, Reach, is_public
from app.delivery.robots import Post, Robot, missing_variables, redacted, robots_of
from tests.delivery.chat import SECRET, TOKEN, Answer, Chat, running_chat
from tests.delivery.outbox import GROUP, HOME, NOW, Outbox, pump_out


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.9.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::808:808",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:0:127.0.0.1",
        "fec0::1",
        "5f00::1",
        "2001:db8::1",
        "3fff::1",
        "2001:0:808:808::f5ff:fffe",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.170",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.1",
        "240.0.0.1",
    ],
)
def test_addresses_of_the_own_network_are_recognised(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_open_internet_are_recognised(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
async def test_a_name_that_leads_home_is_refused_before_anything_is_sent(host: str, chat: Chat) -> None:
    async with Courier() as courier:
        with pytest.raises(OutOfReach):
            await courier.carry(Post(f"https://{host}:{chat.port}/robot/send", {}, b"{}"))
    assert chat.received == []


async def test_an_address_without_tls_is_refused() -> None:
    async with Courier() as courier:
        with pytest.raises(OutOfReach):
            await courier.carry(Post("http://8.8.8.8/robot/send", {}, b"{}"))


async def test_a_certificate_that_is_not_trusted_is_no_connection() -> None:
    async with running_chat(certificate="untrusted.pem") as chat, Courier(reach=HOME) as courier:
        with pytest.raises(NotSent) as refused:
            await courier.carry(Post(f"https://127.0.0.1:{chat.port}/robot/send", {}, b"{}"))
    assert refused.value.code == "not_connected"
    assert chat.received == []


async def test_a_redirect_is_not_followed(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer("", status=302, headers=(f"Location: {chat.url}",)))
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    assert len(chat.received) == 1
    assert (await outbox.row(row)).state == "waiting"


async def test_proxies_of_the_environment_are_not_used(
    outbox: Outbox, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{unused.getsockname()[1]}")
        (row,) = await outbox.plan()
        await pump_out(outbox.pump())
    assert (await outbox.row(row)).state == "accepted"


async def test_no_packed_answer_is_asked_for(chat: Chat) -> None:
    async with Courier(reach=HOME) as courier:
        await courier.carry(Post(f"{chat.url}&timestamp=1", None, b"{}"))
    assert "accept-encoding: identity" in chat.received[0].head.lower()


async def test_a_cookie_is_not_kept(chat: Chat) -> None:
    chat.script.append(Answer(headers=("Set-Cookie: who=us; Path=/",)))
    async with Courier(reach=HOME) as courier:
        for _ in range(2):
            await courier.carry(Post(f"{chat.url}&timestamp=1", None, b"{}"))
    assert ["cookie:" in one.head.lower() for one in chat.received] == [False, False]


async def test_a_private_address_stops_the_channel_in_words(outbox: Outbox, chat: Chat) -> None:
    (row,) = await outbox.plan()
    await pump_out(outbox.pump(reach=Reach()))
    assert (await outbox.row(row)).answer.startswith("private_address: ")
    assert outbox.standings[-1].state == "stopped"
    assert chat.received == []


async def test_an_endless_answer_is_cut(outbox: Outbox, chat: Chat) -> None:
    chat.script.append(Answer("x" * 5_000_000))
    (row,) = await outbox.plan()
    await pump_out(outbox.pump())
    assert (await outbox.row(row)).answer.startswith("not_an_answer: ")


def test_secrets_are_taken_out_of_texts_in_every_spelling() -> None:
    robot = Robot("r", "https://x.example/robot/send?access_token=abc+def/ghi%3D", "SEC/secret+value")
    text = "abc def/ghi= abc%20def%2Fghi%3D SEC/secret+value SEC%2Fsecret%2Bvalue " + robot.address
    assert redacted(text, robot).replace("…", "").split() == []


def test_a_robot_does_not_show_its_address() -> None:
    (robot,) = robots_of(GROUP, {"URL": f"https://x.example/?access_token={TOKEN}", "SECRET": SECRET})
    assert TOKEN not in repr(robot)
    assert SECRET not in repr(robot)


def test_variables_that_are_not_set_are_named() -> None:
    assert missing_variables(GROUP, {"URL": " "}) == ["URL", "SECRET"]


async def test_a_test_message_is_marked_and_tells_the_platforms_answer(chat: Chat) -> None:
    environ = {"URL": chat.url, "SECRET": SECRET}
    proof = await send_test(GROUP, clock=ManualClock(NOW), language="zh-CN", reach=HOME, environ=environ)
    assert (proof.passed, proof.lines) == (True, ("URL: accepted: HTTP 200 0 ok",))
    (one,) = chat.received
    assert one.signed
    assert one.body["markdown"]["title"] == "【测试】控台连接测试"
    assert "「货盘群」已接通" in one.text


async def test_a_test_message_that_fails_shows_what_came_without_secrets(chat: Chat) -> None:
    environ = {"URL": chat.url, "SECRET": SECRET}
    chat.script.append(Answer(f"<html>{TOKEN} {SECRET}</html>"))
    proof = await send_test(GROUP, clock=ManualClock(NOW), language="zh-CN", reach=HOME, environ=environ)
    assert (proof.passed, proof.lines) == (False, ("URL: garbled: HTTP 200 <html>… …</html>",))
    refused = await send_test(GROUP, clock=ManualClock(NOW), language="zh-CN", environ=environ)
    assert not refused.passed
    assert "private_address" in refused.lines[0]
