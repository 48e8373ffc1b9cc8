"""A migrated database file to copy: migrating takes longer than most tests."""

from pathlib import Path

import pytest

from app.store import migrate


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file
