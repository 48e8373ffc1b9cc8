"""Boards: what each is called, and what the hub asks of where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from app.domain.board import Audience
from app.domain.people import Clearance
from app.instants import Instant


@dataclass(frozen=True, slots=True)
class View:
    """Which board: of what, for whom."""

    of: str
    audience: Audience
    clearance: Clearance

    @property
    def name(self) -> str:
        """The board's name in the frame log."""
        return f"{self.of}|{self.audience}|{self.clearance.value}"


def views_of(of: str) -> list[View]:
    """Name every board that a session can have."""
    return [View(of, audience, clearance) for audience in get_args(Audience) for clearance in Clearance]


@dataclass(frozen=True, slots=True)
class Clocked:
    """A session's clock at the moment of a frame."""

    now_ms: int
    wall_ms: int
    rate: float


class BoardSource(Protocol):
    """Where a board comes from: an engine with its overlays, or the overview."""

    @property
    def epoch(self) -> int:
        """The fence of its owner: a higher one starts every page anew."""
        ...

    def versions(self) -> Mapping[str, int]:
        """Topic -> a number that grows when the topic may have changed."""
        ...

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        """The topic as this audience may see it; empty for topics that are not theirs."""
        ...

    def clocked(self, wall: Instant) -> Clocked: ...
