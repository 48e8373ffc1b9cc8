"""Promises of several processes over Redis and PostgreSQL: any web serves any session, an owner that dies, stops or is
paused is followed by another, and what one of the servers forgets is not lost.

All tests share one cluster: each has a room of its own, and what one has ended is started again before the next.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scripts.cluster import Cluster, Member, cluster
from tests.forks import Forked
from tests.servers import answers
from tests.system.page import Page
from tests.system.server import NO_TLS, Keys, command, comment, ingest, paid, prepared, until, viewers

ROOMS = ("any", "killed", "paused", "empty")
FOLLOWED_WITHIN_S, HANDED_OVER_WITHIN_S = 10, 5
OWNING = ("session_taken", "session_freed", "session_lost")


class ForkedMember(Member):
    """A member that is forked: six of them are started here, and some of them again."""

    def start(self) -> None:
        out, err = self.folder / f"{self.name}.out", self.folder / f"{self.name}.log"
        out.write_bytes(b"")
        started: Any = Forked(self.command()[3:], self.environ, out, err)
        self.process = started


@dataclass
class Place:
    """A member of the cluster as the tools of the system tests know a server."""

    member: Member

    @property
    def address(self) -> str:
        return self.member.address

    @property
    def port(self) -> int:
        return self.member.port

    def client(self, token: str) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=20, trust_env=False, verify=NO_TLS)


@dataclass
class ScaledOut:
    """A cluster with two processes of each role, and the tokens it knows."""

    made: Cluster
    keys: Keys

    @property
    def webs(self) -> list[Place]:
        return [Place(member) for member in self.made.of("web")]

    def owner_of(self, session: str) -> Member | None:
        """The worker that said last that it took the session and has not let go of it since; it may have died."""
        said = []
        for member in self.made.of("worker"):
            words = [json.loads(line) for line in member.log.splitlines() if session in line and line.startswith("{")]
            said += [(each["timestamp"], each["event"], member) for each in words if each["event"] in OWNING]
        if not said:
            return None
        _, event, member = max(said, key=lambda each: each[0])
        return member if event == "session_taken" else None

    def mend(self) -> None:
        """Start again what a test has ended."""
        if not answers(self.made.postgres.sockets / ".s.PGSQL.5432"):
            self.made.postgres.start()
        if not answers(self.made.valkey.socket):
            self.made.valkey.start()
        ended = [member for member in self.made.members.values() if not member.alive]
        for member in ended:
            member.start()
        for member in ended:
            member.wait()


@pytest.fixture(scope="module")
def shared(run_folder: Path) -> Iterator[ScaledOut]:
    """Servers of the module's own, their sockets need a short path; a short lease, so that an owner is soon missed."""
    folder = run_folder / f"c{os.getpid()}-{time.monotonic_ns() % 10**6}"
    with cluster(folder, {"CUEROOM_LEASE_MS": "2500"}, ForkedMember) as made:
        keys = asyncio.run(prepared(folder / "data", made.database, more=ROOMS))
        made.start(web=2, worker=2, pump=2)
        yield ScaledOut(made, keys)


@pytest.fixture
def scaled_out(shared: ScaledOut) -> ScaledOut:
    """The cluster with all of its processes, whatever the test before did to them."""
    shared.mend()
    return shared


async def sent(feed: httpx2.AsyncClient, room: str, *records: dict[str, Any], within_s: float = 20) -> dict[str, Any]:
    """Send until it is taken, the same ids each time, as every source must."""
    give_up = time.monotonic() + within_s
    while True:
        try:
            answer = await ingest(feed, *records, room=room)
        except httpx2.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 202:
            (taken,) = answer.json()["sessions"]
            return dict(taken)
        assert answer is None or answer.status_code in (429, 503), answer.text
        assert time.monotonic() < give_up, "it is never taken"
        await asyncio.sleep(0.1)


async def test_any_web_process_serves_any_session(scaled_out: ScaledOut) -> None:
    keys, (first, second) = scaled_out.keys, scaled_out.webs
    async with first.client(keys.ingest) as feed, second.client(keys.admin) as desk:
        session = (await sent(feed, "any", viewers("v1", 800), comment("c1"), paid("p1", 3)))["session"]
        page = await Page(second, keys.admin, path="/ws/rooms/any").open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 3)
        prompt = await command(desk, f"/api/sessions/{session}/prompts", "k1", {"text": {"zh-CN": "讲礼盒"}})
        assert prompt.status_code == 200, prompt.text
        await page.shows("the prompt", "prompts", lambda rows: len(rows) == 1)
        overview = await Page(second, keys.admin, path="/ws/overview").open()
        await overview.shows("the room", "rooms", lambda rows: rows.get("any", {}).get("session") == session)
        await overview.shows(
            "online",
            "rooms",
            lambda rows: (rows["any"].get("readings") or {}).get("viewers", {}).get("value") == 800,
        )
        assert page.faults == overview.faults == []
        await page.close()
        await overview.close()


