"""Promises of the relay over Redis, where the owner of a board is another process: a change of owner, a Redis that was
emptied or stopped: every viewer ends with the board as it is, and nobody is cut off."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as aioredis

from app.bus.ports import Stored
from app.bus.redis_streams import RedisFrameLog, RedisLink
from app.clock import SystemClock
from app.domain.frames import Changed, Hello
from app.domain.people import Clearance
from app.realtime.fanout_track import Batch
from app.realtime.fanout_wire import payload_of
from app.realtime.frames import delta_frame, snapshot_frames
from app.realtime.hub import Clocked, View
from app.realtime.relay import Relay
from app.realtime.viewers import Followed, Seat, Subject, Viewers
from tests.servers import ValkeyServer
from tests.system.page import Believed
from tests.system.server import decoded

VIEW = View("s1", "control", Clearance.OPEN)


class Outlet:
    """Takes everything, and believes it as a page does."""

    def __init__(self) -> None:
        self.busy, self.page = False, Believed()

    def take(self, batch: Batch) -> int:
        for frame in batch.frames:
            self.page.believe(decoded(payload_of(frame)))
        return batch.count

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code} {reason}")

    def tick(self, now: float) -> None: ...


class Owner:
    """Publishes a board of one topic, as the hub of a worker does."""

    def __init__(self, log: RedisFrameLog, epoch: int) -> None:
        self._log, self._epoch, self.seq, self.board = log, epoch, 0, dict[str, Any]()

    async def snapshot(self) -> None:
        parts = snapshot_frames({"t": self.board}, epoch=self._epoch, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0)
        await self._log.put_snapshot(VIEW.name, self._epoch, self.seq, tuple(parts))

    async def publish(self, count: int) -> None:
        for _ in range(count):
            self.seq += 1
            key = f"k{self.seq % 7}"
            self.board[key] = self.seq
            change = {"t": Changed({key: self.seq})}
            data = delta_frame(change, epoch=self._epoch, seq=self.seq, now_ms=0, wall_ms=0, rate=1.0)
            await self._log.publish(VIEW.name, Stored(self._epoch, self.seq, data))


@asynccontextmanager
async def web_process(url: str, prefix: str) -> AsyncIterator[Callable[[], tuple[Outlet, Seat]]]:
    """The viewers of a process that owns nothing; yields how one comes."""
    link = RedisLink(url, prefix=prefix, silence_s=1.0)
    relay = Relay(
        frames=RedisFrameLog(link), clock=SystemClock(), want=lambda _: None, clocked=lambda _: Clocked(1, 2, 1.0)
    )
    viewers = Viewers(relay)
    running = asyncio.create_task(viewers.run())

    def come() -> tuple[Outlet, Seat]:
        outlet = Outlet()
        seat = viewers.join(outlet, Subject("room", lambda: Followed(VIEW, Hello(session="s1"))))
        seat.push()
        return outlet, seat

    try:
        yield come
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.close()


async def until(holds: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
    give_up = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up, f"still not: {what}"
        await asyncio.sleep(0.01)


def shows(outlets: list[Outlet], owner: Owner, epoch: int) -> Callable[[], bool]:
    return lambda: all(
        (each.page.epoch, each.page.seq, each.page.topics.get("t")) == (epoch, owner.seq, owner.board)
        for each in outlets
    )


async def test_viewers_follow_owners_elsewhere_through_a_takeover_and_an_emptied_redis(
    valkey_url: str,
) -> None:
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    link = RedisLink(valkey_url, prefix=prefix)
    log = RedisFrameLog(link)
    async with web_process(valkey_url, prefix) as come, web_process(valkey_url, prefix) as come_elsewhere:
        outlets = [come()[0], come_elsewhere()[0]]
        owner = Owner(log, 3)
        await owner.publish(2)
        await owner.snapshot()
        await owner.publish(5)
        await until(shows(outlets, owner, 3), "the board of the first owner")
        second = Owner(log, 4)
        await second.snapshot()
        await second.publish(3)
        await until(shows(outlets, second, 4), "the board of the second")
        async with aioredis.Redis.from_url(valkey_url) as plain:
            await plain.delete(link.name("board", VIEW.name), link.name("frames", VIEW.name))
        await second.publish(2)
        await second.snapshot()
        await second.publish(2)
        outlets.append(come()[0])
        await until(shows(outlets, second, 4), "all of it, though Redis had forgotten")
    assert [outlet.page.faults for outlet in outlets] == [[], [], []]
    assert [outlet.page.snapshots for outlet in outlets] == [2, 2, 1], "no more than one for each owner"
    await link.close()


async def test_viewers_stay_while_redis_is_away_and_have_what_came_after(own_valkey: ValkeyServer) -> None:
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    link = RedisLink(own_valkey.url(), prefix=prefix, silence_s=1.0)
    owner = Owner(RedisFrameLog(link), 3)
    await owner.snapshot()
    async with web_process(own_valkey.url(), prefix) as come:
        outlet, _ = come()
        await owner.publish(3)
        await until(shows([outlet], owner, 3), "the board")
        own_valkey.stop()
        await asyncio.sleep(0.5)
        own_valkey.start()
        again = Owner(RedisFrameLog(link), 4)
        await again.snapshot()
        await again.publish(4)
        await until(shows([outlet], again, 4), "the board after Redis has come back")
    assert outlet.page.faults == []
    await link.close()
