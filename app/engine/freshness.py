"""How long a silence is normal, by the kind of record."""

from collections.abc import Mapping
from typing import Final

from app.domain.plan import RoomPlan

DEFAULT_EVERY_MS: Final[Mapping[str, int]] = {"viewers": 3_000, "comment": 20_000, "order": 60_000, "stream": 2_000}
OTHER_EVERY_MS: Final = 20_000
LEAST_PATIENCE_MS: Final = 15_000

AUDIENCE: Final = "audience"
GOODS: Final = "goods"
ORDERS: Final = "orders"
STOCK: Final = "stock"
FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("viewers", "enter", "leave", "comment", "like", "share", "follow", "fan_join", "gift"), AUDIENCE),
    **dict.fromkeys(("exposure", "click", "cart_add"), GOODS),
    **dict.fromkeys(("order_created", "order_paid", "order_cancelled", "order_refunded"), ORDERS),
    **dict.fromkeys(("stock", "price", "listing"), STOCK),
}
"""Event kind -> what one source usually sends together: while it speaks at all, none of a kind is 0, not unknown."""

KIND_OF_METRIC: Final[Mapping[str, str]] = {
    "viewers": "viewers",
    "enters": "enter",
    "comments": "comment",
    "likes": "like",
    "shares": "share",
    "follows": "follow",
    "clicks": "click",
    "cart_adds": "cart_add",
    "orders": "order_paid",
    "paid_units": "order_paid",
    "gmv": "order_paid",
    "sellable": "order_paid",
    "sell_rate": "order_paid",
    "sell_rate_ok": "order_paid",
    "interaction_rate": "viewers",
}
"""The kind whose expected interval tells when a metric is missing."""


def expected_every(room: RoomPlan, kind: str) -> int:
    """Return the expected interval between records of a kind in a room, in milliseconds."""
    for name in (kind, "order" if kind.startswith("order_") else kind):
        if name in room.every_ms:
            return room.every_ms[name]
        if name in DEFAULT_EVERY_MS:
            return DEFAULT_EVERY_MS[name]
    return OTHER_EVERY_MS


def patience_of(every_ms: int) -> int:
    """Return the silence after which a reading is missing: four intervals, at least 15 s."""
    return max(LEAST_PATIENCE_MS, 4 * every_ms)
