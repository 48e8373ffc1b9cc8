"""Points and lengths of time: integer milliseconds, UTC, and nothing else."""

from typing import Final, NewType

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, UTC."""
Span = NewType("Span", int)
"""A length of time in milliseconds."""

SECOND: Final = Span(1_000)
MINUTE: Final = Span(60_000)
HOUR: Final = Span(3_600_000)
DAY: Final = Span(86_400_000)


def later(instant: Instant, span: int) -> Instant:
    """Return the instant `span` milliseconds after `instant` (before it, when negative)."""
    return Instant(instant + span)


def between(start: Instant, end: Instant) -> Span:
    """Return the length from `start` to `end`; negative when `end` is earlier."""
    return Span(end - start)
