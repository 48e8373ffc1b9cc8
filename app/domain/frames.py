"""What a viewer of the stream receives. JSON, one frame a WebSocket message, subprotocol `cueroom.v1`.

Order: `hello`, then `snapshot` in one or more parts or the missed `delta`s, then deltas and beats. (epoch, seq) number
the deltas of one board: a page ignores a lower epoch, asks for a snapshot on a higher epoch or a missing seq. A page
replaces its board when the last part of a snapshot has come. `now_ms` is session time, `wall_ms` wall time, `rate` how
fast the session's clock runs (live 1): countdowns use all three.
"""

from typing import Any, Final, Literal

from msgspec import Struct, field

from app.domain.board import Audience

SUBPROTOCOL: Final = "cueroom.v1"
FRAME_LIMIT: Final = 16 * 1024
"""Most bytes of an encoded frame; larger snapshots and deltas are cut by key."""
BEAT_MS: Final = 1_000
DELTA_MS: Final = 250

CLOSE_INVALID: Final = 1008
CLOSE_BROKEN: Final = 1011
CLOSE_RESTART: Final = 1012
CLOSE_BUSY: Final = 1013
CLOSE_SIGNED_OUT: Final = 4401
CLOSE_FORBIDDEN: Final = 4403
CLOSE_NOT_FOUND: Final = 4404


class Changed(Struct, frozen=True, omit_defaults=True):
    """Of one topic: values set by key, and keys that are gone."""

    set: dict[str, Any] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


class Hello(Struct, frozen=True, tag="hello", tag_field="type", omit_defaults=True, kw_only=True):
    """`session` None: the room has no session now; a new one comes as another hello with a higher epoch."""

    room: str = ""
    session: str | None = None
    audience: Audience = "control"
    build: str = ""
    wall_ms: int = 0


class Snapshot(Struct, frozen=True, tag="snapshot", tag_field="type", kw_only=True):
    epoch: int
    seq: int
    part: int
    parts: int
    now_ms: int
    wall_ms: int
    rate: float
    topics: dict[str, dict[str, Any]]


class Delta(Struct, frozen=True, tag="delta", tag_field="type", kw_only=True):
    epoch: int
    seq: int
    now_ms: int
    wall_ms: int
    rate: float
    topics: dict[str, Changed]


class Beat(Struct, frozen=True, tag="beat", tag_field="type", kw_only=True):
    """Every second. `seq` is the newest delta sent: a page that has an older one has lost a frame."""

    epoch: int
    seq: int
    now_ms: int
    wall_ms: int
    rate: float


Frame = Hello | Snapshot | Delta | Beat


class Ask(Struct, frozen=True, tag="ask", tag_field="type", omit_defaults=True):
    """The only thing a page sends besides `pong`: give me what follows (epoch, seq), or a snapshot when seq is None."""

    epoch: int = 0
    seq: int | None = None


class RoomCard(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A row of the overview board, topic `rooms`, key room id.

    The session's clock reads clock_session_ms + rate x (wall now - clock_wall_ms): a row changes only when something
    did. `worst`: the worst listed alert, at its level since `level_ms`; readings by metric: viewers, gmv,
    interaction_rate_5m, comments_60s.
    `with_room`: a session over several rooms has its alerts on the leading room's row, and the others name that room.
    `tablets` are real ones that are connected, `simulated` the sample's own.
    """

    room: str
    name: str
    platform: str
    brand: str
    session: str | None = None
    kind: str = "live"
    state: Literal["none", "planned", "live", "paused", "ended"] = "none"
    zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    started_ms: int | None = None
    clock_wall_ms: int = 0
    clock_session_ms: int = 0
    rate: float = 1.0
    segment: dict[str, str] = field(default_factory=dict)
    worst: dict[str, Any] | None = None
    listed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    readings: dict[str, Any] = field(default_factory=dict)
    tablets: int = 0
    simulated: int = 0
    with_room: str = ""
