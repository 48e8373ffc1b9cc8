"""Protocol buffers as they are on the wire: numbered fields, read without a schema by whoever knows the numbers.

Wire form: https://protobuf.dev/programming-guides/encoding/. Groups (long gone) are not read.
"""

from typing import Final

VARINT_BITS: Final = 64
_FIXED: Final = {1: 8, 5: 4}
"""Wire type -> bytes of a value of fixed length."""


class NotProtobuf(ValueError):
    """The bytes are no message."""


class Message:
    """The fields of one message. A field that is not there is 0, no bytes or no message, as in proto3."""

    __slots__ = ("_fields",)

    def __init__(self, body: bytes) -> None:
        """Raises NotProtobuf."""
        self._fields: dict[int, int | bytes] = {}
        place = 0
        while place < len(body):
            tag, place = _varint(body, place)
            value: int | bytes
            if tag & 7 == 0:
                value, place = _varint(body, place)
            else:
                length, place = _varint(body, place) if tag & 7 == 2 else (_FIXED.get(tag & 7, len(body)), place)
                value, place = body[place : place + length], place + length
                if place > len(body):
                    raise NotProtobuf("a field ends behind the message")
            self._fields[tag >> 3] = value  # of a field that may have one value the last counts

    def number(self, field: int) -> int:
        found = self._fields.get(field, 0)
        return found if isinstance(found, int) else 0

    def text(self, field: int) -> str:
        found = self._fields.get(field, b"")
        return found.decode("utf-8", errors="replace") if isinstance(found, bytes) else ""

    def message(self, field: int) -> "Message":
        """Raises NotProtobuf."""
        found = self._fields.get(field, b"")
        return Message(found if isinstance(found, bytes) else b"")


def _varint(body: bytes, place: int) -> tuple[int, int]:
    """Return an integer in groups of seven bits, the lowest first, and where the next thing begins."""
    value = 0
    for shift in range(0, VARINT_BITS + 6, 7):
        if place == len(body):
            break
        byte, place = body[place], place + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> VARINT_BITS:
                raise NotProtobuf(f"a number of more than {VARINT_BITS} bits")
            return value, place
    raise NotProtobuf("a number without an end")
