"""The ports within one process: queues, rings and leases. No server; nothing survives a restart.

What waited at a restart was never answered, so its sender sends it again with the same ids.
"""

from app.bus.memory.frames import MemoryFrameLog
from app.bus.memory.leases import MemoryOwnership
from app.bus.memory.log import MemorySessionLog

__all__ = ["MemoryFrameLog", "MemoryOwnership", "MemorySessionLog"]
