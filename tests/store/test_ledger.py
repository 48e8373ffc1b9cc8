"""Promises: a group is written whole or not at all, under a fence, and the same rows again change nothing."""

import asyncio
import math
from dataclasses import replace
from functools import partial

import msgspec
import pytest

from app.domain.effects import Effects, SessionChange
from app.domain.identity import Fence, Position
from app.domain.records import Chunk
from app.errors import FenceLost
from app.instants import Instant
from app.store import alerts, audit, chunks, deliveries, messages, orders, outcomes, prompts, series, sessions
from app.store.database import Store
from app.store.faults import Clash
from app.store.ledger import commit_group
from tests.store import samples


async def opened(store: Store, *ids: str) -> list[sessions.SessionRow]:
    rows = []
    for name in ids:
        row, _ = await store.write(partial(sessions.open_session, opening=samples.opening(name, f"room-{name}")))
        rows.append(row)
    return rows


async def stored(store: Store, row: sessions.SessionRow) -> list[Chunk]:
    return await store.read(lambda conn: list(chunks.chunks_after(conn, row.session_no)))


async def positions(store: Store, row: sessions.SessionRow) -> list[int]:
    return [chunk.first for chunk in await stored(store, row)]


async def test_a_group_of_sessions_is_read_back_as_it_was_written(store: Store) -> None:
    a, b = await opened(store, "a", "b")
    group = [samples.step(a, 2, 100), samples.step(b, 2, 50)]
    await store.write(partial(commit_group, group=group))
    for commit, row in zip(group, (a, b), strict=True):
        assert (await stored(store, row))[1:] == list(commit.chunks)
        now = await store.read(partial(sessions.session, session_id=row.id))
        assert (now.position, now.now_ms) == (commit.position, commit.now_ms)


async def test_an_old_fence_commits_nothing_for_anybody(store: Store) -> None:
    a, b = await opened(store, "a", "b")
    await store.write(partial(sessions.own, session_no=b.session_no, fence=Fence(b.fence + 7)))
    with pytest.raises(FenceLost) as lost:
        await store.write(partial(commit_group, group=[samples.step(a, 2, 10), samples.step(b, 2, 10)]))
    assert lost.value.context == {"session": "b"}
    assert await positions(store, a) == [1]
    assert await positions(store, b) == [1]
    await store.write(partial(commit_group, group=[samples.step(a, 2, 10)]))
    assert await positions(store, a) == [1, 2]


async def test_an_ended_session_leaves_its_room_to_the_next(store: Store) -> None:
    (a,) = await opened(store, "a")
    ended = Effects(changes=[SessionChange("ended", samples.NOW + 9, {"gmv": 12_900.0})])
    await store.write(partial(commit_group, group=[samples.step(a, 2, 3, ended)]))
    row = await store.read(partial(sessions.session, session_id="a"))
    assert (row.state, row.ended_ms, row.summary) == ("ended", samples.NOW + 9, {"gmv": 12_900.0})
    following, new = await store.write(partial(sessions.open_session, opening=samples.opening("next", "room-a")))
    assert new
    assert following.fence > row.fence


async def test_two_groups_at_once_are_both_written(store: Store) -> None:
    a, b = await opened(store, "a", "b")
    await asyncio.gather(
        store.write(partial(commit_group, group=[samples.step(a, 2, 10), samples.step(b, 2, 10)])),
        store.write(partial(commit_group, group=[samples.step(b, 12, 10), samples.step(a, 12, 10)])),
    )
    assert await positions(store, a) == await positions(store, b) == [1, 2, 12]


async def test_what_a_step_made_is_found_where_it_is_looked_for(store: Store) -> None:
    (a,) = await opened(store, "a")
    fired = samples.alert("a")
    effects = Effects(
        alerts={fired.id: fired},
        prompts={"p": samples.prompt("a")},
        deliveries=[samples.delivery(fired, "a")],
        outcomes=[samples.outcome("key-1", 2)],
        readings=[samples.minute(value=700.0), samples.minute(value=800.0)],
        orders=[samples.order(2, "order-1", "room-a")],
    )
    await store.write(partial(commit_group, group=[samples.step(a, 2, 10, effects)]))
    assert await store.read(partial(alerts.of_session, session_no=a.session_no)) == [fired]
    assert await store.read(partial(alerts.changes, alert_id=fired.id)) == [fired]
    assert await store.read(partial(prompts.of_session, session_no=a.session_no)) == [samples.prompt("a")]
    assert await store.read(partial(deliveries.of_session, session_no=a.session_no)) == effects.deliveries
    assert await store.read(partial(outcomes.outcome, session_no=a.session_no, key="key-1")) == effects.outcomes[0]
    assert await store.read(partial(orders.of_session, session_no=a.session_no)) == effects.orders
    assert await store.read(partial(orders.holders, room="room-a", orders=["order-1", "order-2"])) == {"order-1": "a"}
    (minute,) = await store.read(partial(series.series, session_no=a.session_no, metric="viewers"))
    assert minute.values[:59] == (800.0,) * 59
    assert math.isnan(minute.values[59])
    listed = await store.read(partial(messages.messages, session_no=a.session_no))
    assert listed == effects.messages[::-1]


