"""A place to run the command line in: an empty home, a folder of its own, and perhaps a server that runs there."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import structlog

import app
from app.cli import main
from tests.forks import Forked

ROOT = Path(app.__file__).resolve().parents[1]
WINERY = ROOT / "app" / "workspace" / "sample" / "winery.yaml"
STARTS_S = 60.0


@dataclass
class Place:
    """Runs commands; nothing of the tests' own environment reaches them.

    `run` and `done` do so in this process, from its main thread. `run_apart` and `serving` fork one that has imported
    everything, where several things run at once; `start` starts Python, where that is the point.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        return {**plain, "PYTHONPATH": str(ROOT), **self.variables}

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run `cueroom` with these arguments, as `python -m app` does."""
        out, err, mask = StringIO(), StringIO(), os.umask(0)
        os.umask(mask)
        try:
            with (
                patch.dict(os.environ, self.environ | variables, clear=True),
                chdir(self.folder),
                Path(os.devnull).open() as nothing,
                patch.object(sys, "stdin", nothing),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                code = main(arguments)
        except SystemExit as end:  # argparse: --help, or a mistake on the command line
            code = int(end.code or 0)
        finally:
            os.umask(mask)
            structlog.reset_defaults()  # a command sets up its log for a process of its own
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def run_apart(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run `cueroom` with these arguments in a process of its own."""
        with TemporaryDirectory() as files:
            out, err = Path(files) / "out", Path(files) / "err"
            code = Forked(arguments, self.environ | variables, out, err, folder=self.folder).wait(100)
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def start(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start `cueroom` with these arguments, as a terminal does."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "app", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        """Run, expect success, and return what was printed."""
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def done_apart(self, *arguments: str) -> str:
        """The same in a process of its own."""
        ran = self.run_apart(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    @property
    def python(self) -> str:
        return sys.executable

    def shell(self, line: str) -> str:
        """Run a line as a person would paste it, expect success, and return what was printed."""
        ran = self.run_shell(line)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def run_shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line as a person would paste it."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def serving(place: Place, port: int = 0) -> Iterator[str]:
    """Run a server in the place; yields its address, and stops it as a person would."""
    out, err = place.folder / "serve.out", place.folder / "serve.err"
    out.write_bytes(b"")
    server = Forked(("serve", "--port", str(port)), place.environ, out, err, folder=place.folder)
    try:
        yield _address(server, out, err)
    finally:
        server.terminate()
        server.wait(STARTS_S)
    assert server.returncode == 0


def _address(server: Forked, out: Path, err: Path) -> str:
    give_up = time.monotonic() + STARTS_S
    while not (found := re.search(r"^\s+(http://[^/\s]+)", out.read_text(), re.MULTILINE)):
        assert server.poll() is None, err.read_text()
        assert time.monotonic() < give_up, err.read_text()
        time.sleep(0.01)
    return found[1]
