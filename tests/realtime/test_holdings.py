"""Promises of holdings: a fair share each, nothing stays free, and an emptied bus gives owners their sessions back."""

from collections.abc import Collection, Mapping

from app.bus.memory import MemoryOwnership
from app.domain.identity import Fence
from app.realtime.holdings import LEASE_MS, PATIENCE, PEER_S, RENEW_PARTS, REST_S, SEEN_FREE, Holdings

LEASE_S = LEASE_MS / 1_000
SEEN_FREE_S, PATIENCE_S, RENEW_EVERY_S = SEEN_FREE * LEASE_S, PATIENCE * LEASE_S, LEASE_S / RENEW_PARTS
RUNNING = [f"s{n}" for n in range(10)]


async def test_one_alone_takes_all_at_once() -> None:
    holdings = Holdings(MemoryOwnership())
    assert sorted(await holdings.take_fairly((), RUNNING, RUNNING, 0.0)) == RUNNING
    assert sorted(holdings.held) == RUNNING


async def test_of_two_each_takes_its_share_and_what_nobody_took_goes_to_whoever_is_there() -> None:
    leases = MemoryOwnership()
    first, second = Holdings(leases), Holdings(leases)
    first.heard("second", 0, 0.0)
    second.heard("first", 0, 0.0)
    assert await first.take_fairly((), RUNNING, RUNNING, 0.0) == []  # nobody has given them up: their owner may be back
    assert len(await first.take_fairly((), RUNNING, RUNNING, SEEN_FREE_S)) == 5
    assert await first.take_fairly((), RUNNING, RUNNING, SEEN_FREE_S + PATIENCE_S / 2) == []
    assert len(await second.take_fairly(RUNNING, RUNNING, RUNNING, SEEN_FREE_S)) == 5
    assert not first.held & second.held


async def test_what_the_other_leaves_is_taken_in_the_end() -> None:
    first = Holdings(MemoryOwnership())
    for at in (0.0, SEEN_FREE_S, SEEN_FREE_S + PATIENCE_S):
        first.heard("second", 0, at)
        await first.take_fairly((), RUNNING, RUNNING, at)
    assert sorted(first.held) == RUNNING


async def test_a_session_that_was_just_opened_or_given_up_is_taken_without_waiting() -> None:
    first = Holdings(MemoryOwnership())
    first.heard("second", 0, 0.0)
    assert await first.take_fairly(["s1"], RUNNING, RUNNING, 0.0) == ["s1"]


def test_a_worker_that_is_heard_no_more_takes_no_part() -> None:
    first = Holdings(MemoryOwnership())
    first.heard("second", 0, 0.0)
    assert (first.alone(PEER_S - 0.1), first.fair_share(10, PEER_S - 0.1)) == (False, 5)
    assert (first.alone(PEER_S), first.fair_share(10, PEER_S)) == (True, 10)


async def test_who_comes_later_is_given_half_in_steps() -> None:
    leases = MemoryOwnership()
    old = Holdings(leases)
    await old.take_fairly((), RUNNING, RUNNING, 0.0)
    assert old.surplus(RUNNING, 0.0) == []
    old.heard("new", 0, 1.0)
    surplus = old.surplus(RUNNING, 1.0)
    assert len(surplus) == 3
    await old.free(surplus, 1.0)
    assert await old.take_fairly(surplus, (), RUNNING, 1.0) == []  # they were given up for the other
    old.heard("new", 5, 2.0)
    assert old.surplus(RUNNING, 2.0) == []


async def test_what_was_handed_over_comes_back_when_nobody_takes_it() -> None:
    first = Holdings(MemoryOwnership())
    await first.take(["s1"])
    await first.free(["s1"], 0.0)
    for at in (0.0, REST_S / 2, REST_S + SEEN_FREE_S + PATIENCE_S):
        first.heard("second", 0, at)
        await first.take_fairly((), ["s1"], ["s1"], at)
    assert list(first.held) == ["s1"]


async def test_owners_keep_what_an_emptied_bus_has_forgotten_and_lose_what_another_took() -> None:
    leases = MemoryOwnership()
    first, second = Holdings(leases), Holdings(leases)
    await first.take(["s1", "s2"])
    for name, fence in list(leases._leases.items()):
        await leases.release(name, fence[0])  # as if forgotten
    await second.take(["s2"])
    assert list(await first.renew(RENEW_EVERY_S)) == ["s2"]
    assert list(first.held) == ["s1"]
    assert not first.held & second.held


async def test_one_that_hears_nobody_after_the_bus_was_away_leaves_the_owners_time_to_come_back() -> None:
    first = Holdings(MemoryOwnership())
    await first.take_fairly((), ["s1"], RUNNING, 0.0)
    first.doubt()
    assert await first.take_fairly(["s2"], RUNNING, RUNNING, 10.0) == ["s2"]  # given up just now
    assert await first.take_fairly((), RUNNING, RUNNING, 10.0 + SEEN_FREE_S / 2) == []
    await first.take_fairly((), RUNNING, RUNNING, 10.0 + SEEN_FREE_S)
    assert sorted(first.held) == RUNNING


async def test_what_was_seen_free_before_the_bus_was_away_is_looked_at_anew() -> None:
    first = Holdings(MemoryOwnership())
    for at in (0.0, SEEN_FREE_S):
        first.heard("second", 0, at)
        first.doubt()
        assert await first.take_fairly((), RUNNING, RUNNING, at) == []


async def test_ended_sessions_that_are_held_take_no_room_from_those_that_run() -> None:
    first = Holdings(MemoryOwnership())
    await first.take([f"ended{n}" for n in range(5)])
    for at in (0.0, SEEN_FREE_S):
        first.heard("second", 0, at)
        await first.take_fairly((), RUNNING, RUNNING, at)
    assert len(first.held & set(RUNNING)) == 5


class Meanwhile(MemoryOwnership):
    """Something is handed over while leases are being prolonged."""

    holdings: Holdings

    async def renew_all(self, held: Mapping[str, Fence], within_ms: int) -> Collection[str]:
        asked = dict(held)
        await self.holdings.free(["s1"], 0.0)
        return await super().renew_all(asked, within_ms)


async def test_what_is_handed_over_while_leases_are_prolonged_does_not_come_back() -> None:
    leases = Meanwhile()
    leases.holdings = Holdings(leases)
    await leases.holdings.take(["s1", "s2"])
    assert list(await leases.holdings.renew(RENEW_EVERY_S)) == []
    assert list(leases.holdings.held) == ["s2"]
    assert list(await leases.free(["s1", "s2"])) == ["s1"]
