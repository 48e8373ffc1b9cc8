"""The open sockets of this process: who holds them, and how a revocation ends the ones that hang on it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

import structlog

from app.access.principal import NotSignedIn, Principal
from app.domain.frames import CLOSE_FORBIDDEN, CLOSE_RESTART, CLOSE_SIGNED_OUT
from app.errors import ControlRoomError, Forbidden

RECHECK_S: Final = 60.0
"""Whoever holds a socket is asked for again this often: what ran out, and what no revocation told of."""
LATELY_S: Final = 30.0
"""A revocation is remembered for those who were looked at before it and open their socket after it."""
SWEEP_S: Final = 1.0

log = structlog.get_logger()

Again = Callable[[], Awaitable[Principal]]
"""Looks once more who this is. Raises NotSignedIn, or another refusal, when that is nobody any more."""


class Closes(Protocol):
    """What a socket is to those who end it."""

    def close(self, code: int, reason: str) -> None: ...


@dataclass(slots=True, eq=False)
class Held:
    """One open socket and who holds it."""

    principal: Principal
    socket: Closes
    again: Again
    recheck_at: float


class Sockets:
    """Owns the list of open sockets; knows nothing of what goes through them."""

    def __init__(self) -> None:
        self._open: dict[Held, None] = {}
        self._holders: Counter[tuple[str, str]] = Counter()
        self._lately: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def kinds(self) -> list[str]:
        """The kind of whoever holds each of them."""
        return [held.principal.kind for held in self._open]

    def of(self, principal: Principal) -> int:
        """How many sockets this one has open."""
        return self._holders[principal.kind, principal.id]

    def hold(self, principal: Principal, socket: Closes, again: Again, looked_at: float) -> Held:
        """From now on a revocation closes it; at once, when one has come since `looked_at`."""
        held = Held(principal, socket, again, monotonic() + RECHECK_S)
        self._open[held] = None
        self._holders[principal.kind, principal.id] += 1
        if any(self._lately.get(handle, looked_at) > looked_at for handle in principal.handles):
            socket.close(CLOSE_SIGNED_OUT, "revoked")
        return held

    def release(self, held: Held) -> None:
        """It has ended."""
        del self._open[held]
        holder = (held.principal.kind, held.principal.id)
        self._holders[holder] -= 1
        if not self._holders[holder]:
            del self._holders[holder]

    def revoke(self, handle: str) -> None:
        """End every socket that hangs on a handle."""
        self._lately[handle] = monotonic()
        for held in [each for each in self._open if handle in each.principal.handles]:
            held.socket.close(CLOSE_SIGNED_OUT, "revoked")

    def doubt(self) -> None:
        """Revocations of other processes may have been missed: everybody is looked at again with the next sweep."""
        for held in self._open:
            held.recheck_at = monotonic()

    async def run(self) -> None:
        """Look again at whoever is due, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.recheck(monotonic())

    async def recheck(self, now: float) -> None:
        """Look again at those who are due by now, one after the other."""
        self._lately = {handle: at for handle, at in self._lately.items() if now - at < LATELY_S}
        for held in [each for each in self._open if each.recheck_at <= now]:
            held.recheck_at = now + RECHECK_S
            if held in self._open:
                await self._recheck(held)

    async def _recheck(self, held: Held) -> None:
        try:
            now = await held.again()
        except NotSignedIn as refusal:
            held.socket.close(CLOSE_SIGNED_OUT, refusal.code)
        except Forbidden as refusal:
            held.socket.close(CLOSE_FORBIDDEN, refusal.code)
        except ControlRoomError:
            return  # the store is away: nobody is thrown out for that
        except Exception:
            log.exception("recheck_breaks", kind=held.principal.kind)
        else:
            if now != held.principal:
                held.socket.close(CLOSE_RESTART, "rights_changed")  # it comes back, and sees what it may see now
