"""Promises of the worker: commit then tell, restored as committed, refused when the store is away, gaps entered."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.bus.memory import MemoryFrameLog, MemoryOwnership, MemorySessionLog
from app.clock import ManualClock
from app.domain.commands import Issued, SendPrompt
from app.domain.events import CommentEvent, CommentText, User, Viewers, ViewersEvent
from app.domain.people import Actor, Clearance, Role
from app.domain.plan import RoomPlan, SessionPlan
from app.domain.records import CommandIssued, Entry, Events, Gap
from app.errors import ControlRoomError, Unavailable
from app.instants import Instant
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub, View
from app.realtime.restore import Restorer
from app.realtime.worker import Worker
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import shipped_text
from app.store import chunks, prompts
from app.store.database import Store
from app.store.sessions import Opening, open_session, session
from tests.realtime.empty import migrated

START = Instant(1_795_000_000_000)
PLAN = SessionPlan(
    kind="live", workspace="w", brand="b", brand_name="B", title="T", rooms=(RoomPlan("r", "R", "douyin"),)
)
CONTROL = View("s1", "control", Clearance.RESTRICTED)
ZHOU = Actor("operator", "p1", "周敏", Role.CONTROLLER)


@dataclass
class House:
    store: Store
    log: MemorySessionLog
    frames: MemoryFrameLog
    worker: Worker
    clock: ManualClock

    async def send(self, *events: Any) -> Any:
        entry = Entry(self.clock.now(), Events("src", ("r",), list(events)))
        return await self.log.committed(await self.log.append("s1", entry), 5_000)

    async def command(self, key: str, text: str) -> Any:
        body = CommandIssued(Issued(key, SendPrompt({"zh-CN": text}), ZHOU))
        return await self.log.committed(await self.log.append("s1", Entry(self.clock.now(), body)), 5_000)

    async def board(self) -> dict[str, dict[str, Any]]:
        """What a page that joins now would show."""
        assert await self.worker.show(CONTROL)
        kept = await self.frames.newest(CONTROL.name)
        assert kept is not None
        topics: dict[str, dict[str, Any]] = {}
        for part in kept.snapshot:
            for topic, values in msgspec.json.decode(part)["topics"].items():
                topics.setdefault(topic, {}).update(values)
        for delta in kept.deltas:
            for topic, change in msgspec.json.decode(delta.data)["topics"].items():
                values = topics.setdefault(topic, {})
                values.update(change.get("set", {}))
                for key in change.get("gone", []):
                    values.pop(key, None)
        return topics


def comment(n: int, text: str = "礼盒还有吗") -> CommentEvent:
    return CommentEvent(room="r", occurred_ms=START + n, id=f"c{n}", payload=CommentText(text, User(f"h:{n:016x}")))


def online(n: int, count: int) -> ViewersEvent:
    return ViewersEvent(room="r", occurred_ms=START + n, id=f"v{n}", payload=Viewers(count))


@asynccontextmanager
async def house(
    folder: Path,
    clock: ManualClock | None = None,
    *,
    fresh: bool = True,
    plan: SessionPlan = PLAN,
    steady: Callable[[], float] = time.monotonic,
) -> AsyncIterator[House]:
    """A worker over a real SQLite file; stopped cleanly when left."""
    file = folder / "c.sqlite3"
    clock = clock or ManualClock(START)
    if fresh:
        file.write_bytes(migrated())
    store = await Store.open(f"sqlite:///{file}")
    if fresh:
        opening = Opening(
            id="s1",
            plan=plan,
            rules=shipped_rules().body(),
            lexicon=shipped_text().encode(),
            build="test",
            wall_ms=clock.now(),
        )
        await store.write(lambda conn: open_session(conn, opening))
    log, frames = MemorySessionLog(), MemoryFrameLog()
    worker = Worker(
        store=store,
        session_log=log,
        hub=Hub(frames),
        clock=clock,
        restorer=Restorer(store, build="test"),
        holdings=Holdings(MemoryOwnership()),
        steady=steady,
    )
    running = asyncio.create_task(worker.run())
    try:
        yield House(store, log, frames, worker, clock)
    finally:
        await worker.stop()
        await running
        await store.close()


async def test_an_answered_batch_is_stored_and_counted_once(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        home.clock.advance(1_000)
        first = await home.send(comment(1), comment(2), online(3, 800))
        again = await home.send(comment(1))
        assert (first.first, first.last, first.duplicates) == (2, 4, 0)
        assert (again.first, again.last, again.duplicates) == (5, 5, 1)
        row = await home.store.read(lambda conn: session(conn, "s1"))
        assert row.position == 5
        stored = await home.store.read(lambda conn: list(chunks.chunks_after(conn, row.session_no)))
        assert [len(chunk.body.events) for chunk in stored if isinstance(chunk.body, Events)] == [3, 1]


async def test_a_command_comes_back_with_its_committed_outcome_and_stands_on_the_board(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        home.clock.advance(1_000)
        await home.send(online(1, 100))
        result = await home.command("k1", "抛一个问题")
        assert result.outcome.code == "done"
        stored = await home.store.read(lambda conn: prompts.of_session(conn, 1))
        assert [prompt.text["zh-CN"] for prompt in stored] == ["抛一个问题"]
        board = await home.board()
        assert [prompt["text"]["zh-CN"] for prompt in board["prompts"].values()] == ["抛一个问题"]


async def test_after_a_stop_the_session_goes_on_where_it_was_with_a_gap(tmp_path: Path) -> None:
    clock = ManualClock(START)
    async with house(tmp_path, clock) as home:
        clock.advance(1_000)
        await home.send(online(1, 800), comment(2))
        before = await home.board()
    clock.advance(90_000)
    async with house(tmp_path, clock, fresh=False) as home:
        after = await home.board()
        assert after["messages"] == before["messages"]
        (gap,) = after["gaps"].values()
        assert gap["end_ms"] - gap["start_ms"] == pytest.approx(90_000, abs=1_000)
        stored = await home.store.read(lambda conn: list(chunks.chunks_after(conn, 1)))
        assert isinstance(stored[-1].body, Gap)
        result = await home.send(comment(2))
        assert result.duplicates == 1


async def test_a_process_that_stood_still_for_a_minute_enters_that_as_a_gap(tmp_path: Path) -> None:
    clock, steady = ManualClock(START), [0.0]
    async with house(tmp_path, clock, steady=lambda: steady[0]) as home:
        clock.advance(1_000)
        await home.send(online(1, 800))
        clock.advance(60_000)
        steady[0] += 60
        await home.send(comment(2))
        stood = {"start_ms": START + 1_000, "end_ms": START + 61_000}
        assert list((await home.board())["gaps"].values()) == [stood]
        await home.send(comment(3))
        stored = await home.store.read(lambda conn: list(chunks.chunks_after(conn, 1)))
        assert [type(chunk.body) for chunk in stored[1:]] == [Events, Gap, Events, Events]


class Faulty:
    """A real store whose writes are refused while `away`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False

    @property
    def dialect(self) -> Any:
        return self._store.dialect

    async def read(self, fn: Any) -> Any:
        self._refuse()
        return await self._store.read(fn)

    async def write(self, fn: Any) -> Any:
        self._refuse()
        return await self._store.write(fn)

    async def try_commit(self) -> None:
        self._refuse()
        await self._store.try_commit()

    async def close(self) -> None:
        await self._store.close()

    def _refuse(self) -> None:
        if self.away:
            raise Unavailable("the database is away")


