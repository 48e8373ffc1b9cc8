"""An evening that is disturbed: what its senders send until it is answered, a robot's other end, and what must be true
afterwards, however often a process of the control room was killed meanwhile."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from app.access.access import Access
from app.clock import SystemClock
from app.domain.deliveries import Delivery
from app.domain.people import SYSTEM, Clearance
from app.domain.records import Opened
from app.engine.engine import Engine
from app.rules.file import decode_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon
from app.store import alerts, deliveries, prompts, sessions
from app.store.chunks import chunks_after
from app.store.contents import content, plan
from app.store.database import Store
from app.store.migrate import upgrade
from app.store.workspace import replace_workspace
from app.workspace.file import read_workspace
from tests.system.page import Believed

ROOT: Final = Path(__file__).resolve().parent.parent.parent
GROUPS = ("OPS", "SUPPLY", "LEGAL")
ROOM = "qingtan-douyin"
SENDERS, BATCHES, SIZE = 3, 60, 20
TOTAL = SENDERS * BATCHES * SIZE
PROMPTS = 30


def workspace_text() -> str:
    """The sample winery, with the three groups' robots as the environment names them."""
    return (ROOT / "app/workspace/sample/winery.yaml").read_text(encoding="utf-8")


def batch(sender: int, number: int) -> list[dict[str, Any]]:
    """The records of one batch: always the same ids and contents, stamped when they are sent."""
    draw = random.Random(sender * 10_000 + number)
    records: list[dict[str, Any]] = []
    for place in range(SIZE):
        name = f"{sender}-{number}-{place}"
        user = {"id": f"u{draw.randint(1, 400)}", "name": "柚子"}
        dice = draw.random()
        if place == 0:
            records.append({"id": name, "kind": "viewers", "payload": {"online": 500 + sender}})
        elif place == 1 and number % 10 == 5:
            text = "天冷喝一杯，暖身御寒"
            payload = {"text": text, "start_ms": number * 1000, "end_ms": number * 1000 + 900}
            records.append({"id": name, "kind": "speech", "payload": payload})
        elif dice < 0.5:
            records.append({"id": name, "kind": "like", "payload": {"user": user}})
        elif dice < 0.85:
            records.append({"id": name, "kind": "comment", "payload": {"text": f"礼盒还有吗 {name}", "user": user}})
        else:
            line = {"sku": "SKU-2", "qty": 1, "amount": 19_900}
            order = {"order": f"o-{name}", "currency": "CNY", "lines": [line]}
            records.append({"id": name, "kind": "order_paid", "payload": order})
    return records


