"""Promises about the test servers: they are the real thing, empty at first, apart from each other, gone at the end."""

import os
import subprocess
import sys
from pathlib import Path

import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import RUN_FOLDER, PostgresServer, ValkeyServer, answers, open_to_others


async def ask(url: str, question: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as tx:
            result = await tx.execute(text(question))
            return result.scalar_one() if result.returns_rows else None
    finally:
        await engine.dispose()


async def test_postgres_is_a_real_server_with_utf8_and_json(postgres_url: str) -> None:
    assert str(await ask(postgres_url, "SELECT version()")).startswith("PostgreSQL 18")
    assert await ask(postgres_url, """SELECT '{"词": "暖身"}'::jsonb ->> '词'""") == "暖身"


async def test_each_fresh_database_is_empty(fresh_postgres_url: str, postgres_server: PostgresServer) -> None:
    await ask(fresh_postgres_url, "CREATE TABLE mine (n int)")
    other = postgres_server.create_database()
    assert await ask(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") == 0
    postgres_server.drop_database(other)


async def test_a_template_brings_its_tables_along(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database(name="with_a_table")
    await ask(template, "CREATE TABLE shelf AS SELECT 7 AS n")
    copy = postgres_server.create_database(template="with_a_table")
    assert await ask(copy, "SELECT n FROM shelf") == 7
    for url in (copy, template):
        postgres_server.drop_database(url)


async def test_a_postgres_of_the_tests_own_keeps_rows_over_a_restart(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    await ask(url, "CREATE TABLE kept AS SELECT 1 AS n")
    own_postgres.stop()
    own_postgres.start()
    assert await ask(url, "SELECT n FROM kept") == 1


async def test_valkey_is_a_real_server_with_streams(empty_valkey_url: str) -> None:
    async with redis.asyncio.Redis.from_url(empty_valkey_url) as client:
        first = await client.xadd("log", {"body": "一"})
        second = await client.xadd("log", {"body": "二"})
        assert await client.xread({"log": first}) == [[b"log", [(second, {b"body": "二".encode()})]]]


async def test_a_valkey_that_crashed_comes_back_empty(own_valkey: ValkeyServer) -> None:
    async with redis.asyncio.Redis.from_url(own_valkey.url()) as client:
        await client.set("position", 41)
    own_valkey.stop()
    assert not answers(own_valkey.socket)
    own_valkey.start()
    async with redis.asyncio.Redis.from_url(own_valkey.url()) as client:
        assert await client.get("position") is None


def test_a_folder_closed_to_others_is_seen_as_closed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch(mode=0o755)
    tmp_path.chmod(0o700)
    assert not open_to_others(program)
    assert open_to_others(Path("/bin/sh").resolve())


def test_a_run_leaves_no_server_and_no_file_behind(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "empty.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        f"import os\ndef test_it(valkey_url, run_folder):\n    print('FOLDER', os.environ[{RUN_FOLDER!r}])\n"
    )
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "no:valkey"]
    done = subprocess.run(
        [*command, "-c", str(tmp_path / "empty.ini"), str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root), "CUEROOM_TESTS_REQUIRE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    folder = Path(done.stdout.partition("FOLDER ")[2].splitlines()[0])
    assert folder.name.startswith("cueroom-tests-")
    assert not folder.exists()
