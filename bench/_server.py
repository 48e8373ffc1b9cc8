"""Starts the real server for a benchmark: its own data folder, its own port, pinned to one core, ended by its id."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKSPACE = ROOT / "app/workspace/sample/winery.yaml"
ROOM = "qingtan-douyin"


@dataclass(frozen=True)
class Served:
    """A running server. `cpu_seconds()`: user and system time of its process so far."""

    port: int
    process: int
    folder: Path

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """Return a port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cueroom(folder: Path, *args: str) -> str:
    """Run one command on the folder and return what it printed."""
    command = [sys.executable, "-m", "app", *args, "--data", str(folder)]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True).stdout


def environment() -> dict[str, str]:
    """The process's own, with limits that a benchmark may reach."""
    limits = {"CUEROOM_LIMITS__RECORDS_PER_SECOND": "10000000", "CUEROOM_LIMITS__BURST_RECORDS": "10000000"}
    return {**os.environ, **limits}


def token(folder: Path, scope: str, rooms: Sequence[str] = (ROOM,)) -> str:
    """Make a machine token and return it: to send and read for rooms, or an administrator's for all."""
    bound = [] if scope == "admin" else [word for room in rooms for word in ("--room", room)]
    printed = cueroom(folder, "token", "create", "--scope", scope, *bound, "--name", f"bench {scope}")
    return token_line(printed, scope)


def token_line(printed: str, scope: str = "ingest") -> str:
    """Return the secret in what `cueroom token create` printed."""
    return next(word for word in printed.split() if word.startswith(f"cr_{scope}_"))


def many_rooms(count: int) -> str:
    """A workspace of so many rooms, all alike, each with a line that must not fall silent."""
    rooms = "".join(
        f"  - {{id: r{n}, brand: b, name: 直播间 {n}, platform: douyin, "
        "every: {stream: 1s}, lines: [{name: main, target_kbps: 3000}]}\n"
        for n in range(count)
    )
    return (
        "version: 1\nworkspace: {id: many, name: 许多直播间, language: zh-CN}\nbrands:\n  - {id: b, name: 青坛}\n"
        f"rooms:\n{rooms}"
        "skus:\n  - {sku: SKU-1, product: P, brand: b, name: 礼盒, price: 199.00, planned: 500000, stock: 500000}\n"
    )


@contextlib.contextmanager
def served(*, core: int | None = 0, workspace: str = "") -> Iterator[Served]:
    """The control room with the sample workspace, or one of a text, embedded, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="cueroom-bench-") as name:
        folder = Path(name)
        file = folder / "workspace.yaml"
        file.write_text(workspace or WORKSPACE.read_text(encoding="utf-8"), encoding="utf-8")
        cueroom(folder, "setup", str(file))
        port = free_port()
        command = [sys.executable, "-m", "app", "serve", "--data", name, "--port", str(port)]
        with running(command, port, "/healthz", core=core) as process:
            yield Served(port, process.pid, folder)


@contextlib.contextmanager
def running(command: list[str], port: int, path: str, *, core: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, up when this returns; ended when left."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        if core is not None and hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(process.pid, {core})
        _wait_for(port, path, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_for(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not come up within 30 s")


def use_core(core: int) -> None:
    """Pin this process, so that the load does not eat into the server's core."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})
