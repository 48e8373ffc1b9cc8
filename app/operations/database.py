"""`db upgrade`: the database in the shape this program needs. Whoever opens an installation has upgraded it already."""

from msgspec import Struct

from app.operations.answer import Answer
from app.operations.installation import Installation
from app.operations.words import word
from app.store.migrate import revision


class Upgrade(Struct, frozen=True):
    """`before`: the revision that was found when the installation was opened for this; None: it was empty."""

    language: str
    before: str | None = None
    opened: bool = False


async def upgrade(here: Installation, wanted: Upgrade) -> Answer:
    """Say what was done."""
    now = str(await here.store.read(revision))
    data = {"revision": now}
    if not wanted.opened or wanted.before == now:
        return Answer((word("is_current", wanted.language, new=now),), data=data)
    old = wanted.before or word("empty_database", wanted.language)
    return Answer((word("upgraded", wanted.language, old=old, new=now),), data=data | {"before": wanted.before})
