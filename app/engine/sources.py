"""The sources of a session: what each has sent, how far its clock lies off, what it repeated."""

from typing import Final

from msgspec import Struct, field

from app.domain.board import SourceRow
from app.engine.clocks import SourceClock
from app.engine.sums import MOST_INCREASE

WATCHED_KINDS: Final = frozenset({"viewers", "comment"})
"""A source that has sent one of these is expected to go on; its silence is an alert of its own."""


class Source(Struct):
    """One ingest token. `heard_ms` is `seen_ms` moved by the gaps since: silence counts from it."""

    id: str
    name: str
    rooms: list[str]
    seen_ms: int = 0
    heard_ms: int = 0
    every_ms: int = 0
    patience_ms: int = 0
    """The silence after which it is an alert; 0: it has sent nothing that is expected to go on."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Event kind -> how many had an effect."""
    clock: SourceClock = field(default_factory=SourceClock)
    duplicates: int = 0
    conflicts: int = 0
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Room, kind and SKU -> the last running total and when it was read."""

    def increase(self, key: str, total: int, occurred_ms: int) -> int:
        """Return how much a running total has grown since the last one.

        The first one says nothing of its past; a fall is a restart from nothing; one that was read before the last one
        came late and says nothing new. One that grew by more than any event may is a restart at another figure.
        """
        before = self.totals.get(key)
        if before is not None and occurred_ms < before[1]:
            return 0
        self.totals[key] = (total, occurred_ms)
        if before is None:
            return 0
        grown = total - before[0] if total >= before[0] else total
        return grown if grown <= MOST_INCREASE else 0

    def row(self) -> SourceRow:
        """Return the source as boards show it."""
        return SourceRow(
            id=self.id,
            name=self.name or self.id,
            rooms=tuple(self.rooms),
            kinds=tuple(sorted(self.kinds)),
            seen_ms=self.seen_ms,
            every_ms=self.every_ms,
            offset_ms=self.clock.offset_ms,
            slow_clock=self.clock.slow,
        )
