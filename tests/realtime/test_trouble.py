"""Promises of the worker in trouble: what one record, one session or one lost connection spoils stays its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from app.bus.memory import MemoryFrameLog, MemoryOwnership, MemorySessionLog
from app.bus.ports import Committed, Stored
from app.clock import ManualClock
from app.domain.board import DeviceRow
from app.domain.events import CommentEvent, CommentText
from app.domain.people import Clearance
from app.domain.plan import RoomPlan, SessionPlan
from app.domain.records import Chunk, Entry, Events, Gap
from app.engine.engine import Engine
from app.errors import ControlRoomError, Unavailable
from app.instants import Instant
from app.realtime.holdings import Holdings
from app.realtime.hub import AWAY_MS, IDLE_AFTER_MS, Hub, View
from app.realtime.live import Live
from app.realtime.outgoing import Outgoing
from app.realtime.restore import Restorer, SessionLocked
from app.realtime.trouble import LEFT_OUT_MS, RESTORE_AFTER_MS
from app.realtime.worker import Worker
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import shipped_text
from app.store import tables
from app.store.checkpoints import newest
from app.store.chunks import chunks_after
from app.store.contents import keep
from app.store.database import Store
from app.store.sessions import Opening, open_session, session
from tests.realtime.empty import migrated

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
    def __init__(self, store: Store, restorer: Restorer, log: MemorySessionLog, frames: MemoryFrameLog) -> None:
        self.restorer, self.frames = restorer, frames
        self.store, self.log, self.clock = store, log, ManualClock(Instant(START + 1_000))
        self.worker = Worker(
            store=store,
            session_log=self.log,
            hub=Hub(frames),
            clock=self.clock,
            restorer=restorer,
            holdings=Holdings(MemoryOwnership()),
        )

    async def send(self, session_id: str, name: str, text: str = "礼盒还有吗") -> Committed:
        room = session_id.replace("s", "r")
        event = CommentEvent(room=room, occurred_ms=self.clock.now(), id=name, payload=CommentText(text))
        ticket = await self.log.append(session_id, Entry(self.clock.now(), Events("src", (room,), [event])))
        return await self.log.committed(ticket, 5_000)

    async def show(self, view: View) -> None:
        """Ask for a board until it is there, as a process does in which somebody watches it."""
        async with asyncio.timeout(5):
            while not await self.frames.has(view.name):
                self.worker.want(view)
                await self.worker.between_turns(nothing)

    async def stored(self, session_id: str) -> int:
        """How many events of a session are in the store."""
        found = await self.store.read(lambda conn: list(chunks_after(conn, session(conn, session_id).session_no)))
        return sum(len(chunk.body.events) for chunk in found if isinstance(chunk.body, Events))


def opening(n: int) -> Opening:
    room = RoomPlan(f"r{n}", f"R{n}", "douyin")
    plan = SessionPlan(kind="live", workspace="w", brand="b", brand_name="B", title="T", rooms=(room,))
    rules, lexicon = shipped_rules().body(), shipped_text().encode()
    return Opening(id=f"s{n}", plan=plan, rules=rules, lexicon=lexicon, build="t", wall_ms=START)


@asynccontextmanager
async def house(
    folder: Path,
    restorer: type[Restorer] = Restorer,
    spoil: Any = None,
    log: MemorySessionLog | None = None,
    frames: MemoryFrameLog | None = None,
) -> AsyncIterator[House]:
    """A worker over a real SQLite file with two live sessions; `spoil` is done to the database before it starts."""
    file = folder / "c.sqlite3"
    file.write_bytes(migrated())
    store = await Store.open(f"sqlite:///{file}")
    await store.write(lambda conn: [open_session(conn, opening(n)) for n in (1, 2)])
    if spoil is not None:
        await store.write(spoil)
    home = House(store, restorer(store, build="t"), log or MemorySessionLog(), frames or MemoryFrameLog())
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


def _lose_rules(conn: Connection) -> None:
    conn.execute(update(tables.sessions).where(tables.sessions.c.id == "s1").values(rules="of-nothing"))


def _spoil_rules(conn: Connection) -> None:
    name = keep(conn, "rules", b"rules: [", START)
    conn.execute(update(tables.sessions).where(tables.sessions.c.id == "s1").values(rules=name))


class Counting(Restorer):
    """Counts how often the first session is restored."""

    restored = 0

    async def restore(self, session_id: str) -> Live:
        self.restored += session_id == "s1"
        return await super().restore(session_id)


@pytest.mark.parametrize("spoil", [_lose_first_chunk, _lose_rules, _spoil_rules])
async def test_a_session_that_cannot_be_rebuilt_costs_the_others_nothing_and_its_senders_no_record(
    tmp_path: Path, spoil: Callable[[Connection], None]
) -> None:
    async with house(tmp_path, Counting, spoil=spoil) as home:
        assert isinstance(home.restorer, Counting)
        for n in range(2):
            with pytest.raises(ControlRoomError) as refused:
                await home.send("s1", f"c{n}")
            assert (refused.value.code, refused.value.retryable) == ("session_left_out", True)
            home.worker.want(VIEW)
            assert (await home.send("s2", f"d{n}")).last == n + 2
            home.clock.advance(LEFT_OUT_MS // 3)
        assert home.restorer.restored == 1, "it is left alone for a minute"
        home.clock.advance(LEFT_OUT_MS)
        await home.worker.between_turns(nothing)
        assert home.restorer.restored == 2


async def test_a_session_whose_board_is_wanted_though_it_cannot_be_rebuilt_is_tried_once(tmp_path: Path) -> None:
    async with house(tmp_path, Counting) as home:
        assert isinstance(home.restorer, Counting)
        await home.send("s1", "c1")
        await home.store.write(_lose_rules)
        home.worker.drop("s1")  # as after its words were taken out
        await home.worker.between_turns(nothing)
        assert await home.worker.holdings.take(["s1"]) == ["s1"]
        before = home.restorer.restored
        for _ in range(3):
            home.worker.want(VIEW)
            await home.worker.between_turns(nothing)
            home.clock.advance(LEFT_OUT_MS // 4)
        assert home.restorer.restored == before + 1


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


async def nothing() -> None: ...


class Held(Restorer):
    """The row of the session named in `held` is another's for now."""

    held = ""

    async def restore(self, session_id: str) -> Live:
        if session_id == self.held:
            raise SessionLocked("its owner before is in the middle of a commit", session=session_id)
        return await super().restore(session_id)