class ChatServer:
    """A robot's other end on a real socket: keeps what it was sent and answers errcode 0; may kill the sender first."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        """(robot, text) of each message, in order."""
        self.kill = False
        """Kill the process that sends the next message, before it is answered."""
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def environ(self) -> dict[str, str]:
        """Where the sample's groups have their robots, for the process that sends."""
        robot = f"http://127.0.0.1:{self.port}/robot/send?access_token="
        return {f"DINGTALK_{name}_URL": f"{robot}{name.lower()}" for name in GROUPS} | {
            f"DINGTALK_{name}_SECRET": "SECtest" for name in GROUPS
        }

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")]
                body = await reader.readexactly(int(lengths[0]))
                robot = head.split(b" ")[1].decode().split("access_token=")[1].split("&")[0]
                self.received.append((robot, json.loads(body)["markdown"]["text"]))
                if self.kill:
                    self.kill = False
                    pid = holder(writer.get_extra_info("peername")[1])
                    if pid is not None:
                        with contextlib.suppress(ProcessLookupError):  # it has met its own fate a moment before
                            os.kill(pid, signal.SIGKILL)
                    return
                answer = b'{"errcode":0,"errmsg":"ok"}'
                head_out = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                writer.write(head_out % len(answer) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


MET: Final = "met "
"""Before the name of the point at which a process ended itself: the last line it prints."""


def met(said: str) -> list[str]:
    """The points at which the process that printed this has ended itself: one or none."""
    return [line.removeprefix(MET) for line in said.splitlines() if line.startswith(MET)]


def holder(port: int) -> int | None:
    """The process that has the connection from this local port; None when it is gone."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if int(row[1].split(":")[1], 16) == port}
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # files are closed and processes end meanwhile
            if str(file.readlink()) in sockets:
                return int(file.parts[2])
    return None


async def prepared(url: str) -> tuple[str, str]:
    """A database with the workspace; return a feed's token and an administrator's."""
    await asyncio.to_thread(upgrade, url)
    store = await Store.open(url)
    text = workspace_text()
    clock = SystemClock()
    new = read_workspace(text, "winery.yaml")
    await store.write(partial(replace_workspace, new=new, source=text, by="test", at=clock.now()))
    access = Access(store=store, clock=clock)
    _, ingest = await access.tokens.create("feed", "ingest", [ROOM], SYSTEM)
    _, admin = await access.tokens.create("admin", "admin", [], SYSTEM)
    await store.close()
    return ingest, admin


class Evening:
    """Owns the senders and what they were answered. `address`: where the control room is, at this moment."""

    def __init__(
        self,
        url: str,
        address: Callable[[], str],
        ingest: str,
        admin: str,
        *,
        batches: int = BATCHES,
        pause_s: float = 0.0,
    ) -> None:
        """`batches`: of each sender, with a pause after each."""
        self._batches, self._pause_s = batches, pause_s
        self.url, self.address, self.ingest, self.admin = url, address, ingest, admin
        self.acked: dict[str, dict[str, Any]] = {}
        """What was answered 202, by id."""
        self.said: list[str] = []
        """Prompts whose outcome was told."""
        self.session = ""

    async def play(self) -> None:
        """Send everything until it is answered, a console open all the time."""
        watching = asyncio.create_task(self._watch())
        try:
            senders = [asyncio.create_task(self._send(sender)) for sender in range(SENDERS)]
            self.session = await self._opened()
            await asyncio.gather(*senders, self._command())
        finally:
            watching.cancel()

    def _client(self, token: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20)

    async def _send(self, sender: int) -> None:
        """Send every batch until it is answered 202, the same ids each time."""
        async with self._client(self.ingest) as client:
            for number in range(self._batches):
                records = batch(sender, number)
                for record in records:
                    record.update(room=ROOM, occurred_ms=int(time.time() * 1000))
                while True:
                    try:
                        answer = await client.post(f"{self.address()}/api/ingest", json=records)
                    except httpx2.HTTPError:
                        await asyncio.sleep(0.05)
                        continue
                    if answer.status_code == 202:
                        assert "refused" not in answer.json(), answer.text
                        self.acked.update({record["id"]: record for record in records})
                        break
                    assert answer.status_code in (429, 503), answer.text
                    await asyncio.sleep(0.05)
                await asyncio.sleep(self._pause_s)

    async def _command(self) -> None:
        """Send prompts by HTTP with their own keys, each until its outcome is known."""
        async with self._client(self.admin) as client:
            for n in range(PROMPTS):
                while True:
                    try:
                        answer = await client.post(
                            f"{self.address()}/api/sessions/{self.session}/prompts",
                            json={"text": {"zh-CN": f"第 {n} 条"}},
                            headers={"Idempotency-Key": f"prompt-{n}"},
                        )
                    except httpx2.HTTPError:
                        await asyncio.sleep(0.05)
                        continue
                    if answer.status_code == 200:
                        self.said.append(f"第 {n} 条")
                        break
                    assert answer.status_code in (202, 503), answer.text
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.5)

    async def _watch(self) -> None:
        """A console that comes back each time it was cut."""
        while True:
            try:
                async with self._socket() as page:
                    async for _ in page:
                        pass
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(0.05)

    def _socket(self) -> connect:
        url = f"{self.address().replace('http', 'ws', 1)}/ws/rooms/{ROOM}?audience=control"
        return connect(url, additional_headers={"Authorization": f"Bearer {self.admin}"}, proxy=None)

    async def _opened(self) -> str:
        """Wait for the session that the first batch opens."""
        store = await Store.open(self.url)
        try:
            for _ in range(600):
                rows = await store.read(sessions.open_sessions)
                if rows:
                    return rows[0].id
                await asyncio.sleep(0.05)
            raise AssertionError("no session was opened")
        finally:
            await store.close()

    async def board(self) -> dict[str, dict[str, Any]]:
        """What a page that joins now shows, once it has caught up."""
        believed = Believed()
        async with self._socket() as page:
            began = time.monotonic()
            while True:
                frame = json.loads(await asyncio.wait_for(page.recv(), 20))
                believed.believe(frame)
                caught_up = frame["type"] == "beat" or time.monotonic() - began > 3
                if believed.snapshots and caught_up:
                    assert believed.faults == []
                    return believed.topics

    async def settled(self) -> dict[str, dict[str, Any]]:
        """The board once no message is on its way any more."""
        states: set[str] = set()
        for _ in range(120):
            shown = await self.board()
            states = {row.get("state", "waiting") for row in shown["deliveries"].values()}
            if not states & {"waiting", "sending"}:
                return shown
            await asyncio.sleep(0.5)
        raise AssertionError(f"messages still on their way: {states}")

    async def check(self, shown: dict[str, dict[str, Any]], chat: ChatServer) -> None:
        """Compare what SQL has, what a page shows and what the groups got with what was answered."""
        store = await Store.open(self.url)
        try:
            row = await store.read(partial(sessions.session, session_id=self.session))
            chunks = await store.read(lambda conn: list(chunks_after(conn, row.session_no)))
            rules = decode_rules(await store.read(partial(content, name=row.rules)))
            made = await store.read(partial(plan, name=row.plan))
            lexicon = parse_lexicon((await store.read(partial(content, name=row.lexicon))).decode())
            stored_alerts = await store.read(partial(alerts.of_session, session_no=row.session_no))
            stored_prompts = await store.read(partial(prompts.of_session, session_no=row.session_no))
            stored_messages = await store.read(partial(deliveries.of_session, session_no=row.session_no, most=10_000))
        finally:
            await store.close()

        # Positions are dense, and every record that was answered lies in the log with its content.
        assert [c.first for c in chunks[1:]] == [c.last + 1 for c in chunks[:-1]]
        stored = {e.id for c in chunks if hasattr(c.body, "events") for e in c.body.events}
        assert stored == set(self.acked)

        # A fresh engine over the stored log says what SQL has, row by row.
        opened = chunks[0].body
        assert isinstance(opened, Opened)
        fresh = Engine(opened, made, rules, Matcher(lexicon, sorted({sku.name for sku in made.skus})))
        told_alerts: dict[str, Any] = {}
        told_prompts: dict[str, Any] = {}
        told_messages: dict[str, Delivery] = {}
        for chunk in chunks:
            fresh.apply(chunk)
        fresh.advance(row.now_ms)  # type: ignore[arg-type]
        effects = fresh.take_effects()
        told_alerts.update(effects.alerts)
        told_prompts.update(effects.prompts)
        told_messages.update({each.id: each for each in effects.deliveries})
        assert {a.id: a for a in stored_alerts} == told_alerts
        assert {p.id: p for p in stored_prompts} == told_prompts
        assert {m.id: (m.alert, m.change, m.channel, m.text) for m in stored_messages} == {
            m.id: (m.alert, m.change, m.channel, m.text) for m in told_messages.values()
        }
        assert sorted(p.text["zh-CN"] for p in stored_prompts) == sorted(self.said)

        # Counts, money and stock are those of a run that nothing disturbed.
        expected = Counter(record["kind"] for record in self.acked.values())
        counters = shown["session"]["head"]["counters"]
        assert counters == dict(expected)
        paid = expected["order_paid"]
        sku = shown["skus"]["SKU-2"]
        assert (sku["paid_units"], sku["paid_amount"]) == (paid, paid * 19_900)
        (planned,) = (each for each in made.skus if each.sku == "SKU-2")
        assert planned.opening_stock is not None
        assert planned.opening_stock_ms is not None
        orders = [record for record in self.acked.values() if record["kind"] == "order_paid"]
        since = sum(1 for record in orders if record["occurred_ms"] > planned.opening_stock_ms)
        assert sku["sellable"] == planned.opening_stock - since  # what was paid before the reading is in it already

        # Screens equal the board.
        for topic in ("alerts", "prompts", "rundown", "messages"):
            assert shown[topic] == plain(fresh.topic(topic, "control", Clearance.RESTRICTED)), topic

        # At the chat server nothing is missing; what came twice says so.
        assert stored_messages
        for message in stored_messages:
            came = [
                text for robot, text in chat.received if message.channel.endswith(robot) and _tells_of(message, text)
            ]
            assert message.state in ("accepted", "unknown"), message
            assert len(came) <= 2, came
            if message.state == "accepted":
                assert came, message
            if len(came) == 2:
                assert "重发" in came[1], came


def plain(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def _tells_of(message: Delivery, text: str) -> bool:
    """Whether a text bears the message's number; 12-1 is not 12-16."""
    return re.search(rf"{message.alert[:6]}-{message.change}(?!\d)", text) is not None
