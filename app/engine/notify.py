"""Who is told of an alert: a pure plan of group messages from the session's routes."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from app.domain.alerts import Alert, Severity
from app.domain.deliveries import ENDED, Delivery
from app.domain.identity import derived_id
from app.domain.people import Clearance
from app.domain.plan import REAL, ChannelPlan, RoutePlan, SessionPlan
from app.domain.words import in_language
from app.engine.words import word

DESK: Final = "desk"
"""The console itself: it always shows every alert, so no message is planned for it."""


class Told(Struct, frozen=True):
    """What is remembered of the messages of one alert: the last change told, until when they wait, how often, how bad
    it was."""

    change: int
    due_ms: int
    times: int = 1
    severity: str = "P4"


def routes_of(alert: Alert, plan: SessionPlan) -> Iterator[RoutePlan]:
    """Yield the routes that take this alert. A restricted one goes only where its team is named."""
    team = alert.labels.get("team", "")
    for route in plan.routes:
        if route.rules and alert.rule not in route.rules:
            continue
        if route.teams and team not in route.teams:
            continue
        if alert.clearance is Clearance.RESTRICTED and team not in route.teams:
            continue
        yield route


def deliveries(alert: Alert, plan: SessionPlan, session: str, at: int, times: int = 1) -> list[Delivery]:
    """Return the rows of the outbox for this change of an alert; `times` counts its reminders from 1.

    Gathering delays only the first message. Rows of a session that is no real one are final from the start.
    """
    rows: dict[str, Delivery] = {}
    channels = {channel.name: channel for channel in plan.channels}
    for route in routes_of(alert, plan):
        due = at + (route.gather_ms.get(alert.severity, 0) if times == 1 else 0)
        for step in route.send:
            channel = channels.get(step.to)
            if channel is not None and alert.severity <= step.min and channel.name not in rows:
                rows[channel.name] = _row(alert, plan, session, channel, at, due, due + route.useful_ms, times)
    return list(rows.values())


def endings(alert: Alert, plan: SessionPlan, session: str, at: int) -> list[Delivery]:
    """Return the rows that tell programs of an alert's end. Groups of people are not told: it is on their screens."""
    rows: dict[str, Delivery] = {}
    programs = {channel.name: channel for channel in plan.channels if channel.kind == "webhook"}
    for route in routes_of(alert, plan):
        for step in route.send:
            channel = programs.get(step.to)
            if channel is not None and alert.severity <= step.min and channel.name not in rows:
                row = _row(alert, plan, session, channel, at, at, at + route.useful_ms, 1)
                own = derived_id(alert.id, alert.version, channel.name, ENDED)
                rows[channel.name] = replace(row, id=own, recipient=ENDED)
    return list(rows.values())


def repeat_ms(alert: Alert, plan: SessionPlan) -> int | None:
    """Return after which time an unacknowledged alert is told again: the shortest of its routes; None: never."""
    spans = [span for route in routes_of(alert, plan) if (span := route.repeat_ms.get(alert.severity))]
    return min(spans, default=None)


def _row(
    alert: Alert,
    plan: SessionPlan,
    session: str,
    channel: ChannelPlan,
    at: int,
    due: int,
    until: int,
    times: int,
) -> Delivery:
    language = channel.language
    title = in_language(alert.title, language)
    if plan.kind not in REAL:
        title = f"【{word('message_drill', language)}】{title}"
    recipient = "" if times == 1 else f"#{times}"
    return Delivery(
        id=derived_id(alert.id, alert.version, channel.name, recipient),
        session=session,
        kind=plan.kind,
        alert=alert.id,
        change=alert.version,
        channel=channel.name,
        channel_title=in_language(channel.title, language) or channel.name,
        recipient=recipient,
        title=title,
        text=_text(alert, plan, language, title, times),
        language=language,
        severity=alert.severity,
        planned_ms=at,
        due_ms=due,
        useful_until_ms=until,
        state="waiting" if plan.kind in REAL else "drill",
        restricted=alert.clearance is Clearance.RESTRICTED,
    )


def _text(alert: Alert, plan: SessionPlan, language: str, title: str, times: int) -> str:
    """Return the lines of a message: what, what to do, where, and a number by which a repeat can be told."""
    action = in_language(alert.action, language) or word("rule_no_action", language)
    lines = [
        f"{_severity(alert.severity, language)} {title}",
        word("message_action", language, action=action),
        word("message_place", language, brand=plan.brand_name, session=plan.title),
    ]
    if times > 1:
        lines.append(word("message_repeat", language, times=times))
    lines.append(word("message_number", language, alert=alert.id[:6], change=alert.version))
    return "\n".join(lines)


def _severity(severity: Severity, language: str) -> str:
    return f"[{severity} {word(f'message_severity_{severity}', language)}]"
