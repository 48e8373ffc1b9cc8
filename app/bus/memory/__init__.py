"""The ports within one process: queues, rings, leases and news. No server; nothing survives a restart.

What waited at a restart was never answered, so its sender sends it again with the same ids.
"""

from app.bus.memory.frames import MemoryFrameLog
from app.bus.memory.leases import MemoryOwnership
from app.bus.memory.log import MemorySessionLog
from app.bus.memory.news import MemoryNews

__all__ = ["MemoryFrameLog", "MemoryNews", "MemoryOwnership", "MemorySessionLog"]
