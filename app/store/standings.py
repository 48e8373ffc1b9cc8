"""How the channels stand that are not open: kept over a restart, so that a robot that was told to wait is not asked."""

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select

from app.domain.deliveries import Standing
from app.instants import Instant
from app.store import tables


def stand(conn: Connection, standing: Standing, robots: str, now: Instant) -> None:
    """Write down how a channel stands; one that is open has no row. `robots`: a hash of the addresses it is about."""
    table = tables.channel_standings
    conn.execute(delete(table).where(table.c.channel == standing.channel))
    if standing.state != "open":
        conn.execute(insert(table).values(robots=robots, at_ms=now, **asdict(standing)))


def standings(conn: Connection, channel: str | None = None) -> dict[str, tuple[Standing, str]]:
    """Return how the channels stand that are not open, each with the hash of its addresses; `channel`: of one alone."""
    table = tables.channel_standings
    query = select(table).order_by(table.c.channel)
    if channel is not None:
        query = query.where(table.c.channel == channel)
    return {
        row.channel: (Standing(row.channel, row.state, row.title, row.why, row.until_ms), row.robots)
        for row in conn.execute(query)
    }
