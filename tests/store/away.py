"""A database that goes away at one call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from app.errors import Unavailable
from app.store.database import Backend, Store, T


class Away:
    """The real database, which goes away at one call: a read before it is made, a write once it is committed."""

    def __init__(self, backend: Backend, read: int, write: int) -> None:
        self._backend, self._reads, self._writes = backend, read, write
        self.look, self.close = backend.look, backend.close

    @classmethod
    @contextmanager
    def at(cls, store: Store, *, read: int = 0, write: int = 0) -> Iterator[None]:
        """Let a store lose its database at the given read or write of the block, counted from 1."""
        whole = store._backend
        store._backend = cls(whole, read, write)
        try:
            yield
        finally:
            store._backend = whole

    async def read(self, fn: Callable[[Connection], T]) -> T:
        self._reads -= 1
        if self._reads == 0:
            raise Unavailable("the database is away")
        return await self._backend.read(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        done = await self._backend.write(fn)
        self._writes -= 1
        if self._writes == 0:
            raise Unavailable("the database is away")
        return done
