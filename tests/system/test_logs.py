"""Promises of logs and of a stop with a drain: lines name what they are about and no secret; unready before closed."""

import json
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx2

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE
from app.operations.socket import ask
from tests.delivery.chat import SECRET, TOKEN, running_chat
from tests.system.page import Page
from tests.system.server import ROOM, WORKSPACE, command, comment, ingest, prepared, serving, speech, until

PASSWORD = "a password nobody should read"
ROBOT = """channels:
  ops: {kind: dingtalk, title: 运营群, robots: [env:OPS_URL], secrets: [env:OPS_SECRET]}
routes: [{name: all, send: [{to: ops, min: P2}]}]
"""


async def test_a_run_that_uses_every_secret_writes_none_and_says_what_each_line_is_about(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = await prepared(data)
    async with running_chat() as chat:
        environ = {
            "CUEROOM_LOG_LEVEL": "debug",
            "CUEROOM_ALLOW_PRIVATE_WEBHOOKS": "true",
            "OPS_URL": chat.url,
            "OPS_SECRET": SECRET,
        }
        async with serving(data, environ) as server:
            secrets = {keys.ingest, keys.admin, PASSWORD, SECRET, TOKEN}
            first = re.search(r"first\?token=(\S+)", server.said)
            assert first
            secrets.add(first[1])
            secrets |= await use_everything(server.address, first[1], keys.admin)
            setup = {"text": WORKSPACE + ROBOT, "name": "two.yaml", "language": "en"}
            assert (await ask(data, "setup", setup)).code == 0
            page = await Page(server, keys.admin).open()
            async with server.client(keys.ingest) as feed, server.client(keys.admin) as admin:
                await ingest(feed, comment("c1", "只有观众才知道的话"), speech("s1"))
                await page.shows("what was said", "alerts", len)
                await until(lambda: chat.received, "the group was told")
                (alert,) = page.topics["alerts"].values()
                session = page.hello["session"]
                acked = await command(admin, f"/api/sessions/{session}/alerts/{alert['id']}/ack", "key-of-ack", {})
                assert acked.status_code == 200
                figures = (await admin.get("/metrics")).text.splitlines()
                await admin.get("/nowhere?token=" + keys.admin)
                await feed.post("/api/ingest", content=b"{", headers={"Content-Type": "application/json"})
            await page.close()
        with sqlite3.connect(data / "cueroom.sqlite3") as database:
            (seal,) = database.execute("SELECT value FROM keys WHERE name = 'seal'").fetchone()
            sealed = {row[0] for row in database.execute("SELECT user_id FROM messages WHERE user_id <> ''")}
            texts = {row[0] for row in database.execute("SELECT text FROM messages")}
        database.close()
    told = {name: float(value) for name, _, value in (line.rpartition(" ") for line in figures if line[0] != "#")}
    assert told['cueroom_sends_total{channel_kind="dingtalk",result="accepted"}'] == 1
    assert told['cueroom_viewers{kind="token"}'] == told["cueroom_boards"] == 1
    assert told["cueroom_frame_bytes_total"] > told["cueroom_frames_sent_total"] > 0
    assert sealed
    secrets |= {seal.hex(), *sealed, *texts, "u-c1"}
    logged = server.complained
    assert [secret for secret in secrets if secret in logged] == []
    lines = [json.loads(line) for line in logged.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    requests = [line for line in lines if line["event"] == "request"]
    ack = next(line for line in requests if line["path"] == "/api/sessions/{session_id}/alerts/{alert_id}/ack")
    assert (ack["method"], ack["status"], ack["session"], ack["command"]) == ("POST", 200, session, "key-of-ack")
    assert ack["principal"].startswith("token:")
    assert {"ms", "request"} <= ack.keys()
    assert any(line["path"] == "unmatched" and line["status"] == 404 for line in requests)
    assert not any(line["path"] == "/api/ingest" for line in requests)
    (sums,) = [line for line in lines if line["event"] == "ingest"]
    assert (sums["requests"], sums["taken"], sums["turned_away"]) == (2, 2, {"not_a_batch": 1})


async def use_everything(address: str, link: str, admin: str) -> set[str]:
    """Become the administrator, sign in again and wrongly, pair a tablet; return the secrets that came of it."""
    browser = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
    async with httpx2.AsyncClient(base_url=address, headers=browser, trust_env=False) as person:
        entered = await person.post("/first", data={"token": link, "name": "周敏", "password": PASSWORD})
        assert entered.status_code == 200, entered.text
        await person.post("/login", data={"name": "周敏", "password": f"{PASSWORD} not"})
        assert (await person.post("/login", data={"name": "周敏", "password": PASSWORD})).status_code == 200
        cookie = person.cookies[SIGN_IN_COOKIE]
        made = await person.post("/api/devices/code", json={"room": ROOM})
        code: dict[str, Any] = made.json()
        async with httpx2.AsyncClient(base_url=address, headers=browser, trust_env=False) as tablet:
            paired = await tablet.post("/api/devices/pair", json={"code": code["code"], "name": "平板"})
            assert paired.status_code in (200, 201), paired.text
            return {cookie, tablet.cookies[DEVICE_COOKIE], f"{PASSWORD} not"}


async def test_told_to_stop_it_is_unready_before_it_closes_and_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    keys = await prepared(tmp_path / "data")
    async with serving(tmp_path / "data", {"CUEROOM_DRAIN_S": "2"}) as server, server.client(keys.ingest) as feed:
        assert (await ingest(feed, comment("c1"))).status_code == 202
        page = await Page(server, keys.admin).open()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        await until(lambda: _readyz(server.address) == 503, "it is not ready")
        server.process.send_signal(signal.SIGTERM)
        assert (await ingest(feed, comment("c2"))).status_code == 202  # until a load balancer has seen it
        assert page.closed is None
        await until(lambda: page.closed, "the page is closed")
        assert await server.ended() == 0
        assert page.closed == 1012
        assert 2 <= time.monotonic() - began < 25
    with sqlite3.connect(tmp_path / "data" / "cueroom.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    database.close()


def _readyz(address: str) -> int:
    return httpx2.get(f"{address}/readyz", trust_env=False).status_code
