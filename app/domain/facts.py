"""Facts: what the processes of one installation tell each other at once. None is kept: what matters lies in SQL.

Whoever was not listening, or missed some, reads SQL again; so a fact may be lost but never be wrong.
"""

from msgspec import Struct

from app.domain.board import Audience, DeviceRow
from app.domain.deliveries import Delivery, Standing
from app.domain.effects import SessionState
from app.domain.frames import RoomCard
from app.domain.people import Clearance
from app.domain.readings import MinuteRow
from app.domain.session_clock import SessionClock


class SessionOpened(Struct, frozen=True, tag="opened"):
    """A session is in SQL that was not there before."""

    session: str


class SessionMoved(Struct, frozen=True, tag="moved"):
    """A commit changed a session's state or clock. `now_ms`: session time."""

    session: str
    state: SessionState
    clock: SessionClock
    now_ms: int


class SessionTaken(Struct, frozen=True, tag="taken"):
    """A session has a new owner: it must be told again which boards are wanted and which tablets are there."""

    session: str


class SessionFreed(Struct, frozen=True, tag="freed"):
    """An owner has let go of a session in good order: another may take it now."""

    session: str


class BoardWanted(Struct, frozen=True, tag="board"):
    """Somebody watches this board; told again every some seconds while that is so."""

    of: str
    audience: Audience
    clearance: Clearance


class SessionPurged(Struct, frozen=True, tag="purged"):
    """Retention has removed a session's log and texts: it has no board any more."""

    session: str
    at_ms: int


class SessionRewritten(Struct, frozen=True, tag="rewritten"):
    """Words were taken out of an ended session's log: what was built of it before is not to be shown any more."""

    session: str


class TailWanted(Struct, frozen=True, tag="tail"):
    """Somebody draws the session's charts and wants the minute that is not in SQL yet; its owner answers to `ask`."""

    session: str
    ask: str


class TailTold(Struct, frozen=True, tag="tail-told"):
    """The answer to a TailWanted."""

    ask: str
    rows: list[MinuteRow]


class CardsWanted(Struct, frozen=True, tag="cards-wanted"):
    """Somebody watches the overview. `whole`: it has nothing yet, so every session's card is wanted."""

    whole: bool


class CardChanged(Struct, frozen=True, tag="card"):
    """A session's rows of the overview, room -> row, as people of a clearance see them. `epoch`: its owner's fence."""

    session: str
    epoch: int
    open: dict[str, RoomCard]
    restricted: dict[str, RoomCard]


class OutboxMoved(Struct, frozen=True, tag="outbox"):
    """Rows of the outbox were planned or cancelled."""


class DeliveryMoved(Struct, frozen=True, tag="delivery"):
    """A message changed its state in SQL."""

    row: Delivery


class ChannelStood(Struct, frozen=True, tag="channel"):
    """A channel rests, is stopped or is open again."""

    standing: Standing


class TabletsHere(Struct, frozen=True, tag="tablets"):
    """The tablets whose sockets one process holds now, all of them: room -> device -> row. Told again every some
    seconds, so that those of a process that died are missed."""

    process: str
    rooms: dict[str, list[DeviceRow]]


class Revoked(Struct, frozen=True, tag="revoked"):
    """A sign-in, a role, a token or a tablet ended: what hangs on the handle is closed."""

    handle: str


class WorkspaceChanged(Struct, frozen=True, tag="workspace"):
    """Rooms, channels and people are to be read again."""


class WorkerHere(Struct, frozen=True, tag="worker"):
    """A worker is alive and owns so many sessions; told every second."""

    worker: str
    sessions: int
    stopping: bool = False


Fact = (
    SessionOpened
    | SessionMoved
    | SessionTaken
    | SessionFreed
    | SessionPurged
    | SessionRewritten
    | BoardWanted
    | TailWanted
    | TailTold
    | CardsWanted
    | CardChanged
    | OutboxMoved
    | DeliveryMoved
    | ChannelStood
    | TabletsHere
    | Revoked
    | WorkspaceChanged
    | WorkerHere
)
