"""A request's body as records: NDJSON, an array or a single object; good records decoded, bad ones named.

A batch without a fault is decoded in one call (0.4 µs an event). Only when that fails is it read record by record, so
that one bad record costs its sender and nobody else: first as it should be (1 µs), then without the fields nobody here
knows (3 µs), and only what is bad by itself step by step, to say what is wrong (20 µs).
"""

import asyncio
import functools
import operator
import re
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, Final, Literal, get_type_hints

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError, defstruct
from msgspec.structs import fields

from app.domain.events import KIND_NAMES, Event, OrderLine, User
from app.intake.refusals import BatchTooBig, Fault, NotABatch, NotUtf8
from app.settings import Limits

Form = Literal["json", "lines"]

_array: Final = msgspec.json.Decoder(list[Event])
_one: Final = msgspec.json.Decoder(Event)
_raw_one: Final = msgspec.json.Decoder(Raw)
_raw_array: Final = msgspec.json.Decoder(list[Raw])
_any: Final = msgspec.json.Decoder()
_BROKEN: Final = (msgspec.DecodeError, RecursionError)
_NUL: Final = b"\\u0000"
_UNKNOWN: Final = "unknown field"
TURN: Final = 200
"""After so many records read one by one others get their turn."""
SAMPLE: Final = 50
"""Of a batch the unknown fields of so many records are counted by name."""

ENVELOPE: Final = frozenset({"id", "room", "kind", "occurred_ms", "payload"})
_TYPES: Final[dict[str, type[Struct]]] = {name: kind for kind, name in KIND_NAMES.items()}
PAYLOADS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(get_type_hints(kind)["payload"].__struct_fields__) for name, kind in _TYPES.items()
}
"""Kind -> the fields of its payload."""
_TYPES_OF_PAYLOADS: Final[dict[str, type[Struct]]] = {
    name: get_type_hints(kind)["payload"] for name, kind in _TYPES.items()
}
_USER: Final = frozenset(User.__struct_fields__)
_LINE: Final = frozenset(OrderLine.__struct_fields__)


def _lenient(strict: type[Struct], inner: dict[Any, Any], **options: Any) -> Any:
    """Return a type with the fields of `strict` that drops what it does not know; `inner`: what its fields become."""
    types = [(one, inner.get(one.type, one.type)) for one in fields(strict)]
    members = [(one.name, kind) if one.required else (one.name, kind | UnsetType, UNSET) for one, kind in types]
    return defstruct(f"Lenient{strict.__name__}", members, kw_only=True, gc=False, **options)


def _lenient_decoder() -> msgspec.json.Decoder[Any]:
    user, lines = _lenient(User, {}), GenericAlias(tuple, (_lenient(OrderLine, {}), ...))
    inner: dict[Any, Any] = {User | None: user | None, tuple[OrderLine, ...]: lines}
    payloads = {kind: _lenient(kind, inner) for kind in set(_TYPES_OF_PAYLOADS.values())}
    records = [_lenient(kind, payloads, tag_field="kind", tag=name) for name, kind in _TYPES.items()]
    return msgspec.json.Decoder(functools.reduce(operator.or_, records))


_lenient_one: Final = _lenient_decoder()
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Batch:
    """`events` with their places in the body, the faults of the others, and the unknown fields that were dropped."""

    records: int = 0
    events: list[Event] = field(default_factory=list)
    places: list[int] | None = None
    """Index of each event in the body; None: they are 0, 1, 2, ..."""
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


async def read_batch(body: bytes, form: Form, limits: Limits) -> Batch:
    """Return the records of a body; one that must be read one by one lets others have their turn in between.

    Raises NotUtf8, NotABatch, BatchTooBig; nothing else for any bytes at all.
    """
    reading = _reading(body, form, limits)
    while True:
        try:
            next(reading)
        except StopIteration as read:
            return read.value  # type: ignore[no-any-return]  # what the generator returns
        await asyncio.sleep(0)


def _reading(body: bytes, form: Form, limits: Limits) -> Generator[None, None, Batch]:
    if not body or body.isspace():
        return Batch()
    if form == "lines" and body.count(b"\n") > limits.batch_records * 2:
        raise BatchTooBig("too many lines in one batch", most=limits.batch_records)
    if b"\\" not in body or _NUL not in body:  # one character is found ten times as fast as six
        try:
            events = _decoded(body, form)
        except (*_BROKEN, UnicodeDecodeError):
            pass  # read again below, one by one, to say which record it was
        else:
            _bounded(len(events), limits)
            return Batch(len(events), events)
    return (yield from _one_by_one(body, form, limits))


def _decoded(body: bytes, form: Form) -> list[Event]:
    if form == "lines":
        return _one.decode_lines(body)
    return _array.decode(body) if body.lstrip()[:1] == b"[" else [_one.decode(body)]


def _bounded(records: int, limits: Limits) -> None:
    if records > limits.batch_records:
        raise BatchTooBig("too many records in one batch", most=limits.batch_records, found=records)


def _one_by_one(body: bytes, form: Form, limits: Limits) -> Generator[None, None, Batch]:
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        raise NotUtf8("the body is not UTF-8", byte=broken.start) from None
    raws = [line for line in body.split(b"\n") if line.strip()] if form == "lines" else _raws(body)
    _bounded(len(raws), limits)
    batch = Batch(len(raws))
    places: list[int] = []
    sample = Sample(batch.unknown)
    for index, raw in enumerate(raws):
        if index % TURN == TURN - 1:
            yield
        event = None if _NUL in raw or len(raw) > limits.payload_bytes else _quickly(raw, sample)
        fault: Fault = ("", "")
        if event is None:
            event, fault = _record(raw, limits, batch.unknown)
        if event is None:
            batch.faults.append((index, fault))
        else:
            batch.events.append(event)
            places.append(index)
    batch.places = places
    if form == "lines" and len(batch.faults) == len(raws) and all(code == "not_json" for _, (code, _) in batch.faults):
        raise NotABatch("no line of the body is JSON")
    return batch


