"""How far a room's clock lies from UTC, for the times of day in texts."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_HOUR_MS = 3_600_000


def zone_offset_ms(zone: str, instant: int) -> int:
    """Return the offset from UTC at an instant; 0 for a zone the machine does not know."""
    return _offset(zone, instant // _HOUR_MS)


@lru_cache(maxsize=256)
def _offset(zone: str, hour: int) -> int:
    try:
        at = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    return (at.utcoffset() or timedelta()) // timedelta(milliseconds=1)
