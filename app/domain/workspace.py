"""What the workspace file describes: brands, rooms, goods, people, groups. Read by `cueroom setup`, kept in SQL.

Everything a session needs of it is copied into its SessionPlan when it opens, so a later change touches later sessions.
"""

from msgspec import Struct, field

from app.domain.events import Feed
from app.domain.people import Clearance, Role
from app.domain.plan import ChannelKind, MutePlan, QuickPrompt, RoutePlan, SegmentPlan, StreamLine, Target
from app.domain.words import Language, Words


class Brand(Struct, frozen=True):
    id: str
    name: str


class Room(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One shop on one platform. `every_ms`: expected interval of each event kind; `opens_itself`: by events alone."""

    id: str
    brand: str
    name: str
    platform: str
    zone: str = "Asia/Shanghai"
    every_ms: dict[str, int] = field(default_factory=dict)
    lines: tuple[StreamLine, ...] = ()
    opens_itself: bool = True
    session_rooms: tuple[str, ...] = ()
    """Rooms of the same brand that are broadcast together with this one: a session opened here spans them too."""


class Sku(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One SKU of a product. `price` in the smallest unit; `stock`: an opening level to enter as a stock reading."""

    sku: str
    product: str
    brand: str
    name: str
    planned: int = 0
    price: int = 0
    currency: str = "CNY"
    warehouse: str = ""
    authority: Feed = "platform"
    stock_line: int | None = None
    stock: int | None = None
    rooms: tuple[str, ...] = ()
    """Empty: every room of the brand."""


class Channel(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A chat group, or a program. Secrets are names of environment variables (`env:NAME` in the file), never values.

    `robots`: the variables that hold the webhook addresses, one a robot; `secrets`: likewise, the signing secrets. A
    webhook has one address, and all secrets are its own. `clearance`: what evidence a webhook is given.
    """

    name: str
    kind: ChannelKind
    title: Words = field(default_factory=dict)
    robots: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    language: str = "zh-CN"
    per_minute: int = 18
    reserve_critical: int = 6
    clearance: Clearance = Clearance.OPEN


class Person(Struct, frozen=True, omit_defaults=True):
    """A person and the role; `brand` empty: the agency's own (sees every brand)."""

    name: str
    role: Role
    brand: str = ""


class RundownPlan(Struct, frozen=True, omit_defaults=True):
    """`start`: planned wall-clock start, HH:MM in the room's zone, or empty."""

    room: str
    segments: tuple[SegmentPlan, ...]
    start: str = ""


class Workspace(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The whole file, checked: every reference in it resolves."""

    id: str
    name: str
    language: Language = "zh-CN"
    brands: tuple[Brand, ...] = ()
    rooms: tuple[Room, ...] = ()
    skus: tuple[Sku, ...] = ()
    targets: dict[str, tuple[Target, ...]] = field(default_factory=dict)
    """Room id -> targets; the key `*` is every room's."""
    rundowns: tuple[RundownPlan, ...] = ()
    quick: tuple[QuickPrompt, ...] = ()
    corrections: dict[str, Words] = field(default_factory=dict)
    routes: tuple[RoutePlan, ...] = ()
    mutes: tuple[MutePlan, ...] = ()
    channels: tuple[Channel, ...] = ()
    people: tuple[Person, ...] = ()
