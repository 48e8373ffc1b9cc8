"""`cueroom doctor [ROOM]`: what has come from each source, how fresh it is, and what was wrong with it."""

import argparse
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("room", metavar="ROOM", nargs="?", default="", help="one room; else all of them")
    add_json(parser)


def doctor(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    return operate(settings, "doctor", {"room": args.room}, args, out)
