"""`cueroom db upgrade`: the database in the shape this release needs, before or instead of a start of the server."""

import argparse
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    upgrade = actions.add_parser("upgrade", help="migrate to the newest revision; nothing to do is no error")
    add_json(upgrade, action=True)


def db(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    return operate(settings, "db upgrade", {}, args, out, creates=True)
