"""Where the session log lies in Redis: a stream a session, and beside them what all of its scripts look at."""

from app.bus.redis_streams.link import RedisLink


def stream_of(link: RedisLink, session: str) -> str:
    return link.name("log", session)


def waiting_key(link: RedisLink) -> str:
    """Session -> how many events are not settled: who owns a thousand sessions reads the few that have some."""
    return link.name("waiting")


def bell_key(link: RedisLink) -> str:
    """A stream that is rung with every append, whatever the session."""
    return link.name("bell")


def life_key(link: RedisLink) -> str:
    """Names what this Redis holds since it was last empty: with another name no id read before means anything."""
    return link.name("life")
