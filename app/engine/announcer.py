"""Alerts and who hears of them: each step of a condition becomes a change of the alert and a plan of messages."""

from collections.abc import Callable, Mapping
from typing import Final

from app.domain.alerts import Alert, Severity
from app.domain.people import Actor
from app.domain.plan import SessionPlan
from app.engine.alerts import Report, Subject, subject_key
from app.engine.changes import Changes
from app.engine.notify import Told, deliveries, endings, repeat_ms
from app.engine.state import State
from app.rules.machine import Transition
from app.rules.rule import RuleSet

REPEAT: Final = "repeat|"
SESSION_END: Final = "session_end"
"""Why an alert ended: the session is over."""


class Announcer:
    """Keeps the alert book, plans messages and reminders; knows nothing of metrics and of when a rule holds."""

    def __init__(self, state: State, plan: SessionPlan, rules: RuleSet, changes: Changes) -> None:
        self._state, self._plan, self._changes = state, plan, changes
        self.report: Callable[[str, int], Report | None] = lambda _key, _at: None
        """How an open alert of a subject stands now; given by whoever judges it."""
        self._inhibitors: Mapping[str, tuple[str, ...]] = {rule.id: rule.inhibited_by for rule in rules.rules}

    def take(self, subject: Subject, step: Transition, report: Callable[[], Report]) -> None:
        """Follow one step of a rule's condition."""
        book, at = self._state.alerts, step.at
        alert = book.current(subject.key)
        if step.kind == "entered" and step.severity:
            self.enter(subject, step.severity, report(), at)
        elif step.kind == "ended":
            self.end(subject.key, step.reason, at)
        elif alert is None:
            return
        elif step.kind == "raised" and step.severity:
            raised = book.change(alert, step.severity, report(), at)
            if raised.acked_ms is not None:  # it was the milder state that was acknowledged
                raised = book.unacknowledge(raised, at)
            self._changes.alert(raised)
            self._tell(raised, at)
        elif step.kind == "lowered" and step.severity:
            lowered = book.change(alert, step.severity, report(), at)
            self._changes.alert(lowered)
            if lowered.acked_ms is None and not lowered.muted:
                self._remind(lowered, at)
        elif step.kind == "hit":
            self._changes.alert(book.hit(alert, report(), at))
        elif step.kind in ("unknown", "known"):
            self._changes.alert(book.doubt(alert, step.kind == "unknown", at))
        elif step.kind == "flapping":
            self._changes.alert(book.flap(alert, at))

    def enter(self, subject: Subject, severity: Severity, report: Report, at: int) -> None:
        """Open an alert and tell of it."""
        alert = self._state.alerts.enter(subject, severity, report, at, self._muted(subject.rule))
        self._changes.alert(alert)
        self._tell(alert, at)
        self.review(at)

    def hit(self, alert: Alert, report: Report, at: int) -> None:
        """Count one more hit on an open alert."""
        self._changes.alert(self._state.alerts.hit(alert, report, at))

    def end(self, key: str, reason: str, at: int) -> None:
        """End the alert of a subject, if one is open; what was to be told of it and has not left is cancelled."""
        alert = self._state.alerts.end(key, reason, at)
        if alert is None:
            return
        self._changes.alert(alert)
        self._state.deadlines.drop(REPEAT + alert.id)
        told = self._state.alerts.told.get(alert.id)
        if told is not None and told.due_ms > at:
            self._changes.cancel(alert.id)
        elif told is not None:
            self._changes.deliveries(endings(alert, self._plan, self._state.opened.session, at))
        if reason != SESSION_END:  # then everything ends, and what a cause kept quiet is not told of any more
            self.review(at)

    def repeat(self, alert_id: str, at: int) -> None:
        """Tell again, and how it stands now, of an alert that nobody has acknowledged."""
        alert = self._state.alerts.alerts.get(alert_id)
        if alert is None or not alert.open or alert.acked_ms is not None or alert.muted:
            return
        report = self.report(subject_key(alert), at)
        if report is not None:
            alert = self._state.alerts.reword(alert, report)
            self._changes.alert(alert)
        told = self._state.alerts.told.get(alert_id)
        self._tell(alert, at, times=told.times + 1 if told else 1)

    def acknowledge(self, alert: Alert, by: Actor, at: int) -> Alert:
        """A person has it: undelivered messages are cancelled, reminders stop."""
        acked = self._state.alerts.acknowledge(alert, by, at)
        self._changes.alert(acked)
        self._changes.cancel(alert.id)
        self._state.deadlines.drop(REPEAT + alert.id)
        return acked

    def unacknowledge(self, alert: Alert, at: int) -> Alert:
        """Nobody has it: reminders begin again."""
        back = self._state.alerts.unacknowledge(alert, at)
        self._changes.alert(back)
        if back.open and not back.muted:
            self._remind(back, at)
        return back

    def review(self, at: int) -> None:
        """See which open alerts are muted now; one that no longer is is told of, if nobody knows how bad it is.

        What waits of one that is muted now is cancelled; a reminder that came due meanwhile is given at once.
        """
        book = self._state.alerts
        for alert_id in list(book.open.values()):
            alert = book.alerts[alert_id]
            muted = self._muted(alert.rule)
            if muted == alert.muted:
                continue
            alert = book.mute(alert, muted, at)
            self._changes.alert(alert)
            told = book.told.get(alert.id)
            if muted:
                if told is not None and told.due_ms > at:
                    self._changes.cancel(alert.id)
                    del book.told[alert.id]
            elif alert.acked_ms is None:
                if told is None or alert.severity < told.severity:
                    self._tell(alert, at)
                elif REPEAT + alert.id not in self._state.deadlines.due and repeat_ms(alert, self._plan) is not None:
                    self.repeat(alert.id, at)

    def _tell(self, alert: Alert, at: int, times: int = 1) -> None:
        if alert.muted:
            return
        rows = deliveries(alert, self._plan, self._state.opened.session, at, times)
        self._changes.deliveries(rows)
        due = max((row.due_ms for row in rows), default=at)
        self._state.alerts.told[alert.id] = Told(alert.version, due, times, alert.severity)
        self._remind(alert, at)

    def _remind(self, alert: Alert, at: int) -> None:
        span = repeat_ms(alert, self._plan)
        if span is None:
            self._state.deadlines.drop(REPEAT + alert.id)
        else:
            self._state.deadlines.set(REPEAT + alert.id, at + span, at)

    def _muted(self, rule: str) -> str:
        """Return what keeps a rule quiet now: a mute of the running segment, or an open alert that explains it."""
        phase = self._state.rundown.phase
        for mute in self._plan.mutes:
            if rule in mute.rules and phase in mute.segment_kinds:
                return mute.name
        causes = self._inhibitors.get(rule, ())
        if causes:
            book = self._state.alerts
            return next((cause for key in book.open if (cause := book.alerts[book.open[key]].rule) in causes), "")
        return ""
