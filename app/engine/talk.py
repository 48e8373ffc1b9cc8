"""弹幕与口播 on their way into the list and the store: matched many at once, when somebody asks for what came out."""

from typing import Final

from app.domain import events as ev
from app.domain.effects import MessageRow
from app.engine.changes import Changes
from app.engine.state import State
from app.rules.phrases.hits import Hit
from app.rules.phrases.matcher import Matcher

Said = tuple[int, ev.CommentEvent, int]
"""A comment with its position and the instant at which it counts."""
MOST_WAITING: Final = 5_000


class Talk:
    """Holds what was said in the batches since the messages were last listed.

    No rule reads a comment, so it waits: the batches of one commit are matched in one go, which is a third of the cost.
    """

    def __init__(self, state: State, matcher: Matcher, changes: Changes) -> None:
        self._state, self._matcher, self._changes = state, matcher, changes
        self._comments: list[Said] = []
        self._rows: list[MessageRow] = []
        self._batches: list[tuple[list[Said], list[MessageRow], int, float]] = []
        self._waiting = 0

    def hear(self, comments: list[Said]) -> None:
        """Take comments of the running batch."""
        self._comments += comments

    def transcribe(self, row: MessageRow) -> None:
        """Take a segment of the transcript of the running batch."""
        self._rows.append(row)

    def end_batch(self, applied_ms: int) -> None:
        """The batch ends: what it said stands together, at this instant and at the rate of the session's clock."""
        if not self._comments and not self._rows:
            return
        self._batches.append((self._comments, self._rows, applied_ms, self._state.rate))
        self._waiting += len(self._comments)
        self._comments, self._rows = [], []
        if self._waiting >= MOST_WAITING:  # of a driver that never asks
            self.list_all()

    def list_all(self) -> None:
        """Put everything that waits into the messages and the effects."""
        batches, self._batches, self._waiting = self._batches, [], 0
        if not batches:
            return
        texts = [event.payload.text for comments, *_ in batches for _, event, _ in comments]
        found = iter(self._matcher.find_many(texts))
        for comments, rows, applied_ms, rate in batches:
            rows += [_row(said, next(found)) for said in comments]
            rows.sort(key=lambda row: row.position)
            self._changes.effects.messages.extend(rows)
            self._state.messages.extend(rows, applied_ms, rate)


def _row(said: Said, hits: tuple[Hit, ...]) -> MessageRow:
    position, event, at = said
    payload = event.payload
    user = payload.user
    return MessageRow(
        position,
        event.room,
        "comment",
        at,
        user.name if user else "",
        payload.text,
        user.id if user else "",
        payload.tier or (user.tier if user else ""),
        tuple(hit.mark() for hit in hits) if hits else (),
    )
