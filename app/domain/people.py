"""Who acts: roles, clearance, and the actor named on every command."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct


class Role(StrEnum):
    ADMIN = "admin"  # 管理员
    CONTROLLER = "controller"  # 场控
    HOST = "host"  # 主播
    ASSISTANT = "assistant"  # 助播
    OPERATIONS = "operations"  # 运营
    ADS = "ads"  # 投流
    AV = "av"  # 技术
    SERVICE = "service"  # 客服
    SUPPLY = "supply"  # 供应链
    LEGAL = "legal"  # 法务
    RISK = "risk"  # 风控
    OWNER = "owner"  # 品牌负责人
    VIEWER = "viewer"  # 只读


class Clearance(StrEnum):
    OPEN = "open"
    RESTRICTED = "restricted"


RESTRICTED_ROLES = frozenset({Role.ADMIN, Role.CONTROLLER, Role.LEGAL, Role.RISK, Role.OWNER})
"""Roles that also see fraud and compliance detail."""


def clearance_of(role: Role) -> Clearance:
    """Return what a role may see."""
    return Clearance.RESTRICTED if role in RESTRICTED_ROLES else Clearance.OPEN


def may_see(clearance: Clearance, of: Clearance) -> bool:
    """Return whether somebody of this clearance may see what is `of` that one."""
    return of is Clearance.OPEN or clearance is Clearance.RESTRICTED


class Actor(Struct, frozen=True):
    """Who issued a command: a signed-in person, a paired tablet, or a driver of the system itself."""

    kind: Literal["operator", "device", "system"]
    id: str
    name: str
    role: Role


SYSTEM = Actor("system", "system", "Cueroom", Role.ADMIN)
