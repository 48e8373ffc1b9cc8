"""The door's own work: µs an event from the request to the log, against FastAPI with pydantic models in the same run.

`python -m bench.door` speaks ASGI to both without a network and with a log that settles at once, so that neither an
engine nor a disk is in the figures (the look-up of orders nobody has seen is); CPU time, since other things may run on
the machine; 16 senders. Mix: 60 % like and enter, 30 % comment, 10 % orders, clicks, viewers and stock; unique ids.
`hashed`: users come hashed; `raw`: the door hashes them, a room's usual ones or (the worst case) new ones all the time.
FastAPI validates with the documented models and does nothing else: no bounds of rooms and time, no hash, no session.
"""

import asyncio
import gc
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI, Header, HTTPException
from starlette.types import ASGIApp

from app.access.access import Access
from app.bus.ports import Committed, Ticket
from app.clock import SystemClock
from app.domain.people import SYSTEM
from app.domain.records import Entry, Events, size_of
from app.domain.workspace import Brand, Room, Workspace
from app.intake.directory import Directory, Recipe
from app.intake.door import Door
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.routers.event_models import AnyEvent
from app.routers.ingest import Ingest
from app.settings import Limits
from app.store import migrate
from app.store.database import Store
from app.workspace.plan import plan_session

ROOM: Final = "bench"
EVENTS: Final = 40_000
ROUNDS: Final = 5
SIZES: Final = (100, 1_000, 1)
SENDERS: Final = 16
WORKSPACE: Final = Workspace(
    id="bench", name="bench", brands=(Brand("b", "b"),), rooms=(Room(id=ROOM, brand="b", name="b", platform="bench"),)
)
HASHED: Final = [f"h:{n:016x}" for n in range(20_000)]


class SettlesAtOnce:
    """A log that keeps nothing: what is left in the figure is the door's work alone."""

    def __init__(self) -> None:
        self.events = 0

    async def append(self, session: str, entry: Entry) -> Ticket:
        return (await self.append_all([(session, entry)]))[0]

    async def append_all(self, entries: Sequence[tuple[str, Entry]], weight: int = 0) -> list[Ticket]:
        return [Ticket(session, str(self._take(entry))) for session, entry in entries]

    def _take(self, entry: Entry) -> int:
        assert isinstance(entry.body, Events)
        self.events += size_of(entry.body)
        return len(entry.body.events)

    async def committed(self, ticket: Ticket, within_ms: int) -> Committed:
        return Committed(self.events - int(ticket.token) + 1, self.events)

    take = settle = None  # nobody stands behind it


def mixed(count: int, user: Callable[[int], str], now: int, rng: random.Random) -> list[dict[str, Any]]:
    """Return records of the mix, each with an id of its own."""
    makers: list[Callable[[int], tuple[str, dict[str, Any]]]] = [
        lambda n: ("like", {"user": {"id": user(n)}, "count": 1 + n % 5}),
        lambda n: ("enter", {"user": {"id": user(n), "name": "王小明"}}),
        lambda n: ("comment", {"user": {"id": user(n), "name": "李雷"}, "text": f"这个礼盒还有吗 {n}"}),
        lambda n: ("order_paid", {
            "order": f"o-{n}", "currency": "CNY", "lines": [{"sku": "SKU-2", "qty": 1, "amount": 19_900}],
        }),
        lambda n: ("click", {"sku": "SKU-2", "user": {"id": user(n)}}),
        lambda n: ("viewers", {"online": 800 + n % 50}),
        lambda n: ("stock", {"sku": "SKU-2", "feed": "platform", "available": 600 + n % 9, "version": n}),
    ]  # fmt: skip
    picked = rng.choices(makers, weights=[30, 30, 30, 2.5, 2.5, 2.5, 2.5], k=count)
    return [
        {
            "room": ROOM,
            "kind": kind,
            "occurred_ms": now - n % 1_000,
            "id": f"{rng.getrandbits(64):016x}",
            "payload": payload,
        }
        for n, make in enumerate(picked)
        for kind, payload in (make(n),)
    ]


def bodies(records: list[dict[str, Any]], size: int) -> list[bytes]:
    """Return the records as requests of `size`, as arrays."""
    return [msgspec.json.encode(records[start : start + size]) for start in range(0, len(records), size)]


