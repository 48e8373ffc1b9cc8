"""Promises: while a server runs, commands reach it, it learns of what they changed, and what they print works there."""

import asyncio
import json
import re
from collections.abc import Iterator

import pytest

from tests.cli.conftest import make_place
from tests.cli.place import WINERY, Place, serving
from tests.delivery.chat import SECRET, TOKEN, running_chat

TEA = """
version: 1
workspace: {id: tea-house, name: 茶舍}
brands: [{id: tea, name: 云山茶}]
rooms: [{id: tea, brand: tea, name: 云山茶直播间, platform: douyin}]
channels: {ops: {kind: dingtalk, title: 运营群, robots: [env:OPS_URL], secrets: [env:OPS_SECRET]}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = make_place(tmp_path_factory.mktemp("served"))
    with serving(made):
        yield made


def test_a_room_that_is_set_up_while_the_server_runs_takes_events_at_once(served: Place) -> None:
    served.done("setup", served.file("tea.yaml", TEA))
    out = served.done("token", "create", "--scope", "ingest", "--room", "tea", "--name", "收银")
    line = out.splitlines()[-1].strip()
    (tried,) = json.loads(served.shell(line))["sessions"]
    assert tried["taken"] == 1
    body = json.dumps(
        [
            {"id": "1", "room": "tea", "kind": "status", "occurred_ms": 0, "payload": {"state": "live"}},
            {"id": "2", "room": "tea", "kind": "viewers", "occurred_ms": 0, "payload": {"online": 7, "extra": 1}},
            {"id": "2", "room": "tea", "kind": "viewers", "occurred_ms": 0, "payload": {"online": 8}},
            {"id": "3", "room": "nope", "kind": "viewers", "occurred_ms": 0, "payload": {"online": 9}},
        ]
    ).replace('"occurred_ms": 0', "\"occurred_ms\": '$(date +%s000)'")
    answer = json.loads(served.shell(re.sub(r"-d '.*?' ", lambda _: f"-d '{body}' ", line)))
    assert (answer["sessions"][0]["taken"], answer["refused"][0]["code"]) == (3, "unknown_room")
    out = served.done("doctor", "tea")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][-1] == "live"
    kinds = {row[1]: row for row in rows if row[0] == "收银"}
    assert kinds["viewers"][5] == "3"  # with the printed line's
    assert kinds["(all)"][-2:] == ["1", "1"]  # one duplicate, whose content was another
    assert "收银: refused: unknown_room ×1" in out
    assert "收银: unknown fields: payload.extra ×1" in out


def test_counts_are_the_same_for_scripts(served: Place) -> None:
    (room,) = json.loads(served.done("doctor", "tea", "--json"))["rooms"]
    assert room["room"] == "tea"
    assert isinstance(room["sources"], list)


def test_a_second_server_names_the_first(served: Place) -> None:
    ran = served.run_apart("serve", "--port", "0")
    assert ran.returncode == 1
    assert "in use by process" in ran.stderr


async def test_a_channel_is_tested_by_the_server_with_its_own_variables(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = make_place(tmp_path_factory.mktemp("chat"))
    made.done_apart("setup", made.file("tea.yaml", TEA))
    async with running_chat() as chat:
        made.variables = {"CUEROOM_ALLOW_PRIVATE_WEBHOOKS": "true"}
        made.file(".env", f"OPS_URL={chat.url}\nOPS_SECRET={SECRET}\n")
        ran = await asyncio.to_thread(made.run_apart, "channel", "test", "ops")
        assert (ran.returncode, ran.stdout) == (0, "OPS_URL: accepted: HTTP 200 0 ok\n")
        await asyncio.to_thread(served_test, made)
        assert [one.body["markdown"]["title"] for one in chat.received] == ["【测试】控台连接测试"] * 2
        refused = await asyncio.to_thread(
            made.run_apart, "channel", "test", "ops", CUEROOM_ALLOW_PRIVATE_WEBHOOKS="false"
        )
    assert refused.returncode == 1
    assert refused.stderr.startswith("OPS_URL: fault: private_address: ")
    assert TOKEN not in refused.stderr


def served_test(place: Place) -> None:
    """The variables are the server's, whatever the terminal has."""
    with serving(place):
        ran = place.run_apart("channel", "test", "ops", OPS_URL="http://127.0.0.1:1/x")
    assert (ran.returncode, ran.stdout) == (0, "OPS_URL: accepted: HTTP 200 0 ok\n")


def test_two_commands_at_once_take_turns(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = make_place(tmp_path_factory.mktemp("turns"))
    made.done("setup", str(WINERY))

    async def both() -> list[str]:
        words = ("token", "create", "--scope", "read", "--name", "x")
        return await asyncio.gather(*(asyncio.to_thread(made.done_apart, *words) for _ in range(2)))

    first, second = asyncio.run(both())
    assert first.splitlines()[1] != second.splitlines()[1]
