"""One running server for every test of a module that does not stop it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.server import Keys, Server, ingest, prepared, serving, viewers


class House(NamedTuple):
    """A running server with one live session, and the tokens it knows. `session`: of room ROOM."""

    server: Server
    keys: Keys
    session: str


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server on SQLite with two brands of one room each; the first room is live."""
    data: Path = tmp_path_factory.mktemp("house") / "data"
    keys = await prepared(data)
    async with serving(data) as server:
        async with server.client(keys.ingest) as feed:
            answer = await ingest(feed, viewers("v0", 800))
        (session,) = (each["session"] for each in answer.json()["sessions"])
        yield House(server, keys, session)


@pytest.fixture
def calm(house: House) -> Iterator[House]:
    """The same, checked to have had no mistake of ours by the end of the test."""
    yield house
    assert '"level": "error"' not in house.server.complained, house.server.complained[-4_000:]
    assert "Traceback" not in house.server.complained, house.server.complained[-4_000:]
