"""The door: a batch of one source becomes entries of its sessions' logs, and is answered once they are committed.

Order: who (a Source), how much (its bucket), what (read_batch), bounds (lanes), which session (routes), room for all of
it, and only then the first append. Nothing half-done: what was not committed is either named in `refused` or the whole
request is answered 503, and the same ids may come again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from msgspec import Struct, field

from app.bus.ports import Committed, LogFull, SessionLog, Ticket
from app.clock import Clock
from app.domain.events import KIND_NAMES, Event
from app.domain.records import STEP_LIMIT, Entry, Events
from app.errors import ControlRoomError, Forbidden, Unavailable
from app.instants import Instant
from app.intake.batch import Batch, Form, read_batch
from app.intake.bucket import Bucket
from app.intake.directory import Directory, SessionRef
from app.intake.gate import Gate
from app.intake.lanes import Lane, Placed, bounded_lane, sort_into_lanes
from app.intake.refusals import REASONS, Refused, TooFast, refused
from app.intake.routes import Router, Routes
from app.intake.seal import Seal
from app.intake.tally import Tally
from app.metrics.own import EVENTS_DUPLICATE, EVENTS_REFUSED, EVENTS_TAKEN, EVENTS_WAITING
from app.settings import Limits
from app.store.database import Store
from app.store.doctor import add_counts

COMMIT_WITHIN_MS: Final = 10_000
RETRY_AFTER_S: Final = 1
NO_CODES: Final[Counter[str]] = Counter()
FEW: Final = 8
"""Up to so many events are counted one by one."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who knocks: a machine's token. `rooms` None: every room (an operator's token); else the ones it is bound to."""

    id: str
    name: str
    rooms: frozenset[str] | None
    operator: bool = False

    def speaks_for(self, room: str) -> bool:
        return self.rooms is None or room in self.rooms


class Taken(Struct, frozen=True):
    """What one session took: records (duplicates among them), and the positions first..last they lie in."""

    session: str
    taken: int
    duplicates: int
    first: int
    last: int


class Answer(Struct, frozen=True, omit_defaults=True):
    """The answer to a batch. `kept`: stock, price and listing records kept for the room's next session."""

    sessions: list[Taken]
    refused: list[Refused] = field(default_factory=list)
    kept: int = 0


class Overfull(Unavailable):
    """More waits to be committed than may; nothing of this batch was taken."""

    code = "overfull"


@dataclass(slots=True)
class _Sending:
    """One entry on its way: the records in it by their places."""

    session: SessionRef
    placed: Sequence[Placed]
    events: Sequence[Event]
    entry: Entry


