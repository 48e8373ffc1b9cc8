"""Events: what a webhook is told, as JSON of a version that is written down in docs/webhook.md.

One event is one row of the outbox and its alert as it was then, so every try of it has the same bytes.
"""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.delivery.robots import number_of
from app.domain.alerts import Alert, Evidence
from app.domain.deliveries import ENDED, Delivery
from app.domain.people import Clearance
from app.domain.plan import SessionPlan
from app.domain.words import in_language
from app.domain.workspace import Channel

VERSION: Final = 1
EVENT_BYTES: Final = 16 * 1024
TITLE_CHARS: Final = 200
TEXT_CHARS: Final = 2_000
EVIDENCE_CHARS: Final = 500
EVIDENCE_MOST: Final = 20

Type = Literal["alert.opened", "alert.changed", "alert.ended", "channel.test"]


class Story(Struct, frozen=True):
    """What belongs to a row of the outbox. `first`: the channel has not been told of this alert before."""

    plan: SessionPlan
    alert: Alert
    first: bool


def event_of(row: Delivery, story: Story, channel: Channel, public_url: str) -> bytes:
    """Return the body for a row."""
    alert, plan = story.alert, story.plan
    kind: Type = "alert.ended" if row.recipient == ENDED else "alert.opened" if story.first else "alert.changed"
    seen = not row.restricted or channel.clearance is Clearance.RESTRICTED
    told = alert.evidence if seen else ()
    action = in_language(alert.action, row.language)
    data = {
        "delivery": row.id,
        "number": number_of(row),
        "brand": {"id": plan.brand, "name": plan.brand_name},
        "room": _room(plan, 0),
        "rooms": [_room(plan, n) for n in range(len(plan.rooms))],
        "session": {"id": row.session, "title": plan.title, "kind": plan.kind},
        "alert": {
            "id": alert.id,
            "rule": alert.rule,
            "version": alert.version,
            "condition": alert.condition,
            "scope": alert.scope,
            "scope_id": alert.scope_id,
            "opened_ms": alert.opened_ms,
            "changed_ms": alert.changed_ms,
            "ended_ms": alert.ended_ms,
        },
        "severity": row.severity,
        "language": row.language,
        "title": row.title[:TITLE_CHARS],
        "text": row.text[:TEXT_CHARS],
        "action": action[:TEXT_CHARS],
        "restricted": row.restricted,
        "evidence": [_plain(one) for one in told[:EVIDENCE_MOST]],
        "cut": len(row.title) > TITLE_CHARS
        or len(row.text) > TEXT_CHARS
        or len(action) > TEXT_CHARS
        or len(told) > EVIDENCE_MOST
        or any(len(one.text) > EVIDENCE_CHARS for one in told),
        "link": f"{public_url}/rooms/{plan.rooms[0].id}" if public_url else None,
    }
    return _bounded(kind, row.planned_ms, data)


def test_event(title: str, text: str, channel: Channel, number: str, at_ms: int) -> bytes:
    """Return the body of `channel test`: of a type of its own, so that nobody is woken by it."""
    return _encoded(
        "channel.test",
        at_ms,
        {"channel": channel.name, "number": number, "language": channel.language, "title": title, "text": text},
        test=True,
    )


def _room(plan: SessionPlan, n: int) -> dict[str, str]:
    room = plan.rooms[n]
    return {"id": room.id, "name": room.name, "platform": room.platform}


def _plain(one: Evidence) -> dict[str, Any]:
    """Return a piece of evidence; words are cut, and marks that would point beyond the cut are left out."""
    marks = tuple(mark for mark in one.marks if mark.end <= EVIDENCE_CHARS)
    plain: dict[str, Any] = msgspec.to_builtins(replace(one, text=one.text[:EVIDENCE_CHARS], marks=marks))
    return plain


def _bounded(kind: Type, at_ms: int, data: dict[str, Any]) -> bytes:
    """Return the body, without the oldest evidence where all of it would be too long."""
    while len(body := _encoded(kind, at_ms, data)) > EVENT_BYTES and data["evidence"]:
        data = data | {"evidence": data["evidence"][1:], "cut": True}
    return body


def _encoded(kind: Type, at_ms: int, data: dict[str, Any], *, test: bool = False) -> bytes:
    at = datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"version": VERSION, "type": kind, "timestamp": at, "test": test, "data": data})
