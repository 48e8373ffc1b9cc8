"""A transcript of obs-websocket 5: each answer to GetStreamStatus while streaming becomes a `stream`, and so does each
RECONNECTING and RECONNECTED, which come earlier.

Bitrate is Δbytes ÷ Δduration. A negative difference of either is a restart of OBS's counters (after a reconnect): then
nothing can be said before the next answer. While nothing moves, the bitrate is 0. `outputActive` stays true during a
reconnect, so `outputReconnecting` decides.
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from app.domain.events import StreamEvent, StreamHealth
from app.sources.record import NotThisRecording, Record, json_lines, milliseconds

LINE: Final = "obs"
_STATES: Final = {"OBS_WEBSOCKET_OUTPUT_RECONNECTING": True, "OBS_WEBSOCKET_OUTPUT_RECONNECTED": False}


T = TypeVar("T")
_NOTHING: Final = Raw(b"null")


class _Message(Struct):
    op: int = -1
    d: Raw = _NOTHING


class _Frame(Struct):
    t: float
    dir: Literal["in", "out", "note"]
    msg: _Message


class _Event(Struct, rename="camel"):
    event_type: str = ""
    event_data: Raw = _NOTHING


class _State(Struct, rename="camel"):
    output_state: str = ""


class _Answer(Struct, rename="camel"):
    request_type: str = ""
    response_data: Raw = _NOTHING


class _Stats(Struct, rename="camel"):
    active_fps: float | None = None


class _Active(Struct, rename="camel"):
    output_active: bool = False


class _Status(Struct):
    """The counters of one answer."""

    bytes: int = field(name="outputBytes")
    duration_ms: int = field(name="outputDuration")
    skipped: int = field(name="outputSkippedFrames")
    reconnecting: bool = field(name="outputReconnecting")


class _Reader:
    """What must be remembered from one frame to the next: the last counters and the frames a second."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._before: _Status | None = None
        self._fps: float | None = None

    def record(self, number: int, frame: _Frame) -> Record:
        at, place, message = milliseconds(frame.t), str(number), frame.msg
        if frame.dir == "in" and message.op == 7:
            return self._answer(at, place, _read(message.d, _Answer))
        if frame.dir == "in" and message.op == 5:
            event = _read(message.d, _Event)
            if event.event_type == "StreamStateChanged":
                state = _read(event.event_data, _State).output_state
                if state in _STATES:
                    return self._stream(at, place, StreamHealth(self._line, reconnecting=_STATES[state]))
        return Record(at, place, "other", why="no_reading")

    def _answer(self, at: int, place: str, answer: _Answer) -> Record:
        match answer.request_type:
            case "GetStats":
                fps = _read(answer.response_data, _Stats).active_fps
                self._fps = self._fps if fps is None else round(fps, 1)
            case "GetStreamStatus" if _read(answer.response_data, _Active).output_active:
                status = _read(answer.response_data, _Status)
                before, self._before = self._before, status
                return self._stream(at, place, self._health(before, status))
            case "GetStreamStatus":
                self._before = None
                return Record(at, place, "stream", why="not_streaming")
        return Record(at, place, "other", why="no_reading")

    def _health(self, before: _Status | None, now: _Status) -> StreamHealth:
        skipped = 0 if before is None else now.skipped - before.skipped
        return StreamHealth(
            self._line,
            bitrate_kbps=None
            if before is None
            else _kbps(now.bytes - before.bytes, now.duration_ms - before.duration_ms),
            fps=self._fps,
            dropped=skipped if skipped >= 0 else now.skipped,
            reconnecting=now.reconnecting,
        )

    @staticmethod
    def _stream(at: int, place: str, health: StreamHealth) -> Record:
        return Record(at, place, "stream", StreamEvent(room="", occurred_ms=0, payload=health))


def _kbps(sent_bytes: int, span_ms: int) -> float | None:
    """Return kilobits a second; None when the counters have restarted."""
    if sent_bytes < 0 or span_ms < 0:
        return None
    return round(sent_bytes * 8 / span_ms, 1) if span_ms else 0.0


def _read(part: Raw, kind: type[T]) -> T:
    """Return a part of a frame; of one that is null everything is left out. Raises DecodeError, UnicodeDecodeError."""
    return msgspec.json.decode(b"{}" if bytes(part) == b"null" else part, type=kind)


def read(body: bytes, line: str = LINE) -> Iterator[Record]:
    """Yield the frames in the order of the file. Raises NotThisRecording."""
    reader = _Reader(line)
    for number, frame in json_lines(body, _Frame):
        try:
            yield reader.record(number, frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as broken:
            raise NotThisRecording(f"line {number}: {broken}", line=number) from None
