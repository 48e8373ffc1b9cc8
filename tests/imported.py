"""Imported by the process that others are forked from: what each of them would import, read and build again.

They find it there because the product reads a text once in a process, whoever asks first.
"""

import gc
import importlib

from app.rules.pack import shipped_rules
from app.rules.phrases.matcher import Matcher
from app.rules.phrases.reading import parse_lexicon, shipped_text
from app.store import migrate

for late in (  # imported by the product when the first of its kind is made
    "alembic.ddl.postgresql",
    "anyio._backends._asyncio",
    "asyncpg",
    "httpcore2",
    "httpx2",
    "redis.asyncio",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
):
    importlib.import_module(late)
Matcher(parse_lexicon(shipped_text()))
shipped_rules()
migrate.head()
gc.collect()
gc.freeze()  # else each process would look at all of this, and so get a copy of its own