async def test_a_session_whose_owner_before_still_commits_comes_later_and_the_others_go_on(tmp_path: Path) -> None:
    async with house(tmp_path, Held) as home:
        await home.send("s1", "c1")
        await home.store.write(lambda conn: open_session(conn, opening(3)))
        assert isinstance(home.restorer, Held)
        home.restorer.held = "s3"
        assert await home.worker.holdings.take(["s3"]) == ["s3"]
        with pytest.raises(SessionLocked):
            await home.worker.show(View("s3", "control", Clearance.OPEN))
        both = await asyncio.gather(home.send("s1", "c2"), home.send("s3", "c3"), return_exceptions=True)
        assert [getattr(each, "code", "taken") for each in both] == ["taken", "session_locked"]
        assert home.worker.unsaved_since is None
        home.restorer.held = ""
        later = asyncio.create_task(home.send("s3", "c4"))  # waits in the log
        home.clock.advance(RESTORE_AFTER_MS)
        await home.worker.between_turns(nothing)
        await later
        assert await home.stored("s3") == 1


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
    """Gives the first session an engine that breaks, until it is told otherwise; the second is sound."""

    doomed = "s1"

    async def restore(self, session_id: str) -> Live:
        live = await super().restore(session_id)
        if session_id == self.doomed:
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


async def test_a_record_the_database_will_not_have_is_found_though_its_session_was_restored_meanwhile(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, spoil=_refuse_one_text) as home:
        with pytest.raises(ControlRoomError) as first:
            await home.send("s1", "bad", "无法保存")
        assert first.value.retryable
        home.clock.advance(2_000)
        await home.worker.between_turns(nothing)
        await home.worker.between_turns(nothing)
        assert "s1" in home.worker.sessions, "its time goes on though nothing comes"
        with pytest.raises(ControlRoomError) as second:
            await home.send("s1", "bad", "无法保存")
        assert second.value.code == "quarantined"


async def test_a_record_that_can_be_neither_stored_nor_set_aside_stops_nobody(tmp_path: Path) -> None:
    async with house(tmp_path, spoil=_refuse_quarantine_too) as home:
        for n in range(2):
            with pytest.raises(ControlRoomError) as refused:
                await home.send("s1", f"bad{n}", "无法保存")
            assert refused.value.retryable
            home.clock.advance(2_000)
        assert (await home.send("s2", "c1")).last == 2
        assert (await home.send("s1", "c2")).duplicates == 0


def _refuse_quarantine_too(conn: Connection) -> None:
    _refuse_one_text(conn)
    conn.execute(
        text("CREATE TRIGGER full BEFORE INSERT ON quarantine BEGIN SELECT RAISE(ABORT, 'cannot be kept'); END")
    )


async def test_a_session_that_was_left_out_comes_back_by_itself_though_something_came_meanwhile(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, DoomedRestorer) as home:
        assert isinstance(home.restorer, DoomedRestorer)
        for n in range(3):
            with pytest.raises(ControlRoomError):
                await home.send("s1", f"c{n}")
            home.clock.advance(2_000)
        home.restorer.doomed = ""
        home.clock.advance(60_000)
        await home.worker.between_turns(nothing)
        await home.worker.between_turns(nothing)
        assert "s1" in home.worker.sessions


