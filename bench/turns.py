"""A turn of the worker beside many idle live sessions: what they cost an event on its way to its commit."""

import asyncio
import gc
import logging
import statistics
import tempfile
import time
from pathlib import Path

import structlog

from app.bus.memory import MemoryFrameLog, MemoryOwnership, MemorySessionLog
from app.clock import SystemClock
from app.domain import events as ev
from app.domain.plan import RoomPlan, SessionPlan
from app.domain.records import Entry, Events
from app.realtime.holdings import Holdings
from app.realtime.hub import Hub
from app.realtime.restore import Restorer
from app.realtime.worker import Worker
from app.rules.pack import shipped_rules
from app.rules.phrases.reading import shipped_text
from app.store.database import Store
from app.store.migrate import upgrade
from app.store.sessions import Opening, open_session

SESSIONS = (1, 300, 1_000)
TURNS = 400


def main() -> None:
    """Print the time from append to commit, and the CPU of a second, by how many sessions are in memory."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # not a line a session
    alone = 0.0
    for number in SESSIONS:
        turn_ms, worst_ms, idle = asyncio.run(measured(number))
        alone = alone or turn_ms
        print(
            f"{number:5} sessions: {turn_ms:.2f} ms a turn ({turn_ms / alone:.2f} x alone), worst {worst_ms:.1f} ms, "
            f"{idle:.3f} of one core with nobody sending"
        )


async def measured(number: int) -> tuple[float, float, float]:
    """Return the median and the worst turn in milliseconds, and the share of a core that idling takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'c.sqlite3'}"
        upgrade(url)
        store, clock, log = await Store.open(url), SystemClock(), MemorySessionLog()
        await store.write(lambda conn: [open_session(conn, opening(n, clock)) for n in range(number)])
        restorer = Restorer(store, build="bench")
        worker = Worker(
            store=store,
            session_log=log,
            hub=Hub(MemoryFrameLog()),
            clock=clock,
            restorer=restorer,
            holdings=Holdings(MemoryOwnership()),
        )
        running = asyncio.create_task(worker.run())
        while len(worker.sessions) < number:  # noqa: ASYNC110  # a benchmark: nobody tells it
            await asyncio.sleep(0.1)
        gc.collect()
        gc.freeze()  # as the running process does
        began = time.process_time()
        await asyncio.sleep(5)
        idle = (time.process_time() - began) / 5
        spans = [await turn(log, clock, n) for n in range(TURNS)]
        await worker.stop()
        await running
        await store.close()
    return statistics.median(spans), max(spans), idle


async def turn(log: MemorySessionLog, clock: SystemClock, n: int) -> float:
    """Send one event to the first session, and return after how many milliseconds it was committed."""
    now = clock.now()
    comment = ev.CommentEvent(room="r0", occurred_ms=now, id=f"c{n}", payload=ev.CommentText("还有吗"))
    began = time.perf_counter()
    ticket = await log.append("s0", Entry(now, Events("bench", ("r0",), [comment])))
    await log.committed(ticket, 10_000)
    return (time.perf_counter() - began) * 1000


def opening(n: int, clock: SystemClock) -> Opening:
    """Return what a live session of a room of its own is opened with."""
    room = RoomPlan(f"r{n}", f"room {n}", "douyin")
    plan = SessionPlan(kind="live", workspace="w", brand="b", brand_name="B", title=f"T{n}", rooms=(room,))
    return Opening(
        id=f"s{n}",
        plan=plan,
        rules=shipped_rules().body(),
        lexicon=shipped_text().encode(),
        build="bench",
        wall_ms=clock.now(),
    )


if __name__ == "__main__":
    main()
