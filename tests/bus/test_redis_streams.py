"""Promises between processes: a new owner misses nothing, and an emptied Redis gives no fence twice."""

import asyncio

import redis

from app.bus.ports import Committed
from app.bus.redis_streams import RedisLink, RedisOwnership, RedisSessionLog
from app.domain.identity import Fence
from app.errors import Unavailable
from tests.bus.conftest import own_link
from tests.bus.test_contract import SOON_MS, entry, names
from tests.servers import ValkeyServer


async def test_a_new_owner_finds_in_order_what_the_old_one_left_unsettled(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        sender, old, new = (RedisSessionLog(link) for _ in range(3))
        tickets = [await sender.append("a", entry(f"n{n}")) for n in range(4)]
        taken = (await old.take(None, 1_000, SOON_MS))["a"]
        await old.settle(taken[0], Committed(2, 2))
        found = (await new.take(None, 1_000, SOON_MS))["a"]
        assert names(found) == ["n1", "n2", "n3"]
        for n, waiting in enumerate(found, 3):
            await new.settle(waiting, Committed(n, n))
        told = [(await sender.committed(ticket, SOON_MS)).first for ticket in tickets]
        assert told == [2, 3, 4, 5]
        for log in (sender, old, new):
            await log.close()


async def test_an_old_owner_that_settles_late_changes_no_answer(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        sender, old, new = (RedisSessionLog(link) for _ in range(3))
        ticket = await sender.append("a", entry("x"))
        (late,) = (await old.take(["a"], 10, SOON_MS))["a"]
        (now,) = (await new.take(["a"], 10, SOON_MS))["a"]
        await new.settle(now, Committed(2, 2))
        await old.settle(late, Unavailable("another owner has the session"))
        assert await sender.committed(ticket, SOON_MS) == Committed(2, 2)
        for log in (sender, old, new):
            await log.close()


async def test_nothing_is_left_in_redis_once_all_is_settled(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        log = RedisSessionLog(link)
        await log.append_all([("a", entry("x", 3)), ("b", entry("y"))])
        for waiting in (await log.take(None, 100, SOON_MS)).values():
            for one in waiting:
                await log.settle(one, Committed(2, 2))
        with redis.Redis.from_url(valkey_url) as server:
            assert server.hgetall(link.name("waiting")) == {}
            assert [server.xlen(link.name("log", session)) for session in "ab"] == [0, 0]
        await log.close()


async def test_fences_go_on_after_redis_was_emptied(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    owner = RedisOwnership(link)
    owner.continue_from(Fence(41))
    assert await owner.acquire("worker", SOON_MS) == 42
    own_valkey.stop()
    own_valkey.start()
    await asyncio.sleep(0.01)  # the loop must have seen the old connection close
    owner.continue_from(Fence(57))  # what SQL has by now
    assert await owner.acquire("worker", SOON_MS) == 58
    await link.close()


async def test_a_redis_that_is_away_is_said_to_be_so(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    log = RedisSessionLog(link)
    ticket = await log.append("a", entry("x"))
    own_valkey.stop()
    refused = []
    for ask in (log.append("a", entry("y")), log.take(None, 10, SOON_MS), log.committed(ticket, 20)):
        try:
            await ask
        except Unavailable as refusal:
            refused.append(refusal.code)
    assert refused == ["unavailable"] * 3
    await log.close()
    await link.close()
