"""Promises of the four ports, kept by both implementations alike."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from app.bus.memory import MemoryOwnership
from app.bus.ports import Committed, FrameLog, News, SessionLog, Stored, Waiting
from app.bus.redis_streams import RedisOwnership
from app.domain.commands import Outcome
from app.domain.events import EnterEvent
from app.domain.facts import Fact, OutboxMoved, SessionMoved, SessionOpened, WorkspaceChanged
from app.domain.identity import Fence
from app.domain.people import Actor, Role
from app.domain.records import Entry, Events
from app.domain.session_clock import SessionClock
from app.errors import FenceLost, StaleExpectation, Unavailable
from app.instants import Instant
from tests.bus.conftest import RING, ROOM

SOON_MS = 5_000
"""Longer than anything here takes; a test that waits this long fails."""
NOT_MS = 20
"""How long a test waits for what must not come."""
LIN = Actor("operator", "p1", "林场控", Role.CONTROLLER)


def entry(name: str, events: int = 1) -> Entry:
    made = [EnterEvent(id=f"{name}-{n}", room="douyin", occurred_ms=n) for n in range(events)]
    return Entry(Instant(1_000), Events(name, ("douyin",), list(made)))


def names(waiting: Sequence[Waiting]) -> list[str]:
    return [one.entry.body.source for one in waiting if isinstance(one.entry.body, Events)]


async def take_all(log: SessionLog, count: int) -> list[Waiting]:
    found: list[Waiting] = []
    while len(found) < count:
        taken = await log.take(None, 1_000_000, SOON_MS)
        assert taken, f"only {len(found)} of {count} entries came"
        found.extend(one for waiting in taken.values() for one in waiting)
    return found


# The session log.


async def test_entries_of_a_session_come_in_the_order_they_were_appended(session_log: SessionLog) -> None:
    for n in range(10):
        await session_log.append("a", entry(f"n{n}"))
    assert names(await take_all(session_log, 10)) == [f"n{n}" for n in range(10)]


async def test_an_entry_arrives_as_it_was_sent(session_log: SessionLog) -> None:
    sent = entry("whole", 3)
    await session_log.append("a", sent)
    assert [one.entry for one in await take_all(session_log, 1)] == [sent]


async def test_a_sender_is_told_where_its_entry_stands(session_log: SessionLog) -> None:
    ticket = await session_log.append("a", entry("x"))
    outcome = Outcome("key", "done", 7, 1_000, LIN, "ack_alert", found=2)
    told = Committed(7, 7, 0, outcome)
    (waiting,) = await take_all(session_log, 1)
    await session_log.settle(waiting, told)
    assert await session_log.committed(ticket, SOON_MS) == told
    assert await session_log.committed(ticket, SOON_MS) == told


async def test_a_sender_that_already_waits_is_told_at_once(session_log: SessionLog) -> None:
    ticket = await session_log.append("a", entry("x"))
    asking = asyncio.create_task(session_log.committed(ticket, SOON_MS))
    (waiting,) = await take_all(session_log, 1)
    await session_log.settle(waiting, Committed(2, 2))
    async with asyncio.timeout(1):
        assert await asking == Committed(2, 2)


async def test_a_refusal_is_raised_at_the_sender_as_what_it_is(session_log: SessionLog) -> None:
    ticket = await session_log.append("a", entry("x"))
    (waiting,) = await take_all(session_log, 1)
    await session_log.settle(waiting, StaleExpectation("the alert is at version 3", found=3))
    with pytest.raises(StaleExpectation, match="version 3") as refused:
        await session_log.committed(ticket, SOON_MS)
    assert refused.value.context == {"found": 3}


async def test_a_sender_that_is_not_answered_in_time_is_told_so_and_may_ask_again(session_log: SessionLog) -> None:
    ticket = await session_log.append("a", entry("x"))
    with pytest.raises(Unavailable):
        await session_log.committed(ticket, NOT_MS)
    (waiting,) = await take_all(session_log, 1)
    await session_log.settle(waiting, Committed(2, 2))
    assert await session_log.committed(ticket, SOON_MS) == Committed(2, 2)


async def test_a_full_session_refuses_and_leaves_the_others_alone(session_log: SessionLog) -> None:
    await session_log.append("a", entry("fills", ROOM))
    with pytest.raises(Unavailable) as refused:
        await session_log.append("a", entry("too much"))
    assert refused.value.context["session"] == "a"
    await session_log.append("b", entry("fits"))
    assert sorted(names(await take_all(session_log, 2))) == ["fills", "fits"]


async def test_what_is_taken_but_not_settled_still_takes_room(session_log: SessionLog) -> None:
    await session_log.append("a", entry("fills", ROOM))
    (waiting,) = await take_all(session_log, 1)
    with pytest.raises(Unavailable):
        await session_log.append("a", entry("too early"))
    await session_log.settle(waiting, Committed(2, ROOM + 1))
    await session_log.append("a", entry("now", ROOM))


async def test_of_a_batch_for_several_sessions_all_or_nothing_is_appended(session_log: SessionLog) -> None:
    await session_log.append("full", entry("fills", ROOM - 1))
    batch = [("a", entry("a1")), ("full", entry("f1")), ("full", entry("f2")), ("b", entry("b1"))]
    with pytest.raises(Unavailable):
        await session_log.append_all(batch)
    assert names(await take_all(session_log, 1)) == ["fills"]
    assert await session_log.take(None, 1_000, NOT_MS) == {}
    tickets = await session_log.append_all(batch[:2])
    assert [ticket.session for ticket in tickets] == ["a", "full"]


async def test_an_empty_batch_is_no_entry(session_log: SessionLog) -> None:
    assert await session_log.append_all([]) == []
    assert await session_log.take(None, 1_000, NOT_MS) == {}


async def test_taking_waits_for_the_first_and_wakes_at_once(session_log: SessionLog) -> None:
    taking = asyncio.create_task(session_log.take(None, 1_000, SOON_MS))
    await asyncio.sleep(0.01)
    await session_log.append("a", entry("x"))
    async with asyncio.timeout(1):
        assert names((await taking)["a"]) == ["x"]


async def test_an_owner_of_some_sessions_gets_only_theirs(session_log: SessionLog) -> None:
    await session_log.append_all([("a", entry("a1")), ("b", entry("b1"))])
    assert list(await session_log.take(["b"], 1_000, SOON_MS)) == ["b"]
    assert await session_log.take(["c"], 1_000, NOT_MS) == {}
    assert list(await session_log.take(["a"], 1_000, SOON_MS)) == ["a"]


async def test_a_session_that_sends_much_does_not_starve_one_that_sends_little(session_log: SessionLog) -> None:
    for n in range(9):
        await session_log.append("loud", entry(f"loud{n}", 10))
    await session_log.append("quiet", entry("quiet"))
    taken = await session_log.take(None, 20, SOON_MS)
    assert names(taken["quiet"]) == ["quiet"]
    assert sum(len(one.entry.body.events) for one in taken["loud"] if isinstance(one.entry.body, Events)) <= 20


async def test_the_fullest_take_turns(session_log: SessionLog) -> None:
    for n in range(4):
        await session_log.append_all([(name, entry(f"{name}{n}", 10)) for name in ("a", "b", "c")])
    served: list[Mapping[str, Sequence[Waiting]]] = [await session_log.take(None, 20, SOON_MS) for _ in range(6)]
    for one, following in pairwise(served):
        assert set(one) | set(following) == {"a", "b", "c"}


async def test_an_entry_larger_than_a_turn_is_taken_whole(session_log: SessionLog) -> None:
    await session_log.append("a", entry("large", 50))
    taken = await session_log.take(None, 10, SOON_MS)
    assert [len(one.entry.body.events) for one in taken["a"] if isinstance(one.entry.body, Events)] == [50]


async def test_settling_twice_keeps_the_first_answer(session_log: SessionLog) -> None:
    ticket = await session_log.append("a", entry("x"))
    (waiting,) = await take_all(session_log, 1)
    await session_log.settle(waiting, Committed(2, 2))
    await session_log.settle(waiting, Committed(9, 9))
    assert await session_log.committed(ticket, SOON_MS) == Committed(2, 2)
    await session_log.append("a", entry("fills", ROOM))  # its room was given back once


async def test_many_are_settled_at_once_some_committed_and_some_refused(session_log: SessionLog) -> None:
    tickets = await session_log.append_all([(f"s{n % 7}", entry(f"n{n}")) for n in range(50)])
    taken = {names([waiting])[0]: waiting for waiting in await take_all(session_log, 50)}
    assert set(await session_log.waiting()) == {f"s{n}" for n in range(7)}
    results = [Committed(n, n) if n % 2 else StaleExpectation(f"no {n}") for n in range(50)]
    await session_log.settle_all([(taken[f"n{n}"], result) for n, result in enumerate(results)])
    for ticket, result in zip(tickets, results, strict=True):
        if isinstance(result, Committed):
            assert await session_log.committed(ticket, SOON_MS) == result
        else:
            with pytest.raises(StaleExpectation, match=result.detail):
                await session_log.committed(ticket, SOON_MS)
    assert not await session_log.waiting()
    await session_log.settle_all([])


async def test_what_waits_of_a_session_that_was_let_go_of_is_taken_again_in_order(session_log: SessionLog) -> None:
    for n in range(6):
        await session_log.append("a", entry(f"n{n}"))
    taken = (await session_log.take(["a"], 4, SOON_MS))["a"]
    assert names(taken) == ["n0", "n1", "n2", "n3"]
    await session_log.settle(taken[0], Committed(2, 2))
    session_log.let_go("a")
    await session_log.settle(taken[2], Committed(3, 3))  # the commit was under way
    again = (await session_log.take({"a"}, 1_000, SOON_MS))["a"]
    assert names(again) == ["n1", "n3", "n4", "n5"]
    await session_log.settle_all([(one, Committed(4, 4)) for one in again])
    assert not await session_log.waiting()
    await session_log.append("a", entry("fills", ROOM))  # its room was given back once


async def test_letting_go_of_a_session_that_has_nothing_changes_nothing(session_log: SessionLog) -> None:
    session_log.let_go("a")
    await session_log.append("a", entry("x"))
    assert names((await session_log.take(None, 10, SOON_MS))["a"]) == ["x"]


async def test_an_owner_gets_what_waits_in_a_session_that_becomes_its_own(session_log: SessionLog) -> None:
    await session_log.append("b", entry("waits"))
    mine = {"a": 1}
    assert await session_log.take(mine.keys(), 10, NOT_MS) == {}
    taking = asyncio.create_task(session_log.take(mine.keys(), 10, SOON_MS))
    await asyncio.sleep(0.02)
    mine["b"] = 1
    async with asyncio.timeout(1):
        assert names((await taking)["b"]) == ["waits"]
    del mine["b"]
    await session_log.append_all([("b", entry("not mine")), ("a", entry("mine"))])
    assert list(await session_log.take(mine.keys(), 10, SOON_MS)) == ["a"]


async def test_a_take_that_is_cancelled_loses_nothing(session_log: SessionLog) -> None:
    for n in range(40):
        taking = asyncio.create_task(session_log.take(None, 2, SOON_MS))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        await session_log.append(f"s{n % 3}", entry(f"n{n}"))
        await asyncio.sleep(0.0005 * (n % 7))
        if taking.cancel():
            with contextlib.suppress(asyncio.CancelledError):
                await taking
        if not taking.cancelled():
            for waiting in taking.result().values():
                for one in waiting:
                    await session_log.settle(one, Committed(2, 2))
    while await session_log.waiting():
        taken = await session_log.take(None, 1_000, SOON_MS)
        assert taken
        await session_log.settle_all([(one, Committed(2, 2)) for waiting in taken.values() for one in waiting])


# The frame log.


def delta(seq: int, epoch: int = 5) -> Stored:
    return Stored(epoch, seq, f"{epoch}/{seq}".encode())


async def publish(log: FrameLog, *seqs: int, epoch: int = 5) -> None:
    for seq in seqs:
        await log.publish("board", delta(seq, epoch))


async def test_a_snapshot_comes_with_every_later_delta(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"part 1", b"part 2"])
    await publish(frame_log, 1, 2)
    await frame_log.put_snapshot("board", 5, 2, [b"newer"])
    await publish(frame_log, 3)
    kept = await frame_log.newest("board")
    assert kept is not None
    assert (kept.epoch, kept.seq, kept.snapshot, kept.deltas) == (5, 2, (b"newer",), (delta(3),))


async def test_a_board_nobody_published_has_nothing(frame_log: FrameLog) -> None:
    assert await frame_log.newest("board") is None
    assert await frame_log.since("board", 5, 0) is None
    assert list(await frame_log.wait("board", 5, 0, NOT_MS)) == []


async def test_who_missed_some_deltas_gets_exactly_those(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 2, 3)
    assert await frame_log.since("board", 5, 1) == [delta(2), delta(3)]
    assert await frame_log.since("board", 5, 3) == []


async def test_deltas_that_are_no_longer_all_held_are_not_given_in_part(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, *range(1, RING + 3))
    assert await frame_log.since("board", 5, 1) is None
    assert await frame_log.since("board", 5, 2) == [delta(seq) for seq in range(3, RING + 3)]
    assert await frame_log.newest("board") is None, "a snapshot with a gap after it is of no use"


async def test_a_position_that_lies_ahead_is_not_held(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1)
    assert await frame_log.since("board", 5, 2) is None


async def test_another_epoch_gives_no_deltas_for_the_one_before(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1)
    await frame_log.put_snapshot("board", 6, 0, [b"t"])
    assert await frame_log.since("board", 5, 1) is None
    assert await frame_log.since("board", 6, 0) == []


async def test_a_higher_epoch_shuts_out_a_lower_one(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1)
    await publish(frame_log, 1, epoch=6)
    with pytest.raises(FenceLost):
        await publish(frame_log, 2)
    with pytest.raises(FenceLost):
        await frame_log.put_snapshot("board", 5, 2, [b"late"])
    await publish(frame_log, 2, epoch=6)
    assert await frame_log.since("board", 6, 1) == [delta(2, 6)]


async def test_the_deltas_of_many_boards_are_published_at_once_and_those_of_a_replaced_owner_are_named(
    frame_log: FrameLog,
) -> None:
    names = [f"b{n}" for n in range(300)]
    for name in names:
        await frame_log.put_snapshot(name, 5, 0, [b"s"])
    await frame_log.put_snapshot("b7", 6, 0, [b"newer"])
    told = [(name, delta(seq)) for seq in (1, 2) for name in names]
    assert set(await frame_log.publish_all(told)) == {"b7"}
    assert set(await frame_log.publish_all([("b8", delta(2)), ("b8", delta(3)), ("b7", delta(1, 6))])) == set()
    assert await frame_log.since("b0", 5, 0) == [delta(1), delta(2)]
    assert await frame_log.since("b299", 5, 0) == [delta(1), delta(2)]
    assert await frame_log.since("b8", 5, 0) == [delta(1), delta(2), delta(3)]
    assert await frame_log.since("b7", 6, 0) == [delta(1, 6)]
    assert not await frame_log.publish_all([])


async def test_frames_at_their_limit_are_published_together_all_the_same(frame_log: FrameLog) -> None:
    large = Stored(5, 1, b"x" * 16_384)
    assert not await frame_log.publish_all([(f"b{n}", large) for n in range(100)])
    assert [await frame_log.since(f"b{n}", 5, 0) for n in (0, 31, 32, 99)] == [[large]] * 4


async def test_a_delta_told_twice_is_kept_once(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 2, 1, 2, 3)
    assert await frame_log.since("board", 5, 0) == [delta(1), delta(2), delta(3)]


async def test_a_delta_that_is_missing_leaves_no_gap_among_those_held(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 3)
    assert await frame_log.since("board", 5, 0) is None
    assert await frame_log.since("board", 5, 2) == [delta(3)]
    assert await frame_log.newest("board") is None


async def test_waiting_wakes_at_once_and_brings_what_came(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    waiting = asyncio.create_task(frame_log.wait("board", 5, 0, SOON_MS))
    await asyncio.sleep(0.01)
    await publish(frame_log, 1)
    async with asyncio.timeout(1):
        assert list(await waiting) == [delta(1)]


async def test_waiting_brings_what_is_there_without_waiting(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 2)
    assert list(await frame_log.wait("board", 5, 1, SOON_MS)) == [delta(2)]


async def test_who_waits_learns_of_a_new_epoch(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 2, 3)
    waiting = asyncio.create_task(frame_log.wait("board", 5, 3, SOON_MS))
    await asyncio.sleep(0.01)
    await frame_log.put_snapshot("board", 6, 0, [b"t"])
    await publish(frame_log, 1, epoch=6)
    async with asyncio.timeout(1):
        assert list(await waiting) == [delta(1, 6)]


async def test_a_thousand_boards_are_waited_for_at_once(frame_log: FrameLog) -> None:
    boards = [f"b{n}" for n in range(1_000)]
    waiting = [asyncio.create_task(frame_log.wait(board, 5, 0, SOON_MS)) for board in boards]
    await asyncio.sleep(0.05)
    for first in range(0, len(boards), 50):  # all at once would be a test of how fast the machine connects
        await asyncio.gather(*(frame_log.publish(board, delta(1)) for board in boards[first : first + 50]))
    assert [list(await one) for one in waiting] == [[delta(1)]] * len(boards)


async def test_who_follows_a_board_gets_every_delta_once_and_in_order(frame_log: FrameLog) -> None:
    async def follow(upto: int, seq: int = 0) -> list[int]:
        found: list[int] = []
        while seq < upto:
            frames = await frame_log.wait("board", 5, seq, SOON_MS)
            assert frames, f"nothing came after {seq}"
            seq = frames[-1].seq
            found += [frame.seq for frame in frames]
        return found

    followers = [asyncio.create_task(follow(RING * 4)) for _ in range(3)]
    for seq in range(1, RING * 4 + 1):
        await publish(frame_log, seq)
        if seq % 5 == 0:
            await asyncio.sleep(0.012)  # longer than followers take, so that none falls behind the ring
    for follower in followers:
        assert await follower == [*range(1, RING * 4 + 1)]
    assert await follow(RING * 4, RING * 4 - 3) == [*range(RING * 4 - 2, RING * 4 + 1)], "one that comes later"


async def test_waiting_in_vain_brings_nothing(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    assert list(await frame_log.wait("board", 5, 0, NOT_MS)) == []


async def test_a_board_that_is_shown_no_more_is_forgotten_and_may_be_shown_again(frame_log: FrameLog) -> None:
    await frame_log.put_snapshot("board", 5, 0, [b"s"])
    await publish(frame_log, 1, 2)
    await frame_log.forget("board", 4)  # an old owner gives up what is not his any more
    assert await frame_log.since("board", 5, 0) == [delta(1), delta(2)]
    await frame_log.forget("board", 5)
    assert await frame_log.newest("board") is None
    assert not await frame_log.has("board")
    assert await frame_log.since("board", 5, 1) is None
    with pytest.raises(FenceLost):
        await publish(frame_log, 9, epoch=4)
    await frame_log.put_snapshot("board", 5, 3, [b"again"])
    await publish(frame_log, 4)
    kept = await frame_log.newest("board")
    assert kept is not None
    assert (kept.seq, kept.snapshot, kept.deltas) == (3, (b"again",), (delta(4),))
    assert await frame_log.has("board")
    assert not await frame_log.has("another")


# Ownership.


async def test_a_name_has_one_owner_at_a_time(ownership: MemoryOwnership | RedisOwnership) -> None:
    fence = await ownership.acquire("worker", SOON_MS)
    assert fence is not None
    assert await ownership.acquire("worker", SOON_MS) is None
    assert await ownership.acquire("another", SOON_MS) is not None
    await ownership.release("worker", fence)
    assert await ownership.acquire("worker", SOON_MS) is not None


async def test_fences_only_grow_and_go_on_from_what_sql_has(ownership: MemoryOwnership | RedisOwnership) -> None:
    first = await ownership.acquire("a", SOON_MS)
    second = await ownership.acquire("b", SOON_MS)
    assert first is not None
    assert second is not None
    assert second > first
    ownership.continue_from(Fence(1_000))
    third = await ownership.acquire("c", SOON_MS)
    assert third is not None
    assert third > 1_000


async def test_a_lease_that_ran_out_is_lost_and_may_be_taken(ownership: MemoryOwnership | RedisOwnership) -> None:
    old = await ownership.acquire("worker", SOON_MS)
    assert old is not None
    assert await ownership.renew("worker", old, 15)
    await asyncio.sleep(0.03)
    assert not await ownership.renew("worker", old, SOON_MS)
    new = await ownership.acquire("worker", SOON_MS)
    assert new is not None
    assert new > old
    await ownership.release("worker", old)  # not his any more: changes nothing
    assert await ownership.renew("worker", new, SOON_MS)


async def test_of_many_names_those_are_taken_that_nobody_holds(ownership: MemoryOwnership | RedisOwnership) -> None:
    held = await ownership.acquire("s500", SOON_MS)
    names = [f"s{n}" for n in range(1_000)]
    assert set(await ownership.free(names)) == set(names) - {"s500"}
    taken = await ownership.acquire_all(names, SOON_MS)
    assert list(await ownership.free(names)) == []
    assert set(names) - set(taken) == {"s500"}
    assert held is not None
    fences = [*taken.values()]
    assert min(fences) > held
    assert fences == sorted(set(fences)), "each a fence of its own, growing"
    assert await ownership.acquire_all(names, SOON_MS) == {}
    assert await ownership.acquire_all([], SOON_MS) == {}


async def test_many_leases_are_given_up_at_once_but_none_that_another_holds(
    ownership: MemoryOwnership | RedisOwnership,
) -> None:
    held = await ownership.acquire_all(["s1", "s2", "s3"], 5_000)
    old = dict(held)
    await ownership.release("s2", held["s2"])
    assert await ownership.acquire("s2", 5_000)
    await ownership.release_all(old)
    await ownership.release_all({})
    assert sorted(await ownership.free(["s1", "s2", "s3"])) == ["s1", "s3"]


async def test_of_many_leases_those_that_were_lost_are_named(ownership: MemoryOwnership | RedisOwnership) -> None:
    brief = await ownership.acquire_all(["a", "b"], 15)
    long = await ownership.acquire_all(["c", "d"], SOON_MS)
    await ownership.release("d", long["d"])
    await asyncio.sleep(0.03)
    taken_by_another = await ownership.acquire("b", SOON_MS)
    held = {**brief, **long}
    assert sorted(await ownership.renew_all(held, SOON_MS)) == ["a", "b", "d"]
    assert taken_by_another is not None
    assert not await ownership.renew_all({"b": taken_by_another, "c": long["c"]}, SOON_MS)
    assert not await ownership.renew_all({}, SOON_MS)


# News.


class Ear:
    """Keeps what it is told, and lets a test wait for some of it."""

    def __init__(self, news: News) -> None:
        self.heard: list[Fact] = []
        self.missed = 0
        self._more = asyncio.Event()
        news.listen(self._hear)
        news.missed(self._miss)

    def _hear(self, fact: Fact) -> None:
        self.heard.append(fact)
        self._more.set()

    def _miss(self) -> None:
        self.missed += 1
        self._more.set()

    async def until(self, *, heard: int = 0, missed: int = 0) -> None:
        async with asyncio.timeout(SOON_MS / 1000):
            while len(self.heard) < heard or self.missed < missed:
                self._more.clear()
                await self._more.wait()


async def test_news_are_heard_by_all_processes_in_the_order_they_were_told(news: tuple[News, News]) -> None:
    ears = [Ear(process) for process in news]
    told: list[Fact] = [SessionOpened(f"s{n}") for n in range(1_000)]
    told.append(SessionMoved("s1", "live", SessionClock(7, 5, 1.5), 1_000))
    for fact in told:
        news[0].tell(fact)
    for ear in ears:
        await ear.until(heard=len(told))
        assert ear.heard == told
        assert ear.missed == 0


async def test_the_tellers_own_process_has_heard_it_before_telling_returns(news: tuple[News, News]) -> None:
    ear = Ear(news[0])
    news[0].tell(OutboxMoved())
    assert ear.heard == [OutboxMoved()]
    await asyncio.sleep(NOT_MS / 1000)
    assert ear.heard == [OutboxMoved()], "what comes back from the others was told before"


async def test_a_listener_that_breaks_keeps_nothing_from_the_others(news: tuple[News, News]) -> None:
    def breaks(fact: Fact) -> None:
        raise RuntimeError("broken on purpose")

    for process in set(news):
        process.listen(breaks)
    ears = [Ear(process) for process in news]
    news[0].tell(WorkspaceChanged())
    news[0].tell(OutboxMoved())
    for ear in ears:
        await ear.until(heard=2)


async def test_what_a_listener_tells_comes_after_what_it_was_told(news: tuple[News, News]) -> None:
    def answer(fact: Fact) -> None:
        if fact == WorkspaceChanged():
            news[0].tell(OutboxMoved())

    news[0].listen(answer)
    ears = [Ear(process) for process in news]
    news[0].tell(WorkspaceChanged())
    for ear in ears:
        await ear.until(heard=2)
        assert ear.heard == [WorkspaceChanged(), OutboxMoved()]
