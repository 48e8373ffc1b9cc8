"""A lexicon once it has been read and found good: phrases, the words around them, names; frozen, safe to share."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, Literal, NamedTuple

from app.errors import ControlRoomError

Severity = Literal["block", "warn"]
SpellingKind = Literal["phrase", "variant", "initials"]

CATEGORIES: Final = frozenset((
    "absolute", "special_supply", "health", "induce", "minors", "driving", "diversion", "price", "false_claim",
    "invest", "disparage", "vulgar", "prize", "traffic_fake", "tax_invoice", "aging", "authority", "origin",
    "award_data", "drinking_act", "at_risk", "promise", "state_symbol", "tobacco",
))  # fmt: skip
"""What the rest of the product knows: correction lines, routes and clearances are keyed by these."""


class Fault(NamedTuple):
    """One thing wrong in a lexicon file; `code` is stable, line and column count from 1."""

    code: str
    detail: str
    line: int
    column: int


class LexiconError(ControlRoomError):
    """A lexicon text was refused; the one in use stays. `faults` are all that were found, the first is the message."""

    code: ClassVar[str] = "lexicon_invalid"

    def __init__(self, file: str, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        super().__init__(
            f"{file}:{first.line}:{first.column}: {first.detail}",
            file=file,
            line=first.line,
            column=first.column,
            fault=first.code,
            faults=len(faults),
        )
        self.faults = faults


class Spelling(NamedTuple):
    """One written form of a phrase, folded."""

    folded: str
    kind: SpellingKind
    written: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """An entry: literal (`spellings`) or found by an expression (`pattern`; each match holds an anchor)."""

    id: str
    phrase: str
    category: str
    severity: Severity
    law: str
    citation: str
    suggest: str
    spellings: tuple[Spelling, ...]
    pattern: re.Pattern[str] | None
    anchors: tuple[str, ...]
    allow: tuple[re.Pattern[str], ...]
    phonetic: bool


@dataclass(frozen=True, slots=True)
class Name:
    """A registered name: inside it, and only there, the phrases it covers are not claims. None: all but a state's."""

    name: str
    folded: str
    covers: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Words that, beside a hit, show that it is not a claim; folded, sorted by length, longest first."""

    negators: tuple[str, ...]
    question_forms: tuple[str, ...]
    negator_lookalikes: tuple[str, ...]
    negated_verbs: tuple[str, ...]
    joining_words: tuple[str, ...]
    quote_cues: tuple[str, ...]
    mention_verbs: tuple[str, ...]
    mention_cues: tuple[str, ...]
    everyday_words: tuple[str, ...]
    everyday_cues: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """One version of a lexicon. Its identity is `hash`, that of the text it was read from."""

    version: str
    hash: str
    laws: dict[str, str]
    phrases: tuple[Phrase, ...]
    names: tuple[Name, ...]
    surroundings: Surroundings

    @cached_property
    def by_id(self) -> dict[str, Phrase]:
        return {phrase.id: phrase for phrase in self.phrases}