class Door:
    """Owns the buckets of its sources; knows nothing of HTTP. One for a process."""

    def __init__(
        self,
        *,
        log: SessionLog,
        store: Store,
        directory: Directory,
        clock: Clock,
        limits: Limits,
        seal: Seal,
        tally: Tally,
        within_ms: int = COMMIT_WITHIN_MS,
    ) -> None:
        self._log = log
        self._store = store
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._gate = Gate(limits, seal)
        self._tally = tally
        self._router = Router(directory, store)
        self._buckets: dict[str, Bucket] = {}
        self._within_ms = within_ms

    def admit(self, source: Source) -> None:
        """Refuse a source that is over its rate before a byte of its body is read. Raises TooFast."""
        self._check_rate(self._bucket(source).wait_ms(1, self._clock.now()))

    async def take(self, source: Source, body: bytes, form: Form, session_id: str = "") -> Answer:
        """Take one batch and return once it is committed.

        `session_id` names a replay, drill, demo or live session that is to have all of it; without it every record goes
        to its room's session of kind live. Raises TooFast, NotABatch, NotUtf8, BatchTooBig, Forbidden, NotFound, and
        Unavailable when what was appended may not be committed.
        """
        batch = await read_batch(body, form, self._limits)
        wall = self._clock.now()
        bucket, records = self._bucket(source), max(1, batch.records)
        self._check_rate(bucket.take(records, wall))
        try:
            return await self._take(source, body, batch, session_id, wall)
        except Unavailable:
            bucket.give(records)  # the same records come again
            raise

    async def _take(self, source: Source, body: bytes, batch: Batch, session_id: str, wall: Instant) -> Answer:
        named = await self._named(source, session_id) if session_id else None
        if batch.records == 0:
            return await self._heartbeat(source, wall, named)
        lanes = sort_into_lanes(body, batch, partial(self._lane, source, wall, named), self._gate)
        routes = await self._router.route(lanes.values(), wall, named)
        answer = await self._send(source, routes, lanes, wall, len(body))
        if batch.faults or routes.faults:
            answer.refused.extend(refused(index, fault) for index, fault in (*batch.faults, *routes.faults))
            answer.refused.sort(key=lambda each: each.index)
        duplicates = sum([each.duplicates for each in answer.sessions])
        codes = Counter(each.code for each in answer.refused) if answer.refused else NO_CODES
        if duplicates:
            EVENTS_DUPLICATE.add(duplicates)
        for code, times in codes.items():
            EVENTS_REFUSED.add(times, code)
        self._tally.batch(
            source.id,
            source.name,
            source.rooms if source.rooms is not None else (lane.room for lane in lanes.values() if not lane.fault),
            wall,
            duplicates=duplicates,
            refused=codes,
            unknown=batch.unknown,
        )
        return answer

    async def save_tally(self) -> None:
        """Write down what was counted; to be called every few seconds and at the end. Never raises Unavailable."""
        counts = self._tally.drain()
        if counts:
            try:
                await self._store.write(partial(add_counts, counts=counts))
            except Unavailable:
                self._tally.put_back(counts)

    # Who and how much.

    def _bucket(self, source: Source) -> Bucket:
        found = self._buckets.get(source.id)
        if found is None:
            limits = self._limits
            now = self._clock.now()
            found = self._buckets[source.id] = Bucket.full(limits.records_per_second, limits.burst_records, now)
        return found

    @staticmethod
    def _check_rate(wait_ms: int) -> None:
        if wait_ms:
            seconds = -(-wait_ms // 1_000)
            raise TooFast(f"too many records; wait {seconds} s", wait_s=seconds)

    async def _named(self, source: Source, session_id: str) -> SessionRef:
        found = await self._directory.find(session_id)
        if not any(map(source.speaks_for, found.rooms)):
            raise Forbidden("this token speaks for no room of that session", session=session_id)
        return found

    def _lane(self, source: Source, wall: Instant, named: SessionRef | None, room: str) -> Lane:
        if not self._directory.knows(room):
            return Lane(room[: self._limits.id_bytes], fault=("unknown_room", "room"))
        if not source.speaks_for(room):
            return Lane(room, fault=("room_not_allowed", "room"))
        if named is not None and room not in named.rooms:
            return Lane(room, fault=("not_in_session", "room"))
        session = named or self._directory.current(room)
        return bounded_lane(room, session.clock.at(wall) if session else wall, self._limits)

    # Sending.

    async def _heartbeat(self, source: Source, wall: Instant, named: SessionRef | None) -> Answer:
        """An empty batch: the source is there and has nothing to say, which is data too (no comments is 0)."""
        self._tally.batch(source.id, source.name, source.rooms or (), wall, refused={}, unknown={})
        sessions = {named.id: named} if named else self._spoken_for(source)
        sending = [self._sending(source, each, (), wall) for each in sessions.values()]
        return (await self._commit(sending))[0]

    def _spoken_for(self, source: Source) -> dict[str, SessionRef]:
        found = (self._directory.current(room) for room in source.rooms or ())
        return {each.id: each for each in found if each is not None}

    async def _send(self, source: Source, routes: Routes, rooms: Collection[str], wall: Instant, weight: int) -> Answer:
        if routes.levels:
            await self._router.keep(routes)
        sending = [
            self._sending(source, session, step, wall)
            for session, placed in routes.sessions()
            for step in (placed[start : start + STEP_LIMIT] for start in range(0, len(placed), STEP_LIMIT))
        ]
        answer, lost = await self._commit(sending, weight)
        self._router.remember(routes)
        told = [each.events for n, each in enumerate(sending) if n not in lost]
        counts = _by_room_and_kind([*told, [event for _, event in routes.levels]], rooms)
        self._tally.take(source.id, source.name, wall, counts)
        for (_, kind), times in counts.items():
            EVENTS_TAKEN.add(times, kind)
        return Answer(answer.sessions, answer.refused, len(routes.levels))

    def _sending(self, source: Source, session: SessionRef, placed: Sequence[Placed], wall: Instant) -> _Sending:
        rooms = tuple(room for room in session.rooms if source.speaks_for(room))
        events = [event for _, event in placed]
        entry = Entry(session.clock.at(wall), Events(source.id, rooms, events, source.name))
        return _Sending(session, placed, events, entry)

    async def _commit(self, sending: Sequence[_Sending], weight: int = 0) -> tuple[Answer, frozenset[int]]:
        """Append all or none, wait for each; what one session cannot take for good is refused, not the whole."""
        if not sending:
            return Answer([]), frozenset()
        try:
            tickets = await self._log.append_all([(each.session.id, each.entry) for each in sending], weight)
        except LogFull as full:
            raise Overfull(full.detail, wait_s=RETRY_AFTER_S) from None
        events = sum(len(each.placed) for each in sending)
        EVENTS_WAITING.add(events)
        try:
            return await self._settled(sending, tickets)
        finally:
            EVENTS_WAITING.add(-events)

    async def _settled(self, sending: Sequence[_Sending], tickets: Sequence[Ticket]) -> tuple[Answer, frozenset[int]]:
        taken: dict[str, Taken] = {}
        refusals: list[Refused] = []
        lost: set[int] = set()
        held: ControlRoomError | None = None
        for n, (each, ticket) in enumerate(zip(sending, tickets, strict=True)):
            try:
                done = await self._log.committed(ticket, self._within_ms)
            except ControlRoomError as refusal:
                if refusal.retryable:
                    held = refusal
                    break  # the whole is sent again, with the same ids
                lost.add(n)
                code = refusal.code if refusal.code in REASONS else "quarantined"
                refusals += [refused(index, (code, "")) for index, _ in each.placed]
            else:
                taken[each.session.id] = _sum(taken.get(each.session.id), each, done)
        if held is not None:
            known = type(held) if isinstance(held, Unavailable) else Unavailable  # its code says what is the matter
            raise known(held.detail, wait_s=RETRY_AFTER_S)
        return Answer(list(taken.values()), refusals), frozenset(lost)


def _sum(before: Taken | None, sending: _Sending, done: Committed) -> Taken:
    size = len(sending.placed)
    if before is None:
        return Taken(sending.session.id, size, done.duplicates, done.first, done.last)
    return Taken(
        before.session,
        before.taken + size,
        before.duplicates + done.duplicates,
        min(before.first, done.first),
        max(before.last, done.last),
    )


def _by_room_and_kind(parts: Iterable[Sequence[Event]], rooms: Collection[str]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, type[Event]], int] = {}
    for events in parts:
        if len(rooms) == 1 and len(events) > FEW:  # a pair an event costs five times as much
            (room,) = rooms
            for kind, times in Counter(map(type, events)).items():
                counts[(room, kind)] = counts.get((room, kind), 0) + times
        else:
            for event in events:
                place = event.room, type(event)
                counts[place] = counts.get(place, 0) + 1
    return {(room, KIND_NAMES[kind]): times for (room, kind), times in counts.items()}
