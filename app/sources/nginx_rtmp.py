"""What an nginx with the RTMP module says of the stream that reaches it: its /stat pages, and its callbacks.

/stat: bitrate is Δbytes_in ÷ Δt of the publisher; a negative difference is a restart. A page that no longer has the
stream says that nothing comes: 0. A poll that failed says nothing. Callbacks: `on_publish` and `on_update` say that
the stream is there, `on_publish_done` that it is gone (they cannot tell an end from a drop).
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs
from xml.etree import ElementTree

from msgspec import Struct

from app.domain.events import StreamEvent, StreamHealth
from app.sources.record import NotThisRecording, Record, json_lines, milliseconds

LINE: Final = "ingest"
_HOOKS: Final = {"/on_publish": True, "/on_update": True, "/on_publish_done": False}


class _Poll(Struct):
    t: float
    xml: str | None = None
    error: str | None = None


class _Hook(Struct):
    t: float
    path: str
    body: str = ""


class _Seen(Struct):
    """The publisher as one page has it."""

    t: float
    bytes_in: int
    dropped: int


def read_stat(body: bytes, line: str = LINE) -> Iterator[Record]:
    """Yield the polls in the order of the file. Raises NotThisRecording."""
    before: _Seen | None = None
    spoken = False
    for number, poll in json_lines(body, _Poll):
        at, place = milliseconds(poll.t), str(number)
        if poll.xml is None:
            yield Record(at, place, "stream", why="poll_failed")
            continue
        seen = _publisher(poll.t, poll.xml, number)
        if seen is None and not spoken:
            yield Record(at, place, "stream", why="no_stream_yet")
            continue
        spoken = True
        health = StreamHealth(line, bitrate_kbps=0.0) if seen is None else _health(line, before, seen)
        before = seen
        yield _stream(at, place, health)


def read_hooks(body: bytes, line: str = LINE) -> Iterator[Record]:
    """Yield the callbacks in the order of the file. Raises NotThisRecording."""
    for number, hook in json_lines(body, _Hook):
        at, place = milliseconds(hook.t), str(number)
        here = _HOOKS.get(hook.path)
        if here is None or not parse_qs(hook.body).get("name"):
            yield Record(at, place, "other", why="no_stream_named")
        else:
            yield _stream(at, place, StreamHealth(line, bitrate_kbps=None if here else 0.0))


def _health(line: str, before: _Seen | None, now: _Seen) -> StreamHealth:
    sent = -1 if before is None else now.bytes_in - before.bytes_in
    span = 0.0 if before is None else now.t - before.t
    dropped = now.dropped - (before.dropped if before is not None else 0)
    return StreamHealth(
        line,
        bitrate_kbps=round(sent * 8 / span / 1_000, 1) if sent >= 0 and span > 0 else None,
        dropped=dropped if dropped >= 0 else now.dropped,
    )


def _publisher(t: float, xml: str, number: int) -> _Seen | None:
    """Return the stream that somebody publishes, None when the page has none."""
    if "<!" in xml:
        raise NotThisRecording(f"line {number}: a page with declarations", line=number)
    try:
        for stream in ElementTree.fromstring(xml).iter("stream"):  # noqa: S314  declarations were refused above
            client = next((each for each in stream.iter("client") if each.find("publishing") is not None), None)
            if client is not None:
                return _Seen(t, int(stream.findtext("bytes_in", "0")), int(client.findtext("dropped", "0")))
    except (ElementTree.ParseError, ValueError) as broken:
        raise NotThisRecording(f"line {number}: {broken}", line=number) from None
    return None


def _stream(at: int, place: str, health: StreamHealth) -> Record:
    return Record(at, place, "stream", StreamEvent(room="", occurred_ms=0, payload=health))
