"""Promises: a group is written whole or not at all, under a fence, and the same rows again change nothing."""

import asyncio
from functools import partial

import pytest

from app.domain.effects import Effects, SessionChange
from app.domain.identity import Fence
from app.domain.records import Chunk
from app.errors import FenceLost
from app.store import chunks, sessions
from app.store.database import Store
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
