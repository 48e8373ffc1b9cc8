"""`make cluster`: the scaled-out control room on one machine: two web, two worker and two pump processes, and the
PostgreSQL and Valkey they share, both from wheels. Everything lies in one folder, which is removed at the end.

Tests and benchmarks start the same cluster by `Cluster`.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers import PostgresServer, ValkeyServer, make_run_folder, postgres_binaries, valkey_binary  # noqa: E402

ROLES: Final = ("web", "worker", "pump")
START_S: Final = 60.0
STOP_S: Final = 20.0
SAMPLE: Final = ROOT / "app" / "workspace" / "sample" / "winery.yaml"


@dataclass
class Member:
    """One process of the cluster. `address`: where it answers, known once it does."""

    name: str
    role: str
    folder: Path
    environ: Mapping[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    address: str = ""

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    @property
    def said(self) -> str:
        """What it printed since it was last started."""
        return (self.folder / f"{self.name}.out").read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """What it has logged in all its lives."""
        return (self.folder / f"{self.name}.log").read_text(encoding="utf-8")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def command(self) -> list[str]:
        """What is run; tests put a process in its place that ends itself."""
        data = str(self.folder / "data")
        return [sys.executable, "-m", "app", "serve", "--role", self.role, "--port", str(self.port), "--data", data]

    def start(self) -> None:
        """Start it, on the port it had before; `wait` says when it answers."""
        with (self.folder / f"{self.name}.out").open("wb") as out, (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=out, stderr=log
            )

    def wait(self) -> None:
        """Return once it answers; raise RuntimeError when it ends or stays silent."""
        give_up = time.monotonic() + START_S
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.said)):
            if not self.alive or time.monotonic() > give_up:
                raise RuntimeError(f"{self.name} does not start:\n{self.log[-2_000:]}")
            time.sleep(0.01)
        self.address, self.port = found[0], int(found[1])

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Let it finish and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_S)
        return self.process.returncode


@dataclass
class Cluster:
    """Owns the processes; the two servers are its caller's, to stop and start."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    database: str
    redis: str
    environ: Mapping[str, str] = field(default_factory=dict)
    kind: type[Member] = Member
    """Tests have members that start, or end, in a way of their own."""
    members: dict[str, Member] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment of every process and of commands beside them."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("CUEROOM_")}
        plain["CUEROOM_TESTS_RUN"] = os.environ.get("CUEROOM_TESTS_RUN", "")
        return {
            **plain,
            "PYTHONPATH": str(ROOT),
            "CUEROOM_DATABASE_URL": self.database,
            "CUEROOM_REDIS_URL": self.redis,
            **self.environ,
        }

    def command(self, *words: str) -> str:
        """Run a command of ours beside the cluster and return what it printed. Raises RuntimeError."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *words],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"cueroom {' '.join(words)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def add(self, role: str) -> Member:
        """Start one more process; it need not answer yet."""
        name = f"{role}-{1 + sum(1 for each in self.members.values() if each.role == role)}"
        member = self.members[name] = self.kind(name, role, self.folder, self.environment())
        member.start()
        return member

    def start(self, **many: int) -> None:
        """Start so many of each role, and return once all of them answer."""
        started = [self.add(role) for role in ROLES for _ in range(many.get(role, 0))]
        for member in started:
            member.wait()

    def of(self, role: str) -> list[Member]:
        return [each for each in self.members.values() if each.role == role]

    def stop(self) -> None:
        """Let everything finish: first who takes events, then who owns sessions and sends."""
        for role in ROLES:
            for member in self.of(role):
                member.stop()


@contextlib.contextmanager
def cluster(folder: Path, environ: Mapping[str, str] | None = None, kind: type[Member] = Member) -> Iterator[Cluster]:
    """A migrated database and an empty Redis of one's own, with no process yet; all of it ended when left."""
    folder.mkdir(parents=True, exist_ok=True)
    postgres = PostgresServer(folder / "postgres", postgres_binaries(folder))
    valkey = ValkeyServer(folder / "valkey", valkey_binary())
    made: Cluster | None = None
    try:
        postgres.start()
        valkey.start()
        made = Cluster(
            folder, postgres, valkey, postgres.create_database(name="cueroom"), valkey.url(), environ or {}, kind
        )
        made.command("db", "upgrade")
        yield made
    finally:
        if made is not None:
            made.stop()
        valkey.stop()
        postgres.stop()


def main(arguments: list[str]) -> int:
    """Start the cluster with the sample's rooms, and wait for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument("--each", type=int, default=2, help="processes of each role (default 2)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = make_run_folder()
    os.environ["CUEROOM_TESTS_RUN"] = str(folder)
    try:
        with cluster(folder) as room:
            sys.stdout.write(room.command("setup", str(SAMPLE)))
            room.start(**dict.fromkeys(ROLES, options.each))
            for member in room.members.values():
                sys.stdout.write(f"{member.name:9} pid {member.pid:<7} {member.address}\n")
            sys.stdout.write(room.of("web")[0].said)
            sys.stdout.write(f"logs in {folder}; every web process serves every session; Ctrl-C stops all of it\n")
            sys.stdout.flush()
            while all(member.alive for member in room.members.values()):
                time.sleep(0.5)
            gone = [member.name for member in room.members.values() if not member.alive]
            sys.stderr.write(f"ended by itself: {', '.join(gone)}; the others stop now\n")
            return 1
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
