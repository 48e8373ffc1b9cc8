"""How far a replay has come, in a small file beside the player: one that was killed goes on where it stood."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from app.domain.identity import content_hash
from app.errors import ControlRoomError
from app.replay.recording import Reel

FOLDER: Final = "replays"


class CannotNote(ControlRoomError):
    """The folder of the notes cannot be written."""

    kind, code = "broken", "cannot_note"


class Progress(Struct, kw_only=True):
    """Everything a player must know to go on.

    `session` empty: it was about to be opened, under `key`. `place`: of the first record that has no answer yet; those
    before `until` may have arrived, and are sent again as they were, so that their ids make them duplicates.
    `paused_ms`: how long it stood still, in all. `resumed`: how often it went on.
    """

    session: str
    key: str
    started_ms: int
    paused_ms: int = 0
    place: int = 0
    until: int = 0
    sent: dict[str, int] = {}
    refused: list[tuple[str, str, int]] = []
    taken: int = 0
    duplicates: int = 0
    repeated: int = 0
    resumed: int = 0


class Notes:
    """The file in which the progress of one replay is kept. Owned by one player at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, folder: Path, reel: Reel, *, room: str, speed: float, url: str) -> "Notes":
        """Return the notes of this reel played in this way: another reel, room, speed or house is another replay."""
        ids = "\n".join(f"{item.event.id} {item.offset_ms}" for item in reel.items)
        name = content_hash(f"{url}\n{room}\n{speed}\n{ids}".encode())[:16]
        return cls(folder / FOLDER / f"{name}.json")

    def read(self) -> Progress | None:
        """Return what was noted; None when there is nothing, or nothing that can be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except (OSError, msgspec.DecodeError):
            return None

    @property
    def session(self) -> str | None:
        """The session that was left open; None when there is none."""
        left = self.read()
        return left.session or None if left is not None else None

    def write(self, progress: Progress) -> None:
        """Note it, whole or not at all. Raises CannotNote."""
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(progress))
            new.replace(self.path)
        except OSError as fault:
            raise CannotNote(f"{new}: {fault.strerror}") from None

    def drop(self) -> None:
        """Forget it: the replay is over. What stays where nothing can be removed names a session that has ended."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
