"""`cueroom user add`: a person with a role, who gets a link to choose a password, or has it typed here."""

import argparse
import getpass
import sys
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.domain.people import Role
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a person, or give one who is there a new link or password")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=[role.value for role in Role], help="needed for a new person")
    add.add_argument("--brand", help="sees this brand's rooms only; else the agency's own")
    add.add_argument("--password", action="store_true", help="type the password here instead of printing a link")
    add_json(add, action=True)


def user(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    wanted: dict[str, object] = {"name": args.name, "role": args.role, "brand": args.brand}
    if args.password:
        if not sys.stdin.isatty():
            sys.stderr.write("cueroom: --password asks on a terminal; without one, leave it out and use the link\n")
            return 2
        wanted["password"] = getpass.getpass("Password: ")
        if wanted["password"] != getpass.getpass("Once more: "):
            sys.stderr.write("cueroom: the two are different\n")
            return 1
    return operate(settings, "user add", wanted, args, out)
