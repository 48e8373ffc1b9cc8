"""`cueroom replay FILE --room ROOM`: real recordings into a session marked 演练, and whether all of it arrived."""

import argparse
import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

import httpx2

from app.cli.terminal import CannotRead, complain, language
from app.clock import SystemClock
from app.domain.words import in_language
from app.errors import ControlRoomError
from app.replay.plan import READERS, BadPlan, Plan, read_plan, single
from app.replay.player import Player, Report
from app.replay.progress import Notes, Progress
from app.replay.recording import Reel, load
from app.replay.remote import TIMEOUT_S, HttpRemote, RemoteBusy, Told
from app.replay.stocktake import workspace_text
from app.settings import Settings
from app.store.backup import CannotWrite

TOKEN: Final = "CUEROOM_TOKEN"  # noqa: S105  the name of a variable
MOST_SPEED: Final = 10_000.0
INTERRUPTED: Final = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


class NeedsToken(ControlRoomError):
    """There is no token, and nobody to type one."""

    kind, code = "unauthenticated", "needs_token"


class LeftOpen(RemoteBusy):
    """The control room went away for long; the same command goes on where this one stopped."""

    code = "left_open"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a recording, or a plan (.yaml) of several")
    parser.add_argument("--room", required=True, metavar="ROOM", help="the room whose session it becomes")
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times denser (default 1)")
    parser.add_argument("--from", dest="begin", default="", metavar="T", help="where to begin: 10:00, 2010-12-09T14:30")
    parser.add_argument("--span", default="", metavar="D", help="how much of it: 49:00")
    parser.add_argument("--source", default="", choices=tuple(READERS), help="what reads it, if its name does not tell")
    parser.add_argument("--url", default="http://127.0.0.1:8060", help="the control room (default %(default)s)")
    parser.add_argument("--token", default="", help=f"an admin token (default: {TOKEN}, else it is asked for)")
    parser.add_argument(
        "--write-workspace",
        metavar="OUT",
        default="",
        help="play nothing: write a workspace file for ROOM with stock for 80 %% of what the slice sells",
    )


