"""A running lower half of the house for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.intake.house import House, open_house


@pytest.fixture
async def house(migrated_file: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(migrated_file, tmp_path) as opened:
        yield opened