async def test_a_killed_owner_is_followed_within_ten_seconds_and_a_stopped_one_at_once(scaled_out: ScaledOut) -> None:
    keys, (web, _) = scaled_out.keys, scaled_out.webs
    async with web.client(keys.ingest) as feed:
        session = (await sent(feed, "killed", viewers("v1", 800), paid("p1", 3)))["session"]
        page = await Page(web, keys.admin, path="/ws/rooms/killed").open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 3)
        first = scaled_out.owner_of(session)
        assert first is not None
        first.kill()
        killed = time.monotonic()
        taken = await sent(feed, "killed", paid("p2", 2), within_s=30)
        followed_s = time.monotonic() - killed
        assert (taken["session"], taken["taken"]) == (session, 1)
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 5)
        await page.shows("the time without an owner", "gaps", lambda rows: len(rows) == 1)
        second = scaled_out.owner_of(session)
        assert second is not None
        assert second is not first
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(first.wait)
        stopped = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(second.stop))
        await until(lambda: scaled_out.owner_of(session) is not second, "it lets go")
        taken = await sent(feed, "killed", paid("p3", 1))
        handed_over_s = time.monotonic() - stopped
        assert await stopping == 0
        assert taken["session"] == session
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 6)
        assert scaled_out.owner_of(session) is first
        assert len(page.topics["gaps"]) == 1, "a hand-over is no gap"
        assert page.faults == []
        assert page.closed is None
        await page.close()
    sys.stdout.write(f"taken again {followed_s:.1f} s after a kill, {handed_over_s:.1f} s after a stop\n")
    assert followed_s < FOLLOWED_WITHIN_S
    assert handed_over_s < HANDED_OVER_WITHIN_S


async def test_an_owner_that_was_paused_can_neither_commit_nor_tell_when_it_wakes(scaled_out: ScaledOut) -> None:
    keys, (web, _) = scaled_out.keys, scaled_out.webs
    taken: list[int] = []
    enough = asyncio.Event()

    async def feed_on(feed: httpx2.AsyncClient, first: int) -> None:
        """One comment after the other, whoever takes them: the owner has something at hand whenever it is paused."""
        for n in count(first, 4):
            if enough.is_set():
                return
            assert (await sent(feed, "paused", comment(f"c{n}"), within_s=30))["session"] == session
            taken.append(n)

    async with web.client(keys.ingest) as feed:
        session = (await sent(feed, "paused", viewers("v1", 800)))["session"]
        page = await Page(web, keys.admin, path="/ws/rooms/paused").open()
        feeding = [asyncio.create_task(feed_on(feed, n)) for n in range(4)]
        await until(lambda: len(taken) > 8, "comments are taken")
        paused = scaled_out.owner_of(session)
        assert paused is not None
        before_it = page.epoch
        os.kill(paused.pid, signal.SIGSTOP)
        try:
            before = len(taken)
            await until(lambda: len(taken) > before + 8, "another takes them")
            assert scaled_out.owner_of(session) is not paused
            epoch = await until(lambda: page.epoch > before_it and page.epoch, "the page has the other's board")
        finally:
            os.kill(paused.pid, signal.SIGCONT)
        await until(lambda: any(session in line for line in paused.log.splitlines() if "session_lost" in line), "told")
        woken = len(taken)
        await until(lambda: len(taken) > woken + 8, "they are taken still")
        enough.set()
        await asyncio.gather(*feeding)
        counted = {"viewers": 1, "comment": len(taken)}
        await page.shows("each comment once", "session", lambda rows: rows["head"]["counters"] == counted)
        assert page.epoch == epoch
        assert page.faults == []
        await page.close()


async def test_a_redis_that_comes_back_empty_and_a_database_that_goes_lose_nothing(scaled_out: ScaledOut) -> None:
    keys, (web, other), made = scaled_out.keys, scaled_out.webs, scaled_out.made
    async with web.client(keys.ingest) as feed, other.client(keys.ingest) as second:
        session = (await sent(feed, "empty", viewers("v1", 800), comment("c1"), paid("p1", 1)))["session"]
        page = await Page(other, keys.admin, path="/ws/rooms/empty").open()
        await page.shows("the order", "skus", lambda rows: rows.get("BOX", {}).get("paid_units") == 1)
        made.valkey.stop()
        refused = await ingest(feed, comment("c2"), paid("p2", 1), room="empty")
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        made.valkey.start()
        taken = await sent(feed, "empty", comment("c2"), paid("p2", 1))
        assert (taken["session"], taken["taken"]) == (session, 2)
        await page.shows("the order", "skus", lambda rows: rows["BOX"]["paid_units"] == 2)

        await asyncio.to_thread(made.postgres.stop)
        refused = await ingest(second, comment("c3"), paid("p3", 1), room="empty")
        assert refused.status_code == 503, refused.text
        await page.shows("未保存", "health", lambda rows: rows["store"].get("unsaved_since_ms"))
        await asyncio.to_thread(made.postgres.start)
        taken = await sent(second, "empty", comment("c3"), paid("p3", 1))
        assert taken["session"] == session
        await page.shows("the order", "skus", lambda rows: rows["BOX"]["paid_units"] == 3)
        await page.shows("saved again", "health", lambda rows: not rows["store"].get("unsaved_since_ms"))
        counters = page.topics["session"]["head"]["counters"]
        assert counters == {"viewers": 1, "comment": 3, "order_paid": 3}
        assert page.faults == []
        assert page.closed is None
        await page.close()
