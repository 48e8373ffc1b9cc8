"""`cueroom setup FILE [--check]`: a workspace file takes the place of the one before, whole or not at all."""

import argparse
import sys
from typing import TextIO

from app.cli.terminal import CannotRead, add_json, complain, language, operate, read_file, show
from app.operations.socket import SOCKET_FILE
from app.settings import Settings
from app.workspace.file import WorkspaceError, read_workspace


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the workspace file (YAML), see docs/workspace.md")
    parser.add_argument("--check", action="store_true", help="say what would change, and write nothing")
    add_json(parser)


def setup(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Set up the workspace; exit 1 with file:line:column lines when the file has mistakes."""
    try:
        text = _text(read_file(args.file), args.file)
    except CannotRead as refusal:
        complain(refusal, sys.stderr)
        return 1
    except WorkspaceError as mistakes:
        sys.stderr.write(mistakes.told(language()) + "\n")
        return 1
    if args.check and not (settings.data / SOCKET_FILE).exists():
        from app.operations.alone import exists
        from app.operations.setup import Setup, check_alone

        if not exists(settings):
            return show(check_alone(Setup(text, args.file, language(), check=True)), out, as_json=args.json)
    wanted = {"text": text, "name": args.file, "check": args.check}
    return operate(settings, "setup", wanted, args, out, creates=True)


def _text(body: bytes, name: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        read_workspace(body, name)  # which says where
        raise