async def test_rows_that_a_replayed_step_makes_again_change_nothing(store: Store) -> None:
    (a,) = await opened(store, "a")
    fired = samples.alert("a")
    first = Effects(
        alerts={fired.id: fired}, deliveries=[samples.delivery(fired, "a")], outcomes=[samples.outcome("key", 2)]
    )
    again = Effects(
        alerts={fired.id: fired},
        deliveries=[samples.delivery(fired, "a", text="other words")],
        outcomes=[samples.outcome("key", 3, code="stale")],
    )
    await store.write(partial(commit_group, group=[samples.step(a, 2, 10, first)]))
    await store.write(partial(commit_group, group=[samples.step(a, 12, 10, again)]))
    assert await store.read(partial(deliveries.of_session, session_no=a.session_no)) == first.deliveries
    assert await store.read(partial(outcomes.outcome, session_no=a.session_no, key="key")) == first.outcomes[0]
    lines = await store.read(partial(audit.audit, session="a"))
    assert [(line.actor_name, line.action, line.code, line.request) for line in lines] == [
        ("林场控", "ack_alert", "done", "key")
    ]


async def test_acknowledging_cancels_what_waits_but_not_what_tells_of_the_end(store: Store) -> None:
    (a,) = await opened(store, "a")
    fired, acked = samples.alert("a"), samples.alert("a", 2, acked=True)
    ended = samples.alert("a", 3, acked=True, ended=True)
    told, over = samples.delivery(fired, "a"), samples.delivery(ended, "a")
    other = samples.delivery(samples.alert("a", rule="stream"), "a")
    steps = [
        Effects(alerts={fired.id: fired}, deliveries=[told, other]),
        Effects(alerts={acked.id: acked}, cancels=[acked.id]),
        Effects(alerts={ended.id: ended}, deliveries=[over], cancels=[ended.id]),
    ]
    for n, effects in enumerate(steps):
        await store.write(partial(commit_group, group=[samples.step(a, 2 + n * 5, 5, effects)]))
    rows = await store.read(partial(deliveries.of_session, session_no=a.session_no))
    assert {row.id: row.state for row in rows} == {told.id: "cancelled", other.id: "waiting", over.id: "waiting"}


async def test_a_session_that_cannot_be_written_takes_the_group_with_it_and_can_be_tried_alone(store: Store) -> None:
    a, b = await opened(store, "a", "b")
    await store.write(partial(commit_group, group=[samples.step(b, 2, 10)]))
    group = [samples.step(a, 2, 10), samples.step(b, 2, 10)]  # b's positions are there already
    with pytest.raises(Clash):
        await store.write(partial(commit_group, group=group))
    assert await positions(store, a) == [1]
    await store.write(partial(commit_group, group=group[:1]))
    with pytest.raises(Clash):
        await store.write(partial(commit_group, group=group[1:]))
    assert await positions(store, a) == await positions(store, b) == [1, 2]


async def test_time_never_falls_below_what_was_committed(store: Store) -> None:
    (a,) = await opened(store, "a")
    await store.write(partial(commit_group, group=[samples.step(a, 2, 10)]))
    before = await store.read(partial(sessions.session, session_id="a"))
    late = replace(samples.commit(a, []), position=Position(before.position), now_ms=Instant(samples.NOW - 60_000))
    await store.write(partial(commit_group, group=[late]))
    assert (await store.read(partial(sessions.session, session_id="a"))).now_ms == before.now_ms


async def test_every_field_of_a_delivery_comes_back(store: Store) -> None:
    (a,) = await opened(store, "a")
    full = samples.delivery(
        samples.alert("a"), "a", "demo", recipient="#2", attempts=3, sent_ms=1, settled_ms=2, answer="0 ok",
        retried_ambiguous=True, restricted=True,
    )  # fmt: skip
    unset = [name for name, value in msgspec.structs.asdict(full).items() if value in ("", None, 0, False)]
    assert unset == [], "a new field of Delivery needs a column"
    await store.write(partial(commit_group, group=[samples.step(a, 2, 1, Effects(deliveries=[full]))]))
    assert await store.read(partial(deliveries.named, ids=[full.id])) == [full]
