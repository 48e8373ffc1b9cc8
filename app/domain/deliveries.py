"""Deliveries: one message to one chat group, from the outbox to the platform's answer."""

from typing import Final, Literal

from msgspec import Struct

from app.domain.alerts import Severity
from app.domain.plan import SessionKind

DeliveryState = Literal["waiting", "sending", "accepted", "failed", "unknown", "expired", "cancelled", "drill"]
"""waiting 待发 · sending 发送中 · accepted 已接收 · failed 失败 · unknown 未知 · expired 过时未发 · cancelled 已取消 ·
drill 演练，未外发 (final from the start, never taken by the pump)."""
FINAL: frozenset[DeliveryState] = frozenset({"accepted", "failed", "unknown", "expired", "cancelled", "drill"})

ENDED: Final = "ended"
"""`recipient` of the row that tells a program of an alert's end: a fact, which nothing that happens later cancels."""


class Standing(Struct, frozen=True, omit_defaults=True):
    """How a channel stands. `until_ms`: when its next message tries again, wall time; `why`: in the channel's words."""

    channel: str
    state: Literal["open", "resting", "stopped"]
    title: str = ""
    why: str = ""
    until_ms: int = 0


class Delivery(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A row of the outbox, and the same thing in the 群消息 drawer.

    `change`: the alert's version it tells of. `text` is rendered when planned. `priority`: 1 (P1) to 4.
    id = hash(alert, change, channel, recipient), so a replayed step plans the same rows.
    """

    id: str
    session: str
    kind: SessionKind
    alert: str
    change: int
    channel: str
    channel_title: str
    recipient: str
    title: str
    text: str
    language: str
    severity: Severity
    planned_ms: int
    due_ms: int
    useful_until_ms: int
    state: DeliveryState = "waiting"
    attempts: int = 0
    sent_ms: int | None = None
    settled_ms: int | None = None
    answer: str = ""
    retried_ambiguous: bool = False
    restricted: bool = False
    """Of an alert that only restricted clearance may see."""

    @property
    def priority(self) -> int:
        return int(self.severity[1])
