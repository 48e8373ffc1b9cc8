"""One segment of the host's speech with what the matcher found in it, as rules and alerts see it."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.alerts import Evidence
from app.domain.events import Speech
from app.domain.words import Words, in_language
from app.rules.phrases.hits import Hit
from app.rules.vocabulary import Value

JUDGED_SPEAKERS = frozenset({"host", "assistant"})
GENERAL_CORRECTION = "*"


class Spoken(NamedTuple):
    """`at_ms`: the instant of the words. `corrections`: lexicon category -> the line to read out."""

    speech: Speech
    hits: tuple[Hit, ...]
    at_ms: int
    corrections: Mapping[str, Words]

    @property
    def counting(self) -> list[Hit]:
        return [hit for hit in self.hits if hit.counts]

    def values(self, language: str) -> dict[str, Value]:
        """Return the names a rule may use of it (`e.`), texts in one language; the worst hit speaks for all."""
        counting = self.counting
        worst = max(counting, key=lambda hit: hit.grade, default=None)
        return {
            "hits": float(len(counting)),
            "grade": worst.grade if worst else 0.0,
            "conf": self.speech.confidence,
            "at": float(self.at_ms),
            "phrase": "、".join(dict.fromkeys(hit.phrase for hit in counting)),
            "correction": in_language(self.correction(worst.category if worst else ""), language),
            "category": worst.category if worst else "",
            "law": (worst.citation or worst.law) if worst else "",
            "text": self.speech.text,
        }

    def correction(self, category: str) -> Words:
        """Return the workspace's correction line for a category, else its general one."""
        return self.corrections.get(category) or self.corrections.get(GENERAL_CORRECTION) or {}

    def evidence(self) -> Evidence:
        """Return the segment with its marks, as it is kept beside an alert."""
        return Evidence(
            kind="speech",
            at_ms=self.at_ms,
            text=self.speech.text,
            marks=tuple(hit.mark() for hit in self.hits),
            start_ms=self.speech.start_ms,
            speaker=self.speech.speaker,
        )
