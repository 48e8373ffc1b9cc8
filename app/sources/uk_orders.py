"""Orders of a UK web shop (Online Retail data set), one JSON object a line: `order_paid`, and `order_refunded` for C…

The file knows minutes only: the orders of one minute are spread evenly over it, in their order. Amounts are pence. What
is no sale of goods is left out and counted: services (postage, fees, vouchers), quantities and prices that are not
above zero. An order of which nothing is left is left out itself.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import groupby
from typing import Annotated, Final

from msgspec import Meta, Struct

from app.domain.events import Order, OrderLine, OrderPaidEvent, OrderRefundedEvent
from app.instants import MINUTE
from app.sources.record import NotThisRecording, Record, json_lines

CURRENCY: Final = "GBP"
MOST: Final = 10**9
"""No price and no quantity is as large; of what is, the product could not be rounded exactly."""
_GOODS: Final = re.compile(r"\d{5}[A-Za-z]{0,2}|DCGS\w+|PADS")
"""Article numbers; everything else in the file is a service: POST, DOT, M, D, C2, S, BANK CHARGES, vouchers."""


class _Line(Struct):
    sku: str
    qty: Annotated[int, Meta(ge=-MOST, le=MOST)]
    unit_price: str
    name: str | None = None


class _Invoice(Struct):
    invoice: str
    ts: str
    lines: list[_Line]
    customer: str | None = None


def read(body: bytes) -> Iterator[Record]:
    """Yield the orders in the order of the file. Raises NotThisRecording."""
    numbered = json_lines(body, _Invoice)
    for minute, group in groupby(numbered, key=lambda each: each[1].ts[:16]):
        orders = list(group)
        start = _minute_ms(minute, orders[0][0])
        for n, (number, invoice) in enumerate(orders):
            yield _record(start + n * MINUTE // len(orders), number, minute, invoice)


def names(body: bytes) -> dict[str, str]:
    """Return each SKU's name: the first that is not empty."""
    found: dict[str, str] = {}
    for _, invoice in json_lines(body, _Invoice):
        for line in invoice.lines:
            if line.name and line.name.strip():
                found.setdefault(line.sku.upper(), line.name.strip())
    return found


def _minute_ms(minute: str, line: int) -> int:
    try:
        return int(datetime.fromisoformat(minute).replace(tzinfo=UTC).timestamp()) * 1_000
    except ValueError:
        raise NotThisRecording(f"line {line}: {minute!r} is no time", line=line) from None


def _record(at_ms: int, number: int, minute: str, invoice: _Invoice) -> Record:
    refund = invoice.invoice.startswith("C")
    kind = "order_refunded" if refund else "order_paid"
    dirt: Counter[str] = Counter()
    lines = tuple(_lines(invoice.lines, dirt, sign=-1 if refund else 1))
    if not lines:
        return Record(at_ms, str(number), kind, why="nothing_sold", dirt=dirt)
    order = Order(f"{invoice.invoice} {minute}", CURRENCY, lines, buyer=invoice.customer or "", source="web")
    if refund:
        refunded = OrderRefundedEvent(room="", occurred_ms=0, payload=order)
        return Record(at_ms, str(number), kind, refunded, dirt=dirt)
    return Record(at_ms, str(number), kind, OrderPaidEvent(room="", occurred_ms=0, payload=order), dirt=dirt)


def _lines(lines: Iterable[_Line], dirt: Counter[str], sign: int) -> Iterator[OrderLine]:
    """Yield what was sold, or given back (`sign` -1: quantities of a cancellation are negative)."""
    for line in lines:
        price, qty = _pence(line.unit_price), line.qty * sign
        if not _GOODS.fullmatch(line.sku):
            dirt["service"] += 1
        elif qty <= 0:
            dirt["quantity"] += 1
        elif price <= 0:
            dirt["price"] += 1
        else:
            amount = int((price * qty).quantize(Decimal(1), ROUND_HALF_UP))
            yield OrderLine(line.sku.upper(), qty, amount)


def _pence(price: str) -> Decimal:
    try:
        read = Decimal(price)
    except InvalidOperation:
        return Decimal(0)
    return read * 100 if read.is_finite() and read < MOST else Decimal(0)
