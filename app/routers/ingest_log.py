"""What the door's requests came to, a line a source and minute: a line a request would be most of what it does."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import structlog

from app.intake.door import Answer
from app.metrics.own import INGEST_REFUSED

log = structlog.get_logger()

EVERY_S: Final = 60.0
NOBODY: Final = ""
"""Requests whose token is not known."""


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    taken: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0


class IngestLog:
    """Owns the sums of the present minute, by the id of the source's token."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._sums: dict[str, _Sum] = {}

    def took(self, source: str, answer: Answer, seconds: float) -> None:
        """Count a batch that was taken."""
        found = self._of(source, seconds)
        for each in answer.sessions:
            found.taken += each.taken
            found.duplicates += each.duplicates
        for refused in answer.refused:
            found.refused[refused.code] += 1

    def turned_away(self, source: str, code: str, seconds: float) -> None:
        """Count a request of which nothing was taken."""
        self._of(source, seconds).turned_away[code] += 1
        INGEST_REFUSED.add(1, code)

    def tell(self) -> None:
        """Write the lines, and begin anew."""
        sums, self._sums = self._sums, {}
        for source, each in sums.items():
            log.info(
                "ingest",
                principal=f"token:{source}" if source else "unknown",
                requests=each.requests,
                taken=each.taken,
                duplicates=each.duplicates,
                refused=dict(each.refused),
                turned_away=dict(each.turned_away),
                longest_ms=round(each.longest_s * 1_000, 1),
            )

    def _of(self, source: str, seconds: float) -> _Sum:
        if not self._sums:
            asyncio.get_running_loop().call_later(self._every_s, self.tell)
        found = self._sums.get(source)
        if found is None:
            found = self._sums[source] = _Sum()
        found.requests += 1
        found.longest_s = max(found.longest_s, seconds)
        return found
