"""The recordings of a plan as one line of events, and the count of everything that was read on the way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from app.domain.events import Event
from app.domain.identity import content_hash
from app.replay.plan import Part, Plan, from_ms, length_ms
from app.sources.record import Record, read_bytes

OTHER: Final = "other"
"""Records that no event comes of whatever they hold: questions asked of the encoder, and the like."""


@dataclass(frozen=True, slots=True)
class Item:
    """An event at its place in the session, `offset_ms` after the start at speed 1; its time is still open."""

    offset_ms: int
    kind: str
    event: Event


@dataclass(slots=True)
class Tally:
    """What was read of the slices: by kind, what was left out by kind and reason, and dirty parts by reason."""

    read: Counter[str] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    dirt: Counter[str] = field(default_factory=Counter)

    def left_of(self, kind: str) -> int:
        return sum(number for (of, _), number in self.left.items() if of == kind)


@dataclass(frozen=True, slots=True)
class Reel:
    """Everything that is to be played, in order."""

    items: list[Item]
    tally: Tally

    @property
    def length_ms(self) -> int:
        return self.items[-1].offset_ms if self.items else 0


def load(plan: Plan, room: str) -> Reel:
    """Read all recordings of a plan. Raises NotThisRecording, BadPlan, and OSError for a file that is not there."""
    tally = Tally()
    items = [item for part in plan.recordings for item in _items(plan, part, part.room or room, tally)]
    items.sort(key=lambda item: item.offset_ms)
    return Reel(items, tally)


def _items(plan: Plan, part: Part, room: str, tally: Tally) -> Iterator[Item]:
    body = read_bytes(plan.path(part))
    name, start = content_hash(body)[:16], length_ms(part.start)
    for offset, record in _shortened(part, _slice(part, part.reader(body, part.line))):
        tally.read[record.kind] += 1
        tally.dirt.update(record.dirt)
        if record.event is None:
            tally.left[record.kind, record.why] += 1
        else:
            event = replace(record.event, room=room, id=f"{name}:{record.place}")
            yield Item(start + offset, record.kind, event)


def _slice(part: Part, records: Iterator[Record]) -> Iterator[tuple[int, Record]]:
    """Yield the records of the slice with their offsets in it."""
    begins: int | None = None
    span = length_ms(part.span) if part.span else None
    for record in records:
        if begins is None:
            # A chat counts from the beginning of its video, the others from whatever clock they had.
            begins = from_ms(part.from_, 0 if part.source_name == "twitch_chat" else record.at_ms)
        offset = record.at_ms - begins
        if span is not None and offset >= span:
            return
        if offset >= 0:
            yield offset, record


def _shortened(part: Part, records: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
    """Yield the records with no pause between two of them longer than the plan says."""
    most = length_ms(part.pause) if part.pause else None
    before = left_out = 0
    for offset, record in records:
        if most is not None:
            left_out += max(0, offset - before - most)
        before = offset
        yield offset - left_out, record
