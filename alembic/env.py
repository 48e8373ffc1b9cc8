"""How migrations reach a database: SQLite directly, PostgreSQL over asyncpg; the same engines as the program's."""

import asyncio
import os
from pathlib import Path

from sqlalchemy import Connection

from alembic import context
from app.store.database import normalised
from app.store.postgres import postgres_engine
from app.store.sqlite import sqlite_engine
from app.store.tables import metadata

MIGRATING = (
    0x63756572_6D696772  # PostgreSQL advisory lock: two programs that start together migrate one after the other
)


def migrate(connection: Connection) -> None:
    """Run what was asked for on one connection, in one transaction: all of it or nothing."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def migrate_sqlite(file: Path) -> None:
    """Hold the file's write lock for the whole run, so that a second run waits and then finds nothing to do."""
    # Foreign keys off: a batch migration drops and renames tables that others point at.
    engine = sqlite_engine(file, begin="BEGIN IMMEDIATE", connections=1, pragmas=("PRAGMA foreign_keys=OFF",))
    try:
        with engine.connect() as connection:
            migrate(connection)
    finally:
        engine.dispose()


async def migrate_postgres() -> None:
    """The same over asyncpg; building an index may take longer than a statement of the running program may."""
    engine = postgres_engine(url, connections=1, statement_ms=0)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


url = normalised(context.config.attributes.get("url") or os.environ.get("CUEROOM_DATABASE_URL", ""))
if url.get_backend_name() == "sqlite":
    migrate_sqlite(Path(str(url.database)))
else:
    asyncio.run(migrate_postgres())
