"""弹幕与口播: the newest comments and transcript segments, with what the matcher marked in them."""

from typing import Final

from msgspec import Struct, field

from app.domain.board import Message
from app.domain.effects import MessageRow

SHOWN: Final = 100


class MessageBook(Struct):
    """The newest rows by position."""

    rows: dict[int, MessageRow] = field(default_factory=dict)

    def extend(self, rows: list[MessageRow]) -> None:
        """Add rows; positions rise but for comments, which are marked at the end of their batch."""
        for row in rows[-SHOWN:]:
            self.rows[row.position] = row
        if len(self.rows) > 3 * SHOWN:
            self.rows = {position: self.rows[position] for position in sorted(self.rows)[-SHOWN:]}

    def shown(self) -> dict[str, Message]:
        """Return the newest messages as boards carry them, oldest first."""
        return {
            f"{position:012}": Message(
                kind=row.kind, at_ms=row.at_ms, who=row.who, text=row.text, marks=row.marks, room=row.room
            )
            for position, row in ((position, self.rows[position]) for position in sorted(self.rows)[-SHOWN:])
        }