async def spoken(app: ASGIApp, secret: str, requests: list[bytes]) -> float:
    """Send the requests, some at a time, and return the CPU seconds; every answer must be 202."""
    left = iter(requests)

    async def sender() -> None:
        for body in left:
            status = await request(app, secret, body)
            assert status == 202, status

    began = time.process_time()
    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return time.process_time() - began


async def request(app: ASGIApp, secret: str, body: bytes) -> int:
    """Speak one request as a server does."""
    status = 0
    headers = [
        (b"host", b"bench"),
        (b"authorization", f"Bearer {secret}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/ingest", "raw_path": b"/api/ingest", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("bench", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def naive(log: SettlesAtOnce, secret: str) -> FastAPI:
    """The same route as one would write it first: FastAPI, a pydantic model an event, the same log."""
    app = FastAPI()

    @app.post("/api/ingest", status_code=202)
    async def ingest(batch: list[AnyEvent], authorization: Annotated[str, Header()]) -> dict[str, Any]:
        if authorization != f"Bearer {secret}":
            raise HTTPException(401)
        log.events += len(batch)
        return {"sessions": [{"session": "s", "taken": len(batch)}], "refused": []}

    return app


async def built(file: Path, log: SettlesAtOnce) -> tuple[Ingest, str, Store]:
    """Return the door over a SQLite file, with a token."""
    store, clock = await Store.open(f"sqlite:///{file}"), SystemClock()
    directory = Directory(
        store=store,
        clock=clock,
        workspace=lambda: WORKSPACE,
        recipe=lambda: Recipe(b"r", b"l", "bench"),
        plan=plan_session,
    )
    limits = Limits(records_per_second=10**9, burst_records=10**9)
    door = Door(
        log=log,  # type: ignore[arg-type]  # only what the door asks of a log
        store=store,
        directory=directory,
        clock=clock,
        limits=limits,
        seal=Seal(b"k" * 32),
        tally=Tally(),
    )
    access = Access(store=store, clock=clock)
    _, secret = await access.tokens.create("bench", "ingest", [ROOM], SYSTEM)
    return Ingest(door, access.tokens, body_bytes=limits.body_bytes), secret, store


async def measured(run: Callable[[list[bytes]], Awaitable[float]], make: Callable[[], list[bytes]]) -> float:
    """Return the median CPU seconds of some rounds, each with requests of its own."""
    seconds = []
    for _ in range(ROUNDS):
        requests = make()
        gc.collect()
        gc.freeze()  # as the product does once it has started
        seconds.append(await run(requests))
    return median(seconds)


async def compare(file: Path) -> None:
    rng, clock = random.Random(1), SystemClock()
    log = SettlesAtOnce()
    door, secret, store = await built(file, log)
    other = naive(log, secret)
    users: dict[str, Callable[[int], str]] = {
        "hashed": lambda n: rng.choice(HASHED),
        "raw, usual": lambda n: f"u{rng.randrange(20_000)}",
        "raw, all new": lambda n: f"u{rng.getrandbits(60)}",
    }
    await request(door, secret, bodies(mixed(200, users["hashed"], clock.now(), rng), 200)[0])  # opens the session
    print(f"{'batch':>6} {'users':>13} {'door µs':>9} {'events/s':>10} {'FastAPI µs':>11} {'ratio':>6}")
    for size in SIZES:
        for name, user in users.items():
            count = EVENTS if size > 1 else EVENTS // 10

            def make(size: int = size, count: int = count, user: Callable[[int], str] = user) -> list[bytes]:
                return bodies(mixed(count, user, clock.now(), rng), size)

            ours = await measured(lambda requests: spoken(door, secret, requests), make) / count
            theirs = await measured(lambda requests: spoken(other, secret, requests), make) / count
            door_us, other_us = ours * 1e6, theirs * 1e6
            print(f"{size:>6} {name:>13} {door_us:>9.2f} {1 / ours:>10,.0f} {other_us:>11.2f} {theirs / ours:>6.1f}")
    await store.close()


def main() -> None:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="bench-door-"))
    try:
        file = folder / "bench.db"
        migrate.upgrade(f"sqlite:///{file}")
        asyncio.run(compare(file))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
