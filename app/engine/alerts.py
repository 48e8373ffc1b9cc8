"""The alerts of one session: opened, raised, hit again, ended; and what people did with them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from app.domain.alerts import Alert, Evidence, Severity
from app.domain.identity import derived_id
from app.domain.people import Actor, Clearance
from app.domain.words import Words
from app.engine.notify import Told

EVIDENCE_KEPT: Final = 12
SAID_BEFORE: Final = EVIDENCE_KEPT // 2 - 1
"""Segments of the transcript before a hit: with the hit itself they are the half that stays."""
KEPT: Final = 2_000


class Subject(NamedTuple):
    """What an alert is about: a rule and the member it is judged for."""

    rule: str
    rule_version: str
    scope: str
    scope_id: str
    labels: Mapping[str, str]
    clearance: Clearance = Clearance.OPEN
    metrics: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return subject_key(self)


def subject_key(of: "Subject | Alert") -> str:
    """Return the name of what an alert is about; the book has it open under this name."""
    return f"{of.rule}|{of.scope}|{of.scope_id}"


class Report(NamedTuple):
    """What is said of it at one step: texts and what they rest on."""

    title: Words
    host: Words
    action: Words
    evidence: tuple[Evidence, ...]


class AlertBook(Struct):
    """Every alert of the session by id, which of them is open for which subject, and what was told of it."""

    session: str
    alerts: dict[str, Alert] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    """Subject -> the alert that is open for it."""
    told: dict[str, Told] = field(default_factory=dict)

    def current(self, key: str) -> Alert | None:
        """Return the open alert of a subject."""
        return self.alerts.get(self.open.get(key, ""))

    def enter(self, subject: Subject, severity: Severity, report: Report, at: int, muted: str) -> Alert:
        """Open an alert."""
        alert = Alert(
            id=derived_id(self.session, subject.rule, f"{subject.scope}|{subject.scope_id}", at),
            rule=subject.rule,
            rule_version=subject.rule_version,
            scope=subject.scope,
            scope_id=subject.scope_id,
            labels=dict(subject.labels),
            severity=severity,
            condition="firing",
            opened_ms=at,
            changed_ms=at,
            version=1,
            title=report.title,
            host=report.host,
            action=report.action,
            muted=muted,
            clearance=subject.clearance,
            evidence=report.evidence,
            metrics=subject.metrics,
        )
        self.open[subject.key] = alert.id
        self._make_room()
        return self.put(alert)

    def change(self, alert: Alert, severity: Severity, report: Report, at: int) -> Alert:
        """Raise or lower it: the texts and the evidence are those of the new level."""
        return self._next(alert, at, severity=severity, **_said(report), evidence=_added(alert, report.evidence))

    def hit(self, alert: Alert, report: Report, at: int) -> Alert:
        """Count one more hit on an alert that fires."""
        return self._next(alert, at, count=alert.count + 1, **_said(report), evidence=_added(alert, report.evidence))

    def doubt(self, alert: Alert, unknown: bool, at: int) -> Alert:
        """Say that its data is missing, or there again."""
        return self._next(alert, at, condition="unknown" if unknown else "firing")

    def flap(self, alert: Alert, at: int) -> Alert:
        return self._next(alert, at, flapping=True)

    def mute(self, alert: Alert, muted: str, at: int) -> Alert:
        return self._next(alert, at, muted=muted)

    def end(self, key: str, reason: str, at: int) -> Alert | None:
        """End the alert that is open for a subject."""
        alert = self.current(key)
        self.open.pop(key, None)
        if alert is None:
            return None
        return self._next(alert, at, condition="ended", ended_ms=at, ended_reason=reason)

    def acknowledge(self, alert: Alert, by: Actor, at: int) -> Alert:
        return self._next(alert, at, acked_by=by.name, acked_ms=at)

    def unacknowledge(self, alert: Alert, at: int) -> Alert:
        return self._next(alert, at, acked_by="", acked_ms=None)

    def witness(self, alert: Alert, evidence: Evidence) -> Alert:
        """Add what was said after it, without a new version: nobody has to be told."""
        return self.put(replace(alert, evidence=_added(alert, (evidence,))))

    def reword(self, alert: Alert, report: Report) -> Alert:
        """Say how it stands now, without a new version: it is the same state of the same alert."""
        return self.put(replace(alert, **_said(report)))

    def put(self, alert: Alert) -> Alert:
        self.alerts[alert.id] = alert
        return alert

    def listed(self) -> dict[str, Alert]:
        """Return the alerts that stand in the list."""
        return {alert.id: alert for alert in self.alerts.values() if alert.listed}

    def _next(self, alert: Alert, at: int, **changes: object) -> Alert:
        return self.put(replace(alert, version=alert.version + 1, changed_ms=at, **changes))

    def _make_room(self) -> None:
        if len(self.alerts) <= KEPT:
            return
        for alert in [alert for alert in self.alerts.values() if not alert.listed][: KEPT // 10]:
            del self.alerts[alert.id]
            self.told.pop(alert.id, None)


def _said(report: Report) -> dict[str, Words]:
    return {"title": report.title, "host": report.host, "action": report.action}


def _added(alert: Alert, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Return the evidence with more of it: what it began with stays, of the rest the newest."""
    both = (*alert.evidence, *evidence)
    if len(both) <= EVIDENCE_KEPT:
        return both
    first = EVIDENCE_KEPT // 2
    return (*both[:first], *both[first - EVIDENCE_KEPT :])
