"""The gate: bounds on every field of a payload, and the seal on whatever would say who a viewer is.

Payloads are sealed in place: they were decoded a moment ago and nobody else has seen them. Building new structs for
60 % of all events would double the door's work (measured: 0.9 µs an event against 0.35).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from app.domain.events import (
    Act,
    AdSpend,
    CommentText,
    Event,
    Ext,
    Gifted,
    Listing,
    OnAir,
    Order,
    Price,
    SkuAct,
    Speech,
    Status,
    StockReading,
    StreamHealth,
    Ticket,
    User,
    Viewers,
)
from app.intake.refusals import Fault
from app.intake.seal import MASK, Seal, is_hashed, masked
from app.settings import Limits

NAME_CHARS: Final = 200
TOTAL: Final = 10**15
"""Running totals and version numbers, which may be nanoseconds (VERSION)."""
VERSION: Final = 2**63 - 1
TIME_CODE_MS: Final = 10**14
KBPS: Final = 1_000_000
"""A gigabit a second; more is bit/s where kbit/s belong."""
FPS: Final = 1_000

MANY_LINES: Final = 40
"""From so many order lines on a payload is measured; fewer cannot reach the default bound."""

Check = Callable[[Any], Fault | None]


class Gate:
    """Owns the bounds; knows nothing of rooms, sessions and time."""

    def __init__(self, limits: Limits, seal: Seal) -> None:
        self._seal = seal
        self._count = limits.count
        self._amount = limits.amount
        self._text = limits.text_chars
        self._id_bytes = limits.id_bytes
        self.short = limits.id_bytes // 4  # no string of so few characters has more bytes than allowed
        self._ext_bytes = limits.ext_bytes
        self._payload_bytes = limits.payload_bytes
        of_payloads: dict[type, Check] = {
            Viewers: self._viewers,
            Act: self._act,
            CommentText: self._comment,
            Gifted: self._gift,
            SkuAct: self._sku_act,
            StreamHealth: self._stream,
            Order: self._order,
            StockReading: self._stock,
            Price: self._price,
            Listing: self._listing,
            OnAir: self._on_air,
            Speech: self._speech,
            AdSpend: self._ad,
            Ticket: self._ticket,
            Status: self._status,
        }
        self.checks: Mapping[type[Event], Check] = {
            kind: of_payloads[get_type_hints(kind)["payload"]] for kind in get_args(Event)
        }
        """By kind of event: what seals its payload and returns None, or returns the first thing wrong with it."""

    def long(self, text: str) -> bool:
        """Return whether an id or another short text has too many bytes."""
        return len(text) > self.short and len(text.encode()) > self._id_bytes

    # Parts of payloads.

    def _user(self, user: User) -> Fault | None:
        if not user.id:
            return ("empty", "payload.user.id")
        if self.long(user.id):
            return ("too_long", "payload.user.id")
        if user.name:
            if len(user.name) > NAME_CHARS:
                return ("too_long", "payload.user.name")
            if user.name[1:] != MASK:
                force_setattr(user, "name", masked(user.name))
        if user.tier and self.long(user.tier):
            return ("too_long", "payload.user.tier")
        hashed = self._seal.hashed(user.id)
        if hashed is not user.id:
            force_setattr(user, "id", hashed)
        return None

    def _ext(self, ext: Ext | UnsetType) -> Fault | None:
        if ext is UNSET:
            return None
        if any(type(value) is int and not -VERSION <= value <= VERSION for value in ext.values()):
            return ("out_of_range", "payload.ext")
        if len(msgspec.json.encode(ext)) > self._ext_bytes:
            return ("ext_too_big", "payload.ext")
        return None

    def _name(self, text: str, place: str) -> Fault | None:
        """Of what something is found by again: not empty, not long."""
        if not text:
            return ("empty", f"payload.{place}")
        return ("too_long", f"payload.{place}") if self.long(text) else None

    def _word(self, text: str, place: str) -> Fault | None:
        return ("too_long", f"payload.{place}") if self.long(text) else None

    def _whole(self, number: int, most: int, place: str) -> Fault | None:
        return None if 0 <= number <= most else ("out_of_range", f"payload.{place}")

    def _money(self, amount: int, place: str) -> Fault | None:
        return None if -self._amount <= amount <= self._amount else ("out_of_range", f"payload.{place}")

    def _size(self, order: Order) -> Fault | None:
        """Bound the payload as a whole; every other kind's fields are bounded one by one."""
        if len(order.lines) <= MANY_LINES or len(msgspec.json.encode(order)) <= self._payload_bytes:
            return None
        return ("payload_too_big", "payload")

    def _hidden(self, holder: Order, field: str, value: str) -> Fault | None:
        if not value:
            return None
        if self.long(value):
            return ("too_long", f"payload.{field}")
        force_setattr(holder, field, self._seal.hashed(value))
        return None

    # One for each payload.

    def _viewers(self, p: Viewers) -> Fault | None:
        return self._whole(p.online, self._count, "online") or self._ext(p.ext)

    def _act(self, p: Act) -> Fault | None:
        user = p.user
        if user is not None:
            sealed = is_hashed(user.id) and not user.name and not user.tier
            if not sealed and (fault := self._user(user)):
                return fault
        if not 0 <= p.count <= self._count:
            return ("out_of_range", "payload.count")
        if p.total is not None and not 0 <= p.total <= TOTAL:
            return ("out_of_range", "payload.total")
        if p.source and self.long(p.source):
            return ("too_long", "payload.source")
        return None if p.ext is UNSET else self._ext(p.ext)

    def _comment(self, p: CommentText) -> Fault | None:
        if len(p.text) > self._text:
            return ("too_long", "payload.text")
        user = p.user
        if user is not None:
            sealed = is_hashed(user.id) and not user.tier and (not user.name or user.name[1:] == MASK)
            if not sealed and (fault := self._user(user)):
                return fault
        if p.tier and self.long(p.tier):
            return ("too_long", "payload.tier")
        return None if p.ext is UNSET else self._ext(p.ext)

    def _gift(self, p: Gifted) -> Fault | None:
        return (
            self._name(p.gift, "gift")
            or (self._user(p.user) if p.user is not None else None)
            or self._whole(p.count, self._count, "count")
            or self._whole(p.value, self._amount, "value")
            or _currency(p.currency)
            or self._ext(p.ext)
        )

    def _sku_act(self, p: SkuAct) -> Fault | None:
        return (
            self._name(p.sku, "sku")
            or (self._user(p.user) if p.user is not None else None)
            or self._whole(p.count, self._count, "count")
            or (self._whole(p.total, TOTAL, "total") if p.total is not None else None)
            or self._word(p.source, "source")
            or self._ext(p.ext)
        )

    def _stream(self, p: StreamHealth) -> Fault | None:
        return (
            self._name(p.line, "line")
            or _measured(p.bitrate_kbps, KBPS, "bitrate_kbps")
            or _measured(p.target_kbps, KBPS, "target_kbps")
            or _measured(p.fps, FPS, "fps")
            or self._whole(p.dropped, self._count, "dropped")
            or self._ext(p.ext)
        )

    def _order(self, p: Order) -> Fault | None:
        fault = self._name(p.order, "order") or _currency(p.currency) or self._size(p)
        if fault:
            return fault
        for n, line in enumerate(p.lines):
            fault = (
                self._name(line.sku, f"lines[{n}].sku")
                or self._whole(line.qty, self._count, f"lines[{n}].qty")
                or self._money(line.amount, f"lines[{n}].amount")
            )
            if fault:
                return fault
        return (
            self._hidden(p, "buyer", p.buyer)
            or self._hidden(p, "address", p.address)
            or self._hidden(p, "device", p.device)
            or self._word(p.source, "source")
            or self._ext(p.ext)
        )

    def _stock(self, p: StockReading) -> Fault | None:
        if (p.available is None) == (p.delta is None):
            return ("available_or_delta", "payload")
        return (
            self._name(p.sku, "sku")
            or (self._whole(p.available, self._count, "available") if p.available is not None else None)
            or (self._whole(abs(p.delta), self._count, "delta") if p.delta is not None else None)
            or self._word(p.warehouse, "warehouse")
            or (self._whole(p.version, VERSION, "version") if p.version is not None else None)
            or self._ext(p.ext)
        )

    def _price(self, p: Price) -> Fault | None:
        return self._name(p.sku, "sku") or self._money(p.amount, "amount") or _currency(p.currency) or self._ext(p.ext)

    def _listing(self, p: Listing) -> Fault | None:
        return (
            self._name(p.sku, "sku")
            or (self._whole(p.planned, self._count, "planned") if p.planned is not None else None)
            or self._ext(p.ext)
        )

    def _on_air(self, p: OnAir) -> Fault | None:
        return (self._name(p.sku, "sku") if p.sku is not None else None) or self._ext(p.ext)

    def _speech(self, p: Speech) -> Fault | None:
        if len(p.text) > self._text:
            return ("too_long", "payload.text")
        if not 0 <= p.confidence <= 1:
            return ("wrong_unit", "payload.confidence")
        if p.end_ms < p.start_ms:
            return ("out_of_range", "payload.end_ms")
        return (
            self._whole(p.start_ms, TIME_CODE_MS, "start_ms")
            or self._whole(p.end_ms, TIME_CODE_MS, "end_ms")
            or self._word(p.speaker, "speaker")
            or self._ext(p.ext)
        )

    def _ad(self, p: AdSpend) -> Fault | None:
        return (
            self._name(p.plan, "plan")
            or self._whole(p.spend, self._amount, "spend")
            or self._whole(p.attributed, self._amount, "attributed")
            or self._whole(p.impressions, self._count, "impressions")
            or _currency(p.currency)
            or self._ext(p.ext)
        )

    def _ticket(self, p: Ticket) -> Fault | None:
        return self._name(p.ticket, "ticket") or self._word(p.tier, "tier") or self._ext(p.ext)

    def _status(self, p: Status) -> Fault | None:
        return self._ext(p.ext)


def _currency(code: str) -> Fault | None:
    fits = len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()
    return None if fits else ("bad_currency", "payload.currency")


def _measured(value: float | None, most: float, place: str) -> Fault | None:
    if value is None or 0 <= value <= most:
        return None
    return ("wrong_unit" if value > most else "out_of_range", f"payload.{place}")
