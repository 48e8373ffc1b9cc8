"""Trouble: what is remembered of sessions in which something broke, so that they keep nobody else waiting."""

from typing import Final

from app.errors import ControlRoomError
from app.instants import Instant

RESTORE_AFTER_MS: Final = 1_000
LEFT_OUT_MS: Final = 60_000


class Quarantined(ControlRoomError):
    """A record that breaks the engine twice is set aside; the session goes on without it."""

    kind, code = "broken", "quarantined"


class LeftOut(ControlRoomError):
    """The session's own state breaks it again and again; it is tried again later, the others go on."""

    kind, code, retryable = "busy", "session_left_out", True


class Trouble:
    """Owns the marks on sessions that broke; knows nothing of what is in them."""

    def __init__(self) -> None:
        self._suspect: set[str] = set()
        self._left_out: dict[str, int] = {}  # session -> until when; 0: it broke once, and is restored once

    def suspect(self, session: str) -> None:
        """One of its entries may be what the database will not have: the next are committed one by one."""
        self._suspect.add(session)

    def is_suspect(self, session: str) -> bool:
        return session in self._suspect

    def cleared(self, session: str) -> None:
        """Its entries were committed one by one."""
        self._suspect.discard(session)

    def broke(self, session: str, wall: Instant) -> int:
        """It broke between its records; return when it is to be restored: soon, after a second time much later."""
        self._left_out[session] = wall + LEFT_OUT_MS if session in self._left_out else 0
        return max(self._left_out[session], wall + RESTORE_AFTER_MS)

    def leave_out(self, session: str, wall: Instant) -> int:
        """It cannot be rebuilt: return when that is tried again."""
        self._left_out[session] = wall + LEFT_OUT_MS
        return self._left_out[session]

    def refuse(self, session: str, wall: Instant) -> None:
        """Raise LeftOut for a session that is to be left alone for now."""
        if self._left_out.get(session, 0) > wall:
            raise LeftOut("the session cannot go on; it is tried again in a minute", session=session)

    def went_well(self, session: str) -> None:
        """A step of it was committed."""
        self._left_out.pop(session, None)

    def forget(self, session: str) -> None:
        """The session is not this worker's any more."""
        self._suspect.discard(session)
        self._left_out.pop(session, None)
