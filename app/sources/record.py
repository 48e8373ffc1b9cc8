"""What every source turns a recording into: records in their order, each an event without times, or why it is none."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from app.domain.events import Event
from app.errors import ControlRoomError

T = TypeVar("T")


class Record(Struct, frozen=True, omit_defaults=True):
    """One record of a recording.

    `at_ms`: by the recording's own clock, whatever that counts from. `place`: names it within the file, for its id.
    `kind`: of the event, or that it would have become. `event` None: it is left out, and `why` says for what reason.
    `dirt`: parts of the record that were left out, by reason. The event's room, time and id are for the player to fill.
    """

    at_ms: int
    place: str
    kind: str
    event: Event | None = None
    why: str = ""
    dirt: Mapping[str, int] = field(default_factory=dict)


class NotThisRecording(ControlRoomError):
    """The file does not hold what its source reads; the place is in the context."""

    code = "not_this_recording"


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unpacked when its name ends in .gz. Raises NotThisRecording, and OSError."""
    body = path.read_bytes()
    if path.suffix != ".gz":
        return body
    try:
        return gzip.decompress(body)
    except (gzip.BadGzipFile, EOFError, zlib.error) as broken:
        raise NotThisRecording(f"{path.name}: {broken}", file=path.name) from None


def json_lines(body: bytes, kind: type[T]) -> Iterator[tuple[int, T]]:
    """Yield every line that is not empty with its number from 1. Raises NotThisRecording with the line."""
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as broken:
                raise NotThisRecording(f"line {number}: {broken}", line=number) from None


def milliseconds(seconds: float) -> int:
    """Return a number of seconds as whole milliseconds."""
    return round(seconds * 1_000)
