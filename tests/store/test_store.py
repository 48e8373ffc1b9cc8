"""Promises of the database handle: whole transactions, refusals that give nothing away, readers that do not write."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from app.errors import Unavailable
from app.store import chunks, counters, sessions, tables
from app.store.database import BadDatabaseUrl, Store, normalised
from app.store.faults import Clash, DiskFull, StoreBroken, TookTooLong
from app.store.ledger import commit_group
from tests.servers import PostgresServer
from tests.store import samples

SECRET = "hunter2"


async def test_a_write_that_raises_leaves_nothing(store: Store) -> None:
    def half(conn: Connection) -> None:
        counters.next_fence(conn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(half)
    assert await store.write(counters.next_fence) == 1


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises((Unavailable, StoreBroken)):
        await store.read(counters.next_fence)


async def test_writes_that_come_together_all_count(store: Store) -> None:
    fences = await asyncio.gather(*(store.write(counters.next_fence) for _ in range(20)))
    assert sorted(fences) == list(range(1, 21))


async def test_refusals_give_away_no_statement_and_no_value(store: Store) -> None:
    def twice(conn: Connection) -> None:
        for _ in range(2):
            conn.execute(insert(tables.workspaces).values(id=SECRET, name=SECRET, version=1, body="{}"))

    with pytest.raises(Clash) as clash:
        await store.write(twice)
    with pytest.raises(StoreBroken) as broken:
        await store.read(lambda conn: conn.execute(text("SELECT nothing FROM nowhere WHERE a = :a"), {"a": SECRET}))
    for refusal in (clash.value, broken.value):
        said = f"{refusal} {refusal.context}"
        assert SECRET not in said
        assert "SELECT" not in said
        assert "INSERT" not in said
        assert refusal.__suppress_context__


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", f"mysql://u:{SECRET}@h/d", f"x:{SECRET}"])
async def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        await Store.open(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"])
def test_every_way_to_name_postgresql_means_the_same(url: str) -> None:
    assert normalised(url).render_as_string() == "postgresql+asyncpg://h/d"


async def test_a_database_that_is_away_is_said_to_be_so_at_once(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/missing/cueroom.db", f"postgresql:///d?host={tmp_path}"):
        with pytest.raises(Unavailable):
            await Store.open(url)


async def test_after_a_restart_of_the_server_the_store_works_again(own_postgres: PostgresServer) -> None:
    store = await Store.open(own_postgres.create_database())
    own_postgres.stop()
    with pytest.raises(Unavailable):
        await store.check()
    with pytest.raises(Unavailable):
        await store.write(lambda conn: conn.execute(select(1)))
    own_postgres.start()
    await store.check()
    await store.write(lambda conn: conn.execute(select(1)))
    await store.close()


async def test_a_trial_leaves_nothing_behind(database_url: str) -> None:
    store = await Store.open(database_url)
    await store.try_commit()
    await store.try_commit()
    assert await store.read(lambda conn: conn.execute(select(tables.contents.c.hash)).all()) == []
    await store.close()


async def test_a_disk_that_takes_small_writes_only_is_said_to_be_full(migrated_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "cueroom.db"
    shutil.copyfile(migrated_file, file)
    store = await Store.open(f"sqlite:///{file}")

    def leave_pages(conn: Connection, pages: int) -> None:
        count = conn.execute(text("PRAGMA page_count")).scalar_one()
        conn.execute(text(f"PRAGMA max_page_count={count + pages}"))

    await store.write(partial(leave_pages, pages=100))
    await store.write(counters.next_fence)
    with pytest.raises(DiskFull):
        await store.try_commit()
    await store.write(partial(leave_pages, pages=1_000))
    await store.try_commit()
    await store.close()


async def test_the_file_is_for_this_account_only(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/new.db")
    await store.write(lambda conn: conn.execute(text("CREATE TABLE t (a INTEGER)")))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    await store.close()


async def test_a_file_that_another_program_locks_is_busy_not_broken(sqlite_store: Store, sqlite_url: str) -> None:
    await sqlite_store.write(lambda conn: conn.execute(text("PRAGMA busy_timeout=1")))
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            await sqlite_store.write(counters.next_fence)
        assert refused.value.context["reason"] == "SQLITE_BUSY"
        other.execute("ROLLBACK")
    other.close()
    await sqlite_store.write(counters.next_fence)


@pytest.mark.parametrize("end", ["", "-wal"])
async def test_what_is_written_to_a_file_that_was_moved_away_is_refused_until_it_is_back(
    sqlite_store: Store, sqlite_url: str, end: str
) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///") + end)
    assert await sqlite_store.write(counters.next_fence) == 1
    for meanwhile in (lambda: None, lambda: file.write_bytes(b"")):  # nothing, or another
        away = file.rename(f"{file}.away")
        meanwhile()
        with pytest.raises(Unavailable) as refused:
            await sqlite_store.write(counters.next_fence)
        assert refused.value.context["reason"] == "moved"
        away.replace(file)
    assert await sqlite_store.write(counters.next_fence) == 2


async def test_a_full_disk_is_unavailable_and_writes_nothing_by_halves(sqlite_store: Store) -> None:
    row, _ = await sqlite_store.write(partial(sessions.open_session, opening=samples.opening("s")))

    def fill(conn: Connection) -> None:
        pages = conn.execute(text("PRAGMA page_count")).scalar_one()
        conn.execute(text(f"PRAGMA max_page_count={pages + 8}"))

    await sqlite_store.write(fill)
    committed = 1
    with pytest.raises(DiskFull):
        for n in range(1_000):
            await sqlite_store.write(partial(commit_group, group=[samples.step(row, 2 + n * 100, 100)]))
            committed = 1 + (n + 1) * 100
    assert isinstance(DiskFull("", reason=""), Unavailable)
    now = await sqlite_store.read(partial(sessions.session, session_id="s"))
    assert now.position == committed
    await sqlite_store.write(lambda conn: conn.execute(text("PRAGMA max_page_count=1000000")))
    await sqlite_store.write(partial(commit_group, group=[samples.step(row, committed + 1, 100)]))


COMMITTING = """
import asyncio, sys
from functools import partial
from app.store import sessions
from app.store.database import Store
from app.store.ledger import commit_group
from tests.store import samples

