"""Promises of several processes over Redis and PostgreSQL: any web serves any session, an owner that dies, stops or is
paused is followed by another, and what one of the servers forgets is not lost."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scripts.cluster import Cluster, Member, cluster
from tests.system.page import Page
from tests.system.server import Keys, command, comment, ingest, paid, prepared, until, viewers


@pytest.fixture
def scaled_out(run_folder: Path, tmp_path: Path) -> Iterator[Cluster]:
    """Servers of the test's own and no process yet; its sockets need a short path."""
    with cluster(run_folder / f"c{os.getpid()}-{time.monotonic_ns() % 10**6}") as made:
        yield made


class Place:
    """A member of the cluster as the tools of the system tests know a server."""

    def __init__(self, member: Member) -> None:
        self.member = member

    @property
    def address(self) -> str:
        return self.member.address

    @property
    def port(self) -> int:
        return self.member.port

    def client(self, token: str) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=20, trust_env=False)


@asynccontextmanager
async def running(made: Cluster, **many: int) -> AsyncIterator[tuple[Keys, list[Place]]]:
    """So many processes of each role over a prepared database; yields the tokens and the web processes."""
    keys = await prepared(made.folder / "data", made.database)
    await asyncio.to_thread(made.start, **many)
    try:
        yield keys, [Place(member) for member in made.of("web")]
    finally:
        await asyncio.to_thread(made.stop)


async def sent(feed: httpx2.AsyncClient, *records: dict[str, Any], within_s: float = 20) -> dict[str, Any]:
    """Send until it is taken, the same ids each time, as every source must."""
    give_up = time.monotonic() + within_s
    while True:
        try:
            answer = await ingest(feed, *records)
        except httpx2.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 202:
            (taken,) = answer.json()["sessions"]
            return dict(taken)
        assert answer is None or answer.status_code in (429, 503), answer.text
        assert time.monotonic() < give_up, "it is never taken"
        await asyncio.sleep(0.1)


def owner_of(made: Cluster, session: str) -> Member | None:
    """The worker that said last that it took the session and has not let go of it since."""
    for member in made.of("worker"):
        words = [json.loads(line) for line in member.log.splitlines() if session in line and line.startswith("{")]
        said = [each["event"] for each in words if each["event"] in ("session_taken", "session_freed", "session_lost")]
        if member.alive and said and said[-1] == "session_taken":
            return member
    return None


async def test_any_web_process_serves_any_session(scaled_out: Cluster) -> None:
    async with (
        running(scaled_out, web=2, worker=2, pump=1) as (keys, (first, second)),
        first.client(keys.ingest) as feed,
        second.client(keys.admin) as desk,
    ):
        session = (await sent(feed, viewers("v1", 800), comment("c1"), paid("p1", 3)))["session"]
        page = await Page(second, keys.admin).open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 3)
        prompt = await command(desk, f"/api/sessions/{session}/prompts", "k1", {"text": {"zh-CN": "讲礼盒"}})
        assert prompt.status_code == 200, prompt.text
        await page.shows("the prompt", "prompts", lambda rows: len(rows) == 1)
        overview = await Page(second, keys.admin, path="/ws/overview").open()
        await overview.shows("the room", "rooms", lambda rows: rows.get("qing", {}).get("session") == session)
        await overview.shows(
            "online",
            "rooms",
            lambda rows: (rows["qing"].get("readings") or {}).get("viewers", {}).get("value") == 800,
        )
        assert page.faults == overview.faults == []
        await page.close()
        await overview.close()


async def test_a_killed_owner_is_followed_within_ten_seconds_and_a_stopped_one_at_once(scaled_out: Cluster) -> None:
    async with running(scaled_out, web=1, worker=2, pump=1) as (keys, (web,)), web.client(keys.ingest) as feed:
        session = (await sent(feed, viewers("v1", 800), paid("p1", 3)))["session"]
        page = await Page(web, keys.admin).open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 3)
        first = owner_of(scaled_out, session)
        assert first is not None
        first.kill()
        taken = await sent(feed, paid("p2", 2), within_s=30)
        assert (taken["session"], taken["taken"]) == (session, 1)
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 5)
        await page.shows("the time without an owner", "gaps", lambda rows: len(rows) == 1)
        second = owner_of(scaled_out, session)
        assert second is not None
        assert second is not first
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(first.wait)
        assert await asyncio.to_thread(second.stop) == 0
        taken = await sent(feed, paid("p3", 1))
        assert taken["session"] == session
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 6)
        assert owner_of(scaled_out, session) is first
        assert len(page.topics["gaps"]) == 1, "a hand-over is no gap"
        assert page.faults == []
        assert page.closed is None
        await page.close()


async def test_an_owner_that_was_paused_can_neither_commit_nor_tell_when_it_wakes(scaled_out: Cluster) -> None:
    async with running(scaled_out, web=1, worker=2, pump=1) as (keys, (web,)), web.client(keys.ingest) as feed:
        session = (await sent(feed, viewers("v1", 800), comment("c1")))["session"]
        page = await Page(web, keys.admin).open()
        await page.shows("the comment", "messages", lambda rows: len(rows) == 1)
        paused = owner_of(scaled_out, session)
        assert paused is not None
        os.kill(paused.pid, signal.SIGSTOP)
        taken = await sent(feed, comment("c2"), within_s=30)
        assert taken["session"] == session
        await page.shows("both comments", "messages", lambda rows: len(rows) == 2)
        epoch = page.epoch
        os.kill(paused.pid, signal.SIGCONT)
        await until(lambda: "session_lost" in paused.log, "it notices")
        for n in range(3, 8):
            await sent(feed, comment(f"c{n}"))
        await page.shows("all comments", "messages", lambda rows: len(rows) == 7)
        assert page.epoch == epoch
        assert page.faults == []
        await page.close()


async def test_a_redis_that_comes_back_empty_and_a_database_that_goes_lose_nothing(scaled_out: Cluster) -> None:
    async with (
        running(scaled_out, web=2, worker=2, pump=1) as (keys, (web, other)),
        web.client(keys.ingest) as feed,
        other.client(keys.ingest) as second,
    ):
        session = (await sent(feed, viewers("v1", 800), comment("c1"), paid("p1", 1)))["session"]
        page = await Page(other, keys.admin).open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 1)
        scaled_out.valkey.stop()
        refused = await ingest(feed, comment("c2"), paid("p2", 1))
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        scaled_out.valkey.start()
        taken = await sent(feed, comment("c2"), paid("p2", 1))
        assert (taken["session"], taken["taken"]) == (session, 2)
        await page.shows("the order", "skus", lambda rows: rows["BOX"]["paid_units"] == 2)

        await asyncio.to_thread(scaled_out.postgres.stop)
        refused = await ingest(second, comment("c3"), paid("p3", 1))
        assert refused.status_code == 503, refused.text
        await page.shows("未保存", "health", lambda rows: rows["store"].get("unsaved_since_ms"))
        await asyncio.to_thread(scaled_out.postgres.start)
        taken = await sent(second, comment("c3"), paid("p3", 1))
        assert taken["session"] == session
        await page.shows("the order", "skus", lambda rows: rows["BOX"]["paid_units"] == 3)
        await page.shows("saved again", "health", lambda rows: not rows["store"].get("unsaved_since_ms"))
        counters = page.topics["session"]["head"]["counters"]
        assert counters == {"viewers": 1, "comment": 3, "order_paid": 3}
        assert page.faults == []
        assert page.closed is None
        await page.close()
