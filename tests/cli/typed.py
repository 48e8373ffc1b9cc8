"""`cueroom` as a shell finds it, without a start of Python each time: a process that has imported everything waits at a
socket, and forks for each command that is typed one with the terminal, folder and environment of its caller.
"""

import json
import os
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from app.cli import main
from tests.forks import Forked
from tests.servers import wait_for

CLIENT = """import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as here:
    here.connect(sys.argv[1])
    asked = json.dumps([os.getcwd(), dict(os.environ), sys.argv[2:]]).encode()
    streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    here.sendmsg([len(asked).to_bytes(4, "big")], streams)
    here.sendall(asked)
    sys.exit((here.recv(1) or bytes([99]))[0])
"""


@contextmanager
def typed(command: Path) -> Iterator[None]:
    """While this is open, the file `command` is a program that does what `python -m app` does."""
    with TemporaryDirectory() as folder:
        door, said = Path(folder) / "door", Path(folder) / "said"
        command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S -c '{CLIENT}' '{door}' \"$@\"\n")
        command.chmod(0o755)
        launcher = Forked([str(door)], os.environ, said, said, work=_wait_for_commands)
        try:
            wait_for(door, listening=True)
            yield
        finally:
            launcher.kill()
            launcher.wait(10)


def _wait_for_commands(words: Sequence[str]) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(words[0])
        door.listen()
        while True:
            caller, _ = door.accept()
            if os.fork() == 0:
                if os.fork():  # what ends is nobody's to wait for
                    os._exit(0)
                door.close()
                _answer(caller)
            caller.close()
            os.wait()


def _answer(caller: socket.socket) -> None:
    """Run the command as its caller would have, and tell its exit code."""
    code = 1
    try:
        head, streams, _, _ = socket.recv_fds(caller, 4, 3)
        if not head:  # somebody looked whether we are here
            os._exit(0)
        asked, length = b"", int.from_bytes(head, "big")
        while len(asked) < length:
            asked += caller.recv(length - len(asked))
        folder, environ, words = json.loads(asked)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (open(n, m, closefd=False) for n, m in enumerate("rww"))  # noqa: SIM115
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        code = main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(bytes([code]))
        os._exit(code)
