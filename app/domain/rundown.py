"""The rundown (流程) as it runs: planned and actual times of each segment, and the marker."""

from typing import Literal

from msgspec import Struct, field

from app.domain.words import Words


class Segment(Struct, frozen=True, omit_defaults=True):
    """`over_ms`: actual length minus planned, once it is over."""

    id: str
    title: Words
    kind: str
    sku: str
    planned_start_ms: int | None
    planned_length_ms: int
    state: Literal["done", "now", "next", "later"]
    started_ms: int | None = None
    ended_ms: int | None = None
    talking_points: Words = field(default_factory=dict)


class Rundown(Struct, frozen=True, omit_defaults=True):
    """`version` grows with each move. `shift_ms`: how far the whole show lags behind its plan (negative: ahead)."""

    version: int
    current: str
    segments: tuple[Segment, ...]
    on_air: str = ""
    shift_ms: int = 0
