"""`cueroom serve` and `cueroom demo`: a process of the control room, all of it or one role, until told to stop."""

import argparse
import asyncio
import contextlib
import errno
import importlib
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Final, Literal, TextIO, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from app import __version__
from app.bus.owner import DatabaseHold, hold_folder
from app.cli.terminal import forget, language, sentence
from app.clock import SystemClock
from app.errors import ControlRoomError, Unavailable
from app.intake.recipe import find_recipe
from app.logs import configure
from app.main import build, build_inner
from app.operations.installation import Installation
from app.operations.patience import patiently
from app.operations.reach import BadFolder
from app.operations.socket import serve_socket
from app.operations.table import handlers
from app.operations.words import word
from app.realtime.fanout_door import Detachable
from app.runtime import ALL_ROLES, Role, Runtime, bus_of, seal_key
from app.settings import Settings
from app.store import migrate
from app.store.database import Store, normalised
from app.store.migrate import upgrade

GRACE_S: Final = 5
STOP_S: Final = 45
"""For the pump, the worker's last commit and the database together, however they hang."""
SEND_BUFFER: Final = 64 * 1024
"""Of every accepted socket: else the kernel keeps up to 4 MB for a viewer that has stopped reading."""
FIRST: Final = asyncio.FIRST_COMPLETED
log = structlog.get_logger()

Beside = Callable[[Runtime], Awaitable[tuple[asyncio.Task[None], asyncio.Event]]]
"""Starts what runs beside the server while it is up; the event is set when the first page may be served."""
READY_WITHIN_S: Final = 20
MOST_PORT: Final = 65_535


class NeedsServers(ControlRoomError):
    """What is asked for needs servers that the settings do not name."""

    code = "needs_servers"


