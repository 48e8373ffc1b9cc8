"""The tally: what the door saw of each source since it was last written down, for `doctor`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.instants import Instant
from app.store.doctor import NAMES_KEPT, WHOLE_SOURCE, SourceCount

ELSEWHERE: Final = "?"
"""Counts the fields beyond NAMES_KEPT."""


@dataclass(slots=True)
class _Counts:
    name: str
    last_ms: Instant | None = None
    taken: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def see(self, unknown: Mapping[str, int]) -> None:
        """Count unknown fields, those beyond NAMES_KEPT under one name."""
        for name, times in unknown.items():
            known = name in self.unknown or len(self.unknown) < NAMES_KEPT
            self.unknown[name if known else ELSEWHERE] += times


class Tally:
    """Owns the counts that are not written down yet, by (room, source, kind)."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], _Counts] = {}

    def take(self, source: str, name: str, now: Instant, taken: Mapping[tuple[str, str], int]) -> None:
        """Count committed records by (room, kind)."""
        for (room, kind), records in taken.items():
            counts = self._of(room, source, kind, name)
            counts.taken += records
            counts.last_ms = now

    def batch(
        self,
        source: str,
        name: str,
        rooms: Iterable[str],
        now: Instant,
        *,
        duplicates: int = 0,
        refused: Mapping[str, int],
        unknown: Mapping[str, int],
    ) -> None:
        """Count what concerns a source as a whole, for each room it speaks for."""
        for room in rooms:
            counts = self._of(room, source, WHOLE_SOURCE, name)
            counts.last_ms = now
            counts.duplicates += duplicates
            if refused:
                counts.refused.update(refused)
            counts.see(unknown)

    def drain(self) -> list[SourceCount]:
        """Return everything counted so far, and begin again."""
        counts, self._counts = self._counts, {}
        return [
            SourceCount(
                room=room,
                source=source,
                kind=kind,
                source_name=each.name,
                last_ms=each.last_ms,
                taken=each.taken,
                duplicates=each.duplicates,
                refused=dict(each.refused),
                unknown=dict(each.unknown),
            )
            for (room, source, kind), each in counts.items()
        ]

    def put_back(self, counts: Iterable[SourceCount]) -> None:
        """What could not be written is counted again."""
        for each in counts:
            held = self._of(each.room, each.source, each.kind, each.source_name)
            held.taken += each.taken
            held.duplicates += each.duplicates
            held.refused.update(each.refused)
            held.see(each.unknown)
            if each.last_ms is not None:
                held.last_ms = Instant(max(each.last_ms, held.last_ms or 0))

    def _of(self, room: str, source: str, kind: str, name: str) -> _Counts:
        found = self._counts.get((room, source, kind))
        if found is None:
            found = self._counts[(room, source, kind)] = _Counts(name)
        return found
