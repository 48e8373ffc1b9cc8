"""Sessions, chunks and effects as a worker would hand them over."""

from app.domain.alerts import Alert, Evidence, Mark
from app.domain.commands import AckAlert, Issued, Outcome
from app.domain.deliveries import Delivery
from app.domain.effects import Effects, MessageRow, OrderRow
from app.domain.events import Act, CommentEvent, CommentText, EnterEvent, Event, User
from app.domain.identity import Fence, Position, derived_id
from app.domain.people import Actor, Role
from app.domain.plan import RoomPlan, SessionKind, SessionPlan
from app.domain.prompts import Prompt
from app.domain.readings import MinuteRow
from app.domain.records import Chunk, CommandIssued, Events
from app.domain.session_clock import LIVE
from app.instants import Instant
from app.store.ledger import SessionCommit
from app.store.sessions import Opening, SessionRow

NOW = Instant(1_764_000_000_000)
LIN = Actor("operator", "p1", "林场控", Role.CONTROLLER)
RULES = b"rules: []\n"
LEXICON = b"phrases: []\n"


def plan(*rooms: str, kind: SessionKind = "live") -> SessionPlan:
    names = rooms or ("douyin",)
    return SessionPlan(
        kind=kind,
        workspace="winery",
        brand="cellar",
        brand_name="酒窖",
        title="周末专场",
        rooms=tuple(RoomPlan(room, room, "douyin") for room in names),
    )


def opening(session: str, *rooms: str, kind: SessionKind = "live", live: bool = True) -> Opening:
    return Opening(
        id=session, plan=plan(*rooms, kind=kind), rules=RULES, lexicon=LEXICON, build="test", wall_ms=NOW, live=live
    )


def events(first: int, count: int, room: str = "douyin") -> list[Event]:
    made: list[Event] = []
    for n in range(first, first + count):
        user = User(f"h:{n:016x}", "林*")
        if n % 10 < 3:
            made.append(
                CommentEvent(id=f"e{n}", room=room, occurred_ms=NOW + n, payload=CommentText("这款还有吗", user))
            )
        else:
            made.append(EnterEvent(id=f"e{n}", room=room, occurred_ms=NOW + n, payload=Act(user)))
    return made


def chunk(first: int, count: int, fence: Fence, room: str = "douyin") -> Chunk:
    body = Events("src", (room,), events(first, count, room))
    return Chunk(Position(first), Position(first + count - 1), Instant(NOW + first), NOW, body, fence)


def messages(first: int, count: int, room: str = "douyin") -> list[MessageRow]:
    return [
        MessageRow(n, room, "comment", NOW + n, "林*", "这款还有吗", f"h:{n:016x}")
        for n in range(first, first + count)
        if n % 10 < 3
    ]


def alert(session: str, version: int = 1, *, acked: bool = False, ended: bool = False, rule: str = "stock") -> Alert:
    return Alert(
        id=derived_id(session, rule, "sku-2", NOW),
        rule=rule,
        rule_version="v1",
        scope="sku",
        scope_id="sku-2",
        labels={"sku": "sku-2"},
        severity="P1",
        condition="ended" if ended else "firing",
        opened_ms=NOW,
        changed_ms=NOW + version,
        version=version,
        title={"zh-CN": "礼盒约 3 分钟售罄"},
        acked_by=LIN.name if acked else "",
        acked_ms=NOW + version if acked else None,
        ended_ms=NOW + version if ended else None,
        evidence=(Evidence("speech", NOW, text="暖身御寒", marks=(Mark(0, 2, "暖身", "health", "block"),)),),
    )


def delivery(of: Alert, session: str, kind: SessionKind = "live", **changed: object) -> Delivery:
    values: dict[str, object] = {
        "id": derived_id(of.id, of.version, "group", ""),
        "session": session,
        "kind": kind,
        "alert": of.id,
        "change": of.version,
        "channel": "group",
        "channel_title": "货盘群",
        "recipient": "",
        "title": "礼盒",
        "text": "礼盒约 3 分钟售罄",
        "language": "zh-CN",
        "severity": "P1",
        "planned_ms": NOW,
        "due_ms": NOW,
        "useful_until_ms": NOW + 300_000,
        "state": "waiting" if kind == "live" else "drill",
    }
    return Delivery(**(values | changed))  # type: ignore[arg-type]


def prompt(session: str, n: int = 1, version: int = 1) -> Prompt:
    return Prompt(
        id=derived_id(session, n), n=n, text={"zh-CN": "发更正"}, level="urgent", by=LIN, sent_ms=NOW, version=version
    )


def outcome(key: str, position: int, code: str = "done") -> Outcome:
    return Outcome(key, code, position, NOW, LIN, "ack_alert", "a1", found=2)


def command_chunk(position: int, key: str, fence: Fence) -> Chunk:
    at = Instant(NOW + position)
    body = CommandIssued(Issued(key, AckAlert("a1", 2), LIN))
    return Chunk(Position(position), Position(position), at, at, body, fence)


def order(position: int, order_id: str, room: str = "douyin") -> OrderRow:
    return OrderRow(position, room, order_id, "order_paid", NOW + position, "CNY", 12_900, 1)


def minute(metric: str = "viewers", at: int = NOW, value: float = 800.0) -> MinuteRow:
    return MinuteRow(metric, "session", "", at, (value,) * 59 + (float("nan"),))


def step(row: SessionRow, first: int, count: int, effects: Effects | None = None) -> SessionCommit:
    """A commit of one chunk of events from `first`, with a message row for each comment."""
    room = row.rooms[0]
    filled = effects or Effects()
    filled.messages.extend(messages(first, count, room))
    return commit(row, [chunk(first, count, row.fence, room)], filled)


def commit(row: SessionRow, chunks: list[Chunk], effects: Effects | None = None) -> SessionCommit:
    last = chunks[-1].last if chunks else Position(row.position)
    return SessionCommit(
        row.session_no, row.id, row.fence, chunks, effects or Effects(), last, Instant(NOW + last), LIVE, NOW, "test"
    )
