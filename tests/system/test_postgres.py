"""Promises on PostgreSQL: everything works once, and a database that goes away loses nothing and tells nothing."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from app.realtime.residents import GAP_FROM_MS
from tests.servers import PostgresServer
from tests.system.page import Page, fresh_board
from tests.system.server import ROOM, Server, command, comment, ingest, paid, prepared, serving, speech, until, viewers


def environ(url: str, **more: str) -> dict[str, str]:
    return {"CUEROOM_DATABASE_URL": url, **more}


@pytest.fixture
async def empty(own_postgres: PostgresServer) -> str:
    """A database with nothing in it, on a server of the test's own."""
    return await asyncio.to_thread(own_postgres.create_database)


async def held(url: str) -> None:
    """Wait until a process holds the database, as one does again soon after a restart of it."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        for _ in range(1_000):
            if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nobody holds the database")
    finally:
        await connection.close()


async def test_a_start_waits_for_the_database_with_one_line_a_try(
    own_postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    own_postgres.stop()
    gives_up = Server(tmp_path / "short", environ=environ(empty, CUEROOM_DATABASE_WAIT_S="1"))
    waits = Server(tmp_path / "data", environ=environ(empty))
    try:
        assert await gives_up.ended() == 1
        *tries, last = gives_up.complained.splitlines()
        assert tries
        assert all(line.startswith("cueroom: waiting for the database (") for line in tries)
        assert last.startswith("cueroom: the database does not answer; gave up after ")
        await until(lambda: waits.complained.count("waiting for the database") >= 2, "it tried twice")
        assert waits.process.poll() is None
        own_postgres.start()
        await waits.listening()
        async with waits.client() as client:
            assert (await client.get("/readyz")).json()["status"] == "ready"
    finally:
        await waits.stop()


async def test_everything_once_and_the_database_away_in_the_middle(
    own_postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    keys = await prepared(tmp_path / "data", empty)
    async with serving(tmp_path / "data", environ(empty)) as server, server.client(keys.ingest) as feed:
        taken = await ingest(feed, viewers("v1", 800), comment("c1"), paid("p1", 3), speech("s1"))
        assert taken.status_code == 202, taken.text
        (session,) = (each["session"] for each in taken.json()["sessions"])
        page = await Page(server, keys.admin).open()
        await page.shows("the alert", "alerts", lambda rows: len(rows) == 1)
        async with server.client(keys.admin) as desk:
            sent = await command(desk, f"/api/sessions/{session}/prompts", "k1", {"text": {"zh-CN": "讲礼盒"}})
            assert sent.status_code == 200, sent.text
        await page.shows("the prompt", "prompts", lambda rows: len(rows) == 1)
        assert page.topics["skus"]["BOX"]["paid_units"] == 3

        own_postgres.stop()
        away = await ingest(feed, comment("c2"), paid("p2", 2))
        assert away.status_code == 503
        assert int(away.headers["Retry-After"]) >= 1
        await page.shows("未保存", "health", lambda rows: rows["store"].get("unsaved_since_ms"))
        seen, epoch = page.topics["messages"], page.epoch
        again = await ingest(feed, comment("c2"), paid("p2", 2))
        assert again.status_code == 503
        async with server.client() as anybody:
            assert (await anybody.get("/readyz")).json()["reason"] == "unsaved"
            assert (await anybody.get("/healthz")).status_code == 200
        assert page.topics["messages"] == seen
        assert page.topics["skus"]["BOX"]["paid_units"] == 3
        assert page.closed is None

        own_postgres.start()
        answer = again
        while answer.status_code == 503:
            answer = await ingest(feed, comment("c2"), paid("p2", 2))
        assert answer.status_code == 202, answer.text
        assert answer.json()["sessions"][0]["duplicates"] == 0
        await page.shows("the order", "skus", lambda rows: rows["BOX"]["paid_units"] == 5)
        assert page.epoch > epoch
        assert not page.topics["health"]["store"].get("unsaved_since_ms")
        assert len(page.topics["messages"]) == len(seen) + 1
        assert page.faults == []
        await page.close()
        await held(empty)
        second = Server(tmp_path / "elsewhere", environ=environ(empty))
        assert await second.ended() == 1
        assert re.fullmatch(
            rf"cueroom: the database is in use by cueroom .*:{server.process.pid} .*\n", second.complained
        )
        before = await fresh_board(server, keys.admin)
        assert await server.stop() == 0

    await asyncio.sleep(GAP_FROM_MS / 1_000)  # a start as quick as here may be no gap
    async with serving(tmp_path / "data", environ(empty)) as server:
        after = await fresh_board(server, keys.admin)
        assert len(after["gaps"]) == 1 + len(before["gaps"])
        for topic in ("alerts", "prompts", "messages", "rundown", "quick", "deliveries"):
            assert after[topic] == before[topic], topic
        assert after["skus"]["BOX"]["paid_units"] == 5
        assert after["session"]["head"]["counters"] == before["session"]["head"]["counters"]
        assert ROOM in after["rooms"]
