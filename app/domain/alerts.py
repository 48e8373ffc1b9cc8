"""Alerts: what a rule found, how far it got, and what people did with it."""

from typing import Literal

from msgspec import Struct, field

from app.domain.people import Clearance
from app.domain.words import Words

Severity = Literal["P1", "P2", "P3", "P4"]
SEVERITY_OF = {"critical": "P1", "warning": "P2", "notice": "P3", "log": "P4"}
Condition = Literal["pending", "firing", "unknown", "ended"]
"""`unknown`: it fires, but its data is missing, so it can neither end nor be trusted (无数据)."""


class Mark(Struct, frozen=True, omit_defaults=True):
    """A span of a text and why it is marked. Offsets are Unicode code points of the original text.

    `exempt`: why a hit does not count (放行), else empty.
    """

    start: int
    end: int
    phrase: str
    category: str
    severity: Literal["block", "warn"]
    law: str = ""
    citation: str = ""
    suggest: str = ""
    how: str = ""
    exempt: str = ""


class Evidence(Struct, frozen=True, omit_defaults=True):
    """What the alert rests on, frozen when it fired or was hit again.

    kind `reading`: metric and value; kind `speech`: text with marks and the recording's time code.
    """

    kind: Literal["reading", "speech"]
    at_ms: int
    name: str = ""
    value: float | bool | str | None = None
    text: str = ""
    marks: tuple[Mark, ...] = ()
    start_ms: int | None = None
    speaker: str = ""


class Alert(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One alert of one session. `version` grows with each change that a person may need to know of.

    Its place in the list: listed while not (ended and acknowledged); ended but not acknowledged = 已恢复未确认.
    """

    id: str
    rule: str
    rule_version: str
    scope: str
    scope_id: str
    labels: dict[str, str]
    severity: Severity
    condition: Condition
    opened_ms: int
    changed_ms: int
    version: int
    title: Words
    host: Words = field(default_factory=dict)
    action: Words = field(default_factory=dict)
    count: int = 1
    ended_ms: int | None = None
    ended_reason: str = ""
    acked_by: str = ""
    acked_ms: int | None = None
    muted: str = ""
    flapping: bool = False
    clearance: Clearance = Clearance.OPEN
    evidence: tuple[Evidence, ...] = ()
    metrics: tuple[str, ...] = ()
    """What its rule judges of the scope: the numbers on a screen that this alert is about."""

    @property
    def open(self) -> bool:
        return self.condition != "ended"

    @property
    def listed(self) -> bool:
        return self.open or self.acked_ms is None


class RuleView(Struct, frozen=True, omit_defaults=True):
    """How a rule stands now for one member, for rules that are not quietly ok: pending or without data."""

    rule: str
    title: Words
    scope: str
    scope_id: str
    condition: Literal["pending", "unknown"]
    since_ms: int
    reason: str = ""
