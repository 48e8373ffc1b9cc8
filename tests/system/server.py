"""A whole control room in a process of its own, on a port the system chose, with real sockets on loopback."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from app.access.access import Access
from app.clock import SystemClock
from app.domain.people import SYSTEM
from app.store.database import Store
from app.store.migrate import upgrade
from app.store.workspace import replace_workspace
from app.workspace.file import read_workspace
from tests.forks import Forked
from tests.servers import RUN_FOLDER

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 30.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of loopback: else each of them reads the system's certificates, 20 ms."""
ROOM, OTHER_ROOM = "qing", "mo"
FORBIDDEN = "天冷喝一杯，暖身御寒"
WORKSPACE = """
version: 1
workspace: {id: two, name: 两个品牌, language: zh-CN}
brands:
  - {id: qing, name: 青坛}
  - {id: mo, name: 墨山}
rooms:
  - {id: qing, brand: qing, name: 青坛直播间, platform: douyin}
  - {id: mo, brand: mo, name: 墨山直播间, platform: douyin}
skus:
  - {sku: BOX, product: P, brand: qing, name: 礼盒, price: 199.00, planned: 5000, stock: 5000}
"""


async def until(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """Return what `holds` returns once it is true."""
    give_up = time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > give_up:
            raise AssertionError(f"after {within_s} s still not: {what}")
        await asyncio.sleep(0.01)
    return found


@dataclass(frozen=True)
class Keys:
    """Secrets of tokens: one that may send for both rooms, one that may do all."""

    ingest: str
    admin: str


async def prepared(data: Path, url: str = "", *, more: Sequence[str] = ()) -> Keys:
    """Make the database, set the workspace up, and make two tokens; all before anything runs. `more`: rooms of the
    first brand beside the usual ones."""
    data.mkdir(parents=True, exist_ok=True)
    url = url or f"sqlite:///{data / 'cueroom.sqlite3'}"
    await asyncio.to_thread(upgrade, url)
    store = await Store.open(url)
    try:
        clock = SystemClock()
        rooms = "".join(f"  - {{id: {each}, brand: qing, name: {each}, platform: douyin}}\n" for each in more)
        text = WORKSPACE.replace("skus:\n", f"{rooms}skus:\n")
        new = read_workspace(text, "two.yaml")
        await store.write(partial(replace_workspace, new=new, source=text, by="test", at=clock.now()))
        access = Access(store=store, clock=clock)
        _, ingest = await access.tokens.create("feed", "ingest", [ROOM, OTHER_ROOM, *more], SYSTEM)
        _, admin = await access.tokens.create("admin", "admin", [], SYSTEM)
    finally:
        await store.close()
    return Keys(ingest, admin)


class Server:
    """Owns the process; what it prints goes to two files beside the data folder.

    `command`: what Python is to run in place of a fork that serves.
    """

    def __init__(
        self,
        data: Path,
        *,
        command: Sequence[str] = (),
        role: str = "all",
        port: int = 0,
        environ: Mapping[str, str] = {},
    ) -> None:
        self.data = data
        self.address: str = ""
        data.mkdir(parents=True, exist_ok=True)
        arguments = [*(command or ("serve",)), "--data", str(data), "--port", str(port), "--role", role]
        self._out, self._err = data.parent / f"{data.name}.out", data.parent / f"{data.name}.err"
        self.process: subprocess.Popen[bytes] | Forked
        with self._out.open("wb") as out, self._err.open("wb") as err:
            if command:
                arguments.insert(0, sys.executable)
                self.process = subprocess.Popen(
                    arguments, cwd=ROOT, env={**_plain(), **environ}, stdout=out, stderr=err
                )
            else:
                self.process = Forked(arguments, {**_plain(), **environ}, self._out, self._err)

    @property
    def said(self) -> str:
        """What it printed for people."""
        return self._out.read_text(encoding="utf-8")

    @property
    def complained(self) -> str:
        """What it said on stderr: complaints, and its log."""
        return self._err.read_text(encoding="utf-8")

    async def listening(self) -> "Server":
        """Return once it serves; its address is known from then on."""
        await until(lambda: self.process.poll() is not None or "://" in self.said, "it listens", within_s=90)
        found = re.search(r"http://127\.0\.0\.1:\d+", self.said)
        assert found, self.complained
        self.address = found[0]
        return self

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def ended(self) -> int:
        """Return its exit code once it has ended."""
        await until(lambda: self.process.poll() is not None, "it ended", within_s=90)
        assert self.process.returncode is not None
        return self.process.returncode

    async def stop(self) -> int:
        """Ask it to end, as a service manager does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    def client(self, token: str = "", **headers: str) -> httpx2.AsyncClient:
        """Return a client of this server; with a token, in its name."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=20, trust_env=False, verify=NO_TLS)

    @property
    def resident_kib(self) -> int:
        """How much memory the process holds now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]  # the kernel always says it


@asynccontextmanager
async def serving(data: Path, environ: Mapping[str, str] = {}) -> AsyncIterator[Server]:
    """A running server, ended when left, however that is."""
    server = Server(data, environ=environ)
    try:
        yield await server.listening()
    finally:
        if await server.stop() not in (0, -signal.SIGTERM):
            sys.stderr.write(server.complained[-4_000:])


def _plain() -> dict[str, str]:
    """The environment without settings of ours; where Python may not write its caches, this run keeps them."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CUEROOM_")}
    if plain.pop("PYTHONDONTWRITEBYTECODE", ""):  # else each start would compile every module again: 3 s
        plain["PYTHONPYCACHEPREFIX"] = str(Path(os.environ[RUN_FOLDER]) / "pycache")
    return plain


async def ingest(client: httpx2.AsyncClient, *records: Mapping[str, Any], room: str = ROOM) -> httpx2.Response:
    """Send records of a room that happened now."""
    now = int(time.time() * 1000)
    return await client.post("/api/ingest", json=[{"room": room, "occurred_ms": now, **each} for each in records])


def comment(name: str, text: str = "礼盒还有吗") -> dict[str, Any]:
    return {"id": name, "kind": "comment", "payload": {"text": text, "user": {"id": f"u-{name}", "name": "柚子"}}}


def speech(name: str, text: str = FORBIDDEN) -> dict[str, Any]:
    return {"id": name, "kind": "speech", "payload": {"text": text, "start_ms": 0, "end_ms": 900}}


def paid(name: str, units: int = 1) -> dict[str, Any]:
    line = {"sku": "BOX", "qty": units, "amount": 19_900 * units}
    return {"id": name, "kind": "order_paid", "payload": {"order": f"o-{name}", "currency": "CNY", "lines": [line]}}


def viewers(name: str, online: int) -> dict[str, Any]:
    return {"id": name, "kind": "viewers", "payload": {"online": online}}


async def command(client: httpx2.AsyncClient, path: str, key: str, body: Mapping[str, Any]) -> httpx2.Response:
    """Issue a command under a key of its own."""
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


def unsent(port: int) -> list[int]:
    """Return how many bytes the kernel keeps for each connection of a local port, sent but not taken."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[4].split(":")[0], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"]


def decoded(frame: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(frame)
    return found
