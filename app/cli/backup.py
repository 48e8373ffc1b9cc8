"""`cueroom backup [FILE]`: a checked copy of the database, also while the server runs; `--verify`: its rehearsal."""

import argparse
import sys
from pathlib import Path
from typing import TextIO

from app.cli.terminal import add_json, complain, language, operate, show
from app.errors import ControlRoomError
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="a new file (default: named by the time)")
    parser.add_argument(
        "--verify", action="store_true", help="restore FILE into a throw-away folder and tell what is in it"
    )
    add_json(parser)


def backup(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Exit 1 when the copy cannot be made, or when the one that is verified cannot be restored."""
    if args.verify and not args.file:
        sys.stderr.write("cueroom: --verify needs the FILE that is to be verified\n")
        return 2
    if not args.verify:
        file = Path(args.file or _by_the_time()).absolute()
        return operate(settings, "backup", {"file": str(file)}, args, out)
    from app.logs import configure
    from app.operations.backup import rehearse

    configure("warning")
    try:
        return show(rehearse(Path(args.file), language()), out, as_json=args.json)
    except ControlRoomError as refusal:
        complain(refusal, sys.stderr)
        return 1


def _by_the_time() -> str:
    from datetime import UTC, datetime

    from app.clock import SystemClock

    now = datetime.fromtimestamp(SystemClock().now() / 1_000, UTC)
    return f"cueroom-{now:%Y%m%d-%H%M%S}.backup"
