"""A session's state as bytes, and back."""

import msgspec

from app.engine.state import FORMAT, State
from app.errors import ControlRoomError


class CheckpointMismatch(ControlRoomError):
    """A checkpoint of another format, or of another session; it is thrown away and the chunks are applied again."""

    kind, code = "broken", "checkpoint_mismatch"


_encoder = msgspec.msgpack.Encoder()


class _Format(msgspec.Struct):
    format: int


def encode(state: State) -> bytes:
    """Return the state as bytes."""
    return _encoder.encode(state)


def decode(body: bytes, session: str) -> State:
    """Return the state; raises CheckpointMismatch when these are not the bytes of this session in today's format."""
    try:
        if msgspec.msgpack.decode(body, type=_Format).format != FORMAT:
            raise CheckpointMismatch("a checkpoint of another format")
        state = msgspec.msgpack.decode(body, type=State)
    except msgspec.DecodeError as error:
        raise CheckpointMismatch(f"not a checkpoint: {error}") from error
    if state.opened.session != session:
        raise CheckpointMismatch("a checkpoint of another session", session=state.opened.session)
    return state
