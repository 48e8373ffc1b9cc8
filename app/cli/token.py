"""`cueroom token create`: a token for a machine, told once, with a curl line that works as printed."""

import argparse
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token and print it once")
    create.add_argument("--name", required=True, help="who uses it: the source's name on every screen")
    create.add_argument("--scope", required=True, choices=("ingest", "read", "admin"), help="send, read, or everything")
    create.add_argument("--room", action="append", default=[], metavar="ROOM", help="a room it is bound to; repeatable")
    add_json(create, action=True)


def token(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    wanted = {"name": args.name, "scope": args.scope, "rooms": args.room}
    return operate(settings, "token create", wanted, args, out)
