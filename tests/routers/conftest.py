"""The whole HTTP side over a running lower half of the house, and clients of each kind of person."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.intake.house import House, open_house
from tests.routers.web import Web, open_web


@pytest.fixture
async def house(migrated_file: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(migrated_file, tmp_path) as opened:
        yield opened


@pytest.fixture
async def web(house: House) -> AsyncIterator[Web]:
    async with open_web(house) as opened:
        yield opened
