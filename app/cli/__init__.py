"""The command line: `cueroom` or `python -m app`; arguments in, lines out, an exit code a script can use.

A command is a module here with `add_options(parser)` and a function of its own name, `(settings, args, out) -> int`.
Only the module of the command that was asked for is imported, so that `--help` is there at once.
"""

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final, NamedTuple

from app import __version__


class Command(NamedTuple):
    """`options`: the module that declares the options, else the command's own."""

    help: str
    options: str = ""


COMMANDS: Final[dict[str, Command]] = {
    "serve": Command("run the control room until it is told to stop"),
    "demo": Command("run it with the sample winery and its livestream playing, all of it marked 演练", "serve"),
    "setup": Command("read a workspace file: rooms, goods, groups, people"),
    "user": Command("add a person, or give one a new password"),
    "token": Command("make a token for a machine"),
    "channel": Command("send a test message to a chat group"),
    "doctor": Command("tell what has come from each source of a room"),
    "replay": Command("play a recording into a session marked 演练, and tell whether all of it arrived"),
    "rules": Command("check rule files and run their tests"),
    "backup": Command("write a checked copy of the database, also while the server runs"),
    "restore": Command("make a backup the database of a data folder that has none"),
    "purge": Command("remove what is older than is to be kept, or what one viewer wrote"),
    "db": Command("bring the database to the shape this release needs"),
}

DATA_HELP: Final = "the data folder (default: CUEROOM_DATA, else ./data)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: refused or failed, with a line on stderr; 2: the command line itself was wrong."""
    os.umask(0o077)  # what is written, databases above all, is for this account only
    arguments = sys.argv[1:] if argv is None else list(argv)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: `cueroom doctor >&-`
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character still gets the rest
    args = _parser(arguments).parse_args(arguments)
    try:
        return _run(args)
    except BrokenPipeError:  # `cueroom doctor | head`
        from app.cli.terminal import forget

        forget(sys.stdout)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(args: argparse.Namespace) -> int:
    from app.cli.terminal import BadSettings, complain, settings_of

    try:
        settings = settings_of(args)
    except BadSettings as mistakes:
        complain(mistakes, sys.stderr)
        return 1
    module = _load(args.command)
    code: int = getattr(module, args.command)(settings, args, sys.stdout)
    sys.stdout.flush()
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser, with the options of the one command that `arguments` name."""
    parser = argparse.ArgumentParser(prog="cueroom", description="A real-time control room for livestream commerce.")
    parser.add_argument("--version", action="version", version=f"cueroom {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.help, description=command.help.capitalize() + ".")
        if name == asked:
            _load(command.options or name).add_options(own)
            own.add_argument("--data", metavar="DIR", help=DATA_HELP)
    return parser


def _load(command: str) -> ModuleType:
    """Import a command. Nothing is garbage while modules are made: looking for it would be a tenth of a start."""
    gc.disable()
    try:
        return importlib.import_module(f"app.cli.{command}")
    finally:
        gc.enable()
