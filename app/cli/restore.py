"""`cueroom restore FILE`: a backup becomes the database of a data folder that has none; no server may run there."""

import argparse
import sys
from pathlib import Path
from typing import TextIO

from app.cli.terminal import add_json, complain, language, show
from app.errors import ControlRoomError
from app.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `cueroom backup` wrote")
    add_json(parser)


def restore(settings: Settings, args: argparse.Namespace, out: TextIO) -> int:
    """Check the backup first, and leave a folder that has a database as it is."""
    from app.bus.owner import hold_folder
    from app.logs import configure
    from app.operations import backup
    from app.operations.reach import BadFolder
    from app.store.backup import NoBackup

    configure("warning")
    try:
        if not Path(args.file).is_file():  # before a folder is made for it
            raise NoBackup("there is no such file", file=args.file)
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with hold_folder(settings.data):
            return show(backup.restore(settings.database, Path(args.file), language()), out, as_json=args.json)
    except ControlRoomError as refusal:
        complain(refusal, sys.stderr)
    except OSError as fault:
        complain(BadFolder.because(fault, settings.data), sys.stderr)
    return 1