async def test_what_cannot_be_laid_over_a_board_ends_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.send("s1", "c1")
        home.worker.lay_over("s1", lambda live: live.overlay.put("no such topic", "key", 1))
        home.worker.note_device("s1", DeviceRow("d", "平板", True, START))
        assert (await home.send("s1", "c2")).last == 3
        assert "d" in home.worker.sessions["s1"].overlay.topic("devices", VIEW)


async def test_a_checkpoint_is_never_ahead_of_sql(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.send("s1", "c1")
        live = home.worker.sessions["s1"]
        live.step(Entry(home.clock.now(), Gap(home.clock.now(), home.clock.now())), home.clock.now())
        checkpoints = home.worker._checkpoints
        await checkpoints.save([live])
        assert await home.store.read(lambda conn: newest(conn, live.session_no)) is None
        assert live.since_checkpoint, "it is written once that is committed"


async def test_what_was_taken_out_of_a_log_is_in_no_frame_any_more_as_soon_as_frames_can_be_reached(
    tmp_path: Path,
) -> None:
    frames = AwayFrames()
    async with house(tmp_path, frames=frames) as home:
        await home.show(VIEW)
        frames.away = True
        home.worker.drop("s1")
        await home.worker.between_turns(nothing)
        home.clock.advance(AWAY_MS)
        frames.away = False
        home.worker.drop("s2")  # for a turn
        async with asyncio.timeout(5):
            while await frames.newest(VIEW.name) is not None:
                await home.worker.between_turns(nothing)
        assert "s1" not in home.worker.holdings.held


class AwayFrames(MemoryFrameLog):
    """Carries nothing while `away`."""

    away = False

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        self._refuse()
        await super().put_snapshot(board, epoch, seq, parts)

    async def publish(self, board: str, frame: Stored) -> None:
        self._refuse()
        await super().publish(board, frame)

    async def forget(self, board: str, epoch: int) -> None:
        self._refuse()
        await super().forget(board, epoch)

    def _refuse(self) -> None:
        if self.away:
            raise Unavailable("the frames are away")


async def test_a_worker_that_can_neither_store_nor_tell_goes_on_when_it_can_again(tmp_path: Path) -> None:
    frames = AwayFrames()
    async with house(tmp_path, Lossy, frames=frames) as home:
        assert isinstance(home.restorer, Lossy)
        assert await home.worker.show(VIEW)
        await home.store.write(lambda conn: open_session(conn, opening(3)))
        home.restorer.away, frames.away = "s3", True
        assert await home.worker.holdings.take(["s3"]) == ["s3"]
        for n in range(4):
            with pytest.raises(ControlRoomError) as refused:
                await home.send("s3", f"c{n}")
            assert refused.value.code == "unavailable"
            home.clock.advance(200)
        home.restorer.away, frames.away = "", False
        assert (await _sent(home, "s1", "c1")).duplicates == 0
        home.clock.advance(2_000)
        await home.worker.between_turns(nothing)
        assert home.worker.unsaved_since is None


async def test_while_the_store_is_away_a_board_that_is_watched_stays_for_those_who_come(tmp_path: Path) -> None:
    async with house(tmp_path, Lossy) as home:
        assert isinstance(home.restorer, Lossy)
        await home.show(VIEW)
        await home.store.write(lambda conn: open_session(conn, opening(3)))
        home.restorer.away = "s3"
        assert await home.worker.holdings.take(["s3"]) == ["s3"]
        with pytest.raises(Unavailable):
            await home.send("s3", "c1")
        for _ in range(5):  # the store is lost again whenever it is tried
            home.clock.advance(IDLE_AFTER_MS // 3)
            home.worker.want(VIEW)
            await home.worker.between_turns(nothing)
            await home.worker.between_turns(nothing)
        assert home.worker.unsaved_since is not None
        assert await home.frames.newest(VIEW.name) is not None


VIEW = View("s1", "control", Clearance.OPEN)


async def test_a_flood_of_records_that_break_the_engine_keeps_nobody_waiting_for_all_of_them(tmp_path: Path) -> None:
    async with house(tmp_path, FragileRestorer) as home:
        answers = await asyncio.gather(
            *(home.send("s1", f"bad{n}", POISON) for n in range(8)), home.send("s2", "c1"), return_exceptions=True
        )
        codes = [getattr(each, "code", "taken") for each in answers]
        assert codes[-1] == "taken"
        assert "quarantined" in codes
        assert set(codes[:-1]) == {"quarantined", "session_left_out"}, "those left are sent again"


async def test_the_messages_of_a_session_that_breaks_are_read_again_with_all_others(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        asked: list[int] = []

        def sessions() -> dict[str, Live]:
            asked.append(len(asked))
            if len(asked) == 1:
                raise ZeroDivisionError
            return {}

        outgoing = Outgoing(home.store, sessions, home.worker.lay_over)
        reading = asyncio.create_task(outgoing.run())
        async with asyncio.timeout(5):
            while len(asked) < 2:
                outgoing.doubt()
                await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