def _raws(body: bytes) -> list[bytes]:
    start = body.lstrip()[:1]
    try:
        if start == b"[":
            return [bytes(raw) for raw in _raw_array.decode(body)]
        _raw_one.decode(body)
    except _BROKEN as broken:
        raise NotABatch(f"the body is not JSON: {str(broken)[:200]}") from None
    if start != b"{":
        raise NotABatch("the body must be an object, an array of objects, or lines of objects")
    return [body]


class Sample:
    """Counts the names of unknown fields of the first records that have some. `lenient`: the last one had."""

    def __init__(self, unknown: Counter[str]) -> None:
        self._unknown = unknown
        self._left = SAMPLE
        self.lenient = False

    def count(self, raw: bytes) -> None:
        if self._left:
            found: Counter[str] = Counter()
            try:
                _known(_any.decode(raw), found)
            except _BROKEN:
                return  # a number that is none, in a field nobody knows
            self._unknown.update(found)
            self._left -= 1
            self.lenient = bool(found)


def _quickly(raw: bytes, sample: Sample) -> Event | None:
    """Return a record that is good, or would be without the fields nobody knows; None when it must be looked at."""
    try:
        if not sample.lenient:
            event: Event = _one.decode(raw)
            return event
    except ValidationError as refusal:
        if _UNKNOWN not in str(refusal):
            return None
    except _BROKEN:
        return None
    try:
        event = _one.decode(_encode(_lenient_one.decode(raw)))
    except _BROKEN:
        sample.lenient = False
        return None
    sample.lenient = True
    sample.count(raw)
    return event


def _record(raw: bytes, limits: Limits, unknown: Counter[str]) -> tuple[Event | None, Fault]:
    try:
        record = _any.decode(raw)
    except ValidationError:  # it has no type to fit: a number is beyond what a number may be
        return None, ("out_of_range", "")
    except (*_BROKEN, UnicodeDecodeError):
        return None, ("not_json", "")
    fault = _shape(record, raw, limits)
    if fault:
        return None, fault
    known = _known(record, unknown)
    if _NUL in raw and _has_nul(known):
        return None, ("bad_character", "")
    try:
        return msgspec.convert(known, Event, strict=True), ("", "")
    except ValidationError as refusal:
        return None, _fault(str(refusal))


def _shape(record: Any, raw: bytes, limits: Limits) -> Fault | None:
    if not isinstance(record, dict):
        return ("not_an_object", "")
    if "kind" not in record:
        return ("missing_field", "kind")
    if not isinstance(record["kind"], str):
        return ("wrong_type", "kind")
    if record["kind"] not in _TYPES:
        return ("unknown_kind", "kind")
    if len(raw) > limits.payload_bytes and len(msgspec.json.encode(record.get("payload"))) > limits.payload_bytes:
        return ("payload_too_big", "payload")
    return None


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any("\0" in key or _has_nul(one) for key, one in value.items())
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _known(record: dict[str, Any], unknown: Counter[str]) -> dict[str, Any]:
    """The record without the fields nobody here knows; their names are counted."""
    kept = _only(record, ENVELOPE, "", unknown)
    payload = kept.get("payload")
    if isinstance(payload, dict):
        payload = kept["payload"] = _only(payload, PAYLOADS[record["kind"]], "payload.", unknown)
        if isinstance(payload.get("user"), dict):
            payload["user"] = _only(payload["user"], _USER, "payload.user.", unknown)
        if isinstance(payload.get("lines"), list):
            payload["lines"] = [
                _only(line, _LINE, "payload.lines.", unknown) if isinstance(line, dict) else line
                for line in payload["lines"]
            ]
    return kept


def _only(fields: Mapping[str, Any], known: frozenset[str], place: str, unknown: Counter[str]) -> dict[str, Any]:
    kept = {name: value for name, value in fields.items() if name in known}
    if len(kept) != len(fields):
        unknown.update(place + name[:64] for name in fields if name not in known)
    return kept


_MISSING: Final = re.compile(r"missing required field `(?P<field>\w+)`(?: - at `\$\.?(?P<at>[^`]*)`)?")
_AT: Final = re.compile(r" - at `\$\.?(?P<at>[^`]*)`$")
_AMOUNTS: Final = frozenset({"amount", "value", "spend", "attributed"})
_STOCKS: Final = frozenset({"available", "delta", "planned", "qty"})


def _fault(message: str) -> Fault:
    """Return the code and place for a message of the decoder (pinned by tests, since it is words, not a structure)."""
    if missing := _MISSING.search(message):
        return ("missing_field", ".".join(part for part in (missing["at"], missing["field"]) if part))
    found = _AT.search(message)
    at = found["at"] if found else ""
    if "Expected `int" in message and "got `float`" in message:
        name = at.rpartition(".")[2]
        return ("fractional_amount" if name in _AMOUNTS else "fractional_stock" if name in _STOCKS else "not_whole", at)
    if message.startswith(("Invalid enum value", "Invalid value")):
        return ("bad_choice", at)
    return ("out_of_range" if "out of range" in message else "wrong_type", at)