class CannotListen(ControlRoomError):
    """The address is taken, or is none of this machine's."""

    kind, code = "conflict", "cannot_listen"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that `serve` and `demo` share."""
    parser.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=None, help="port to listen on (default 8060; 0: a free one)")
    parser.add_argument(
        "--role",
        choices=("all", "web", "worker", "pump"),
        default="all",
        help="which part of the control room this process is (one process is `all`; others need CUEROOM_REDIS_URL)",
    )


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= MOST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {MOST_PORT}")
    return port


def serve(settings: Settings, args: argparse.Namespace, out: TextIO, beside: Beside | None = None) -> int:
    """Run until SIGTERM or Ctrl-C. Exit 1 with one line when it cannot start."""
    _ignore_hangup()
    _open_more_files()
    configure(settings.log_level)
    changed = {name: value for name, value in (("host", args.host), ("port", args.port)) if value is not None}
    settings = settings.model_copy(update=changed)
    roles: frozenset[Role] = ALL_ROLES if args.role == "all" else frozenset({args.role})
    try:
        _check_mode(settings, args.role)
        with _folder(settings), asyncio.Runner(loop_factory=_fast_loop()) as runner:
            return runner.run(_serve(settings, roles, out, beside))
    except KeyboardInterrupt:
        return 0
    except ControlRoomError as refusal:
        reason = refusal.context.get("reason")
        sys.stderr.write(f"cueroom: {sentence(refusal)}{f' ({reason})' if reason else ''}\n")
        return 1


def _ignore_hangup() -> None:
    """A terminal that goes away does not end a broadcast's control room."""
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _open_more_files() -> None:
    """As many files as this account may have open: a service is started with 1,024, and each screen's socket is one.
    Programs that would use `select` on them are why it has to be asked for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system that says "no limit" and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _check_mode(settings: Settings, role: str) -> None:
    """Raise when what is asked for needs servers that the settings do not name."""
    if not settings.scaled_out:
        if role != "all":
            raise NeedsServers(
                f"--role {role} needs CUEROOM_REDIS_URL and a PostgreSQL in CUEROOM_DATABASE_URL; use --role all"
            )
    elif normalised(settings.database).get_backend_name() != "postgresql":
        raise NeedsServers(
            "with CUEROOM_REDIS_URL the database must be a PostgreSQL in CUEROOM_DATABASE_URL: SQLite has one process"
        )


@contextlib.contextmanager
def _folder(settings: Settings) -> Iterator[None]:
    """The data folder, held by this process alone; several processes keep nothing there that they write."""
    if settings.scaled_out:
        yield
        return
    with contextlib.ExitStack() as held:
        try:
            settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            held.enter_context(hold_folder(settings.data))
        except OSError as fault:
            raise BadFolder.because(fault, settings.data) from None
        yield


async def _serve(settings: Settings, roles: frozenset[Role], out: TextIO, beside: Beside | None) -> int:
    async with _held(settings) as hold:
        if settings.scaled_out:
            await patiently(settings.database_wait_s, partial(_is_migrated, settings))
        else:
            await patiently(settings.database_wait_s, partial(asyncio.to_thread, upgrade, settings.database))
        store = await Store.open(settings.database)
        clock = SystemClock()
        recipe, fallbacks = await find_recipe(store, settings.data, clock.now(), __version__)
        sealing = await seal_key(store, clock.now())
        runtime = Runtime(settings, store, recipe, sealing, clock=clock, bus=bus_of(settings, sealing), roles=roles)
        for fallback in fallbacks:
            sys.stderr.write(f"cueroom: the {fallback.kind} are broken, the last accepted ones run: {fallback.fault}\n")
        await runtime.start(fallbacks)
        try:
            async with _asked(settings, runtime):
                return await _listen(settings, runtime, out, beside, hold)
        finally:
            await _stopped(runtime)


def _asked(settings: Settings, runtime: Runtime) -> contextlib.AbstractAsyncContextManager[None]:
    """Where other commands ask this server; those of several processes work on the database themselves."""
    if settings.scaled_out:
        return contextlib.nullcontext()
    return serve_socket(settings.data, handlers(_installation(settings, runtime)))


async def _is_migrated(settings: Settings) -> None:
    """Raise Unavailable until `cueroom db upgrade` has been run: of several processes none does it by itself."""
    if await asyncio.to_thread(migrate.current, settings.database) != migrate.head():
        raise Unavailable("the database does not have this release's shape; run `cueroom db upgrade`")


def _installation(settings: Settings, runtime: Runtime) -> Installation:
    """What the other commands work on while this server runs."""
    return Installation(
        settings=settings,
        store=runtime.store,
        clock=runtime.clock,
        access=runtime.access,
        address=lambda: runtime.address,
        changed=runtime.reload_workspaces,
        counted=runtime.door.save_tally,
        purged=runtime.session_purged,
        rewritten=runtime.session_rewritten,
        mended=runtime.pump.reopen if runtime.pump is not None else lambda _: None,
    )


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one; the standard loop elsewhere."""
    try:
        return cast("Callable[[], asyncio.AbstractEventLoop]", importlib.import_module("uvloop").new_event_loop)
    except ImportError:
        return None


@contextlib.asynccontextmanager
async def _held(settings: Settings) -> AsyncIterator[DatabaseHold | None]:
    """On PostgreSQL the database itself is held too, before its tables are touched: the lock file says nothing to
    another machine."""
    url = normalised(settings.database)
    if url.get_backend_name() != "postgresql":
        yield None
        return
    hold = DatabaseHold(url, shared=settings.scaled_out)
    await patiently(settings.database_wait_s, hold.take)
    try:
        yield hold
    finally:
        await hold.release()


async def _stopped(runtime: Runtime) -> None:
    """Stop in order; what hangs for too long is left as a kill would leave it, and nothing is lost by that."""
    try:
        async with asyncio.timeout(STOP_S):
            await runtime.stop()
    except TimeoutError:
        log.critical("stop_took_too_long", seconds=STOP_S)


