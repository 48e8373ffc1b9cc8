"""Outage: the time in which the store takes no commits. Boards stay as they were told, senders send again."""

from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from app.errors import ControlRoomError, Unavailable
from app.instants import Instant
from app.realtime.live import Frozen, Live

log = structlog.get_logger()

STORE_RETRY_MS: Final = 1_000


class Outage:
    """Owns since when the store is away, and the boards that stand still meanwhile."""

    def __init__(self) -> None:
        self.since: Instant | None = None
        """None while the store takes commits."""
        self.retry_at = 0
        self._why: ControlRoomError | None = None
        self._frozen: dict[str, Live] = {}

    def begin(self, wall: Instant, why: ControlRoomError, engines: Iterable[Live]) -> None:
        """The store is away, or still is; no engine may be ahead of SQL, so these are in memory no more."""
        self._why = why
        self.retry_at = wall + STORE_RETRY_MS
        if self.since is None:
            self.since = wall
            log.error("store_lost", since=wall, code=why.code, detail=why.detail)
        for live in engines:
            self._frozen.setdefault(live.id, live)  # the first is the one whose board the pages have

    def refusal(self) -> Unavailable:
        """Return the refusal for what comes meanwhile, under the code of what is the matter with the store."""
        kind = type(self._why) if isinstance(self._why, Unavailable) else Unavailable
        return kind("the store takes nothing now; send the same records again", retry_after_s=2)

    def boards(self) -> Mapping[str, Frozen]:
        """Return the boards as they were told, and as not saved since then."""
        since, reason = self.since, self._why.code if self._why is not None else ""
        return {} if since is None else {id_: live.frozen(since, reason) for id_, live in self._frozen.items()}

    def forget(self, session: str) -> None:
        """The session is not this worker's any more."""
        self._frozen.pop(session, None)

    def end(self, wall: Instant) -> None:
        """The store answers again."""
        log.info("store_back", after_ms=wall - (self.since or wall))
        self.since = None
        self._frozen.clear()
