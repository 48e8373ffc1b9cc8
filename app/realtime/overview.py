"""The overview: one board with a row for each room. Owners of sessions make its rows, each process that shows it keeps
them.

Its rows change once a second; a brand's people see that brand's rooms only, so a board exists per (brand or all,
clearance).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import structlog
from msgspec.structs import replace

from app.domain.alerts import Alert
from app.domain.board import DeviceRow, SessionHead
from app.domain.facts import CardChanged
from app.domain.frames import RoomCard
from app.domain.people import Clearance
from app.domain.readings import Reading
from app.domain.workspace import Room
from app.engine.readings import ROOM_METRICS
from app.instants import Instant
from app.realtime.hub import Clocked, View
from app.realtime.live import Live

log = structlog.get_logger()

OVERVIEW: Final = "overview:"
"""How the names of its boards begin."""
EVERY_BRAND: Final = "*"
READINGS: Final = ("viewers", "gmv", "interaction_rate_5m", "comments_60s")


def overview_view(brand: str, clearance: Clearance) -> View:
    """Name the overview of one brand's rooms, or of every brand's (EVERY_BRAND)."""
    return View(OVERVIEW + brand, "control", clearance)


class Cards:
    """At an owner of sessions: makes their rows, and remembers what it last told of each."""

    def __init__(self, rooms: Callable[[], Iterable[Room]]) -> None:
        self._rooms = rooms
        self._told: dict[str, CardChanged] = {}
        self._versions: dict[str, tuple[Mapping[str, int], int]] = {}

    def forget(self, session: str) -> None:
        """The session is another's to tell of."""
        self._told.pop(session, None)
        self._versions.pop(session, None)

    def forget_all(self) -> None:
        """Somebody has nothing yet: everything is told again."""
        self._told.clear()
        self._versions.clear()

    def all_changed(self, sessions: Iterable[Live]) -> Iterator[CardChanged]:
        """Give those that are not what was last told. Where one cannot be made, the others are all the same."""
        for live in sessions:
            try:
                card = self.changed(live)
            except Exception:
                log.exception("card_breaks", session=live.id)  # once: it is made again when something has changed
                continue
            if card is not None:
                yield card

    def changed(self, live: Live) -> CardChanged | None:
        """Return the session's rows when they are not what was last told, which a look at the versions often says."""
        state = (live.versions(), live.clock.wall_ms)
        if self._versions.get(live.id) == state:
            return None
        self._versions[live.id] = state
        rooms = {room.id: room for room in self._rooms() if room.id in live.room_ids}
        card = CardChanged(
            live.id,
            live.epoch,
            _cards(live, rooms, Clearance.OPEN),
            _cards(live, rooms, Clearance.RESTRICTED),
        )
        if card == self._told.get(live.id):
            return None
        self._told[live.id] = card
        return card


class Overview:
    """Owns the newest rows it was told; a board source for one brand, or all, at a time.

    `session_of`: the session that screens of a room show now; rows of any other are not shown.
    """

    def __init__(
        self,
        *,
        epoch: int,
        rooms: Callable[[], Iterable[Room]],
        session_of: Callable[[str], str | None],
    ) -> None:
        self.epoch = epoch
        self._rooms = rooms
        self._session_of = session_of
        self._cards: dict[str, CardChanged] = {}
        self._version = 0

    def hear(self, card: CardChanged) -> None:
        """Take the rows of a session, unless an owner before the present one tells them."""
        held = self._cards.get(card.session)
        if held is None or held.epoch <= card.epoch:
            self._cards[card.session] = card

    def touch(self) -> None:
        """A second has passed in which something may have changed; sessions that no room shows are forgotten."""
        shown = {self._session_of(room.id) for room in self._rooms()}
        self._cards = {name: card for name, card in self._cards.items() if name in shown}
        self._version += 1

    def of(self, brand: str) -> "BrandOverview":
        """Return the board of a brand's rooms, or of every brand's."""
        return BrandOverview(self, brand)

    @property
    def version(self) -> int:
        return self._version

    def rows(self, brand: str, clearance: Clearance) -> dict[str, RoomCard]:
        """Return a row for each room of the brand: its session's, or one that says there is none."""
        rooms = {room.id: room for room in self._rooms() if brand in (EVERY_BRAND, room.brand)}
        return {id_: self._row(room, rooms, clearance) for id_, room in rooms.items()}

    def _row(self, room: Room, seen: Mapping[str, Room], clearance: Clearance) -> RoomCard:
        session = self._session_of(room.id)
        card = self._cards.get(session) if session is not None else None
        rows = {} if card is None else (card.restricted if clearance is Clearance.RESTRICTED else card.open)
        if room.id not in rows:
            return RoomCard(
                room=room.id, name=room.name, platform=room.platform, brand=room.brand, session=session, zone=room.zone
            )
        leading = next((id_ for id_ in rows if id_ in seen and self._session_of(id_) == session), room.id)
        if leading == room.id:
            return replace(rows[room.id], with_room="")
        return replace(rows[room.id], with_room=seen[leading].name, worst=None, listed=0, counts={})


class BrandOverview:
    """A board source over the rows of one brand."""

    def __init__(self, overview: Overview, brand: str) -> None:
        self._overview, self._brand = overview, brand

    @property
    def epoch(self) -> int:
        return self._overview.epoch

    def versions(self) -> Mapping[str, int]:
        return {"rooms": self._overview.version}

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        return self._overview.rows(self._brand, view.clearance) if name == "rooms" else {}

    def clocked(self, wall: Instant) -> Clocked:
        return Clocked(wall, wall, 1.0)


def _cards(live: Live, rooms: Mapping[str, Room], clearance: Clearance) -> dict[str, RoomCard]:
    """Return the row of each of the session's rooms, in the session's order; each bears the alerts, since only who
    shows the rows knows which of the rooms comes first there."""
    head: SessionHead = live.engine.topic("session", "control", clearance)["head"]
    listed: Mapping[str, Alert] = live.engine.topic("alerts", "control", clearance)
    alerts = list(listed.values())
    rundown = live.engine.topic("rundown", "control", clearance).get("now")
    segment: dict[str, str] = next((s.title for s in rundown.segments if s.state == "now"), {}) if rundown else {}
    devices: Mapping[str, DeviceRow] = live.overlay.topic("devices", View(live.id, "control", clearance))
    connected = [device.simulated for device in devices.values() if device.connected]
    worst, counts = _worst(alerts), _counts(alerts)
    return {
        id_: RoomCard(
            room=id_,
            name=rooms[id_].name,
            platform=rooms[id_].platform,
            brand=rooms[id_].brand,
            session=live.id,
            kind=head.kind,
            state=head.state,
            zone=rooms[id_].zone,
            currency=head.currency,
            started_ms=head.started_ms,
            clock_wall_ms=live.clock.wall_ms,
            clock_session_ms=live.clock.session_ms,
            rate=live.clock.rate,
            segment=segment,
            worst=worst,
            listed=len(alerts),
            counts=counts,
            readings={metric: _reading(live, metric, id_) for metric in READINGS},
            tablets=connected.count(False),
            simulated=connected.count(True),
        )
        for id_ in live.room_ids
        if id_ in rooms
    }


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
        "level_ms": max([worst.opened_ms, *(e.at_ms for e in worst.evidence if e.kind == "reading")]),
        "ended_ms": worst.ended_ms,
        "acked_by": worst.acked_by,
        "version": worst.version,
        "rule": worst.rule,
    }
