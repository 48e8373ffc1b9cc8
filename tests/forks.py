"""Processes of the product, forked from one that has imported everything: of a test with six of them the starts of
Python would be the longest part. What they run is what `python -m app` runs.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.cli import main

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, "app.cli.serve", "app.cli.demo", "tests.faults.dying", "tests.imported"])
ROOT: Final = Path(__file__).resolve().parent.parent


def run(
    work: Callable[..., Any], words: Sequence[str], environ: Mapping[str, str], out: Path, err: Path, folder: Path
) -> None:
    """What the new process does, from its first moment to its end. It keeps nothing that Python compiles: where a test
    lets it write little, that would be half a file, on which every later start breaks."""
    sys.dont_write_bytecode = True
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, file in ((1, out), (2, err)):
        with file.open("ab") as opened:
            os.dup2(opened.fileno(), number)
    code = work(words)
    sys.exit(asyncio.run(code) if asyncio.iscoroutine(code) else code)


class Forked:
    """A process, with the surface of subprocess.Popen that is used here. What it prints is added to two files."""

    def __init__(
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        out: Path,
        err: Path,
        work: Callable[[Sequence[str]], Any] = main,
        folder: Path = ROOT,
    ) -> None:
        """`work` returns an exit code, or a coroutine of one; without it the words are a command of ours, typed in
        `folder`."""
        self._process = FORKS.Process(target=run, args=(work, list(words), dict(environ), out, err, folder))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._asking = threading.Lock()  # its end is told once, to whoever asks first

    @property
    def returncode(self) -> int | None:
        with self._asking:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended; raise subprocess.TimeoutExpired."""
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
