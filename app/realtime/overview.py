"""The overview: one board with a row for each room, made from the sessions in memory.

Its rows change once a second, and at once when an alert comes or goes; a brand's people see that brand's rooms only,
so a board exists per (brand or all, clearance).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.domain.alerts import Alert
from app.domain.board import DeviceRow, SessionHead
from app.domain.frames import RoomCard
from app.domain.people import Clearance
from app.domain.readings import Reading
from app.domain.workspace import Room
from app.engine.readings import ROOM_METRICS
from app.instants import Instant
from app.realtime.hub import Clocked, View
from app.realtime.live import Live

EVERY_BRAND = "*"
READINGS = ("viewers", "gmv", "interaction_rate_5m", "comments_60s")


def overview_view(brand: str, clearance: Clearance) -> View:
    """Name the overview of one brand's rooms, or of every brand's (EVERY_BRAND)."""
    return View(f"overview:{brand}", "control", clearance)


class Overview:
    """Owns nothing: a board source over what the worker holds, for one brand (or all) at a time."""

    def __init__(
        self,
        brand: str,
        *,
        epoch: int,
        rooms: Callable[[], Iterable[Room]],
        session_of: Callable[[str], str | None],
        live: Callable[[str], Live | None],
    ) -> None:
        self.epoch = epoch
        self._brand = brand
        self._rooms = rooms
        self._session_of = session_of
        self._live = live
        self._version = 0

    def touch(self) -> None:
        """A turn has passed in which something may have changed."""
        self._version += 1

    def versions(self) -> Mapping[str, int]:
        return {"rooms": self._version}

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        if name != "rooms":
            return {}
        rooms = {room.id: room for room in self._rooms() if self._brand in (EVERY_BRAND, room.brand)}
        return {id_: self._card(room, rooms, view.clearance) for id_, room in rooms.items()}

    def clocked(self, wall: Instant) -> Clocked:
        return Clocked(wall, wall, 1.0)

    def _card(self, room: Room, seen: Mapping[str, Room], clearance: Clearance) -> RoomCard:
        session = self._session_of(room.id)
        live = self._live(session) if session is not None else None
        if live is None:
            return RoomCard(
                room=room.id, name=room.name, platform=room.platform, brand=room.brand, session=session, zone=room.zone
            )
        head: SessionHead = live.engine.topic("session", "control", clearance)["head"]
        leading = next((id_ for id_ in head.rooms if id_ in seen and self._session_of(id_) == session), room.id)
        listed: Mapping[str, Alert] = live.engine.topic("alerts", "control", clearance)
        alerts = list(listed.values()) if leading == room.id else []
        rundown = live.engine.topic("rundown", "control", clearance).get("now")
        segment: dict[str, str] = next((s.title for s in rundown.segments if s.state == "now"), {}) if rundown else {}
        devices: Mapping[str, DeviceRow] = live.overlay.topic("devices", View(live.id, "control", clearance))
        connected = [device.simulated for device in devices.values() if device.connected]
        return RoomCard(
            room=room.id,
            name=room.name,
            platform=room.platform,
            brand=room.brand,
            session=session,
            kind=head.kind,
            state=head.state,
            zone=room.zone,
            currency=head.currency,
            started_ms=head.started_ms,
            clock_wall_ms=live.clock.wall_ms,
            clock_session_ms=live.clock.session_ms,
            rate=live.clock.rate,
            segment=segment,
            worst=_worst(alerts),
            listed=len(alerts),
            counts=_counts(alerts),
            readings={metric: _reading(live, metric, room.id) for metric in READINGS},
            tablets=connected.count(False),
            simulated=connected.count(True),
            with_room="" if leading == room.id else seen[leading].name,
        )


def _reading(live: Live, metric: str, room: str) -> Reading:
    """The room's own reading where there is one, else the session's. One by one: a whole topic costs 15 x as much."""
    own = metric in ROOM_METRICS and room in live.room_ids
    return live.engine.reading(metric, "room", room) if own else live.engine.reading(metric)


def _counts(alerts: Iterable[Alert]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for alert in alerts:
        if alert.acked_ms is None:
            counts[alert.severity] = counts.get(alert.severity, 0) + 1
    return counts


def _worst(alerts: Iterable[Alert]) -> dict[str, Any] | None:
    """The alert a controller should look at first: unacknowledged, then open, then by severity, then the oldest."""
    order = sorted(alerts, key=lambda a: (a.acked_ms is not None, not a.open, a.severity, a.opened_ms))
    if not order:
        return None
    worst = order[0]
    return {
        "id": worst.id,
        "severity": worst.severity,
        "condition": worst.condition,
        "title": worst.title,
        "action": worst.action,
        "host": worst.host,
        "opened_ms": worst.opened_ms,
        "acked_by": worst.acked_by,
        "version": worst.version,
        "rule": worst.rule,
    }
