"""The running process: builds each part once and is the only place that picks an implementation."""

from app.runtime.bus import bus_of
from app.runtime.process import ALL_ROLES, Role, Runtime, seal_key

__all__ = ["ALL_ROLES", "Role", "Runtime", "bus_of", "seal_key"]
