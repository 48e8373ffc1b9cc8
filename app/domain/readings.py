"""Readings: a number that knows its age, its validity and what it was made of."""

from typing import Literal

from msgspec import Struct

Scope = Literal["session", "room", "sku", "line"]
ReadingState = Literal["ok", "estimated", "few", "unknown"]
"""ok · estimated 估算 · few 样本不足 (below the minimum sample) · unknown 无数据 (no fresh data, or never any)."""


class Reading(Struct, frozen=True, omit_defaults=True):
    """One metric of one scope, as boards carry it.

    Unit:   the metric's own (money: smallest unit; rates: a share of 1; `bitrate_kbps` kbit/s).
    `value` is None unless state is ok or estimated. `seen_ms`: newest data behind it; `every_ms`: expected interval
    of that data, from which a page tells late (2 x, at least 5 s) and stale (4 x, at least 15 s). `num`, `den`: of a
    ratio.
    `before`: the value 10 minutes earlier, where known.
    """

    metric: str
    scope: Scope
    scope_id: str
    value: float | None
    state: ReadingState
    seen_ms: int | None = None
    every_ms: int = 0
    num: float | None = None
    den: float | None = None
    before: float | None = None
    target: float | None = None


class MinuteRow(Struct, frozen=True):
    """Sixty values of one metric, one a second from `minute_ms`; NaN where unknown. Replaces the stored row."""

    metric: str
    scope: Scope
    scope_id: str
    minute_ms: int
    values: tuple[float, ...]


def reading_key(metric: str, scope: Scope, scope_id: str) -> str:
    """Return the key of a reading on a board and in a query."""
    return f"{metric}@{scope}" if scope == "session" else f"{metric}@{scope}:{scope_id}"
