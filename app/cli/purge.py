"""`cueroom purge`: remove what is older than is to be kept, one session's records, or what one viewer wrote."""

import argparse
from typing import TextIO

from app.cli.terminal import add_json, operate
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="count by table what would go, and remove nothing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--before", metavar="DAY", default="", help="sessions that ended before this day (2026-11-24)")
    which.add_argument("--session", metavar="ID", default="", help="this ended session, whatever its age")
    which.add_argument("--user", metavar="ID", default="", help="what this viewer wrote, in every session that ended")
    add_json(parser)


def purge(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Without a choice: everything that the settings (CUEROOM_KEEP__...) do not keep any longer."""
    wanted = {"dry_run": args.dry_run, "before": args.before, "session": args.session, "user": args.user}
    return operate(settings, "purge", wanted, args, out)
