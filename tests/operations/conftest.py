"""A migrated store of each kind, for what needs no whole control room."""

from tests.store.conftest import (  # noqa: F401  fixtures: pytest finds them by their names here
    database_url,
    migrated_postgres,
    sqlite_store,
    sqlite_url,
    store,
)