def replay(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Play, print the count, and return 1 when it does not add up.

    Ctrl-C ends the session and prints what has been played (130). Killed, or left by a control room that went away, it
    goes on where it stood when it is started again.
    """
    try:
        plan = _plan(args)
        reel = _reel(plan, args.room)
        if args.write_workspace:
            return _write(Path(args.write_workspace), workspace_text(plan, reel, args.room), out)
        notes = Notes.of(settings.data, reel, room=args.room, speed=args.speed, url=args.url)
        report = asyncio.run(_play(reel, notes, _token(args), args, out))
    except ControlRoomError as refusal:
        complain(refusal, sys.stderr)
        return 1
    out.writelines(f"{line}\n" for line in lines_of(report))
    if report.mismatches():
        return 1
    return INTERRUPTED if report.stopped else 0


def lines_of(report: Report) -> Iterator[str]:
    """Yield the count by kind, what was left out and refused and why, every alert, and whether it adds up."""
    yield _row("kind", "read", "left out", "sent", "refused", "taken", "on board")
    for kind in report.kinds:
        read, out, sent = report.tally.read[kind], report.tally.left_of(kind), report.sent[kind]
        counted = report.board.counters.get(kind, 0)
        yield _row(kind, read, out, sent, report.refused_of(kind), report.taken_of(kind), counted)
    for (kind, why), number in sorted(report.tally.left.items()):
        yield f"left out: {kind} {why} {number}"
    for why, number in sorted(report.tally.dirt.items()):
        yield f"left out of orders: lines with {why} {number}"
    for (kind, code), number in sorted(report.refused.items()):
        yield f"refused: {kind} {code} {number}"
    for kind, number in sorted(report.unplayed.items()):
        yield f"not played: {kind} {number}"
    counted = sum(report.board.counters.values())
    yield f"taken {report.taken} = {counted} on the board + {report.board.duplicates} duplicates"
    if report.repeated:
        yield f"batches sent again: {report.repeated}"
    yield from (_alert(told, report.started_ms) for told in report.alerts)
    yield from (f"does not add up: {wrong}" for wrong in report.mismatches())


def _row(*cells: str | int) -> str:
    first, *rest = cells
    return f"{first:<16}" + "".join(f"{cell:>10}" for cell in rest)


def _alert(told: Told, started_ms: int) -> str:
    ended = "" if told.ended_ms is None else f"-{_clock(told.ended_ms - started_ms)}"
    title = in_language(told.title, language())
    return f"alert {_clock(told.opened_ms - started_ms)}{ended} {told.severity} {told.rule} {told.scope_id} {title}"


def _clock(span_ms: int) -> str:
    minutes, seconds = divmod(span_ms / 1_000, 60)
    return f"{int(minutes)}:{seconds:04.1f}"


def _plan(args: argparse.Namespace) -> Plan:
    path = Path(args.file)
    try:
        path.open("rb").close()  # whatever else is wrong: first that there is such a file
    except OSError as fault:
        raise CannotRead.because(fault, str(path)) from None
    if path.suffix in (".yaml", ".yml"):
        if args.begin or args.span or args.source:
            raise BadPlan("a plan has its own --from, --span and --source")
        return read_plan(path)
    return single(path, source=args.source, from_=args.begin, span=args.span)


def _reel(plan: Plan, room: str) -> Reel:
    try:
        reel = load(plan, room)
    except OSError as fault:
        raise CannotRead.because(fault, str(fault.filename or plan.folder)) from None
    if not reel.items:
        raise BadPlan("nothing of it lies in the slice")
    return reel


def _write(path: Path, text: str, out: TextIO) -> int:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise CannotWrite(f"{path}: {fault.strerror}", file=str(path)) from None
    out.write(f"wrote {path}; next: cueroom setup {path}\n")
    return 0


def _token(args: argparse.Namespace) -> str:
    """Return the token of the command line or the environment, else what is typed. Raises NeedsToken."""
    given = args.token or os.environ.get(TOKEN, "")
    if not given and sys.stdin.isatty():
        with suppress(EOFError):
            given = getpass.getpass("admin token: ")
    if not given.isascii() or not given.isprintable() or not given:
        make = "`cueroom token create --scope admin --name replay`"
        raise NeedsToken(f"an admin token is needed, by --token or {TOKEN}; make one with {make}")
    return str(given)


async def _play(reel: Reel, notes: Notes, token: str, args: argparse.Namespace, out: TextIO) -> Report:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=args.url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        stop = _stop_at_first_signal()

        async def sleep(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

        remote = HttpRemote(client)
        player = Player(remote, SystemClock(), sleep, notes, room=args.room, speed=args.speed, stopping=stop.is_set)
        if notes.session is None:
            await remote.reach()
        try:
            progress = await player.begin()
            out.writelines(f"{line}\n" for line in _beginning(progress, reel, args.speed))
            out.flush()
            return await player.play(reel, progress)
        except RemoteBusy as refusal:
            if notes.session is None:
                raise
            told = f"{refusal.detail}; the session stays open, and the same command again goes on with it"
            raise LeftOpen(told, session=notes.session) from None


def _beginning(progress: Progress, reel: Reel, speed: float) -> Iterator[str]:
    yield f"session {progress.session}"
    if progress.resumed:
        yield f"going on at record {progress.place + 1} of {len(reel.items)}"
    else:
        yield f"{len(reel.items)} records, {_clock(int(reel.length_ms / speed))}; Ctrl-C ends the session"


def _stop_at_first_signal() -> asyncio.Event:
    """Return what SIGINT or SIGTERM sets, once; a second one ends the process as it always does."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = signal.SIGINT, signal.SIGTERM

    def asked() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, asked)
    return stop


def _speed(text: str) -> float:
    speed = 0.0
    with suppress(ValueError):
        speed = float(text)
    if not 0 < speed <= MOST_SPEED:
        raise argparse.ArgumentTypeError(f"a number above 0, at most {MOST_SPEED:g}")
    return speed
