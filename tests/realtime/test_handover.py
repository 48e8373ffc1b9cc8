"""Promises of an owner among others: what is held is in memory, who leaves has saved everything and keeps no lease, and
those who stay wait for neither."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.access.principal import device_handle
from app.bus.memory import MemoryFrameLog, MemoryNews, MemoryOwnership, MemorySessionLog
from app.bus.ports import Waiting
from app.clock import ManualClock
from app.domain.board import DeviceRow
from app.domain.commands import EndSession, Issued
from app.domain.facts import Fact, Revoked, SessionFreed, SessionMoved, TabletsHere
from app.domain.identity import Fence
from app.domain.people import Actor, Clearance, Role
from app.domain.records import Body, CommandIssued, Entry, Gap
from app.errors import Unavailable
from app.realtime.caretaker import LOOK_EVERY_S, Caretaker
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub, View
from app.realtime.live import Live
from app.realtime.owner import Owner
from app.realtime.residents import PUT_BACK_AFTER_MS, SAVE_NOW_EVERY_MS
from app.realtime.restore import Restorer
from app.realtime.worker import Worker
from app.store.database import Store
from app.store.sessions import open_session, session
from tests.realtime.test_trouble import house, opening

ZHOU = Actor("operator", "p1", "周敏", Role.CONTROLLER)


async def nothing() -> None: ...


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not seen():  # noqa: ASYNC110  # nobody tells it
            await asyncio.sleep(0.01)


class Slow(Restorer):
    """Takes its time, as with long sessions or a busy database."""

    async def restore(self, session_id: str) -> Live:
        await asyncio.sleep(0.02)
        return await super().restore(session_id)


async def test_those_who_are_here_are_served_while_many_others_arrive(tmp_path: Path) -> None:
    async with house(tmp_path, Slow) as home:
        await home.send("s1", "c1")
        many = range(3, 15)
        await home.store.write(lambda conn: [open_session(conn, opening(n)) for n in many])
        for n in many:
            home.worker.wish(f"s{n}")
        await until(lambda: len(home.worker.holdings.held) == 14)
        await home.send("s1", "c2")
        assert len(home.worker.sessions) < 14
        await until(lambda: len(home.worker.sessions) == 14)
        assert (await home.send("s14", "c3")).last == 2


class Losing(Restorer):
    """Loses the lease of one session while it is restored."""

    holdings: Holdings | None = None

    async def restore(self, session_id: str) -> Live:
        live = await super().restore(session_id)
        if session_id == "s3" and self.holdings is not None:
            self.holdings.lost(session_id, asyncio.get_running_loop().time())
            self.holdings = None
        return live


async def test_a_session_that_is_lost_while_it_is_restored_is_not_in_memory(tmp_path: Path) -> None:
    async with house(tmp_path, Losing) as home:
        await home.send("s1", "c1")
        await home.store.write(lambda conn: open_session(conn, opening(3)))
        assert isinstance(home.restorer, Losing)
        home.restorer.holdings = home.worker.holdings
        assert await home.worker.holdings.take(["s3"])
        assert not await home.worker.show(View("s3", "control", Clearance.OPEN))
        assert home.worker.sessions.keys() <= home.worker.holdings.held


async def test_what_is_handed_over_in_the_middle_of_a_turn_is_saved_first(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.send("s1", "c1")
        home.worker.listen(lambda note: home.worker.hand_over(["s1"] if note.session == "s2" else []))
        home.clock.advance(SAVE_NOW_EVERY_MS // 2)
        await home.send("s2", "c2")
        await until(lambda: "s1" not in home.worker.holdings.held)
        row = await home.store.read(lambda conn: session(conn, "s1"))
        assert row.now_ms == home.clock.now()


class Reluctant(MemoryOwnership):
    """Gives leases up slowly: as one far away does."""

    async def release_all(self, held: Mapping[str, Fence]) -> None:
        await asyncio.sleep(0.15)
        await super().release_all(held)


@asynccontextmanager
async def alone(
    folder: Path, leases: MemoryOwnership, number: int, log: MemorySessionLog | None = None
) -> AsyncIterator[tuple[Store, Worker]]:
    """A worker over the file that `house` makes, with more sessions; not started."""
    async with house(folder):
        pass
    store = await Store.open(f"sqlite:///{folder / 'c.sqlite3'}")
    await store.write(lambda conn: [open_session(conn, opening(n)) for n in range(3, number + 1)])
    worker = Worker(
        store=store,
        session_log=log or MemorySessionLog(),
        hub=Hub(MemoryFrameLog()),
        clock=ManualClock(opening(1).wall_ms),
        restorer=Restorer(store, build="t"),
        holdings=Holdings(leases),
    )
    yield store, worker
    await store.close()


async def test_after_a_stop_no_lease_is_left(tmp_path: Path) -> None:
    leases = Reluctant()
    async with alone(tmp_path, leases, 24) as (_, worker):  # more than leave in one turn
        running = asyncio.create_task(worker.run())
        await until(lambda: len(worker.sessions) == 24)
        await worker.stop()
        await running
        names = [f"s{n}" for n in range(1, 25)]
        assert sorted(await leases.free(names)) == sorted(names)
        assert not worker.holdings.held


async def test_what_is_asked_after_a_stop_is_refused_and_does_not_wait(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.worker.stop()
        with pytest.raises(Unavailable):
            async with asyncio.timeout(2):
                await home.worker.show(View("s1", "control", Clearance.OPEN))


class Broken(MemorySessionLog):
    """Has a mistake in it."""

    async def take(self, *_: object) -> Mapping[str, Sequence[Waiting]]:
        raise ZeroDivisionError


async def test_a_worker_that_ends_by_a_mistake_leaves_nobody_waiting_for_it(tmp_path: Path) -> None:
    async with alone(tmp_path, MemoryOwnership(), 2, Broken()) as (_, worker):
        running = asyncio.create_task(worker.run())
        asked = asyncio.create_task(worker.between_turns(nothing))
        with pytest.raises(ZeroDivisionError):
            await running
        async with asyncio.timeout(2):
            await worker.stop()
            await asyncio.gather(asked, return_exceptions=True)
        with pytest.raises(Unavailable):
            await worker.between_turns(nothing)
        assert [task for task in asyncio.all_tasks() if task.get_name() == "caretaker"] == []


class Owned(NamedTuple):
    owner: Owner
    news: MemoryNews
    log: MemorySessionLog
    leases: MemoryOwnership
    clock: ManualClock

    async def answered(self, session: str, body: Body) -> None:
        """Send it, and wait until it is committed."""
        await self.log.committed(await self.log.append(session, Entry(self.clock.now(), body)), 5_000)


@asynccontextmanager
async def owned(folder: Path, *, ended: str = "", **settings: int) -> AsyncIterator[Owned]:
    """An owner at work over the file that `house` makes; one of its sessions may have ended before."""
    async with house(folder) as home:
        if ended:
            end = Entry(home.clock.now(), CommandIssued(Issued("k0", EndSession(), ZHOU)))
            await home.log.committed(await home.log.append(ended, end), 5_000)
    store = await Store.open(f"sqlite:///{folder / 'c.sqlite3'}")
    news, log, leases, clock = MemoryNews(), MemorySessionLog(), MemoryOwnership(), ManualClock(opening(1).wall_ms)
    owner = Owner(
        store=store,
        session_log=log,
        frames=MemoryFrameLog(),
        leases=leases,
        news=news,
        clock=clock,
        build="t",
        rooms=lambda: (),
        shown_session={"r1": "s1"}.get,
        **settings,
    )
    running = asyncio.create_task(owner.run())
    yield Owned(owner, news, log, leases, clock)
    await owner.stop()
    await running
    await store.close()


async def test_an_ended_session_that_was_put_back_stays_out_of_memory_until_it_is_needed(tmp_path: Path) -> None:
    async with owned(tmp_path, ended="s1") as home:
        owner, clock = home.owner, home.clock
        await home.answered("s1", CommandIssued(Issued("k1", EndSession(), ZHOU)))
        for _ in range(4):  # a checkpoint first
            clock.advance(PUT_BACK_AFTER_MS)
            await owner.worker.between_turns(nothing)
        await until(lambda: "s1" not in owner.worker.sessions)
        await asyncio.sleep(4 * LOOK_EVERY_S)
        await owner.worker.between_turns(nothing)
        assert list(owner.worker.holdings.held) == ["s2"]
        await home.answered("s1", CommandIssued(Issued("k2", EndSession(), ZHOU)))
        assert "s1" in owner.worker.sessions


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_tablet_that_is_paired_no_more_is_shown_no_more(tmp_path: Path, elsewhere: bool) -> None:
    async with owned(tmp_path) as home:
        owner, news = home.owner, home.news
        news.tell(TabletsHere("p", {"r1": [DeviceRow("t1", "平板", True, 1), DeviceRow("t2", "备用", True, 1)]}))
        await until(lambda: "s1" in owner.worker.sessions)
        await owner.worker.between_turns(nothing)
        overlay = owner.worker.sessions["s1"].overlay
        view = View("s1", "control", Clearance.OPEN)
        assert overlay.topic("devices", view).keys() == {"t1", "t2"}
        without = TabletsHere("p", {"r1": [DeviceRow("t2", "备用", True, 1)]})
        facts: list[Fact] = [Revoked(device_handle("t1")), without]
        for fact in facts if elsewhere else reversed(facts):  # its process may hear of it after its owner
            news.tell(fact)
        await owner.worker.between_turns(nothing)
        assert overlay.topic("devices", view).keys() == {"t2"}


async def test_a_session_that_was_lost_and_comes_back_is_told_of_anew_and_not_given_to_others(tmp_path: Path) -> None:
    async with owned(tmp_path, lease_ms=200) as home:
        facts: list[Fact] = []
        home.news.listen(facts.append)

        async def moved(*, times: int) -> None:
            await home.answered("s1", Gap(home.clock.now(), home.clock.now()))
            assert [isinstance(fact, SessionMoved) and fact.session == "s1" for fact in facts].count(True) == times

        await moved(times=1)
        await moved(times=1)
        await home.leases.release("s1", home.leases._leases["s1"][0])
        others = await home.leases.acquire("s1", 5_000)
        assert others is not None
        await until(lambda: "s1" not in home.owner.worker.holdings.held)
        await home.leases.release("s1", others)
        await moved(times=2)
        assert not any(isinstance(fact, SessionFreed) for fact in facts)


class Hanging(MemorySessionLog):
    """Takes and appends, but its answers do not arrive."""

    async def settle_all(self, results: object) -> None:
        await asyncio.sleep(3_600)


async def test_a_log_that_hangs_does_not_hold_up_the_time_of_the_sessions(tmp_path: Path) -> None:
    async with house(tmp_path, log=Hanging()) as home:
        sending = asyncio.create_task(home.send("s1", "c1"))
        await until(lambda: "s1" in home.worker.sessions and home.worker.sessions["s1"].engine.position == 2)
        async with asyncio.timeout(5):
            await home.worker.between_turns(nothing)
        sending.cancel()


class Forgetful(MemorySessionLog):
    """Is away when it is asked for the first time."""

    asked = 0

    async def waiting(self) -> Collection[str]:
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("the log is away")
        return await super().waiting()


async def test_what_was_wished_for_while_the_log_was_away_is_taken_when_it_is_back() -> None:
    taken: list[str] = []

    async def running() -> list[str]:
        return []

    async def take(sessions: Iterable[str]) -> None:
        taken.extend(sessions)

    caretaker = Caretaker(
        Holdings(MemoryOwnership()), Forgetful(), running, taken=take, lost=taken.remove, hand_over=lambda _: None
    )
    caretaker.wish("s9")
    caring = asyncio.create_task(caretaker.run())
    await until(lambda: taken == ["s9"])
    caring.cancel()
    await asyncio.gather(caring, return_exceptions=True)
