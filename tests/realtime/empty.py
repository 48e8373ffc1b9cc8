"""An empty database for tests to copy: made once, since that takes longer than most of them."""

import tempfile
from functools import cache
from pathlib import Path

from app.store.migrate import upgrade


@cache
def migrated() -> bytes:
    """Return the bytes of a migrated SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.sqlite3"
        upgrade(f"sqlite:///{file}")
        return file.read_bytes()
