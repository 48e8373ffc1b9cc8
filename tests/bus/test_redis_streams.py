"""Promises between processes: a new owner misses nothing, and an emptied Redis gives no fence twice."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from app.bus.ports import Committed, Stored
from app.bus.redis_streams import RedisFrameLog, RedisLink, RedisOwnership, RedisSessionLog, prefix_of
from app.domain.identity import Fence
from app.domain.records import encode_entry
from app.errors import ControlRoomError, StaleExpectation, Unavailable
from app.rules.problems import Problem, RuleFileError
from tests.bus.conftest import ROOM, own_link
from tests.bus.test_contract import NOT_MS, SOON_MS, entry, names, take_all
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


async def test_an_answer_that_cannot_be_read_leaves_the_sender_no_less_able_to_hear_the_others(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        sender, owner = RedisSessionLog(link), RedisSessionLog(link)
        tickets = [await sender.append("a", entry(name)) for name in "xyz"]
        taken = (await owner.take(None, 1_000, SOON_MS))["a"]
        faults = [Problem("r.yaml", 1, 1, "bad", {"en": "no rule"})]
        await owner.settle_all(
            [
                (taken[0], RuleFileError(faults)),
                (taken[1], type("OfLater", (Unavailable,), {"kind": "a word of a later release"})("no")),
                (taken[2], Committed(2, 2)),
            ]
        )
        with pytest.raises(ControlRoomError) as refused:
            await sender.committed(tickets[0], SOON_MS)
        assert (refused.value.code, refused.value.retryable) == ("rule_file", False)
        with pytest.raises(Unavailable):
            await sender.committed(tickets[1], SOON_MS)
        assert await sender.committed(tickets[2], SOON_MS) == Committed(2, 2)
        for log in (sender, owner):
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


async def test_two_installations_that_are_given_one_redis_take_nothing_of_each_other(valkey_url: str) -> None:
    ours, theirs = (RedisLink(valkey_url, prefix=prefix_of(secret)) for secret in (b"a" * 32, b"b" * 32))
    sender, taker = RedisSessionLog(ours), RedisSessionLog(theirs)
    await sender.append("s1", entry("n1"))
    assert not await taker.waiting()
    assert await taker.take(None, 1_000, NOT_MS) == {}
    assert list(await sender.take(None, 1_000, SOON_MS)) == ["s1"]
    for closing in (sender, taker, ours, theirs):
        await closing.close()


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


async def test_after_redis_was_emptied_nobody_takes_the_lease_of_another_for_its_own(own_valkey: ValkeyServer) -> None:
    links = [RedisLink(own_valkey.url(), prefix="test") for _ in range(2)]
    one, other = map(RedisOwnership, links)
    fence = await one.acquire("s1", SOON_MS)
    assert fence is not None
    await links[0].command("FLUSHALL")
    assert await other.acquire("s1", SOON_MS) == fence, "the counter is gone too, and the other has heard of no fence"
    assert list(await one.renew_all({"s1": fence}, SOON_MS)) == ["s1"]
    await one.release("s1", fence)
    assert await other.renew("s1", fence, SOON_MS)
    assert await one.acquire("s2", SOON_MS) == fence + 1, "at least above its own"
    for link in links:
        await link.close()


async def test_a_board_has_an_end_that_moves_while_it_is_told_or_asked_for(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        frames, keys = RedisFrameLog(link), [link.name("board", "b"), link.name("frames", "b")]
        await frames.put_snapshot("b", 5, 0, [b"s"])
        for seq in range(1, 201):
            await frames.publish("b", Stored(5, seq, b"d"))
        assert await link.command("XLEN", keys[1]) < 200, "what lies far back takes no room"
        for key in keys:
            assert 0 < await link.command("PTTL", key) <= 3_600_000
            await link.command("PEXPIRE", key, 60_000)
        assert await frames.has("b")
        assert all([await link.command("PTTL", key) > 60_000 for key in keys])


class Ports:
    """All ports of one process over one link, and one call of each method."""

    def __init__(self, link: RedisLink) -> None:
        self.log = RedisSessionLog(link)
        self.frames, self.leases = RedisFrameLog(link), RedisOwnership(link)

    def calls(self) -> list[Coroutine[Any, Any, object]]:
        frames, leases = self.frames, self.leases
        return [
            self.log.append("a", entry("y")),
            self.log.take(None, 10, SOON_MS),
            self.log.waiting(),
            frames.put_snapshot("b", 5, 0, [b"s"]),
            frames.publish("b", Stored(5, 1, b"d")),
            frames.since("b", 5, 0),
            frames.newest("b"),
            frames.has("b"),
            frames.wait("b", 5, 0, SOON_MS),
            frames.forget("c", 5),
            leases.acquire("n", SOON_MS),
            leases.acquire_all(["n", "m"], SOON_MS),
            leases.renew("n", Fence(1), SOON_MS),
            leases.renew_all({"n": Fence(1)}, SOON_MS),
            leases.release("o", Fence(1)),
        ]

    async def refused(self, within_ms: int = SOON_MS) -> list[bool]:
        """Make all calls at once; tell of each whether it was refused as it should be."""
        async with asyncio.timeout(within_ms / 1000):
            results = await asyncio.gather(*self.calls(), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, Unavailable):
                raise result
        return [isinstance(result, Unavailable) for result in results]


async def test_a_redis_that_is_away_is_said_to_be_so_by_every_call_and_all_go_on_once_it_is_back(
    own_valkey: ValkeyServer,
) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    ports = Ports(link)
    ticket = await ports.log.append("a", entry("x"))
    assert await ports.frames.wait("b", 5, 0, NOT_MS) == []
    own_valkey.stop()
    assert all(await ports.refused())
    with pytest.raises(Unavailable):
        await ports.log.committed(ticket, NOT_MS)
    own_valkey.start()
    await asyncio.sleep(0.01)
    assert not any(await ports.refused())
    await ports.log.close()
    await link.close()


async def test_a_redis_that_says_nothing_is_not_waited_for(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test", silence_s=0.2)
    ports = Ports(link)
    await ports.log.append("a", entry("x"))
    pid = int((own_valkey.folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        assert all(await ports.refused())
    finally:
        os.kill(pid, signal.SIGCONT)
    try:
        assert not any(await ports.refused(2 * SOON_MS))  # two of them wait for SOON_MS where nothing comes
    finally:
        await ports.log.close()
        await link.close()


@contextmanager
def unreachable(server: ValkeyServer) -> Iterator[None]:
    """Cut every connection to a server and let nobody make a new one; it keeps what it has."""
    hidden = server.socket.with_name("hidden")
    with redis.Redis.from_url(server.url()) as control:
        control.ping()
        server.socket.rename(hidden)
        control.client_kill_filter(_type="normal", skipme=True)
    yield
    hidden.rename(server.socket)


async def test_answers_given_while_redis_is_away_arrive_once_it_is_back(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    log = RedisSessionLog(link)
    tickets = [await log.append("a", entry(f"n{n}", 3)) for n in range(10)]
    taken = await take_all(log, 10)
    with unreachable(own_valkey):
        await log.settle_all([(one, Committed(n, n)) for n, one in enumerate(taken[:7])])
        await log.settle_all([(one, StaleExpectation("no")) for one in taken[7:]])
    assert [(await log.committed(ticket, SOON_MS)).first for ticket in tickets[:7]] == [*range(7)]
    for ticket in tickets[7:]:
        with pytest.raises(StaleExpectation):
            await log.committed(ticket, SOON_MS)
    assert not await log.waiting()
    await log.close()
    await link.close()


async def test_an_entry_whose_answer_could_not_be_kept_is_taken_again(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    log = RedisSessionLog(link, answers_kept=4)
    for n in range(6):
        await log.append("a", entry(f"n{n}"))
    taken = await take_all(log, 6)
    with unreachable(own_valkey):
        await log.settle_all([(one, Committed(n, n)) for n, one in enumerate(taken)])
    async with asyncio.timeout(SOON_MS / 1000):
        while await log.waiting():
            for again in (await log.take(None, 100, NOT_MS)).values():
                await log.settle_all([(one, Committed(9, 9)) for one in again])
    await log.close()
    await link.close()


@pytest.mark.parametrize("how", ["restarted", "flushed"])
async def test_an_emptied_redis_begins_from_nothing_and_misses_nothing_new(own_valkey: ValkeyServer, how: str) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    log = RedisSessionLog(link, waiting_events=ROOM)
    fields = ("n", "1", "t", "0", "r", "reply")
    for key in (link.name("log", "a"), link.name("bell")):  # as a server whose clock was ahead of the next one's
        await link.command("XADD", key, f"{10**14}-0", *fields, "b", encode_entry(entry("old")))
    lost = await log.append("a", entry("fills", ROOM))
    assert names(await take_all(log, 2)) == ["old", "fills"]
    unread = await log.append("b", entry("unread"))
    if how == "flushed":
        await link.command("FLUSHALL")
    else:
        own_valkey.stop()
        own_valkey.start()
        await asyncio.sleep(0.01)
    for ticket in (lost, unread):
        with pytest.raises(Unavailable):
            await log.committed(ticket, NOT_MS)
    ticket = await log.append("a", entry("again", ROOM))
    (taken,) = (await log.take(None, 1_000, SOON_MS))["a"]
    assert names([taken]) == ["again"]
    await log.settle(taken, Committed(2, ROOM + 1))
    assert await log.committed(ticket, SOON_MS) == Committed(2, ROOM + 1)
    assert not await log.waiting()
    await log.close()
    await link.close()


async def test_a_count_whose_entries_ran_out_is_put_right(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        log = RedisSessionLog(link, waiting_events=ROOM)
        await log.append("a", entry("fills", ROOM))
        await link.command("DEL", link.name("log", "a"))  # as a day without an owner would
        assert await log.take(None, 100, NOT_MS) == {}
        assert not await log.waiting()
        await log.append("a", entry("fits", ROOM))
        await log.close()


async def test_an_entry_that_cannot_be_read_is_refused_and_the_others_go_on(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        log = RedisSessionLog(link)
        await log.append("a", entry("good"))
        await link.command("XADD", link.name("log", "a"), "*", "n", "1", "t", "0", "r", "reply", "b", b"\xc1")
        await link.command("HINCRBY", link.name("waiting"), "a", 1)
        (good,) = await take_all(log, 1)
        await log.settle(good, Committed(2, 2))
        assert not await log.waiting()
        await log.close()


async def test_of_a_thousand_sessions_only_those_that_have_something_are_read(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        log = RedisSessionLog(link)
        mine = {f"s{n}": n for n in range(1_000)}
        await log.append_all([("s7", entry("x")), ("other", entry("y"))])
        before = await _commands(link)
        assert list(await log.take(mine.keys(), 100, SOON_MS)) == ["s7"]
        read = await _commands(link) - before
        assert read == 1, "one stream, in one command"
        await log.close()


async def _commands(link: RedisLink) -> int:
    stats = await link.command("INFO", "commandstats")
    return int(stats.get("cmdstat_xread", {}).get("calls", 0))
