"""Fates: what became of claimed rows, written until it is written and then told; of a lost claim another tells."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Literal, TypeVar

import structlog
from sqlalchemy import Connection

from app.clock import Clock
from app.delivery.words import reason
from app.domain.deliveries import Delivery
from app.errors import ControlRoomError
from app.instants import Instant, later
from app.store import deliveries
from app.store.database import Store
from app.store.deliveries import Attempt, Result, Wanted

log = structlog.get_logger()

STORE_AWAY_S: Final = 1.0
_JOINED: Final = " · joined: "

T = TypeVar("T")
Fate = Literal["accepted", "failed", "unknown"]


class Fates:
    """Owns the name of one claimer and what is known of its rows from one try to the next; knows no platforms."""

    def __init__(self, *, store: Store, clock: Clock, claimer: str, on_change: Callable[[Delivery], None]) -> None:
        self._store = store
        self._clock = clock
        self._claimer = claimer
        self._on_change = on_change
        self.forget()

    def forget(self) -> None:
        """Know nothing of earlier tries."""
        self.resigned: set[str] = set()
        self.plain: set[str] = set()
        self.alone: set[str] = set()
        """Rows whose digest the platform did not like: each goes by itself."""

    async def wanted(self, rows: Sequence[Delivery], *, newest: bool) -> dict[str, Wanted]:
        """Return which of the rows are still ours, and which of those are still wanted; `newest`: only while the
        channel was told nothing later of the same alert."""

        def look(conn: Connection) -> dict[str, Wanted]:
            return deliveries.wanted(conn, rows, self._claimer, self._clock.now(), newest=newest)

        return await patiently(lambda: self._store.read(look))

    async def settle(self, rows: Sequence[Delivery], state: Fate, words: str, began: Instant | None = None) -> None:
        """End the rows. `began`: when they were tried last."""
        attempt = self._attempt(began if began is not None else self._clock.now(), state, words)
        for known in (self.resigned, self.plain, self.alone):
            known.difference_update(row.id for row in rows)
        await self._write(partial(deliveries.settle, attempt=attempt, state=state), rows)

    async def again(
        self,
        rows: Sequence[Delivery],
        began: Instant,
        result: Result,
        words: str,
        after_ms: int,
        *,
        ambiguous: bool = False,
    ) -> None:
        """Let the rows wait for their next try. `ambiguous`: the one that began then may have arrived."""
        attempt, next_ms = self._attempt(began, result, words), later(self._clock.now(), after_ms)
        await self._write(partial(deliveries.put_back, attempt=attempt, next_ms=next_ms, ambiguous=ambiguous), rows)

    async def release(self, rows: Sequence[Delivery], next_ms: Instant) -> None:
        """Let rows wait that nothing was tried with."""
        await self._write(partial(deliveries.release, next_ms=next_ms), rows)

    async def cancel(self, rows: Sequence[Delivery], words: str = "") -> None:
        """End rows that nobody wants any more; `words`: why."""
        await self._write(partial(deliveries.cancel, now=self._clock.now(), answer=words), rows)

    def _attempt(self, began: Instant, result: Result, words: str) -> Attempt:
        return Attempt(0, began, self._claimer, result, words, max(0, self._clock.now() - began))

    async def _write(self, change: Callable[..., Delivery | None], rows: Sequence[Delivery]) -> None:
        def write(conn: Connection) -> list[Delivery | None]:
            return [change(conn, claimed=row, claimer=self._claimer) for row in rows]

        if rows:
            for changed in await patiently(lambda: self._store.write(write)):
                if changed is not None:
                    self._on_change(changed)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Ask the database until it answers."""
    while True:
        try:
            return await work()
        except ControlRoomError as refusal:
            if not refusal.retryable:
                raise
            log.warning("outbox_not_reached", code=refusal.code)
            await asyncio.sleep(STORE_AWAY_S)


def joined(words: str, rows: Sequence[Delivery]) -> str:
    """Return what came of a message as a row says it: that it went together with others too."""
    return words if len(rows) == 1 else f"{words} · {reason('joined', rows[0].language, others=len(rows) - 1)}"


def sent(tried: Sequence[Attempt]) -> list[Instant]:
    """Return when the messages by which rows were tried had left at the latest: those that went together are one."""
    digests: dict[tuple[int, str], int] = {}
    alone: list[int] = []
    for row in tried:
        settled = row.at_ms + row.took_ms
        if _JOINED in row.answer:
            digests[row.at_ms, row.claimed_by] = settled
        else:
            alone.append(settled)
    return [Instant(at) for at in (*alone, *digests.values())]
