"""A session's log: what is appended (Entry), and what it became once applied and stored (Chunk).

A chunk covers the positions first..last: one for each event of its batch, one for each other record, and one for an
empty batch (a heartbeat). A body is encoded once, as MessagePack, with CODEC and SCHEMA beside it.
"""

from typing import Final

import msgspec
from msgspec import Struct

from app.domain.commands import Issued
from app.domain.events import Event
from app.domain.identity import Fence, Position
from app.instants import Instant

CODEC: Final = "msgpack"
SCHEMA: Final = 1
STEP_LIMIT: Final = 1_000
"""Most events in one entry; the door cuts larger batches."""


class Opened(Struct, frozen=True, tag="opened"):
    """Position 1 of every session: the names of the immutable objects it is run by, and its clock at the start."""

    session: str
    session_no: int
    plan: str
    rules: str
    lexicon: str
    build: str
    live: bool = True


class Events(Struct, frozen=True, tag="events"):
    """Events of one batch of one source. `rooms`: the rooms this source speaks for; no events: a heartbeat."""

    source: str
    rooms: tuple[str, ...]
    events: list[Event]
    source_name: str = ""


class Gap(Struct, frozen=True, tag="gap"):
    """Nobody took events from `start_ms` to `end_ms`: holds and clears do not run in it, screens say 停机."""

    start_ms: int
    end_ms: int


class ClockSet(Struct, frozen=True, tag="clock"):
    """The session's clock now reads `session_ms` and runs at `rate` (0: stands; a driver moves it by such records)."""

    session_ms: int
    rate: float


class CommandIssued(Struct, frozen=True, tag="command"):
    issued: Issued


Body = Opened | Events | Gap | ClockSet | CommandIssued


class Entry(Struct, frozen=True):
    """As appended: `received_ms` is session time, converted at the door."""

    received_ms: Instant
    body: Body


class Chunk(Struct, frozen=True):
    """As applied and stored. `applied_ms` = max(engine now, received_ms), never falling."""

    first: Position
    last: Position
    applied_ms: Instant
    received_ms: Instant
    body: Body
    fence: Fence = Fence(0)


def size_of(body: Body) -> int:
    """Return how many positions a body takes."""
    return max(1, len(body.events)) if isinstance(body, Events) else 1


_encoder: Final = msgspec.msgpack.Encoder()
_body_decoder: "msgspec.msgpack.Decoder[Body]" = msgspec.msgpack.Decoder(Body)
_entry_decoder: "msgspec.msgpack.Decoder[Entry]" = msgspec.msgpack.Decoder(Entry)


def encode_body(body: Body) -> bytes:
    """Return the bytes that are stored in a chunk's row."""
    return _encoder.encode(body)


def decode_body(data: bytes) -> Body:
    """Return the body; raises msgspec.DecodeError on bytes that are none."""
    return _body_decoder.decode(data)


def encode_entry(entry: Entry) -> bytes:
    """Return the bytes that travel in a log outside the process."""
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> Entry:
    """Return the entry; raises msgspec.DecodeError on bytes that are none."""
    return _entry_decoder.decode(data)
