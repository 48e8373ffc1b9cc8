"""`cueroom channel test NAME`: one marked message to a chat group, and what the platform answered."""

import argparse
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = actions.add_parser("test", help="send one message marked 【测试】 and print the answer")
    test.add_argument("name", metavar="NAME", help="the channel's name in the workspace file")
    add_json(test, action=True)


def channel(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Exit 1 unless the platform accepted the message."""
    return operate(settings, "channel test", {"name": args.name}, args, out)
