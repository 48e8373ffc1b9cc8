"""Promises: a fresh place says how to begin, mistakes on the command line exit 2, and --help lists what works."""

import asyncio
import importlib
import re
import resource
import subprocess
import sys
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.cli import COMMANDS
from app.cli.serve import _announce, _open_more_files, _over
from app.logs import Lasting
from app.settings import Settings
from app.store.migrate import current
from tests.cli.place import ROOT, WINERY, Place
from tests.servers import PostgresServer


def test_nothing_is_made_by_looking(empty: Place) -> None:
    for words in (("doctor",), ("token", "create", "--scope", "read", "--name", "x"), ("channel", "test", "x")):
        ran = empty.run(*words)
        assert ran.returncode == 1
        assert ran.stderr.startswith("cueroom: no_installation: there is no control room in this data folder yet")
    assert not empty.data.exists()


def test_a_server_started_with_the_usual_thousand_files_may_open_as_many_as_its_account() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, hard), hard))
        _open_more_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_can_be_checked_before_anything_is(empty: Place) -> None:
    out = empty.done("setup", str(WINERY), "--check")
    assert out.startswith("the file is good: 2 rooms, 7 SKUs, 3 channels, 5 people\n")
    assert not empty.data.exists()


def test_an_empty_database_is_upgraded_from_nothing(empty: Place) -> None:
    assert empty.done("db", "upgrade").startswith("upgraded the database from empty to ")
    assert empty.done("db", "upgrade").startswith("the database is current (")


def test_a_setting_that_cannot_be_is_named_without_its_value(empty: Place) -> None:
    ran = empty.run("doctor", CUEROOM_PORT="99999", CUEROOM_PUBLIC_URL="https://user:secret@x")
    assert ran.returncode == 1
    assert "CUEROOM_PORT" in ran.stderr
    assert "CUEROOM_PUBLIC_URL" in ran.stderr
    assert "secret" not in ran.stderr


def test_a_database_url_that_is_none_is_refused_without_its_password(empty: Place) -> None:
    ran = empty.run("db", "upgrade", CUEROOM_DATABASE_URL="mysql://root:secret@x/y")
    assert (ran.returncode, "secret" in ran.stderr) == (1, False)
    assert "bad_database_url" in ran.stderr


def test_an_upgrade_waits_for_its_database_and_a_question_does_not(empty: Place) -> None:
    nobody = {"CUEROOM_DATABASE_URL": "postgresql://x@127.0.0.1:9/x", "CUEROOM_DATABASE_WAIT_S": "1"}
    ran = empty.run("db", "upgrade", **nobody)
    waiting, given_up = ran.stderr.splitlines()
    assert waiting.startswith("cueroom: waiting for the database (")
    assert "gave up after 1 s" in given_up
    assert ran.returncode == 1
    assert "waiting" not in empty.run("doctor", **nobody).stderr


def test_a_data_folder_that_cannot_be_made_is_told(empty: Place) -> None:
    (empty.folder / "file").touch()
    ran = empty.run("db", "upgrade", "--data", "file/data")
    assert ran.returncode == 1
    assert ran.stderr.startswith("cueroom: bad_data_folder: ")


def test_mistakes_on_the_command_line_exit_with_two(empty: Place) -> None:
    for words in ((), ("nonsense",), ("token",), ("token", "create"), ("setup",), ("doctor", "--nonsense")):
        ran = empty.run(*words)
        assert ran.returncode == 2, words
        assert "usage:" in ran.stderr


def test_help_lists_exactly_the_commands_that_are_there_and_imports_none(empty: Place) -> None:
    out = empty.done("--help")
    for name, command in COMMANDS.items():
        assert f"    {name}" in out
        module = importlib.import_module(f"app.cli.{name}")
        assert callable(getattr(module, name))
        assert callable(importlib.import_module(f"app.cli.{command.options or name}").add_options)
    code = "import sys; from app.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(len(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, env=empty.environ, check=True
    )
    assert int(ran.stdout.splitlines()[-1]) < 150  # the whole program brings more than a thousand


def test_the_version_is_told(empty: Place) -> None:
    assert empty.start("--version").stdout.startswith("cueroom ")


def test_a_database_server_is_set_up_alike(empty: Place, fresh_postgres_url: str) -> None:
    empty.variables = {"CUEROOM_DATABASE_URL": fresh_postgres_url}
    assert "added room qingtan-douyin" in empty.done("setup", str(WINERY))
    assert "qingtan-douyin" in empty.done("doctor")


async def test_a_server_that_is_open_to_the_network_says_by_which_address() -> None:
    async def link() -> str:
        return "once"

    people = SimpleNamespace(first_admin_link=link)
    runtime: Any = SimpleNamespace(roles=frozenset({"web"}), access=SimpleNamespace(people=people), address="")
    told: dict[str, list[str]] = {}
    for host in ("127.0.0.1", "0.0.0.0"):
        out = StringIO()
        await _announce(Settings(host=host), 8070, runtime, out)
        told[host] = re.findall(r"^  (http://\S+)/first\?token=once$", out.getvalue(), re.MULTILINE)
    assert told["127.0.0.1"] == ["http://127.0.0.1:8070"]
    here, network = told["0.0.0.0"]
    assert here == "http://127.0.0.1:8070"
    assert runtime.address == network
    assert re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:8070", network)


async def test_what_ends_the_server_itself_is_not_taken_for_a_good_end() -> None:
    async def breaks() -> None:
        raise OSError("cannot listen")

    async def ends() -> None: ...

    failed, never = asyncio.Event(), asyncio.create_task(asyncio.sleep(60))
    with pytest.raises(OSError, match="cannot listen"):
        await _over([asyncio.create_task(breaks()), never], asyncio.create_task(failed.wait()))
    assert await _over([asyncio.create_task(ends()), never], waiting := asyncio.create_task(failed.wait())) == 0
    failed.set()
    assert await _over([never], waiting) == 1
    never.cancel()


def test_a_log_that_cannot_be_written_loses_its_lines_and_nothing_else() -> None:
    full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115  closing it cannot write either
    with pytest.raises(OSError, match="No space"):
        full.write("a line\n")
    lasting = Lasting(full)
    lasting.write("a line\n")
    lasting.flush()
    with suppress(OSError):
        full.close()


def test_beside_other_processes_only_db_upgrade_changes_the_shape_of_the_database(
    empty: Place, postgres_server: PostgresServer
) -> None:
    url = postgres_server.create_database()
    shared = {"CUEROOM_DATABASE_URL": url, "CUEROOM_REDIS_URL": "redis://127.0.0.1:1"}
    ran = empty.run("setup", str(WINERY), **shared)
    assert ran.returncode == 1
    assert "run `cueroom db upgrade` first" in ran.stderr
    assert current(url) is None
    postgres_server.drop_database(url)
