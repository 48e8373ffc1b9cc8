"""The ports between processes over Redis (or Valkey): streams, scripts that are all or nothing, leases with an end.

SQL is the truth. What is lost with an emptied Redis was never answered, so its sender sends it again with the same ids.
Keys of one script lie in several slots, so this is for one Redis with replicas, not for a Redis Cluster.
"""

from app.bus.redis_streams.frames import RedisFrameLog
from app.bus.redis_streams.leases import RedisOwnership
from app.bus.redis_streams.link import RedisLink, prefix_of
from app.bus.redis_streams.log import RedisSessionLog
from app.bus.redis_streams.news import RedisNews

__all__ = ["RedisFrameLog", "RedisLink", "RedisNews", "RedisOwnership", "RedisSessionLog", "prefix_of"]
