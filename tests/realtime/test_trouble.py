"""Promises of the worker in trouble: what one record, one session or one lost connection spoils stays its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text

from app.bus.memory import MemoryFrameLog, MemoryOwnership, MemorySessionLog
from app.bus.ports import Committed
from app.clock import ManualClock
from app.domain.events import CommentEvent, CommentText
from app.domain.plan import RoomPlan, SessionPlan
from app.domain.records import Chunk, Entry, Events
from app.engine.engine import Engine
from app.errors import ControlRoomError, Unavailable
from app.instants import Instant
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub
from app.realtime.live import Live
from app.realtime.restore import Restorer
from app.realtime.worker import Worker
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import shipped_text
from app.store import tables
from app.store.chunks import events_stored
from app.store.database import Store
from app.store.migrate import upgrade
from app.store.sessions import Opening, open_session, session

START = Instant(1_795_000_000_000)
POISON = "poison"


class Fragile:
    """A real engine that fails on one text: as a mistake of ours would, deep inside a step."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def apply(self, chunk: Chunk) -> None:
        for event in getattr(chunk.body, "events", ()):
            if event.payload.text == POISON:
                raise ZeroDivisionError
        self._engine.apply(chunk)


class FragileRestorer(Restorer):
    async def restore(self, session_id: str) -> Live:
        live = await super().restore(session_id)
        live.engine = Fragile(live.engine)  # type: ignore[assignment]  # stands in for one with a mistake
        return live


class Lossy(Restorer):
    """Loses the store whenever it is to restore the session named in `away`."""

    away = ""

    async def restore(self, session_id: str) -> Live:
        if session_id == self.away:
            raise Unavailable("the database is away")
        return await super().restore(session_id)


class House:
    def __init__(self, store: Store, restorer: Restorer) -> None:
        self.restorer = restorer
        self.store, self.log, self.clock = store, MemorySessionLog(), ManualClock(Instant(START + 1_000))
        self.worker = Worker(
            store=store,
            session_log=self.log,
            hub=Hub(MemoryFrameLog()),
            clock=self.clock,
            restorer=restorer,
            holdings=Holdings(MemoryOwnership()),
        )

    async def send(self, session_id: str, name: str, text: str = "礼盒还有吗") -> Committed:
        room = session_id.replace("s", "r")
        event = CommentEvent(room=room, occurred_ms=self.clock.now(), id=name, payload=CommentText(text))
        ticket = await self.log.append(session_id, Entry(self.clock.now(), Events("src", (room,), [event])))
        return await self.log.committed(ticket, 5_000)

    async def stored(self, session_id: str) -> int:
        """How many events of a session are in the store."""
        return await self.store.read(lambda conn: events_stored(conn, session(conn, session_id).session_no))


def opening(n: int) -> Opening:
    room = RoomPlan(f"r{n}", f"R{n}", "douyin")
    plan = SessionPlan(kind="live", workspace="w", brand="b", brand_name="B", title="T", rooms=(room,))
    rules, lexicon = shipped_rules().body(), shipped_text().encode()
    return Opening(id=f"s{n}", plan=plan, rules=rules, lexicon=lexicon, build="t", wall_ms=START)


@asynccontextmanager
async def house(folder: Path, restorer: type[Restorer] = Restorer, spoil: Any = None) -> AsyncIterator[House]:
    """A worker over a real SQLite file with two live sessions; `spoil` is done to the database before it starts."""
    url = f"sqlite:///{folder / 'c.sqlite3'}"
    upgrade(url)
    store = await Store.open(url)
    await store.write(lambda conn: [open_session(conn, opening(n)) for n in (1, 2)])
    if spoil is not None:
        await store.write(spoil)
    home = House(store, restorer(store, build="t"))
    running = asyncio.create_task(home.worker.run())
    try:
        yield home
    finally:
        await home.worker.stop()
        await running
        await store.close()


async def test_a_record_that_breaks_the_engine_is_set_aside_and_the_session_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path, FragileRestorer) as home:
        assert (await home.send("s1", "c1")).last == 2
        with pytest.raises(ControlRoomError) as refused:
            await home.send("s1", "bad", POISON)
        assert (refused.value.code, refused.value.retryable) == ("quarantined", False)
        (reason,) = await home.store.read(lambda conn: conn.scalars(select(tables.quarantine.c.reason)).all())
        assert "twice" in reason
        assert (await home.send("s1", "c2")).last == 3
        assert (await home.send("s2", "c3")).last == 2