class _Server(uvicorn.Server):
    """Stops when it is told to. uvicorn itself would raise the signal once more and end the process there and then,
    before the pump and the worker have written down what they were doing."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime, drain_s: int) -> None:
        super().__init__(config)
        self._runtime, self._drain_s = runtime, drain_s
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Not ready from now on; after the time that a load balancer needs to see it, close. A second SIGTERM changes
        nothing; a second Ctrl-C is a person who does not want to wait."""
        first, self._runtime.draining = not self._runtime.draining, True
        if first and self._drain_s:
            self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_s, self._close)
        elif first:
            self._close()
        elif sig == signal.SIGINT:
            self.force_exit = self.should_exit
            self._close()

    def _close(self) -> None:
        self._runtime.closing = self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield  # the handlers stay: a second signal must not cut the stop short


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Return how uvicorn serves us; of proxies it believes those of the settings, and no variable of its own."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_patient(),
        ws=Detachable,
        ws_max_size=4_096,
        ws_per_message_deflate=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
    )


def _patient() -> "type[asyncio.Protocol] | Literal['auto']":
    """Connections that must make progress where there is httptools; uvicorn's own choice elsewhere."""
    try:
        return cast("type[asyncio.Protocol]", importlib.import_module("app.routers.connections").Patient)
    except ImportError:
        return "auto"


async def _listen(
    settings: Settings, runtime: Runtime, out: TextIO, beside: Beside | None, hold: DatabaseHold | None
) -> int:
    app = build(runtime) if "web" in runtime.roles else build_inner(runtime)
    server = _Server(server_config(settings, app), runtime, settings.drain_s)
    listening = _bound(settings)
    port = listening.getsockname()[1]
    tasks: list[asyncio.Task[None]] = []
    if hold is not None:
        tasks.append(asyncio.create_task(hold.keep(), name="hold"))
    if beside is not None:
        playing, ready = await beside(runtime)
        tasks.append(playing)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({playing, waiting}, timeout=READY_WITHIN_S, return_when=FIRST)
        waiting.cancel()
    serving = asyncio.create_task(server.serve([listening]), name="server")
    tasks.append(serving)
    await _announce(settings, port, runtime, out)
    failed = asyncio.create_task(runtime.failed.wait(), name="failed")
    try:
        return await _over(tasks, failed)
    finally:
        runtime.draining = runtime.closing = True
        server.should_exit = True
        for task in (*tasks, failed):
            if task is not serving:
                task.cancel()
        await asyncio.gather(*tasks, failed, return_exceptions=True)


async def _over(tasks: Sequence[asyncio.Task[None]], failed: asyncio.Task[Literal[True]]) -> int:
    """Return the exit code once the first of them ends; raises what ended it, the server itself no less than others."""
    done, _ = await asyncio.wait({*tasks, failed}, return_when=FIRST)
    for task in done:
        task.result()
    if failed in done:
        log.critical("stopping", reason="a part of the control room died; see the line before")
    return int(failed in done)


def _bound(settings: Settings) -> socket.socket:
    """Listen, or say in one line why not."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as fault:
        listening.close()
        other = "--port" if fault.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        where = f"{settings.host}:{settings.port}"
        told = f"cannot listen on {where}: {fault.strerror}; choose another {other}"
        raise CannotListen(told, where=where, why=fault.strerror or str(fault), other=other) from None
    return listening


async def _announce(settings: Settings, port: int, runtime: Runtime, out: TextIO) -> None:
    addresses = [f"http://{'127.0.0.1' if settings.host in ('0.0.0.0', '::') else settings.host}:{port}"]  # noqa: S104
    if settings.host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        addresses.append(f"http://{_lan_address()}:{port}")
    runtime.address = settings.public_url or addresses[-1]
    inner = "web" not in runtime.roles
    secret = None if inner else await runtime.access.people.first_admin_link()
    lines = [f"Cueroom 控台 {__version__}{' ' + '+'.join(sorted(runtime.roles)) if inner else ''}"]
    for address in addresses:
        if secret is None:
            lines.append(f"  {address}")
        else:
            lines += [f"  {word('first_link', language())}", f"  {address}/first?token={secret}"]
    try:
        out.writelines(f"{line}\n" for line in lines)
        out.flush()
    except OSError as fault:  # whoever started it does not read any more: no reason to end a control room
        forget(out)
        log.warning("address_not_told", reason=fault.strerror, port=port)


def _lan_address() -> str:
    """The address by which others in the network reach this machine; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: only the routing table is asked
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
