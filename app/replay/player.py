"""Plays a reel into a control room: each event N times as early, in batches of a fifth of a second, and counts."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.structs import replace

from app.clock import Clock
from app.instants import Instant
from app.replay.recording import Item, Reel, Tally
from app.replay.remote import Board, Remote, Sleep, Told

BATCH_MS: Final = 200
MOST_RECORDS: Final = 1_000


@dataclass(slots=True)
class Report:
    """What became of a reel. `refused` by kind and code. `repeated`: batches that had to be sent again."""

    session: str
    tally: Tally
    started_ms: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    taken: int = 0
    duplicates: int = 0
    repeated: int = 0
    board: Board = field(default_factory=lambda: Board({}, 0))
    alerts: list[Told] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return sorted(self.tally.read)

    def refused_of(self, kind: str) -> int:
        return sum(number for (of, _), number in self.refused.items() if of == kind)

    def taken_of(self, kind: str) -> int:
        return self.sent[kind] - self.refused_of(kind)

    def mismatches(self) -> list[str]:
        """Return what does not add up, in words; nothing when all does.

        read = sent + left out and counted <= taken for each kind; in all, taken = counted + duplicates. A batch that
        was repeated may have been taken the first time, so that its second coming counts as duplicates too.
        """
        wrong = []
        for kind in self.kinds:
            read, out, sent = self.tally.read[kind], self.tally.left_of(kind), self.sent[kind]
            if read != sent + out:
                wrong.append(f"{kind}: {read} read, but {sent} sent and {out} left out")
            if self.board.counters.get(kind, 0) > self.taken_of(kind):
                wrong.append(f"{kind}: the board counts {self.board.counters[kind]}, taken were {self.taken_of(kind)}")
        expected = sum(self.sent.values()) - sum(self.refused.values())
        if self.taken != expected:
            wrong.append(f"{self.taken} taken, but {expected} sent and not refused")
        missing = self.taken - sum(self.board.counters.values())
        enough = 0 <= missing <= self.board.duplicates if self.repeated else missing == self.board.duplicates
        if not enough:
            wrong.append(f"{missing} taken are not on the board, which knows of {self.board.duplicates} duplicates")
        return wrong


class Player:
    """Plays one reel once. Owns the report; knows the control room by its port alone."""

    def __init__(self, remote: Remote, clock: Clock, sleep: Sleep, *, room: str, speed: float = 1.0) -> None:
        self._remote, self._clock, self._sleep = remote, clock, sleep
        self._room, self._speed = room, speed

    async def play(self, reel: Reel) -> Report:
        """Open a session, send everything at its time, end it, and read what the board says.

        Raises RemoteRefused. A session that was opened is ended also when the playing fails.
        """
        key = secrets.token_hex(8)
        session = await self._remote.open(self._room, f"{key}-open")
        report = Report(session, reel.tally, self._clock.now())
        try:
            await self._send_all(reel.items, report)
        finally:
            await self._remote.end(session, f"{key}-end")
        report.board = await self._remote.board(session)
        report.alerts = await self._remote.alerts(session)
        return report

    async def _send_all(self, items: Sequence[Item], report: Report) -> None:
        place = 0
        while place < len(items):
            now, last = self._clock.now(), place
            while last < len(items) and self._due(items[last], report) <= now:
                last += 1
            for first in range(place, last, MOST_RECORDS):
                await self._send(items[first : min(first + MOST_RECORDS, last)], report)
            place = last
            if place < len(items):
                wait_ms = max(BATCH_MS, self._due(items[place], report) - self._clock.now())
                await self._sleep(wait_ms / 1_000)

    def _due(self, item: Item, report: Report) -> Instant:
        return Instant(report.started_ms + int(item.offset_ms / self._speed))

    async def _send(self, items: Sequence[Item], report: Report) -> None:
        events = [replace(item.event, occurred_ms=self._due(item, report)) for item in items]
        answer, repeated = await self._remote.send(report.session, msgspec.json.encode(events))
        report.sent.update(item.kind for item in items)
        report.refused.update((items[each.index].kind, each.code) for each in answer.refused)
        report.taken += sum(each.taken for each in answer.sessions)
        report.duplicates += sum(each.duplicates for each in answer.sessions)
        report.repeated += repeated