async def when_it_is_back(home: House, *events: Any) -> Any:
    """Send the same batch until it is taken; time goes on between the tries."""
    for _ in range(100):
        try:
            return await home.send(*events)
        except Unavailable:
            home.clock.advance(500)
            await asyncio.sleep(0.01)
    raise AssertionError("the store was not found again")


async def test_while_the_store_is_away_senders_are_refused_and_the_same_batch_is_taken_later(tmp_path: Path) -> None:
    clock = ManualClock(START)
    async with house(tmp_path, clock):
        pass
    store: Any = Faulty(await Store.open(f"sqlite:///{tmp_path / 'c.sqlite3'}"))
    log, frames = MemorySessionLog(), MemoryFrameLog()
    worker = Worker(
        store=store,
        session_log=log,
        hub=Hub(frames),
        clock=clock,
        restorer=Restorer(store, build="test"),
        holdings=Holdings(MemoryOwnership()),
    )
    running = asyncio.create_task(worker.run())
    home = House(store, log, frames, worker, clock)
    clock.advance(1_000)
    await home.send(online(1, 800))
    await home.board()
    store.away = True
    with pytest.raises(ControlRoomError) as refused:
        await home.send(comment(2))
    assert refused.value.code == "unavailable"
    with pytest.raises(ControlRoomError):
        await home.send(comment(3))
    kept = await frames.newest(CONTROL.name)
    assert kept is not None
    told = [msgspec.json.decode(delta.data)["topics"] for delta in kept.deltas]
    assert any(topics.get("health", {}).get("set", {}).get("store", {}).get("unsaved_since_ms") for topics in told)
    assert not any("messages" in topics for topics in told)
    store.away = False
    clock.advance(2_000)
    result = await when_it_is_back(home, comment(2), comment(3))
    assert result.duplicates == 0
    board = await home.board()
    assert len(board["messages"]) == 2
    assert not board["health"]["store"].get("unsaved_since_ms")
    await worker.stop()
    await running
    await store.close()
