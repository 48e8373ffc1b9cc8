"""Answers to senders, as they travel from an owner in one process to a sender in another."""

from typing import Final

import msgspec
from msgspec import Struct

from app.bus.ports import Committed
from app.domain.commands import Outcome
from app.errors import ControlRoomError, Kind


class Refusal(Struct, frozen=True):
    kind: Kind
    code: str
    retryable: bool
    detail: str
    context: dict[str, str | int | float]


class Reply(Struct, frozen=True, omit_defaults=True):
    """Where an entry stands, or why it was refused."""

    first: int = 0
    last: int = 0
    duplicates: int = 0
    outcome: Outcome | None = None
    refusal: Refusal | None = None


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Reply)


def encode_reply(result: Committed | ControlRoomError) -> bytes:
    if isinstance(result, ControlRoomError):
        refusal = Refusal(result.kind, result.code, result.retryable, result.detail, result.context)
        return _encoder.encode(Reply(refusal=refusal))
    return _encoder.encode(Reply(result.first, result.last, result.duplicates, result.outcome))


def decode_reply(data: bytes) -> Committed | ControlRoomError:
    """Return what is to be told. A refusal comes as the class of its code, where this process has one that is made of
    its detail and context alone."""
    reply = _decoder.decode(data)
    if reply.refusal is None:
        return Committed(reply.first, reply.last, reply.duplicates, reply.outcome)
    return _class_of(reply.refusal)(reply.refusal.detail, **reply.refusal.context)


def _class_of(told: Refusal) -> type[ControlRoomError]:
    waiting = [ControlRoomError]
    while waiting:
        known = waiting.pop()
        if _says(known) == (told.kind, told.code, told.retryable) and known.__init__ is ControlRoomError.__init__:
            return known
        waiting.extend(known.__subclasses__())
    return type("Refused", (ControlRoomError,), {"kind": told.kind, "code": told.code, "retryable": told.retryable})


def _says(known: type[ControlRoomError]) -> tuple[Kind, str, bool]:
    return known.kind, known.code, known.retryable
