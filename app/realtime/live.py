"""One session held in memory: its engine, its clock, what it will commit next, and what lies over its boards."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from app.domain.board import DeviceRow, HealthRow
from app.domain.deliveries import ENDED, Delivery, DeliveryState, Standing
from app.domain.effects import Effects
from app.domain.identity import Fence, Position
from app.domain.people import Clearance
from app.domain.records import Body, Chunk, ClockSet, Entry, size_of
from app.domain.session_clock import SessionClock
from app.engine.engine import Engine
from app.instants import Instant
from app.realtime.hub import Clocked, View

DELIVERIES_SHOWN = 50
_CONTROL_TOPICS = frozenset({"deliveries", "channels", "devices"})


@dataclass(frozen=True, slots=True)
class Moving:
    """What a board shows that the pump will change: messages not settled, by id, and how each channel stands."""

    deliveries: Mapping[str, Delivery]
    channels: Mapping[str, Standing]

    def differs(self, rows: Mapping[str, Delivery], standings: Mapping[str, Standing]) -> bool:
        """Return whether SQL says otherwise."""
        return any(rows.get(name, row) != row for name, row in self.deliveries.items()) or any(
            standings.get(name, Standing(name, "open")) != standing for name, standing in self.channels.items()
        )


class Overlay:
    """Topics that are not the engine's: group messages by their state in SQL, channels that send nothing now, tablets
    by their sockets, the store."""

    def __init__(
        self,
        deliveries: Iterable[Delivery] = (),
        channels: Collection[str] = (),
        standings: Iterable[Standing] = (),
    ) -> None:
        """`channels`: those of the session's plan; how others stand is not its people's concern."""
        self._channels = frozenset(channels)
        self._topics: dict[str, dict[str, Any]] = {
            "deliveries": {row.id: row for row in deliveries},
            "channels": {row.channel: row for row in standings if row.channel in self._channels},
            "devices": {},
            "health": {"store": HealthRow()},
        }
        self.versions: dict[str, int] = dict.fromkeys(self._topics, 1)

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        """The topic as this audience may see it."""
        if name in _CONTROL_TOPICS and view.audience != "control":
            return {}
        values = self._topics[name]
        if name == "deliveries" and view.clearance is not Clearance.RESTRICTED:
            return {key: row for key, row in values.items() if not row.restricted}
        return values

    def put(self, name: str, key: str, value: Any) -> None:
        """Set one value; an equal one changes nothing."""
        topic = self._topics[name]
        if topic.get(key) != value:
            topic[key] = value
            self.versions[name] += 1
            if name == "deliveries" and len(topic) > DELIVERIES_SHOWN:
                oldest = min(topic.values(), key=lambda row: (row.planned_ms, row.id))
                del topic[oldest.id]

    def delivery(self, row: Delivery) -> None:
        """Show a message of the outbox as it now stands."""
        self.put("deliveries", row.id, row)

    def cancel(self, alerts: Mapping[str, int | None], at: Instant) -> None:
        """The same as the ledger does: what waited for these alerts is cancelled, but not what tells of the version
        that cancels."""
        for row in list(self._topics["deliveries"].values()):
            version = alerts.get(row.alert, 0)
            if row.state == "waiting" and row.recipient != ENDED and (version is None or row.change < version):
                state: DeliveryState = "unknown" if row.retried_ambiguous else "cancelled"
                self.put("deliveries", row.id, replace(row, state=state, settled_ms=at))

    def standing(self, row: Standing) -> None:
        """Show how a channel stands; one that is open needs no word."""
        if row.channel not in self._channels:
            return
        if row.state != "open":
            self.put("channels", row.channel, row)
        elif self._topics["channels"].pop(row.channel, None) is not None:
            self.versions["channels"] += 1

    def moving(self) -> Moving:
        """Return what is shown now of what the pump changes."""
        rows, channels = self._topics["deliveries"], self._topics["channels"]
        return Moving(
            {name: row for name, row in rows.items() if row.state in ("waiting", "sending")},
            {name: channels.get(name, Standing(name, "open")) for name in self._channels},
        )

    def correct(self, before: Moving, rows: Mapping[str, Delivery], standings: Mapping[str, Standing]) -> None:
        """Show what SQL says; what has changed since `before`, where it was not read yet, is newer and stays."""
        now = self.moving()
        for name, row in before.deliveries.items():
            if name in rows and now.deliveries.get(name) == row:
                self.delivery(rows[name])
        for name, standing in before.channels.items():
            if now.channels[name] == standing:
                self.standing(standings.get(name, Standing(name, "open")))

    def device(self, row: DeviceRow) -> None:
        self.put("devices", row.id, row)

    def drop_device(self, device: str) -> bool:
        """Show a tablet no more; False when it was not shown."""
        shown = self._topics["devices"].pop(device, None) is not None
        self.versions["devices"] += shown
        return shown

    def health(self, unsaved_since_ms: int, reason: str) -> None:
        self.put("health", "store", HealthRow(unsaved_since_ms, reason))


@dataclass(slots=True)
class Live:
    """Owns one session while this process does. `chunks`: stepped, not yet handed to the ledger."""

    id: str
    session_no: int
    fence: Fence
    engine: Engine
    clock: SessionClock
    overlay: Overlay
    room_ids: tuple[str, ...]
    chunks: list[Chunk] = field(default_factory=list)
    committed_ms: int = 0
    """Wall instant of the last commit."""
    checkpointed_ms: int = 0
    since_checkpoint: int = 0
    touched_ms: int = 0

    @property
    def epoch(self) -> int:
        return self.fence

    def session_now(self, wall: Instant) -> Instant:
        """Session time, which never lies before the engine's own."""
        return Instant(max(self.engine.now, self.clock.at(wall)))

    def step(self, entry: Entry, wall: Instant) -> Chunk:
        """Give an entry its positions and its instant, and apply it. No await: nothing comes between."""
        chunk = self.chunk(entry.body, entry.received_ms)
        self.engine.apply(chunk)
        if isinstance(entry.body, ClockSet):
            self.clock = SessionClock(wall, self.engine.now, entry.body.rate)
        self.chunks.append(chunk)
        self.since_checkpoint += chunk.last - chunk.first + 1
        return chunk

    def chunk(self, body: Body, received: Instant) -> Chunk:
        """The chunk that follows what has been applied."""
        first = Position(self.engine.position + 1)
        at = body.session_ms if isinstance(body, ClockSet) else received
        return Chunk(
            first,
            Position(self.engine.position + size_of(body)),
            Instant(max(self.engine.now, at)),
            received,
            body,
            self.fence,
        )

    def due_in(self, wall: Instant) -> int | None:
        """Wall milliseconds until the engine must be looked at by itself; None: not before something comes."""
        deadline = self.engine.next_deadline
        return None if deadline is None else self.clock.wall_until(deadline, wall)

    # What the hub asks of a board's source.

    def versions(self) -> Mapping[str, int]:
        versions: dict[str, int] = {}
        versions.update({str(name): version for name, version in self.engine.versions.items()})
        versions.update(self.overlay.versions)
        return versions

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        if name in self.overlay.versions:
            return self.overlay.topic(name, view)
        return self.engine.topic(name, view.audience, view.clearance)  # type: ignore[arg-type]  # names come from versions

    def clocked(self, wall: Instant) -> Clocked:
        return Clocked(self.session_now(wall), wall, self.clock.rate)

    def frozen(self, unsaved_since_ms: Instant, reason: str) -> "Frozen":
        """The board's source while the store is away: what was told stays, and says 未保存."""
        self.overlay.health(unsaved_since_ms, reason)
        return Frozen(self)

    def overlay_effects(self, effects: Effects, wall: Instant) -> None:
        """Lay the committed messages over the board."""
        for row in effects.deliveries:
            self.overlay.delivery(row)
        if effects.cancels:
            known = {name: effects.alerts.get(name) for name in effects.cancels}
            versions = {name: alert.version if alert is not None else None for name, alert in known.items()}
            self.overlay.cancel(versions, Instant(self.engine.now))


class Frozen:
    """A session whose last steps could not be committed: only its health may be told, never those steps."""

    epoch = 0
    """Never higher than what pages have: it must not start them anew with what little it may tell."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def versions(self) -> Mapping[str, int]:
        return {"health": self._live.overlay.versions["health"]}

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        return self._live.overlay.topic(name, view)

    def clocked(self, wall: Instant) -> Clocked:
        return Clocked(self._live.clock.at(wall), wall, self._live.clock.rate)
