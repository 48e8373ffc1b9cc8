"""History: one value a second of everything that is charted, kept for the last minutes."""

from math import isnan, nan
from typing import Final

from msgspec import Struct, field

MINUTES_KEPT: Final = 12
_BLANK: Final = (nan,) * 60


class History(Struct):
    """Series by key, in minutes of sixty values; NaN where nothing was known. A slot is a second of session time.

    `written`: the minute up to which everything was handed out; `dirty`: minutes before it that have changed since.
    """

    minutes: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    newest: int = -1
    """The newest slot that was sampled."""
    written: int = 0
    dirty: set[int] = field(default_factory=set)

    def put(self, slot: int, values: dict[str, float]) -> None:
        """Keep the values of one second."""
        minute, place = divmod(slot, 60)
        series = self.minutes.get(minute)
        if series is None:
            series = self.minutes[minute] = {}
            for old in [known for known in self.minutes if known <= minute - MINUTES_KEPT]:
                del self.minutes[old]
                self.dirty.discard(old)
        for key, value in values.items():
            row = series.get(key)
            if row is None:
                row = series[key] = list(_BLANK)
            row[place] = value
        self.newest = max(self.newest, slot)

    def at(self, slot: int, key: str) -> float | None:
        """Return what was known in a second, or None."""
        row = self.minutes.get(slot // 60, {}).get(key)
        value = nan if row is None else row[slot % 60]
        return None if isnan(value) else value

    def spoil(self, slot: int) -> None:
        """Say that the values from this second on, for a minute, were computed without something that came later."""
        if slot <= self.newest:
            self.dirty.add(slot // 60)
            self.dirty.add(min(slot + 60, self.newest) // 60)
