"""A workspace file for the room of a replay: its stream lines, and stock for a part of what its slice will sell."""

from collections import Counter
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML

from app.domain.events import OrderPaidEvent
from app.replay.plan import Plan
from app.replay.recording import Item, Reel
from app.sources import nginx_rtmp, obs, uk_orders
from app.sources.record import read_bytes
from app.workspace.file import read_workspace

SHARE: Final = 0.8
"""So much of what the slice sells is there at its opening: that some run short is what it is for."""
NAME_CHARS: Final = 60
DEFAULT_KBPS: Final = 800.0
BRAND: Final = "replay"
_LINES: Final = {"obs": obs.LINE, "nginx_stat": nginx_rtmp.LINE, "nginx_hooks": nginx_rtmp.LINE}


def opening_stock(items: Iterable[Item]) -> dict[str, int]:
    """Return for each SKU that is sold the units it opens with: at least one."""
    sold: Counter[str] = Counter()
    for item in items:
        if isinstance(item.event, OrderPaidEvent):
            for line in item.event.payload.lines:
                sold[line.sku] += line.qty
    return {sku: max(1, int(units * SHARE)) for sku, units in sorted(sold.items())}


def workspace_text(plan: Plan, reel: Reel, room: str) -> str:
    """Return the workspace file. Raises WorkspaceError when it would not be accepted, which would be our mistake."""
    names, stock, prices = _names(plan), opening_stock(reel.items), _prices(reel.items)
    tree: dict[str, Any] = {
        "version": 1,
        "workspace": {"id": f"replay-{room}"[:64], "name": f"Replay of {room}"[:60], "language": "en"},
        "brands": [{"id": BRAND, "name": "Replay"}],
        "rooms": [
            {
                "id": room,
                "brand": BRAND,
                "name": room[:40],
                "platform": "replay",
                "zone": "Europe/London",
                "opens_itself": False,
                "lines": [{"name": name, "target_kbps": kbps} for name, kbps in _lines(plan).items()],
            }
        ],
        "skus": [
            {
                "sku": sku,
                "product": sku,
                "brand": BRAND,
                "name": names.get(sku, sku)[:NAME_CHARS],
                "currency": uk_orders.CURRENCY,
                "price": f"{prices[sku] // 100}.{prices[sku] % 100:02}",
                "planned": units,
                "stock": units,
            }
            for sku, units in stock.items()
        ],
    }
    out = StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(tree, out)
    text = out.getvalue()
    read_workspace(text, "workspace.yaml")
    return text


def _lines(plan: Plan) -> dict[str, float]:
    """Return the stream lines of the plan with their targets."""
    lines: dict[str, float] = {}
    for part in plan.recordings:
        if part.source_name in _LINES:
            name = part.line or _LINES[part.source_name]
            lines[name] = part.target_kbps or lines.get(name, DEFAULT_KBPS)
    return lines


def _names(plan: Plan) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for part in plan.recordings:
        if part.source_name == "uk_orders":
            names |= uk_orders.names(read_bytes(plan.path(part)))
    return names


def _prices(items: Iterable[Item]) -> dict[str, int]:
    """Return for each SKU the price of one, in pence, at its first sale."""
    prices: dict[str, int] = {}
    for item in items:
        if isinstance(item.event, OrderPaidEvent):
            for line in item.event.payload.lines:
                prices.setdefault(line.sku, round(line.amount / line.qty))
    return prices
