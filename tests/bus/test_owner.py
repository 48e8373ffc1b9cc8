"""Promises: one process a data folder and a database; a second one is refused and told who the first is."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.bus.owner import AlreadyRunning, DatabaseHold, _connect, _lock, hold_database, hold_folder, holder_of
from app.errors import Unavailable
from app.store.database import Store, normalised
from tests.servers import PostgresServer

HOLD = """
import sys, time
from pathlib import Path
from app.bus.owner import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        assert holder_of(tmp_path) == first.pid
        with pytest.raises(AlreadyRunning, match=f"process {first.pid};") as refused, hold_folder(tmp_path):
            pass
        assert refused.value.context["pid"] == str(first.pid)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with hold_folder(tmp_path):  # a killed process holds nothing
        assert holder_of(tmp_path) == os.getpid()
    assert holder_of(tmp_path) is None


def test_a_folder_nobody_ever_held_has_no_holder(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None


def test_the_lock_file_is_for_this_account_only(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


async def test_a_database_is_held_by_one_and_names_it(fresh_postgres_url: str) -> None:
    async with hold_database(fresh_postgres_url) as first:
        with pytest.raises(AlreadyRunning, match=f":{os.getpid()} ") as refused:
            async with hold_database(fresh_postgres_url):
                pass
        assert "holder" in refused.value.context
        assert not first.is_closed()
    async with hold_database(fresh_postgres_url):
        pass


@pytest.mark.parametrize("mode", ["ssl=prefer", "sslmode=prefer"])
async def test_how_a_url_asks_for_tls_is_understood_by_all_who_open_it(fresh_postgres_url: str, mode: str) -> None:
    url = normalised(f"{fresh_postgres_url}{'&' if '?' in fresh_postgres_url else '?'}{mode}")
    async with hold_database(url):
        store = await Store.open(url.render_as_string(hide_password=False))
        await store.close()


async def test_the_processes_of_a_cluster_share_a_database_and_one_alone_is_refused(fresh_postgres_url: str) -> None:
    first, second = (DatabaseHold(fresh_postgres_url, shared=True) for _ in range(2))
    await first.take()
    await second.take()
    alone = DatabaseHold(fresh_postgres_url)
    with pytest.raises(AlreadyRunning) as refused:
        await alone.take()
    assert str(refused.value.context["holder"]).count(f":{os.getpid()} ") == 2
    await first.release()
    with pytest.raises(AlreadyRunning):
        await alone.take()
    await second.release()
    await _taken(alone)
    with pytest.raises(AlreadyRunning, match=f":{os.getpid()} "):
        await first.take()
    with pytest.raises(AlreadyRunning):
        async with hold_database(fresh_postgres_url, shared=True):
            pass
    await alone.release()


async def _taken(hold: DatabaseHold) -> None:
    """Take it as soon as the server has noticed that the connections of the others are gone."""
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(AlreadyRunning):
                return await hold.take()


async def test_who_is_cut_off_between_connecting_and_asking_is_told_that_the_database_is_away(
    fresh_postgres_url: str,
) -> None:
    connection = await _connect(make_url(fresh_postgres_url))
    connection.terminate()
    with pytest.raises(Unavailable):
        await _lock(connection, shared=False)


async def test_another_database_of_the_same_server_is_free(postgres_server: PostgresServer) -> None:
    urls = [postgres_server.create_database() for _ in range(2)]
    async with hold_database(urls[0]), hold_database(urls[1]):
        pass
    for url in urls:
        postgres_server.drop_database(url)


async def test_a_server_that_is_away_is_said_to_be_so(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    async with hold_database(url) as held:
        own_postgres.stop()
        with pytest.raises(Unavailable):
            async with hold_database(url):
                pass
        with pytest.raises(Exception, match="connection"):
            await held.execute("SELECT 1")
        assert held.is_closed()
