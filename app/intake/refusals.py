"""Why the door refuses one record or a whole request: stable codes, each with its sentence in English.

Pages word the same codes in the reader's language by `error.<code>` of their catalogue.
"""

from typing import ClassVar, Final

from msgspec import Struct

from app.errors import ControlRoomError, Kind

REASONS: Final[dict[str, str]] = {
    "not_json": "this record is not JSON",
    "not_an_object": "a record must be a JSON object",
    "unknown_kind": "no such kind of event",
    "missing_field": "a required field is missing",
    "wrong_type": "the field has another type than it must have",
    "bad_choice": "the field must be one of the documented words",
    "bad_character": "a text holds the character NUL",
    "empty": "the field must not be empty",
    "too_long": "the field is longer than allowed",
    "out_of_range": "the number is outside its bounds",
    "not_whole": "the number must be whole",
    "fractional_stock": "stock is counted in whole units",
    "fractional_amount": "amounts are whole numbers of the currency's smallest unit (分)",
    "wrong_unit": "the number looks as if it were in another unit than documented",
    "seconds_not_milliseconds": "occurred_ms must be milliseconds since 1970; ten digits are seconds",
    "occurred_too_old": "occurred_ms lies too far in the past",
    "occurred_in_future": "occurred_ms lies ahead of the session's clock",
    "bad_currency": "a currency is three capital letters (ISO 4217), such as CNY",
    "available_or_delta": "a stock record has either available or delta, not both and not neither",
    "payload_too_big": "the payload is bigger than allowed",
    "ext_too_big": "payload.ext is bigger than allowed",
    "unknown_room": "there is no such room",
    "room_not_allowed": "this token does not speak for that room",
    "no_session": "the room has no session that could take this; it comes once one is planned or live",
    "session_ending": "the session ends in this batch; send what opens the next one again after the answer",
    "not_in_session": "the room is not part of the session named in the address",
    "session_purged": "the records of the session this belongs to were removed by retention",
    "quarantined": "the control room failed on this record and set it aside",
}
RETRYABLE: Final = frozenset({"no_session", "session_ending"})

Fault = tuple[str, str]
"""A code and the place in the record it is about, such as ("out_of_range", "payload.count")."""


class Refused(Struct, frozen=True, omit_defaults=True):
    """One record that was not taken. `retryable`: the same record may be taken later as it is."""

    index: int
    code: str
    reason: str
    retryable: bool
    place: str = ""


def refused(index: int, fault: Fault) -> Refused:
    """Return the refusal that is told to the sender."""
    code, place = fault
    reason = REASONS[code]
    return Refused(index, code, f"{place}: {reason}" if place else reason, code in RETRYABLE, place)


class BodyTooBig(ControlRoomError):
    """More bytes than a request may have; nothing further was read."""

    kind, code = "too_large", "body_too_big"


class BodyTooSlow(ControlRoomError):
    """The body was not complete in time; what came of it is thrown away."""

    code, retryable = "body_too_slow", True


class BatchTooBig(ControlRoomError):
    """More records than a batch may have; none was taken."""

    kind, code = "too_large", "batch_too_big"


class NotABatch(ControlRoomError):
    """The body is not JSON at all, or JSON that is neither a record nor an array of records."""

    code: ClassVar[str] = "not_a_batch"


class NotUtf8(ControlRoomError):
    """The body holds bytes that are no UTF-8."""

    code: ClassVar[str] = "not_utf8"


class UnsupportedMediaType(ControlRoomError):
    """Neither JSON nor NDJSON in UTF-8, or compressed."""

    code: ClassVar[str] = "unsupported_media_type"


class TooFast(ControlRoomError):
    """A token has sent more records than it may; `wait_s` says when there is room again."""

    kind: ClassVar[Kind] = "busy"
    code: ClassVar[str] = "rate_limited"
    retryable: ClassVar[bool] = True
