"""The tally: what the door saw of each source, for `doctor` and for whoever connects one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.instants import Instant

NAMES: Final = 64
"""Most names of unknown fields and most kinds kept of one source: a source must not fill the memory with them."""
ELSEWHERE: Final = "?"


@dataclass(slots=True)
class Counts:
    """One room, source and kind. `last_ms`: wall time of the last record taken."""

    last_ms: Instant | None = None
    taken: int = 0


@dataclass(slots=True)
class SourceTally:
    """One source (an ingest token). Refusals and unknown fields are counted for the source, whatever the room."""

    name: str
    seen_ms: Instant
    batches: int = 0
    heartbeats: int = 0
    duplicates: int = 0
    kinds: dict[tuple[str, str], Counts] = field(default_factory=dict)
    """(room, kind) -> counts."""
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


class Tally:
    """Owns the counts since the process started."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceTally] = {}

    @property
    def sources(self) -> Mapping[str, SourceTally]:
        return self._sources

    def batch(self, source: str, name: str, now: Instant, *, records: int) -> SourceTally:
        """Count a batch and return its source's tally for the rest."""
        found = self._sources.get(source)
        if found is None:
            found = self._sources[source] = SourceTally(name, now)
        found.name, found.seen_ms = name, now
        found.batches += 1
        found.heartbeats += records == 0
        return found


def count_taken(tally: SourceTally, room: str, kinds: Mapping[str, int], now: Instant) -> None:
    """Count what was committed of one room."""
    for kind, taken in kinds.items():
        counts = tally.kinds.get((room, kind))
        if counts is None:
            counts = tally.kinds[(room, kind)] = Counts()
        counts.taken += taken
        counts.last_ms = now


def count_refused(tally: SourceTally, codes: Iterable[str]) -> None:
    """Count refusals by code; codes are ours, so there are few."""
    tally.refused.update(codes)


def count_unknown(tally: SourceTally, names: Mapping[str, int]) -> None:
    """Count dropped fields by name; after NAMES of them the rest are counted together."""
    for name, times in names.items():
        known = name in tally.unknown or len(tally.unknown) < NAMES
        tally.unknown[name if known else ELSEWHERE] += times
