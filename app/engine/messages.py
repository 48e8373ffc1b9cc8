"""弹幕与口播: the newest comments and transcript segments, with what the matcher marked in them."""

from typing import Final

from msgspec import Struct, field

from app.domain.board import Message
from app.domain.effects import MessageRow

SHOWN: Final = 100
SLOT_MS: Final = 250
COMMENTS_A_SLOT: Final = 20


class MessageBook(Struct):
    """The newest rows by position; of the comments of a quarter of a second at most twenty, the marked ones first.

    More could not be read, nor would they fit into a frame. The row after those that were left out says how many.
    """

    rows: dict[int, MessageRow] = field(default_factory=dict)
    skipped: dict[int, int] = field(default_factory=dict)
    """Position -> how many comments before it were left out."""
    left_out: int = 0
    """Those that no row has told of yet."""
    slot: int = -1
    taken: int = 0
    plain: list[int] = field(default_factory=list)
    """The comments of the slot that give way to marked ones."""

    def extend(self, rows: list[MessageRow], applied_ms: int, rate: float) -> None:
        """Add rows in order of their positions; `rate`: how fast the session clock runs beside the readers' own."""
        slot = applied_ms // round(SLOT_MS * max(1.0, rate))
        if slot != self.slot:
            self.slot, self.taken, self.plain = slot, 0, []
        for row in rows:
            comment = row.kind == "comment"
            if comment and self.taken >= COMMENTS_A_SLOT and not (row.marks and self._gives_way()):
                self.left_out += 1
                continue
            self.rows[row.position] = row
            if self.left_out:
                self.skipped[row.position], self.left_out = self.left_out, 0
            if comment:
                self.taken += 1
                if not row.marks:
                    self.plain.append(row.position)
        if len(self.rows) > 3 * SHOWN:
            self.rows = {position: self.rows[position] for position in sorted(self.rows)[-SHOWN:]}
            self.skipped = {position: n for position, n in self.skipped.items() if position in self.rows}

    def shown(self) -> dict[str, Message]:
        """Return the newest messages as boards carry them, oldest first."""
        return {
            f"{position:012}": Message(
                kind=row.kind,
                at_ms=row.at_ms,
                who=row.who,
                text=row.text,
                marks=row.marks,
                room=row.room,
                skipped=self.skipped.get(position, 0),
            )
            for position, row in ((position, self.rows[position]) for position in sorted(self.rows)[-SHOWN:])
        }

    def _gives_way(self) -> bool:
        """Let the newest comment of the slot that is not marked give way to a marked one; False when all are marked."""
        if not self.plain:
            return False
        position = self.plain.pop()
        self.rows.pop(position, None)
        self.left_out += 1 + self.skipped.pop(position, 0)
        self.taken -= 1
        return True
