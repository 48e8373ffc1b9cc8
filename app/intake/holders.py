"""Holders: which session holds an order. Remembered for recent orders; the others are asked of SQL, many at once."""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Connection

from app.store.database import Store
from app.store.orders import holders

KNOWN: Final = 100_000
OrderKey = tuple[str, str]
"""Room and order."""


class Holders:
    """Owns what it remembers. A read starts when the one before ends and asks for all that wait: alone it costs as much
    as 150 other events (measured), and every batch of a busy room has an order nobody has seen.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[OrderKey, str] = {}
        self._wanted: dict[str, set[str]] = {}
        self._next: asyncio.Task[dict[OrderKey, str]] | None = None
        self._turn = asyncio.Lock()

    async def of(self, room: str, orders: Collection[str]) -> dict[str, str]:
        """Return order -> session of kind live that holds it, for those that one does."""
        held = {order: self._known[(room, order)] for order in orders if (room, order) in self._known}
        if unknown := [order for order in orders if order not in held]:
            self._wanted.setdefault(room, set()).update(unknown)
            if self._next is None:
                self._next = asyncio.create_task(self._read())
            found = await asyncio.shield(self._next)
            held |= {order: found[(room, order)] for order in unknown if (room, order) in found}
        return held

    def remember(self, orders: Mapping[OrderKey, str]) -> None:
        """These were committed to a session; the first one that held an order keeps it."""
        for key, session in orders.items():
            self._known.setdefault(key, session)
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]

    async def _read(self) -> dict[OrderKey, str]:
        async with self._turn:
            # No await between these: what is asked for from here on waits for the next read.
            wanted, self._wanted, self._next = self._wanted, {}, None
            return await self._store.read(partial(_holders, wanted=wanted))


def _holders(conn: Connection, wanted: Mapping[str, Collection[str]]) -> dict[OrderKey, str]:
    return {
        (room, order): session
        for room, orders in wanted.items()
        for order, session in holders(conn, room, sorted(orders)).items()
    }
