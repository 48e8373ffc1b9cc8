"""A running lower half of the house for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store import migrate
from tests.intake.house import House, open_house


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite file to copy: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
async def house(migrated_file: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(migrated_file, tmp_path) as opened:
        yield opened
