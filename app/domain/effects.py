"""What came out of a step: everything the ledger writes in one transaction with the chunk, then the hubs are told."""

from typing import Literal

from msgspec import Struct, field

from app.domain.alerts import Alert, Mark
from app.domain.commands import Outcome
from app.domain.deliveries import Delivery
from app.domain.prompts import Prompt
from app.domain.readings import MinuteRow

SessionState = Literal["planned", "live", "paused", "ended"]


class MessageRow(Struct, frozen=True, omit_defaults=True):
    """A comment or a transcript segment, as searched and as listed. `who` is a masked name or a speaker."""

    position: int
    room: str
    kind: Literal["comment", "speech"]
    at_ms: int
    who: str
    text: str
    user: str = ""
    tier: str = ""
    marks: tuple[Mark, ...] = ()


class OrderRow(Struct, frozen=True, omit_defaults=True):
    """One order event that had an effect; `amount` and `units` are sums over its lines."""

    position: int
    room: str
    order: str
    kind: Literal["order_created", "order_paid", "order_cancelled", "order_refunded"]
    at_ms: int
    currency: str
    amount: int
    units: int


class SessionChange(Struct, frozen=True, omit_defaults=True):
    """The session went to another state; `summary` is filled when it ended."""

    state: SessionState
    at_ms: int
    summary: dict[str, float] = field(default_factory=dict)


class Effects(Struct):
    """Everything since the effects were last taken, in order of happening; alerts and prompts by their newest state."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    """Alerts whose waiting deliveries are cancelled in this transaction (acknowledged, or ended before they left)."""
    outcomes: list[Outcome] = field(default_factory=list)
    readings: list[MinuteRow] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    changes: list[SessionChange] = field(default_factory=list)
    duplicates: int = 0
    conflicts: int = 0
    urgent: bool = False
    """An alert, a prompt or an outcome is among them: the hub tells at once instead of at its next quarter second."""
