"""Promises of retention: old sessions lose their log and texts and keep their totals; what runs is never touched."""

import asyncio
from pathlib import Path

import pytest

from app.clock import ManualClock
from app.domain.events import CommentEvent
from app.domain.records import Events
from app.instants import DAY, Instant
from app.operations.purge import Purge, Purger, purge
from app.realtime.restore import Restorer
from app.settings import Keep
from app.store.chunks import chunks_after
from app.store.purge_session import StillRuns
from app.store.sessions import Purged
from app.store.sizes import sizes
from tests.operations.house import OTHER_ROOM, House, comment, open_house, speech, viewers

QUOTE = "天冷喝一杯，暖身御寒"


async def until_charted(house: House, session: str) -> bool:
    for _ in range(60):  # the first reading is of the end of the first second
        if await house.runtime.series_tail(session):
            return True
        await asyncio.sleep(0.05)
    return False


async def evening(house: House, *, charted: bool = False) -> str:
    """One session with comments, an alert that quotes the host, and its end; `charted`: not before a second is over."""
    answer = await house.send(viewers("v1", 900), *(comment(f"c{n}", f"礼盒还有吗 {n}") for n in range(250)))
    (taken,) = answer.sessions
    await house.send(speech("s1", QUOTE))
    if charted:
        assert await until_charted(house, taken.session)
    await house.end(taken.session)
    return taken.session


def purger(house: House, days: int, **keep: int) -> Purger:
    """Retention as it works so many days later."""
    later = ManualClock(Instant(house.clock.now() + days * DAY))
    told = house.runtime.session_purged
    return Purger(store=house.store, clock=later, keep=Keep(**keep), purged=told, pause_s=0)


async def counts(house: House, session: str) -> dict[str, int]:
    found = {}
    for table in ("chunks", "messages", "checkpoints", "outcomes", "alert_changes", "alerts", "readings", "prompts"):
        sql = f"SELECT count(*) FROM {table} JOIN sessions USING (session_no) WHERE sessions.id = '{session}'"
        found[table] = (await house.rows(sql))[0][0]
    return found


