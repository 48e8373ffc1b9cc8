"""Sections `skus` and `targets` of the workspace file: what is sold, and how much of it is hoped for."""

from collections.abc import Iterable
from typing import Final, get_args

from app.domain.events import Feed
from app.domain.plan import Target
from app.domain.workspace import Sku
from app.workspace.document import Node
from app.workspace.fields import Fields
from app.workspace.names import Names, define, referred, text_of
from app.workspace.problems import Problems

EVERY_ROOM: Final = "*"
CURRENCIES: Final = ("CNY", "USD", "EUR", "GBP", "HKD", "TWD", "SGD", "MYR", "THB", "JPY", "KRW")
MONEY_TARGETS: Final = ("gmv",)
SHARE_TARGETS: Final = ("interaction_rate_5m",)
COUNT_TARGETS: Final = (
    "viewers",
    "enters",
    "comments",
    "comments_60s",
    "likes",
    "shares",
    "follows",
    "clicks",
    "cart_adds",
    "orders",
    "paid_units",
)
_SKU_KEYS: Final = (
    "sku",
    "product",
    "brand",
    "name",
    "planned",
    "price",
    "currency",
    "warehouse",
    "authority",
    "stock_line",
    "stock",
    "rooms",
)


def read_skus(top: Fields, problems: Problems, names: Names) -> tuple[Sku, ...]:
    """Return the SKUs. All that are sold in one room have one currency: sums over two would be no number."""
    lines: dict[str, int] = {}
    currencies: dict[str, str] = {}
    skus: list[Sku] = []
    for node in top.items("skus", 5_000):
        fields = Fields(node, problems, _SKU_KEYS)
        sku = _sku(fields, names)
        define(fields, lines, sku.sku, fields.place("sku"))
        names.skus.setdefault(sku.sku, sku)
        for room in rooms_of(sku, names):
            first = currencies.setdefault(room, sku.currency)
            if first != sku.currency:
                fields.wrong(fields.place("currency"), "currency_mixed", room=room, first=first)
        skus.append(sku)
    return tuple(skus)


def rooms_of(sku: Sku, names: Names) -> Iterable[str]:
    """Return the rooms in which a SKU is sold."""
    return sku.rooms or [room.id for room in names.rooms.values() if room.brand == sku.brand]


def _sku(fields: Fields, names: Names) -> Sku:
    currency = fields.choice("currency", CURRENCIES, "CNY")
    brand = referred(fields, fields.need("brand"), names.brands, "unknown_brand")
    price = fields.node("price")
    return Sku(
        sku=fields.id("sku"),
        product=fields.text("product", limit=64),
        brand=brand,
        name=fields.text("name", limit=60),
        planned=fields.count("planned", 0) or 0,
        price=(fields.money_of(price, currency) or 0) if price is not None else 0,
        currency=currency,
        warehouse=fields.text("warehouse", limit=64, default=""),
        authority=_feed(fields),
        stock_line=fields.count("stock_line"),
        stock=fields.count("stock"),
        rooms=_rooms(fields, brand, names),
    )


def _feed(fields: Fields) -> Feed:
    chosen = fields.choice("authority", get_args(Feed), "platform")
    return next((feed for feed in get_args(Feed) if feed == chosen), "platform")


def _rooms(fields: Fields, brand: str, names: Names) -> tuple[str, ...]:
    rooms: list[str] = []
    for node in fields.items("rooms", 200):
        room = names.rooms.get(referred(fields, node, names.rooms, "unknown_room"))
        if room is not None and brand and room.brand != brand:
            fields.wrong(node.mark, "other_brand", text=room.id, brand=room.brand, wanted=brand)
        elif room is not None:
            rooms.append(room.id)
    return tuple(dict.fromkeys(rooms))


def read_targets(top: Fields, problems: Problems, names: Names) -> dict[str, tuple[Target, ...]]:
    """Return room id or `*` -> targets."""
    targets: dict[str, tuple[Target, ...]] = {}
    for key, node in top.entries("targets", 201):
        room = referred(top, key, (*names.rooms, EVERY_ROOM), "unknown_room")
        fields = Fields(node, problems, (*MONEY_TARGETS, *SHARE_TARGETS, *COUNT_TARGETS))
        found = [
            Target(metric, float(value))
            for metric in (*MONEY_TARGETS, *SHARE_TARGETS, *COUNT_TARGETS)
            if (wanted := fields.node(metric)) is not None
            and (value := _target(fields, metric, wanted, room, names)) is not None
        ]
        if room:
            targets[room] = tuple(found)
    return targets


def _target(fields: Fields, metric: str, node: Node, room: str, names: Names) -> float | int | None:
    if metric in SHARE_TARGETS:
        return fields.share_of(node)
    if metric in COUNT_TARGETS:
        return fields.count_of(node)
    currencies = {
        sku.currency for sku in names.skus.values() if room in (EVERY_ROOM, "") or room in rooms_of(sku, names)
    }
    if len(currencies) > 1:
        fields.wrong(node.mark, "currency_open")
        return None
    return fields.money_of(node, next(iter(currencies), "CNY"))


def sold_in(sku: str, room: str, names: Names) -> bool:
    """Tell whether a SKU is sold in a room or in one that is broadcast with it."""
    leading = names.rooms.get(room)
    together = {room, *(leading.session_rooms if leading else ())}
    return sku in names.skus and bool(together & set(rooms_of(names.skus[sku], names)))


def sku_of(fields: Fields, names: Names, room: str) -> str | None:
    """Return the SKU a segment shows: one that exists and is sold in the room."""
    node = fields.node("sku")
    if node is None:
        return None
    sku = referred(fields, node, names.skus, "unknown_sku")
    if sku and room in names.rooms and not sold_in(sku, room, names):
        fields.wrong(node.mark, "sku_room", text=text_of(node)[:60], room=room)
    return sku or None
