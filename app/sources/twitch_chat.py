"""A Twitch chat as the Twitch Chat Downloader writes it: `{video, comments[]}`. Each comment becomes a `comment`.

The time is `content_offset_seconds`: `created_at` of a highlight says when it was imported, not when it was written.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from app.domain.events import CommentEvent, CommentText, User
from app.sources.record import NotThisRecording, Record, milliseconds


class _Commenter(Struct):
    id: str = msgspec.field(name="_id")
    display_name: str = ""


class _Message(Struct):
    body: str


class _Comment(Struct):
    id: str = msgspec.field(name="_id")
    content_offset_seconds: float
    message: _Message
    commenter: _Commenter | None = None


class _Document(Struct):
    comments: list[_Comment]


def read(body: bytes) -> Iterator[Record]:
    """Yield the comments in the order of the file. Raises NotThisRecording."""
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise NotThisRecording(str(broken)) from None
    for number, comment in enumerate(document.comments, start=1):
        at, place = milliseconds(comment.content_offset_seconds), str(number)
        if not comment.message.body.strip():
            yield Record(at, place, "comment", why="empty")
        else:
            who = comment.commenter
            user = User(who.id, who.display_name) if who is not None else None
            text = CommentText(comment.message.body, user=user)
            yield Record(at, place, "comment", CommentEvent(room="", occurred_ms=0, payload=text))