async def test_after_its_days_a_session_keeps_its_totals_and_alerts_without_their_quotes(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        old = await evening(house, charted=True)
        (running,) = (await house.send(comment("x1"), room=OTHER_ROOM)).sessions
        before, other = await counts(house, old), await counts(house, running.session)
        assert await purger(house, 29).tidy() == {
            "audit": 0, "contents": 0, "deliveries": 0, "devices": 0, "entry_links": 0, "lexicons": 0, "orders": 0,
            "pairing_codes": 0, "rule_sets": 0, "sign_ins": 0,
        }  # fmt: skip
        would = await purger(house, 31).tidy(dry=True)
        assert await counts(house, old) == before
        removed = await purger(house, 31).tidy()
        assert removed == would
        assert (removed["messages"], removed["alerts"]) == (251, 1)
        gone = {"chunks", "messages", "checkpoints", "outcomes", "alert_changes"}
        after = await counts(house, old)
        assert after == {name: 0 if name in gone else times for name, times in before.items()}
        assert after["alerts"] == 1
        assert after["readings"] > 0
        assert await counts(house, running.session) == other
        ((body,),) = await house.rows("SELECT body FROM alerts")
        assert QUOTE not in body  # which phrase of the lexicon it was stays in the title
        assert sum((await purger(house, 31).tidy()).values()) == 0
        await house.send(comment("x2"), room=OTHER_ROOM)  # the one that runs goes on


async def test_pages_of_a_purged_session_say_what_was_removed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        old = await evening(house)
        await purger(house, 31).tidy()
        async with await house.client() as client:
            one = (await client.get(f"/api/sessions/{old}")).json()
            assert one["removed"]["messages"] == 251
            assert one["purged_ms"] is not None
            assert one["summary"]
            texts = (await client.get(f"/api/sessions/{old}/messages")).json()
            assert texts == {"rows": [], "next": None, "removed_ms": one["purged_ms"]}
            assert len((await client.get(f"/api/sessions/{old}/alerts")).json()["rows"]) == 1
        with pytest.raises(Purged):
            await Restorer(house.store, build="test").restore(old)
        late = {"id": "late", "kind": "order_refunded", "payload": {"order": "o", "currency": "CNY", "lines": []}}
        assert [each.code for each in (await house.send(late)).refused] == ["no_session"]


async def test_a_viewers_words_are_taken_out_of_what_is_kept_and_the_session_can_still_be_rebuilt(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        old = await evening(house)
        (running,) = (await house.send(comment("c7"), room=OTHER_ROOM)).sessions
        answer = await purge(house.installation, Purge("en", user="u-c7"))
        assert answer.data["rows"] == {"messages": 1, "chunks": 1, "quarantine": 0}
        assert answer.data["running"] == [running.session]
        texts = [row[0] for row in await house.rows("SELECT text FROM messages")]
        assert "礼盒还有吗 7" not in texts
        assert len(texts) == 251  # all the others', and what the host said
        kept = await house.store.read(lambda conn: [chunk.body for chunk in chunks_after(conn, 1)])
        events = [event for body in kept if isinstance(body, Events) for event in body.events]
        said = [event.payload.text for event in events if isinstance(event, CommentEvent)]
        assert "礼盒还有吗 7" not in said
        assert len(said) == 250
        rebuilt = await Restorer(house.store, build="test").restore(old)
        assert rebuilt.engine.state == "ended"


@pytest.mark.parametrize("whole", [True, False])
async def test_an_owner_forgets_what_it_built_of_the_words_that_are_gone(tmp_path: Path, whole: bool) -> None:
    async with open_house(tmp_path) as house:
        old = await evening(house)
        worker = house.runtime.worker
        assert old in worker.sessions
        await purge(house.installation, Purge("en", session=old) if whole else Purge("en", user="u-c7"))
        for _ in range(2):
            await worker.between_turns(nothing)
        assert old not in worker.sessions


async def nothing() -> None: ...


async def test_an_owner_of_before_cannot_bring_the_words_back_by_a_checkpoint(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        old = await evening(house)
        restorer = Restorer(house.store, build="test")
        paused = await restorer.restore(old)
        await restorer.save_checkpoints([paused])
        assert (await counts(house, old))["checkpoints"] == 1
        await purge(house.installation, Purge("en", user="u-c7"))
        await restorer.save_checkpoints([paused])
        assert (await counts(house, old))["checkpoints"] == 0
        paused = await restorer.restore(old)
        await purge(house.installation, Purge("en", session=old))
        await restorer.save_checkpoints([paused])
        assert (await counts(house, old))["checkpoints"] == 0


async def test_small_tables_are_tidied_by_their_own_days(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.runtime.access.people.first_admin_link()
        await evening(house)
        removed = await purger(house, 400).tidy()
        assert removed["entry_links"] == 1
        assert removed["audit"] > 0
        assert removed["contents"] == 0  # the session names its plan, its rules and its lexicon


async def test_what_runs_is_refused_by_name_and_nothing_is_kept_for_ever_unless_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        (running,) = (await house.send(comment("x1"))).sessions
        with pytest.raises(StillRuns):
            await purge(house.installation, Purge("en", session=running.session))
        await house.end(running.session)
        assert "messages" not in await purger(house, 10_000, texts_days=0, audit_days=0).tidy()
        answer = await purge(house.installation, Purge("en", session=running.session))
        assert answer.data["rows"]["messages"] == 1


async def test_retention_and_a_viewers_request_work_alike_on_a_database_server(
    tmp_path: Path, fresh_postgres_url: str
) -> None:
    async with open_house(tmp_path, database_url=fresh_postgres_url) as house:
        old = await evening(house)
        answer = await purge(house.installation, Purge("en", user="u-c7"))
        assert answer.data["rows"] == {"messages": 1, "chunks": 1, "quarantine": 0}
        would = await purger(house, 400).tidy(dry=True)
        removed = await purger(house, 400).tidy()
        assert (removed["messages"], removed["alerts"]) == (250, 1)
        assert {name for name in would if would[name] != removed[name]} <= {"audit"}  # the request before it is there
        assert (await counts(house, old))["chunks"] == 0
        assert (await house.store.look(sizes))["alerts"] > 0
