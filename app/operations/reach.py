"""Reaching the installation: a running server is asked at its socket; where none runs, the work is done here.

Little is imported for the asking, so that a command is answered at once while the server runs.
"""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any, Final

from app.errors import ControlRoomError
from app.operations.answer import Answer, refused
from app.operations.socket import SOCKET_FILE, NobodyListens, ask
from app.settings import Settings

WAIT_S: Final = 10.0
"""How long another command, or a server that is just starting, may hold the folder without answering."""
EVERY_S: Final = 0.1


class BadFolder(ControlRoomError):
    """The data folder cannot be made or written."""

    kind, code = "broken", "bad_data_folder"

    @classmethod
    def because(cls, fault: OSError, folder: Path) -> "BadFolder":
        """Return it with what the system says."""
        why = fault.strerror or str(fault)
        return cls(f"the data folder {folder} cannot be used: {why}", folder=str(folder), why=why)


def perform(settings: Settings, name: str, args: dict[str, Any], *, creates: bool = False) -> Answer:
    """Have an operation done. `creates`: also where nothing is yet."""
    try:
        return _perform(settings, name, args, creates)
    except ControlRoomError as refusal:
        return refused(refusal)
    except OSError as fault:
        return refused(BadFolder.because(fault, settings.data))


def _perform(settings: Settings, name: str, args: dict[str, Any], creates: bool) -> Answer:
    if (answer := _asked(settings, name, args)) is not None:
        return answer
    from app.operations.alone import AlreadyRunning, work_alone  # brings the whole program with it

    until = time.monotonic() + WAIT_S
    while True:
        try:
            return work_alone(settings, name, args, creates=creates)
        except AlreadyRunning as running:
            if "folder" not in running.context or time.monotonic() >= until:
                raise  # another machine holds the database, or whoever holds the folder never answers
        time.sleep(EVERY_S)
        if (answer := _asked(settings, name, args)) is not None:
            return answer


def _asked(settings: Settings, name: str, args: dict[str, Any]) -> Answer | None:
    """Return the running server's answer; None when none listens. Raises NotAnswering when it was asked in vain."""
    if settings.scaled_out or not (settings.data / SOCKET_FILE).exists():
        return None
    with contextlib.suppress(NobodyListens):
        return asyncio.run(ask(settings.data, name, args))
    return None
