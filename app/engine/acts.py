"""What the viewers of a room do (enter, like, share, follow, comment): nine of ten events, so counted many at once."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from app.domain import events as ev
from app.domain.events import KIND_NAMES, Event
from app.domain.identity import quick_hash
from app.engine.counts import COUNTED_KINDS, RoomCounts
from app.engine.distinct import Distinct
from app.engine.moment import Moment
from app.engine.talk import Said, Talk

_ACTS: Final[dict[type[Event], tuple[str, str]]] = {
    kind: (KIND_NAMES[kind], COUNTED_KINDS[KIND_NAMES[kind]])
    for kind in (ev.EnterEvent, ev.LikeEvent, ev.ShareEvent, ev.FollowEvent)
}
"""Kind -> its name and its metric."""


class Acts:
    """Holds the acts of one room and one second until they are settled.

    Between two settlings nobody reads what they change, so sums and sets come to the same as one act after another.
    """

    __slots__ = ("_active", "_comments", "_moment", "_room", "_talk", "_waiting")

    def __init__(self, room: RoomCounts, everywhere: Distinct | None, moment: Moment, talk: Talk) -> None:
        """`everywhere`: the active users of all rooms, where there are several."""
        self._room, self._talk, self._moment = room, talk, moment
        self._active = (room.active,) if everywhere is None else (room.active, everywhere)
        self._waiting: dict[type[Event], list[Any]] = {kind: [] for kind in _ACTS}
        self._comments: list[Said] = []

    def taker(self, kind: type[Event]) -> Callable[[Any], None] | None:
        """Return what takes one act of a kind (of a comment: what was said), None for another kind of event."""
        if kind is ev.CommentEvent:
            return self._comments.append
        waiting = self._waiting.get(kind)
        return None if waiting is None else waiting.append

    def settle(self) -> None:
        """Count what waits, in the second of the moment."""
        moment, room = self._moment, self._room
        users: list[int] = []
        for kind, waiting in self._waiting.items():
            if not waiting:
                continue
            self._sum(kind, waiting)
            if kind is not ev.EnterEvent:
                users += _users(waiting)
            elif room.viewers.seen_ms is None and not moment.late:
                room.entered.add(moment.second, _users(waiting))
            waiting.clear()
        if self._comments:
            users += self._sum_comments()
        if users and not moment.late:
            for active in self._active:
                active.add(moment.second, users)

    def _sum(self, kind: type[Event], waiting: list[Any]) -> None:
        name, metric = _ACTS[kind]
        source, amount = self._moment.source, 0
        for event in waiting:
            payload: ev.Act = event.payload
            if payload.total is None:
                amount += payload.count
            else:
                amount += source.increase(f"{self._room.id}|{name}", payload.total, event.occurred_ms)
        self._moment.add(self._room.tallies[metric], amount)
        self._moment.count(kind, len(waiting))

    def _sum_comments(self) -> list[int]:
        comments, moment = self._comments, self._moment
        users = _users([event for _, event, _ in comments])
        moment.add(self._room.tallies["comments"], len(comments))
        if users and not moment.late:
            self._room.named_comments.add(moment.second, len(users))
        moment.count(ev.CommentEvent, len(comments))
        self._talk.hear(comments)
        comments.clear()
        return users


def _users(events: Iterable[Any]) -> list[int]:
    return [quick_hash(user.id.encode()) for event in events if (user := event.payload.user) is not None]
