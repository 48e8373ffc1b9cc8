"""Promises: retention finds all words that are to go, wherever they lie, and whoever goes on counts on."""

import contextlib
import itertools
from functools import partial

from sqlalchemy import text

from app.clock import ManualClock
from app.domain.effects import Effects
from app.domain.events import CommentEvent, CommentText, User
from app.domain.plan import SessionKind
from app.domain.records import Entry, Events
from app.errors import Unavailable
from app.instants import DAY, Instant
from app.operations.purge import Purger
from app.settings import Keep
from app.store import deliveries, purge_session, quarantine, sessions, tables
from app.store.database import Store
from app.store.ledger import commit_group
from tests.store import samples
from tests.store.away import Away

VIEWER = "h:0000000000000002"
"""Who wrote the first comment of each session."""


def purger(store: Store, days: int = 0, **keep: int) -> Purger:
    later = ManualClock(Instant(samples.NOW + days * DAY))
    return Purger(store=store, clock=later, keep=Keep(**keep), pause_s=0)


async def session(store: Store, name: str, *, kind: SessionKind = "live", ends: bool = True) -> sessions.SessionRow:
    """A session with thirty comments, an alert that quotes the host, and the message that told of it."""
    opening = samples.opening(name, f"room-{name}", kind=kind)
    row, _ = await store.write(partial(sessions.open_session, opening=opening))
    told = samples.alert(name)
    effects = Effects(alerts={told.id: told}, deliveries=[samples.delivery(told, name, kind)])
    await store.write(partial(commit_group, group=[samples.step(row, 2, 100, effects)]))
    if ends:
        await end(store, name)
    return row


async def end(store: Store, name: str) -> None:
    ended = tables.sessions.update().where(tables.sessions.c.id == name)
    await store.write(lambda conn: conn.execute(ended.values(state="ended", ended_ms=samples.NOW)))


async def set_aside(store: Store, row: sessions.SessionRow, user: str) -> None:
    said = CommentEvent(id="x", room=row.rooms[0], occurred_ms=1, payload=CommentText("电话 138", User(user, "林*")))
    entry = Entry(samples.NOW, Events("src", row.rooms, [said]))
    work = partial(quarantine.set_aside, session_no=row.session_no, entry=entry, reason="KeyError", at=samples.NOW)
    await store.write(work)


async def ended(store: Store, name: str) -> purge_session.Ended:
    return next(each for each in await store.read(purge_session.ended_sessions) if each.id == name)


async def removed(store: Store, name: str) -> dict[str, int] | None:
    return (await store.read(partial(sessions.session, session_id=name))).removed


async def words(store: Store, name: str) -> list[tuple[str, str]]:
    row = await store.read(partial(sessions.session, session_id=name))
    told = await store.read(partial(deliveries.of_session, session_no=row.session_no))
    return [(each.title, each.text) for each in told]


async def test_words_that_were_set_aside_alone_are_found(store: Store) -> None:
    for name, user in (("a", "h:aside"), ("b", "h:another")):
        await set_aside(store, await session(store, name), user)
    await set_aside(store, await session(store, "c", ends=False), "h:another")
    would, _ = await purger(store).user("h:aside", dry=True)
    assert would == {"messages": 0, "quarantine": 1}
    assert await purger(store).user("h:aside") == ({"messages": 0, "chunks": 0, "quarantine": 1}, [])
    left = [await store.read(partial(quarantine.set_aside_in, session_no=no)) for no in (1, 2, 3)]
    assert [len(each) for each in left] == [0, 1, 1]


async def test_a_request_that_was_cut_off_anywhere_is_done_by_the_next(sqlite_store: Store) -> None:
    for n in itertools.count(1):
        row = await session(sqlite_store, f"s{n}")
        await set_aside(sqlite_store, row, VIEWER)
        cut = True
        with Away.at(sqlite_store, write=n), contextlib.suppress(Unavailable):
            await purger(sqlite_store).user(VIEWER)
            cut = False
        await purger(sqlite_store).user(VIEWER)
        would, _ = await purger(sqlite_store).user(VIEWER, dry=True)
        assert would == {"messages": 0, "quarantine": 0}
        if not cut:
            break
    assert n > 4


async def test_a_purge_that_was_cut_off_anywhere_goes_on_and_says_all_that_went(sqlite_store: Store) -> None:
    await session(sqlite_store, "whole")
    all_of_it = await purger(sqlite_store).session(await ended(sqlite_store, "whole"))
    assert all_of_it["messages"] == 30
    for n in itertools.count(1):
        await session(sqlite_store, f"s{n}")
        cut = True
        with Away.at(sqlite_store, write=n), contextlib.suppress(Unavailable):
            await purger(sqlite_store).session(await ended(sqlite_store, f"s{n}"))
            cut = False
        if not cut:
            break
        if n <= 8:  # else the answer to the last write alone was lost
            assert await removed(sqlite_store, f"s{n}") is None
        await purger(sqlite_store).session(await ended(sqlite_store, f"s{n}"))
        assert await removed(sqlite_store, f"s{n}") == all_of_it
    assert n > 8


async def test_a_session_that_is_purged_again_keeps_what_it_says_of_the_first_time(sqlite_store: Store) -> None:
    await session(sqlite_store, "s")
    first = await purger(sqlite_store).session(await ended(sqlite_store, "s"))
    assert await purger(sqlite_store).session(await ended(sqlite_store, "s")) == {}
    assert await removed(sqlite_store, "s") == first


async def test_words_of_messages_go_with_their_titles_and_those_of_a_drill_with_its_session(store: Store) -> None:
    for name in ("old", "runs"):
        await session(store, name, kind="drill", ends=name == "old")
    keep = {"rehearsals_days": 0, "deliveries_days": 90}
    assert (await purger(store, 89, **keep).tidy())["deliveries"] == 0
    assert (await purger(store, 91, **keep).tidy(dry=True))["deliveries"] == 1
    assert (await purger(store, 91, **keep).tidy())["deliveries"] == 1
    assert await words(store, "old") == [("", "")]
    assert await words(store, "runs") == [("礼盒", "礼盒约 3 分钟售罄")]
    assert (await purger(store, 91, **keep).tidy())["deliveries"] == 0


async def test_a_message_that_told_of_a_quote_loses_its_title_too(sqlite_store: Store) -> None:
    await session(sqlite_store, "s")
    await purger(sqlite_store).session(await ended(sqlite_store, "s"))
    assert await words(sqlite_store, "s") == [("", "")]


async def test_more_old_sessions_than_a_statement_takes_names_are_no_end_of_retention(store: Store) -> None:
    row = await session(store, "s")
    names = ", ".join(column.name for column in tables.sessions.columns if column.name not in ("session_no", "id"))
    more = f"""
        INSERT INTO sessions (session_no, id, {names}) WITH RECURSIVE n(n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 33000
        ) SELECT 100 + n, 'm' || n, {names} FROM n, sessions WHERE session_no = :row
    """
    await store.write(lambda conn: conn.execute(text(more), {"row": row.session_no}))
    none = dict.fromkeys(("texts_days", "rehearsals_days", "audit_days", "sign_ins_days", "devices_days"), 0)
    assert (await purger(store, 400, **none, orders_days=365).tidy())["orders"] == 0
