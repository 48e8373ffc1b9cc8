"""Promises: the control socket is for this account only, and nothing that is sent to it harms the server."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from app.operations.answer import Answer
from app.operations.socket import PATH_BYTES, SOCKET_FILE, NobodyListens, NotAnswering, ask, serve_socket


async def echo(args: dict[str, Any]) -> Answer:
    return Answer((str(args["text"]),), data=args)


async def fail(_: dict[str, Any]) -> Answer:
    raise RuntimeError("a mistake of ours")


HANDLERS = {"echo": echo, "fail": fail}


async def test_a_question_gets_its_answer(tmp_path: Path) -> None:
    async with serve_socket(tmp_path, HANDLERS):
        assert await ask(tmp_path, "echo", {"text": "好"}) == Answer(("好",), data={"text": "好"})
        assert stat.S_IMODE((tmp_path / SOCKET_FILE).stat().st_mode) == 0o600
    assert not (tmp_path / SOCKET_FILE).exists()


async def test_nobody_listening_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NobodyListens):
        await ask(tmp_path, "echo", {})


async def test_an_answer_that_never_comes_is_not_taken_for_nobody(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_unix_server(hang_up, tmp_path / SOCKET_FILE):
        with pytest.raises(NotAnswering) as silent:
            await ask(tmp_path, "echo", {})
    assert not isinstance(silent.value, NobodyListens)


async def test_what_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).touch()
    with pytest.raises(NobodyListens):
        await ask(tmp_path, "echo", {})
    async with serve_socket(tmp_path, HANDLERS):
        assert (await ask(tmp_path, "echo", {"text": "x"})).lines == ("x",)


async def test_a_long_path_is_led_to_a_short_one_that_goes_with_the_server(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    assert len(os.fsencode(folder)) > PATH_BYTES
    async with serve_socket(folder, HANDLERS):
        short = (folder / SOCKET_FILE).readlink()
        assert stat.S_IMODE(short.parent.stat().st_mode) == 0o700
        assert (await ask(folder, "echo", {"text": "x"})).lines == ("x",)
    assert not short.parent.exists()
    assert not (folder / SOCKET_FILE).is_symlink()
    (folder / SOCKET_FILE).symlink_to(short)  # as a killed server leaves it
    async with serve_socket(folder, HANDLERS):
        assert (await ask(folder, "echo", {"text": "x"})).lines == ("x",)


async def test_a_command_of_another_release_is_refused(tmp_path: Path) -> None:
    async with serve_socket(tmp_path, HANDLERS):
        refusal = (await ask(tmp_path, "later", {})).refusal
    assert refusal is not None
    assert refusal.code == "unknown_operation"


async def test_a_mistake_in_one_command_ends_neither_the_server_nor_its_secrets(tmp_path: Path) -> None:
    async with serve_socket(tmp_path, HANDLERS):
        answer = await ask(tmp_path, "fail", {})
        assert (answer.code, answer.errors) == (1, ("the server failed on this; its log says how",))
        assert (await ask(tmp_path, "echo", {"text": "x"})).lines == ("x",)


@pytest.mark.parametrize("junk", [b"", b"\n", b"{}\n", b"\xff\xfe\n", b'{"name": 1, "args": []}\n', b"x" * 100_000])
async def test_junk_closes_its_own_connection_only(tmp_path: Path, junk: bytes) -> None:
    async with serve_socket(tmp_path, HANDLERS):
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_FILE)
        writer.write(junk)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert (await ask(tmp_path, "echo", {"text": "x"})).lines == ("x",)


async def test_a_connection_that_says_nothing_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async with serve_socket(tmp_path, HANDLERS, patience_s=0.01):
        _, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_FILE)
        await asyncio.sleep(0.001)
    writer.close()
