"""Promises of a start: one owner of a data folder, one clear line for whoever is refused, no terminal needed later."""

import os
import signal
import socket
from pathlib import Path

from tests.system.server import Server, serving


async def test_a_second_server_on_the_same_data_is_refused_and_names_the_first(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as first:
        other = tmp_path / "other"
        other.mkdir()
        (other / "link").symlink_to(tmp_path / "data")
        second = Server(other / "link")
        assert await second.ended() == 1
        assert second.complained == (
            f"cueroom: the data folder is in use by process {first.process.pid}; stop it first\n"
        )
        assert second.said == ""
        first.process.send_signal(signal.SIGHUP)  # as when the terminal it was started from goes away
        async with first.client() as client:
            assert (await client.get("/healthz")).status_code == 200


async def test_a_role_that_needs_redis_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", role="web")
    assert await server.ended() == 1
    (line,) = server.complained.splitlines()
    assert line.startswith("cueroom: --role web needs CUEROOM_REDIS_URL")
    assert list((tmp_path / "data").iterdir()) == []


async def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(tmp_path / "data", port=port)
        assert await server.ended() == 1
    (line,) = [line for line in server.complained.splitlines() if not line.startswith("{")]
    assert line == f"cueroom: cannot listen on 127.0.0.1:{port}: {os.strerror(98)}; choose another --port"
