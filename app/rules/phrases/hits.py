"""What the matcher says: one hit, where it lies in the original text, and why it does not count when it does not."""

from typing import Final, Literal

from msgspec import Struct

from app.domain.alerts import Mark
from app.rules.phrases.lexicon import Severity

Source = Literal["speech", "comment", "script"]
How = Literal["exact", "folded", "variant", "initials", "repeat", "pattern"]
Exemption = Literal["name", "allowed", "everyday", "negated", "quoted"]
"""name: inside a registered or product name · allowed: an allow-phrase overlaps it · everyday: a known spelling that is
an ordinary word and has no second sign beside it · negated: a negator stands directly before it · quoted: the sentence
speaks about the ban."""

GRADES: Final[dict[Severity, float]] = {"block": 3.0, "warn": 2.0}


class Hit(Struct, frozen=True, gc=False, kw_only=True):
    """One phrase found. `start` and `end` are indices of the original text; `surface` is what stands there.

    `suspect`: it reaches over the end of a sentence, so it is only a warning whatever the lexicon says.
    `because`: the words that exempt it, as they stand in the lexicon or the text; empty while it counts.
    """

    phrase_id: str
    phrase: str
    category: str
    severity: Severity
    grade: float
    start: int
    end: int
    surface: str
    how: How
    law: str
    citation: str
    suggest: str
    suspect: bool = False
    exempt: Exemption | None = None
    because: str = ""

    @property
    def counts(self) -> bool:
        return self.exempt is None

    def mark(self) -> Mark:
        """Return the hit as it is marked on a page; `exempt` is then `negated:不能` and the like."""
        return Mark(
            start=self.start,
            end=self.end,
            phrase=self.phrase,
            category=self.category,
            severity=self.severity,
            law=self.law,
            citation=self.citation,
            suggest=self.suggest,
            how=self.how,
            exempt=f"{self.exempt}:{self.because}" if self.exempt else "",
        )


def counting(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """Return the hits that count, in the order of the text."""
    return tuple(hit for hit in hits if hit.exempt is None)
