"""TikTok's webcast messages (protobuf), one `{ts, method, room, payload_b64}` a line, as a collector wrote them down.

Viewer counts, enters, chats, likes, follows, shares, gifts, the host's captions, the product that is shown and the
stream's state become events; the platform's games, rankings and notices have no kind here and are left out. The
order is that of `ts`. A message that comes a second time (`msgId`) is left out.

A gift that is sent in a row comes again and again with a higher count: what is new of it counts. Diamonds are the
platform's coin and no money of ours: they travel in `ext`. `total` of the viewers is who is there now; `totalUser`
is who has ever been. Captions say which language, and where in the stream they lie.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

from app.domain.events import (
    Act,
    CommentEvent,
    CommentText,
    EnterEvent,
    Event,
    FollowEvent,
    Gifted,
    GiftEvent,
    LikeEvent,
    OnAir,
    OnAirEvent,
    ShareEvent,
    Speech,
    SpeechEvent,
    Status,
    StatusEvent,
    User,
    Viewers,
    ViewersEvent,
)
from app.sources.protobuf import Message, NotProtobuf
from app.sources.record import NotThisRecording, Record, json_lines

FOLLOWED: Final = 1
SHARED: Final = 3
ENTERED: Final = 1
IN_A_ROW: Final = 1
"""`type` of a gift whose count goes on growing."""
_STATES: Final[dict[int, Literal["paused", "live", "ended"]]] = {1: "paused", 2: "live", 3: "ended", 4: "ended"}


class _Line(Struct):
    ts: str
    method: str
    room: str
    payload_b64: str


class _LeftOut(Exception):
    """A message that becomes no event; the text says why."""


class _Reader:
    """What must be remembered from one message to the next: which have come, and how far each row of gifts is."""

    def __init__(self, *, one_room: bool) -> None:
        self._one_room = one_room
        self._come: set[int] = set()
        self._rows: dict[tuple[str, str, int], int] = {}

    def record(self, number: int, at_ms: int, line: _Line) -> Record:
        """Raises NotThisRecording."""
        kind, make = _KINDS.get(line.method, ("other", None))
        try:
            message = Message(base64.b64decode(line.payload_b64, validate=True))
            event = None if make is None else self._event(make, line.room, message)
        except _LeftOut as left:
            return Record(at_ms, str(number), kind, why=str(left))
        except (NotProtobuf, binascii.Error) as broken:
            raise NotThisRecording(f"line {number}: {broken}", line=number) from None
        if event is None:
            return Record(at_ms, str(number), kind, why="no_kind")
        return Record(at_ms, str(number), str(event.__struct_config__.tag), event)

    def _event(self, make: "_Maker", room: str, message: Message) -> Event:
        identity = message.message(1).number(2)
        if identity in self._come:
            raise _LeftOut("repeated")
        self._come.add(identity)
        return make(self, room, message)

    def viewers(self, room: str, message: Message) -> Event:
        return ViewersEvent(room="", occurred_ms=0, payload=Viewers(message.number(3)))

    def enter(self, room: str, message: Message) -> Event:
        if message.number(10) != ENTERED:
            raise _LeftOut("other_action")
        return EnterEvent(room="", occurred_ms=0, payload=Act(_user(message.message(2))))

    def comment(self, room: str, message: Message) -> Event:
        text = message.text(3)
        if not text.strip():
            raise _LeftOut("empty")
        return CommentEvent(room="", occurred_ms=0, payload=CommentText(text, _user(message.message(2))))

    def like(self, room: str, message: Message) -> Event:
        act = Act(_user(message.message(5)), count=message.number(2))
        return LikeEvent(room="", occurred_ms=0, payload=act)

    def social(self, room: str, message: Message) -> Event:
        act = Act(_user(message.message(2)))
        match message.number(4):
            case action if action == FOLLOWED:
                return FollowEvent(room="", occurred_ms=0, payload=act)
            case action if action == SHARED:
                return ShareEvent(room="", occurred_ms=0, payload=act)
        raise _LeftOut("other_action")

    def gift(self, room: str, message: Message) -> Event:
        gift, user = message.message(15), _user(message.message(7))
        count = max(1, message.number(5))
        if gift.number(11) == IN_A_ROW:
            row = room, user.id if user else "", message.number(11)
            count -= self._rows.get(row, 0)
            if count <= 0:
                raise _LeftOut("end_of_a_row")
            self._rows[row] = self._rows.get(row, 0) + count
        name = gift.text(16) or str(message.number(2))
        given = Gifted(name, user, count=count, ext={"diamonds": gift.number(12) * count})
        return GiftEvent(room="", occurred_ms=0, payload=given)

    def speech(self, room: str, message: Message) -> Event:
        text = message.message(4).text(2)
        if not text.strip():
            raise _LeftOut("empty")
        start = message.number(2)
        said = Speech(text, start, start + message.number(3))
        return SpeechEvent(room="", occurred_ms=0, payload=said)

    def on_air(self, room: str, message: Message) -> Event:
        sku = message.message(4).number(6)
        if not sku:
            raise _LeftOut("no_product")
        return OnAirEvent(room="", occurred_ms=0, payload=OnAir(str(sku)))

    def status(self, room: str, message: Message) -> Event:
        state = _STATES.get(message.number(2))
        if state is None:
            raise _LeftOut("other_action")
        if state == "ended" and not self._one_room:
            raise _LeftOut("one_room_of_several")
        return StatusEvent(room="", occurred_ms=0, payload=Status(state))


_Maker = Callable[[_Reader, str, Message], Event]
_KINDS: Final[dict[str, tuple[str, _Maker]]] = {
    "WebcastRoomUserSeqMessage": ("viewers", _Reader.viewers),
    "WebcastMemberMessage": ("enter", _Reader.enter),
    "WebcastChatMessage": ("comment", _Reader.comment),
    "WebcastLikeMessage": ("like", _Reader.like),
    "WebcastSocialMessage": ("follow", _Reader.social),
    "WebcastGiftMessage": ("gift", _Reader.gift),
    "WebcastCaptionMessage": ("speech", _Reader.speech),
    "WebcastOecLiveShoppingMessage": ("on_air", _Reader.on_air),
    "WebcastControlMessage": ("status", _Reader.status),
}
"""Name of a message -> the kind it becomes, for the count of what is left out, and what makes the event."""


def read(body: bytes) -> Iterator[Record]:
    """Yield the messages in the order of their times. Raises NotThisRecording."""
    lines = [(_time_ms(line.ts, number), number, line) for number, line in json_lines(body, _Line)]
    reader = _Reader(one_room=len({line.room for _, _, line in lines}) == 1)
    for at_ms, number, line in sorted(lines, key=lambda each: each[:2]):
        yield reader.record(number, at_ms, line)


def _time_ms(text: str, number: int) -> int:
    """Return the time of a message; one without a zone is taken as UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise NotThisRecording(f"line {number}: {text!r} is no time", line=number) from None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000)


def _user(user: Message) -> User | None:
    identity = user.number(1)
    return User(str(identity), user.text(3)) if identity else None