async def main(url):
    store = await Store.open(url)
    rows = [(await store.write(partial(sessions.open_session, opening=samples.opening(n, n))))[0] for n in "ab"]
    first = 2
    while True:
        await store.write(partial(commit_group, group=[samples.step(row, first, 200) for row in rows]))
        first += 200
        print(first - 1, flush=True)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("acknowledged", [1, 3, 7])
async def test_kill_9_in_the_middle_of_commits_leaves_whole_ones_only(database_url: str, acknowledged: int) -> None:
    told = 0
    with subprocess.Popen([sys.executable, "-c", COMMITTING, database_url], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(acknowledged):
            told = int(child.stdout.readline())
        child.kill()
        told = max([told, *(int(line) for line in child.stdout.read().split())])
    store = await Store.open(database_url)
    rows = await store.read(sessions.open_sessions)
    assert len({row.position for row in rows}) == 1, "both sessions of a group or none"
    for row in rows:
        stored = await store.read(lambda conn, row=row: list(chunks.chunks_after(conn, row.session_no)))  # type: ignore[misc]
        assert stored[-1].last == row.position
        assert row.position in (told, told + 200), "what was acknowledged is there"
        assert [chunk.first for chunk in stored[1:]] == [chunk.last + 1 for chunk in stored[:-1]]
        count = select(tables.messages.c.position).where(tables.messages.c.session_no == row.session_no)
        listed = await store.read(lambda conn, count=count: len(conn.execute(count).all()))  # type: ignore[misc]
        assert listed == len(samples.messages(2, row.position - 1))
    await store.close()


@pytest.mark.parametrize("value", ["\0", "\ud800", 2**63])
async def test_a_value_no_column_can_hold_is_broken_not_away(store: Store, value: str | int) -> None:
    held = isinstance(value, str) and value == "\0" and store.dialect == "sqlite"  # SQLite keeps it, as any other

    def count(conn: Connection) -> None:
        table = tables.counters
        name, number = (value, 1) if isinstance(value, str) else ("n", value)
        conn.execute(insert(table).values(name=name, value=number))

    if held:
        await store.write(count)
        return
    with pytest.raises(StoreBroken):
        await store.write(count)
    with pytest.raises(StoreBroken):
        await store.read(lambda conn: conn.execute(select(tables.counters).where(tables.counters.c.value == 2**63)))
    assert await store.write(counters.next_fence) == 1


async def test_two_that_wait_for_each_other_both_come_through(store: Store) -> None:
    both = [{"name": name, "value": 0} for name in ("a", "b")]
    await store.write(lambda conn: conn.execute(insert(tables.counters), both))
    await asyncio.gather(store.write(partial(_raise, names=("a", "b"))), store.write(partial(_raise, names=("b", "a"))))
    rows = await store.read(lambda conn: conn.execute(select(tables.counters)).all())
    assert {(row.name, row.value) for row in rows} == {("a", 2), ("b", 2)}


def _raise(conn: Connection, names: tuple[str, ...]) -> None:
    table = tables.counters
    for name in names:
        conn.execute(table.update().where(table.c.name == name).values(value=table.c.value + 1))
        if conn.dialect.name == "postgresql":  # SQLite has one writer: nobody to wait for
            conn.execute(text("SELECT pg_sleep(0.1)"))


async def test_a_look_up_does_not_wait_behind_searches_and_a_search_ends(database_url: str) -> None:
    store = await Store.open(database_url, readers=1, look_ms=200)
    endless = "SELECT pg_sleep(60)"
    if store.dialect == "sqlite":
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    searches = [asyncio.create_task(store.look(lambda conn: conn.execute(text(endless)))) for _ in range(4)]
    await asyncio.sleep(0.01)
    await store.check()
    await store.write(counters.next_fence)
    assert not any(search.done() for search in searches)
    ends = await asyncio.gather(*searches, return_exceptions=True)
    assert [type(end) for end in ends] == [TookTooLong] * 4
    assert await store.look(lambda conn: conn.execute(select(1)).scalar_one()) == 1
    await store.close()


async def test_a_look_cannot_write(store: Store) -> None:
    with pytest.raises((Unavailable, StoreBroken)):
        await store.look(counters.next_fence)