def _lose_first_chunk(conn: Connection) -> None:
    first = select(tables.sessions.c.session_no).where(tables.sessions.c.id == "s1").scalar_subquery()
    conn.execute(delete(tables.chunks).where(tables.chunks.c.session_no == first))


async def test_a_session_that_cannot_be_rebuilt_keeps_no_other_from_starting(tmp_path: Path) -> None:
    async with house(tmp_path, spoil=_lose_first_chunk) as home:
        assert (await home.send("s2", "c1")).last == 2
        with pytest.raises(ControlRoomError) as refused:
            await home.send("s1", "c2")
        assert refused.value.code == "broken_session"
        assert (await home.send("s2", "c3")).last == 3


async def test_a_store_lost_while_one_session_is_restored_refuses_the_whole_turn(tmp_path: Path) -> None:
    async with house(tmp_path, Lossy) as home:
        await home.send("s1", "c1")
        await home.store.write(lambda conn: open_session(conn, opening(3)))
        assert isinstance(home.restorer, Lossy)
        assert await home.worker.holdings.take(["s3"]) == ["s3"]  # so that both are looked at in one turn
        home.restorer.away = "s3"
        both = await asyncio.gather(home.send("s1", "c2"), home.send("s3", "c3"), return_exceptions=True)
        assert [getattr(each, "code", each) for each in both] == ["unavailable", "unavailable"]
        assert home.worker.unsaved_since is not None
        home.restorer.away = ""
        for session_id, name in (("s1", "c2"), ("s3", "c3")):
            assert (await _sent(home, session_id, name)).duplicates == 0
        assert (await home.stored("s1"), await home.stored("s3")) == (2, 1)


async def _sent(home: House, session_id: str, name: str) -> Committed:
    """Send until it is taken, as a source does."""
    while True:
        try:
            return await home.send(session_id, name)
        except Unavailable:
            home.clock.advance(500)
            await asyncio.sleep(0.01)


class Doomed(Fragile):
    """An engine whose own state breaks it whenever time passes, and again after each restore."""

    def apply(self, chunk: Chunk) -> None:
        self._engine.apply(chunk)

    def advance(self, to: Instant) -> None:
        if self._engine.position > 1:
            raise ZeroDivisionError
        self._engine.advance(to)

    def checkpoint(self) -> bytes:
        raise OverflowError


class DoomedRestorer(Restorer):
    """Gives the first session an engine that breaks; the second is sound."""

    async def restore(self, session_id: str) -> Live:
        live = await super().restore(session_id)
        if session_id == "s1":
            live.engine = Doomed(live.engine)  # type: ignore[assignment]  # stands in for one with a mistake
        return live


async def test_a_session_whose_own_time_breaks_it_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    async with house(tmp_path, DoomedRestorer) as home:
        for n in range(3):
            with pytest.raises(ControlRoomError) as refused:
                await home.send("s1", f"c{n}")
            assert (refused.value.code, refused.value.retryable) == ("session_left_out", True)
            assert (await home.send("s2", f"d{n}")).last == n + 2
            home.clock.advance(2_000)
        assert await home.stored("s1") == 0


async def test_a_record_the_database_will_not_have_is_found_and_set_aside(tmp_path: Path) -> None:
    async with house(tmp_path, spoil=_refuse_one_text) as home:
        await home.send("s1", "c1")
        with pytest.raises(ControlRoomError) as first:
            await home.send("s1", "bad", "无法保存")
        assert first.value.retryable
        home.clock.advance(2_000)
        with pytest.raises(ControlRoomError) as second:
            await home.send("s1", "bad", "无法保存")
        assert (second.value.code, second.value.retryable) == ("quarantined", False)
        home.clock.advance(2_000)
        await home.send("s1", "c2")
        assert await home.stored("s1") == 2
        assert len(await home.store.read(lambda conn: conn.scalars(select(tables.quarantine.c.id)).all())) == 1


def _refuse_one_text(conn: Connection) -> None:
    """As a database does that cannot keep some text: the statement fails, whoever sends it."""
    conn.execute(
        text(
            "CREATE TRIGGER spoiled BEFORE INSERT ON messages WHEN NEW.text = '无法保存' "
            "BEGIN SELECT RAISE(ABORT, 'cannot be kept'); END"
        )
    )
