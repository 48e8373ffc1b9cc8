"""Promises: what others told while it was not heard is read again, however long the store is away."""

import asyncio
from pathlib import Path
from typing import Any

from app.errors import Unavailable
from app.store import tables
from tests.operations.house import ROOM, House, comment, open_house


class Away:
    """The real store, which cannot be read a few times."""

    def __init__(self, house: House, times: int) -> None:
        self._house, self.times = house, times

    async def read(self, fn: Any) -> Any:
        if self.times:
            self.times -= 1
            raise Unavailable("the database is away")
        return await self._house.store.read(fn)


async def test_after_missed_news_a_store_that_was_away_is_read_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        runtime = house.runtime
        (taken,) = (await house.send(comment("c1"))).sessions
        over = tables.sessions.update().where(tables.sessions.c.id == taken.session).values(state="ended")
        await house.store.write(lambda conn: conn.execute(over))
        runtime.directory._store = Away(house, 1)  # type: ignore[assignment]  # asks nothing else of it
        heard = asyncio.Event()
        runtime.directory.listen(lambda _: heard.set())
        runtime._missed()
        async with asyncio.timeout(5):
            await heard.wait()
        assert runtime.directory.current(ROOM) is None
