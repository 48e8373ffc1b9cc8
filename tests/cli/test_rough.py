"""Promises: whatever is wrong with the arguments, the folder or the terminal, a command says so in a line of the
reader's language, and what to do; no command ever shows a traceback."""

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import structlog

import app
from app.cli import main
from app.cli.terminal import complain, show
from app.errors import ControlRoomError
from app.operations import refusals
from app.operations.answer import Answer
from tests.cli.place import ROOT, WINERY, Place

CHINESE = {"CUEROOM_LANG": "zh-CN"}
PLAN = str(ROOT / "app" / "replay" / "plans" / "samples.yaml")


def test_a_server_that_cannot_have_its_folder_or_port_says_so_in_a_line(empty: Place) -> None:
    (empty.folder / "file").touch()
    for folder in ("file", "file/data"):
        ran = empty.run("serve", "--port", "0", "--data", folder)
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
        assert ran.stderr.startswith(f"cueroom: the data folder {folder} cannot be used: ")
    assert empty.run("serve", "--data", "file", **CHINESE).stderr.startswith("cueroom: 数据目录 file 用不了：")
    for port in ("65536", "-1", "x"):
        ran = empty.run("serve", f"--port={port}")
        assert (ran.returncode, "a port is a number from 0 to 65535" in ran.stderr) == (2, True)
    ran = empty.run("serve", "--role", "web", **CHINESE)
    assert ran.stderr.startswith("cueroom: 缺少要连的服务器：")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_name_from_elsewhere_commands_the_terminal(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;pwned\x07\x9b31m\u202e\r\u2028\U000e0041"
    answer = Answer(lines=(f"未知字段 {evil} ×1\t好　👩‍🔧",), errors=(evil,), data={"未知": evil})
    show(answer, sys.stdout, as_json=as_json)
    complain(ControlRoomError(f"no {evil}", name=evil), sys.stderr)
    told = capsys.readouterr()
    assert all(char in "\n\t\u200d　" or char.isprintable() for char in told.out + told.err)
    assert "\\u001b[2J\\u001b]0;pwned\\u0007\\u009b31m\\u202e" in told.err
    assert json.loads(told.out)["未知"] == evil if as_json else "×1\t好　👩‍🔧" in told.out


def test_a_backup_that_is_not_there_leaves_no_folder(empty: Place) -> None:
    ran = empty.run("restore", "none.backup", "--data", "new")
    assert (ran.returncode, ran.stderr) == (1, "cueroom: no_backup: there is no such file (file=none.backup)\n")
    assert not (empty.folder / "new").exists()


def test_a_replay_that_cannot_begin_says_why_at_once(empty: Place) -> None:
    ran = empty.run("replay", "none.json", "--room", "r")
    assert ran.stderr == "cueroom: cannot_read: none.json: No such file or directory\n"
    ran = empty.run("replay", PLAN, "--room", "r")
    assert ran.returncode == 1
    assert ran.stderr.startswith("cueroom: needs_token: ")
    assert "cueroom token create --scope admin" in ran.stderr
    for url in ("http://127.0.0.1:9", "nonsense"):
        ran = empty.run("replay", PLAN, "--room", "r", "--token", "x", "--url", url)
        assert ran.stderr.startswith("cueroom: remote_refused: nothing answers at ")
        assert "stays open" not in ran.stderr
    ran = empty.run("replay", PLAN, "--room", "r", "--speed", "fast")
    assert (ran.returncode, "a number above 0" in ran.stderr) == (2, True)


def test_a_token_has_a_name_and_a_purge_of_nothing_says_so(empty: Place) -> None:
    empty.done("setup", str(WINERY))
    for name in ("", "  ", "\u200b", "x" * 65):
        ran = empty.run("token", "create", "--scope", "read", "--name", name)
        assert (ran.returncode, ran.stderr.startswith("cueroom: bad_name: ")) == (1, True)
    assert empty.done("purge", "--before", "2030-01-01").startswith("nothing to remove")
    told = empty.done("doctor")
    assert "The variable DINGTALK_OPS_URL is not set" in told  # in the reader's words, not the group's
    assert "环境变量" not in told
    assert not told.rstrip().endswith(":")


def test_an_answer_that_cannot_be_written_is_told_on_the_other_stream(empty: Place) -> None:
    ran = empty.run_shell(f"'{sys.executable}' -P -m app rules check >/dev/full")
    assert (ran.returncode, ran.stderr.startswith("cueroom: cannot_tell: ")) == (1, True)
    with patch.object(sys, "stdout", None), patch.object(sys, "stderr", None), patch.object(sys, "stdin", None):
        try:
            assert main(["rules", "check"]) == 0  # as after `>&- 2>&- <&-`
            assert main(["doctor", "--data", str(empty.data)]) == 1
        finally:
            for stream in (sys.stdin, sys.stdout, sys.stderr):
                stream.close()
            structlog.reset_defaults()
    assert os.umask(0o077) == 0o077


def classes(of: type[ControlRoomError]) -> Iterator[type[ControlRoomError]]:
    for one in of.__subclasses__():
        yield one
        yield from classes(one)


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW"])
def test_every_refusal_that_has_words_exists_and_is_worded(language: str) -> None:
    for module in pkgutil.walk_packages([str(Path(app.__file__).parent)], "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    known = {one.code for one in classes(ControlRoomError)}
    assert refusals._WORDS.keys() <= known
    context = dict.fromkeys(("folder", "why", "pid", "file", "where", "other", "room", "id", "session"), "x")
    for code in refusals._WORDS:
        assert refusals.worded(language, code, "detail", context)
    assert refusals.worded(language, "cannot_read", "detail", {}) is None
    assert refusals.worded("en", "cannot_read", "detail", context) is None
