"""Events for the benchmarks: the mix of the sample (60 % like and enter, 30 % comment, 10 % the rest), unique ids."""

import json
import random
from collections.abc import Iterator

TEXTS = (
    "这款几度的呀",
    "主播讲慢一点",
    "礼盒还有吗",
    "拍了两箱送长辈",
    "发货快不快",
    "上次那箱口感不错",
    "有没有小瓶的",
    "刚进来，现在讲的是哪一款",
)


def batches(room: str, size: int, now_ms: int, *, seed: int, skus: tuple[str, ...]) -> Iterator[bytes]:
    """Yield NDJSON bodies of `size` records each, without end; ids never repeat for one seed."""
    draw = random.Random(seed)
    users = [f"h:{draw.getrandbits(64):016x}" for _ in range(20_000)]
    number = 0
    while True:
        lines = []
        for _ in range(size):
            number += 1
            lines.append(_record(draw, room, f"{seed}-{number}", now_ms, users, skus))
        yield "\n".join(lines).encode()


def _record(draw: random.Random, room: str, event_id: str, now_ms: int, users: list[str], skus: tuple[str, ...]) -> str:
    kind, payload = _payload(draw, event_id, draw.choice(users), draw.choice(skus))
    record = {"id": event_id, "room": room, "kind": kind, "occurred_ms": now_ms, "payload": payload}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _payload(draw: random.Random, event_id: str, user: str, sku: str) -> tuple[str, dict[str, object]]:
    dice = draw.random()
    if dice < 0.45:
        return "like", {"user": {"id": user}, "count": 1}
    if dice < 0.60:
        return "enter", {"user": {"id": user}}
    if dice < 0.90:
        return "comment", {"user": {"id": user, "name": "柚**"}, "text": draw.choice(TEXTS)}
    if dice < 0.94:
        return "click", {"sku": sku, "user": {"id": user}}
    if dice < 0.96:
        return "viewers", {"online": draw.randint(780, 840)}
    if dice < 0.98:
        return "follow", {"user": {"id": user}}
    line = {"sku": sku, "qty": 1, "amount": 12_800}
    return "order_paid", {"order": f"o-{event_id}", "currency": "CNY", "lines": [line]}
