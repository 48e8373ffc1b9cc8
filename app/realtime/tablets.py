"""Tablets that are connected: each process tells which sockets it holds, and each owner of sessions adds them up."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from app.clock import Clock
from app.domain.board import DeviceRow
from app.domain.facts import TabletsHere

TELL_EVERY_S: Final = 5.0
SILENT_MS: Final = 15_000
"""A process that has not told its tablets for this long is gone, and they with it."""


class TabletsOfProcess:
    """Owns the tablets whose sockets this process holds."""

    def __init__(self, clock: Clock, tell: Callable[[TabletsHere], None]) -> None:
        self._clock, self._tell = clock, tell
        self._process = secrets.token_hex(6)
        self._rooms: dict[str, dict[str, tuple[str, int]]] = {}  # room -> device -> its name and open sockets

    def moved(self, room: str, device: str, name: str, change: int) -> None:
        """A tablet's socket opened (+1) or closed (-1)."""
        sockets = self._rooms.setdefault(room, {})
        sockets[device] = (name, sockets.get(device, (name, 0))[1] + change)
        if sockets[device][1] <= 0:
            del sockets[device]
        if not sockets:
            del self._rooms[room]
        self.tell()

    def tell(self) -> None:
        """Tell all of them; again and again, so that nobody takes this process for gone."""
        now = self._clock.now()
        rooms = {
            room: [DeviceRow(device, name, True, now) for device, (name, _) in sockets.items()]
            for room, sockets in self._rooms.items()
        }
        self._tell(TabletsHere(self._process, rooms))

    def count(self, room: str) -> int:
        """Return how many tablets of the room are connected to this process."""
        return len(self._rooms.get(room, {}))


class TabletsHeard:
    """Owns what every process told of its tablets; for an owner of sessions. `changed`: told room and row."""

    def __init__(self, clock: Clock, changed: Callable[[str, DeviceRow], None]) -> None:
        self._clock, self._changed = clock, changed
        self._processes: dict[str, tuple[int, Mapping[str, Sequence[DeviceRow]]]] = {}
        self._revoked: set[str] = set()
        """Paired no more, though a process has not let go of them yet."""

    def hear(self, fact: TabletsHere) -> None:
        """Take what one process holds now in place of what it held before."""
        now = self._clock.now()
        before = self._all()
        self._processes[fact.process] = (now, fact.rooms)
        self._compare(before)

    def forget_silent(self) -> None:
        """Drop the tablets of processes that are not heard any more."""
        now, before = self._clock.now(), self._all()
        self._processes = {name: held for name, held in self._processes.items() if now - held[0] < SILENT_MS}
        self._compare(before)

    def revoke(self, device: str) -> None:
        """A tablet is paired no more: that its socket ends is no news then."""
        if any(held == device for _, held in self._all()):
            self._revoked.add(device)

    def of(self, rooms: Sequence[str]) -> Iterator[DeviceRow]:
        """Return the rows of the rooms' tablets, for a session that has just come into memory."""
        wanted = set(rooms)
        for (room, _), row in self._all().items():
            if room in wanted and row.id not in self._revoked:
                yield row

    def _all(self) -> dict[tuple[str, str], DeviceRow]:
        return {
            (room, row.id): row for _, held in self._processes.values() for room, rows in held.items() for row in rows
        }

    def _compare(self, before: Mapping[tuple[str, str], DeviceRow]) -> None:
        after = self._all()
        for (room, device), row in after.items():
            if (room, device) not in before:
                self._changed(room, row)
        for (room, device), row in before.items():
            if (room, device) in after:
                continue
            if device in self._revoked:
                self._revoked.discard(device)
            else:
                self._changed(room, DeviceRow(device, row.name, False, self._clock.now()))
