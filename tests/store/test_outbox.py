"""Promises of the outbox: each row to one pump, drills to none, an honest end for every row, nothing silently lost."""

import asyncio
from functools import partial

import pytest

from app.domain.deliveries import Delivery, DeliveryState
from app.domain.effects import Effects
from app.domain.identity import derived_id
from app.domain.plan import SessionKind
from app.instants import Instant
from app.store import deliveries, sessions
from app.store.database import Store
from app.store.deliveries import Attempt
from app.store.ledger import commit_group
from tests.store import samples

NOW = samples.NOW
HOLD_MS = 10_000


async def planned(
    store: Store, count: int, *, session: str = "a", kind: SessionKind = "live", row_kind: SessionKind | None = None,
    **changed: object,
) -> list[Delivery]:  # fmt: skip
    opening = samples.opening(session, f"room-{session}", kind=kind)
    row, _ = await store.write(partial(sessions.open_session, opening=opening))
    alert = samples.alert(session)
    rows = [
        samples.delivery(alert, session, row_kind or kind, id=derived_id(session, n), due_ms=NOW + n, **changed)
        for n in range(count)
    ]
    effects = Effects(alerts={alert.id: alert}, deliveries=rows)
    await store.write(partial(commit_group, group=[samples.step(row, 2, 1, effects)]))
    return rows


async def claim(store: Store, claimer: str, *, at: int = NOW + 1_000, most: int = 100) -> list[Delivery]:
    return await store.write(lambda conn: deliveries.claim(conn, claimer, Instant(at), hold_ms=HOLD_MS, most=most))


async def state_of(store: Store, row: Delivery) -> DeliveryState:
    (found,) = await store.read(partial(deliveries.named, ids=[row.id]))
    return found.state


def attempt(result: deliveries.Result, at: int = NOW + 1_000) -> Attempt:
    return Attempt(1, at, "", result, "310000 sign not match", 120)


async def test_two_pumps_never_get_the_same_row(store: Store) -> None:
    rows = await planned(store, 40)
    taken = await asyncio.gather(*(claim(store, f"pump-{n % 2}", most=5) for n in range(10)))
    ids = [row.id for part in taken for row in part]
    assert len(ids) == len(set(ids))
    rest = await claim(store, "pump-0")
    assert sorted(ids + [row.id for row in rest]) == sorted(row.id for row in rows)
    assert await claim(store, "pump-1") == []


async def test_the_most_urgent_and_then_the_earliest_go_first(store: Store) -> None:
    notices = await planned(store, 2, session="a", severity="P3")
    criticals = await planned(store, 2, session="b", severity="P1")
    assert [row.id for row in await claim(store, "pump", most=3)] == [
        criticals[0].id, criticals[1].id, notices[0].id,
    ]  # fmt: skip


async def test_what_is_not_due_yet_waits(store: Store) -> None:
    rows = await planned(store, 3)
    assert await store.read(deliveries.next_due) == NOW
    assert [row.id for row in await claim(store, "pump", at=NOW + 1)] == [row.id for row in rows[:2]]
    assert await store.read(deliveries.next_due) == NOW + 2


@pytest.mark.parametrize("kind", ["demo", "drill", "replay"])
async def test_a_drill_can_never_be_claimed(store: Store, kind: SessionKind) -> None:
    (row,) = await planned(store, 1, kind=kind)
    assert await claim(store, "pump") == []
    assert await store.read(deliveries.next_due) is None
    assert await state_of(store, row) == "drill"


@pytest.mark.parametrize("row_kind", ["demo", "live"])
async def test_a_mistake_in_planning_lets_no_drill_out(store: Store, row_kind: SessionKind) -> None:
    await planned(store, 1, kind="demo", row_kind=row_kind, state="waiting")
    assert await claim(store, "pump") == []


async def test_an_answer_ends_a_delivery_and_is_kept_with_its_attempt(store: Store) -> None:
    await planned(store, 1)
    (row,) = await claim(store, "pump")
    tried = attempt("accepted")
    ended = await store.write(lambda conn: deliveries.settle(conn, row, "pump", tried, "accepted"))
    assert ended is not None
    assert (ended.state, ended.sent_ms, ended.attempts) == ("accepted", NOW + 1_120, 1)
    kept = await store.read(partial(deliveries.attempts, delivery_id=row.id))
    assert [(one.n, one.claimed_by, one.result, one.answer) for one in kept] == [(1, "pump", "accepted", tried.answer)]
    assert await claim(store, "pump", at=NOW + 100_000) == []


async def test_a_row_that_is_put_back_is_due_again_at_its_instant(store: Store) -> None:
    await planned(store, 1)
    (row,) = await claim(store, "pump")
    again = Instant(NOW + 5_000)
    await store.write(lambda conn: deliveries.put_back(conn, row, "pump", attempt("retry"), again))
    assert await claim(store, "other", at=again - 1) == []
    (retaken,) = await claim(store, "other", at=again)
    assert (retaken.attempts, retaken.retried_ambiguous) == (2, False)


async def test_being_throttled_is_no_attempt_and_an_ambiguous_one_marks_the_next(store: Store) -> None:
    await planned(store, 1)
    (row,) = await claim(store, "pump")
    later = Instant(NOW + 2_000)
    put_back = await store.write(lambda conn: deliveries.put_back(conn, row, "pump", attempt("throttled"), later))
    assert put_back is not None
    assert put_back.attempts == 0
    (row,) = await claim(store, "pump", at=later)
    await store.write(lambda conn: deliveries.put_back(conn, row, "pump", attempt("unknown"), later, ambiguous=True))
    (row,) = await claim(store, "pump", at=later)
    assert row.retried_ambiguous


async def test_a_row_of_a_pump_that_died_is_sent_once_more_and_marked(store: Store) -> None:
    await planned(store, 1)
    await claim(store, "dead")
    assert await claim(store, "next", at=NOW + 1_000 + HOLD_MS - 1) == []
    (row,) = await claim(store, "next", at=NOW + 1_000 + HOLD_MS)
    assert row.retried_ambiguous
    late = await store.write(lambda conn: deliveries.settle(conn, row, "dead", attempt("accepted"), "accepted"))
    assert late is None, "the first pump has lost its claim"
    assert await state_of(store, row) == "sending"


async def test_a_row_whose_second_pump_died_too_is_unknown_and_not_sent_a_third_time(store: Store) -> None:
    (row,) = await planned(store, 1)
    second = NOW + 1_000 + HOLD_MS
    await claim(store, "dead")
    await claim(store, "dead too", at=second)
    assert await claim(store, "third", at=second + HOLD_MS) == []
    ended = await store.write(partial(deliveries.expire, now=Instant(second + HOLD_MS)))
    assert [(one.id, one.state) for one in ended] == [(row.id, "unknown")]


async def test_what_is_of_no_use_any_more_is_expired_not_sent(store: Store) -> None:
    (row,) = await planned(store, 1)
    useless = row.useful_until_ms
    assert await claim(store, "pump", at=useless) == []
    ended = await store.write(partial(deliveries.expire, now=Instant(useless)))
    assert [(one.id, one.state, one.settled_ms) for one in ended] == [(row.id, "expired", useless)]
    assert await store.write(partial(deliveries.expire, now=Instant(useless))) == []


async def test_what_is_open_is_counted(store: Store) -> None:
    await planned(store, 3)
    await claim(store, "pump", most=1)
    assert await store.read(partial(deliveries.waiting, now=NOW)) == ({"waiting": 2, "sending": 1}, NOW)
