"""Plays a reel into a control room: each event N times as early, in batches of a fifth of a second, and counts."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.structs import replace

from app.clock import Clock
from app.instants import Instant
from app.replay.progress import Notes, Progress
from app.replay.recording import Item, Reel, Tally
from app.replay.remote import Board, Remote, RemoteBusy, Sleep, Told

BATCH_MS: Final = 200
MOST_RECORDS: Final = 1_000


@dataclass(slots=True)
class Report:
    """What became of a reel. `refused` by kind and code. `unplayed`: what a stop left over.

    `repeated`: batches that had to be sent again. `resumed`: how often the replay went on after it was killed.
    """

    session: str
    tally: Tally
    started_ms: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    unplayed: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    duplicates: int = 0
    repeated: int = 0
    resumed: int = 0
    board: Board = field(default_factory=lambda: Board({}, 0))
    alerts: list[Told] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return sorted(self.tally.read)

    @property
    def stopped(self) -> bool:
        return bool(self.unplayed)

    def refused_of(self, kind: str) -> int:
        return sum(number for (of, _), number in self.refused.items() if of == kind)

    def taken_of(self, kind: str) -> int:
        return self.sent[kind] - self.refused_of(kind)

    def mismatches(self) -> list[str]:
        """Return what does not add up, in words; nothing when all does.

        read = sent + left out + not played, and counted <= taken for each kind; in all, taken = counted + duplicates.
        A batch that was repeated may have been taken the first time, so that its second coming counts as duplicates.
        """
        wrong = []
        for kind in self.kinds:
            read, out, sent, over = (
                self.tally.read[kind],
                self.tally.left_of(kind),
                self.sent[kind],
                self.unplayed[kind],
            )
            if read != sent + out + over:
                wrong.append(f"{kind}: {read} read, but {sent} sent, {out} left out and {over} not played")
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
    """Plays one reel once. Owns its notes; knows the control room by its port alone.

    A replay that was killed goes on when it is played again: in its session, from the record that had no answer, with
    everything after it as much later as it stood still.
    """

    def __init__(
        self,
        remote: Remote,
        clock: Clock,
        sleep: Sleep,
        notes: Notes,
        *,
        room: str,
        speed: float = 1.0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stopping` is asked between batches; `sleep` should end early when it becomes true."""
        self._remote, self._clock, self._sleep, self._notes = remote, clock, sleep, notes
        self._room, self._speed, self._stopping = room, speed, stopping

    async def begin(self) -> Progress:
        """Open a session, or find the one that a killed replay left behind. Raises RemoteRefused, CannotNote."""
        left = self._notes.read()
        if left is not None and left.session and await self._remote.is_open(left.session):
            left.resumed += 1
            return left
        key = secrets.token_hex(8) if left is None or left.session else left.key
        progress = Progress(session="", key=key, started_ms=0)
        self._notes.write(progress)  # before there is a session: where nothing can be noted, none is opened
        progress.session = await self._remote.open(self._room, f"{key}-open")
        progress.started_ms = self._clock.now()
        self._notes.write(progress)
        return progress

    async def play(self, reel: Reel, progress: Progress) -> Report:
        """Send everything at its time, end the session, and read what the board says.

        Raises RemoteBusy when the control room has been away for long: the session stays open, and playing again goes
        on. Raises RemoteRefused for a plain no; the session has then been ended.
        """
        try:
            await self._send_all(reel.items, progress)
        except RemoteBusy:
            raise
        except BaseException:
            await self._end(progress)
            raise
        await self._end(progress)
        return await self._report(reel, progress)

    async def _end(self, progress: Progress) -> None:
        await self._remote.end(progress.session, f"{progress.key}-end")
        self._notes.drop()

    async def _report(self, reel: Reel, progress: Progress) -> Report:
        report = Report(
            progress.session,
            reel.tally,
            progress.started_ms,
            sent=Counter(progress.sent),
            refused=Counter({(kind, code): number for kind, code, number in progress.refused}),
            unplayed=Counter(item.kind for item in reel.items[progress.place :]),
            taken=progress.taken,
            duplicates=progress.duplicates,
            repeated=progress.repeated,
            resumed=progress.resumed,
        )
        report.board = await self._remote.board(progress.session)
        report.alerts = await self._remote.alerts(progress.session)
        return report

    async def _send_all(self, items: Sequence[Item], progress: Progress) -> None:
        if progress.place < progress.until:  # its answer was never seen
            progress.repeated += 1
            await self._send(items, progress.until, progress)
        if progress.resumed and progress.place < len(items):
            progress.paused_ms += max(0, self._clock.now() - self._due(items[progress.place], progress))
        while progress.place < len(items) and not self._stopping():
            now, last = self._clock.now(), progress.place
            while last < len(items) and self._due(items[last], progress) <= now:
                last += 1
            while progress.place < last and not self._stopping():
                await self._send(items, min(progress.place + MOST_RECORDS, last), progress)
            if progress.place < len(items):
                wait_ms = max(BATCH_MS, self._due(items[progress.place], progress) - self._clock.now())
                await self._sleep(wait_ms / 1_000)

    def _due(self, item: Item, progress: Progress) -> Instant:
        return Instant(progress.started_ms + progress.paused_ms + int(item.offset_ms / self._speed))

    async def _send(self, items: Sequence[Item], until: int, progress: Progress) -> None:
        """Send everything up to `until`, and note before and after it what is on its way and what is done."""
        batch = items[progress.place : until]
        progress.until = until
        self._notes.write(progress)
        events = [replace(item.event, occurred_ms=self._due(item, progress)) for item in batch]
        answer, repeated = await self._remote.send(progress.session, msgspec.json.encode(events))
        refused = Counter({(kind, code): number for kind, code, number in progress.refused})
        refused.update((batch[each.index].kind, each.code) for each in answer.refused)
        progress.refused = [(kind, code, number) for (kind, code), number in refused.items()]
        progress.sent = dict(Counter(progress.sent) + Counter(item.kind for item in batch))
        progress.taken += sum(each.taken for each in answer.sessions)
        progress.duplicates += sum(each.duplicates for each in answer.sessions)
        progress.repeated += repeated
        progress.place = until
        self._notes.write(progress)
