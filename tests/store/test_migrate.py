"""Promises of the migrations, on both databases: up, down and up again; and then nothing differs from the tables."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.store import migrate
from app.store.database import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return str(request.getfixturevalue("fresh_postgres_url"))


def test_up_and_down_and_up_again_leaves_what_the_program_needs(empty_url: str) -> None:
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.head()
    assert migrate.check(empty_url) == []
    migrate.downgrade(empty_url, "base")
    assert migrate.current(empty_url) is None
    assert migrate.check(empty_url) != []
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)  # nothing to do is no error
    assert migrate.check(empty_url) == []


def test_a_database_of_a_newer_release_is_left_as_it_is_and_said_to_be_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    migrate.upgrade(url)
    with sqlite3.connect(tmp_path / "new.db") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    for touch in (migrate.upgrade, migrate.current, migrate.check, lambda url: migrate.downgrade(url, "base")):
        with pytest.raises(migrate.NewerRelease, match="a newer release"):
            touch(url)


UPGRADE = "import sys; from app.store import migrate; migrate.upgrade(sys.argv[1])"


async def test_programs_that_start_together_migrate_once(empty_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", UPGRADE, empty_url]
    started = [subprocess.Popen(command) for _ in range(2)]
    assert [program.wait() for program in started] == [0, 0]
    store = await Store.open(empty_url)
    assert await store.read(migrate.revision) == migrate.head()
    await store.close()


def test_a_new_file_that_another_program_is_writing_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    ending = threading.Timer(0.1, other.execute, ("COMMIT",))
    ending.start()
    migrate.upgrade(f"sqlite:///{tmp_path / 'new.db'}")
    assert migrate.current(f"sqlite:///{tmp_path / 'new.db'}") == migrate.head()
    ending.join()
    other.close()


def test_migrations_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    migrate.upgrade("sqlite:///here.db")
    assert (tmp_path / "here.db").exists()
