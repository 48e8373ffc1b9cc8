"""Layers that propose finds in a folded text, and the choice of the longest. A further layer is a further generator."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from app.rules.phrases.fold import fold_character
from app.rules.phrases.hits import How
from app.rules.phrases.lexicon import Lexicon, Phrase, Spelling
from app.rules.phrases.passage import Passage

Found = tuple[int, int, int]
"""What the automaton tells: start, end, index of the entry."""

KINDS: Final[dict[str, How]] = {"variant": "variant", "initials": "initials"}


class Entry(NamedTuple):
    """One word of the automaton: a spelling of a phrase, or an anchor of a pattern (then `spelling` is None)."""

    word: str
    phrase: Phrase
    spelling: Spelling | None
    collapses: bool  # may be found where a character is repeated: has no doubled one itself, and is not letters only


class Candidate(NamedTuple):
    """A find before the longest have been chosen. `end` and `start` include characters repeated at the edges."""

    start: int
    end: int
    phrase: Phrase
    spelling: Spelling | None
    how: How
    likeness: int  # characters that stand in the text as in the lexicon: tells 0元购 from 零元购

    @property
    def word(self) -> str:
        """Return the folded spelling; empty for a pattern's find."""
        return self.spelling.folded if self.spelling else ""

    def rank(self) -> tuple[int, int, bool, bool, int]:
        """Longest first, then a literal before a pattern, a plain find before a repeat, the nearest spelling."""
        return self.start, -self.end, self.spelling is None, self.how == "repeat", -self.likeness


def entries(lexicon: Lexicon) -> Iterator[Entry]:
    for phrase in lexicon.phrases:
        for spelling in phrase.spellings:
            word = spelling.folded
            single = all(left != right for left, right in pairwise(word))
            yield Entry(word, phrase, spelling, single and not word.isascii())
        for anchor in phrase.anchors:
            yield Entry(anchor, phrase, None, collapses=False)


def literals(passage: Passage, found: Iterable[Found], known: Sequence[Entry]) -> Iterator[Candidate]:
    for start, end, index in found:
        entry = known[index]
        if entry.spelling and _stands_alone(passage, start, end):
            wide = _with_repeats(passage, start, end)
            yield _candidate(passage, entry.phrase, entry.spelling, *wide, repeated=wide != (start, end))


def repeats(passage: Passage, run: "Collapsed", found: Iterable[Found], known: Sequence[Entry]) -> Iterator[Candidate]:
    """最最最便宜, 加加V: the text without its runs, against spellings that have none themselves."""
    for first, last, index in found:
        entry = known[index]
        start, end = run.starts[first], run.ends[last - 1]
        if entry.spelling and entry.collapses and end - start > last - first and _stands_alone(passage, start, end):
            yield _candidate(passage, entry.phrase, entry.spelling, start, end, repeated=True)


def patterns(passage: Passage, found: Iterable[Found], known: Sequence[Entry]) -> Iterator[Candidate]:
    """Run the patterns whose anchors were seen: in those sentences, then over borders for what lies only there."""
    places: dict[str, set[tuple[int, int]]] = {}
    seen: dict[str, Phrase] = {}
    for start, _, index in found:
        entry = known[index]
        if entry.spelling is None:
            seen[entry.phrase.id] = entry.phrase
            places.setdefault(entry.phrase.id, set()).add(passage.sentence(start))
    for id_, phrase in seen.items():
        if phrase.pattern is None:
            continue
        for first, last in places[id_]:
            for match in phrase.pattern.finditer(passage.folded, first, last):
                yield Candidate(match.start(), match.end(), phrase, None, "pattern", 0)
        for match in phrase.pattern.finditer(passage.folded):
            if passage.crosses_sentences(match.start(), match.end()):
                yield Candidate(match.start(), match.end(), phrase, None, "pattern", 0)


def longest(passage: Passage, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return what lies in no longer one, in order; over the end of a sentence only where nothing plain was found.

    So a later sentence can neither swallow nor weaken what an earlier one said.
    """
    plain: list[Candidate] = []
    crossing: list[Candidate] = []
    candidates = list(candidates)
    if len(candidates) == 1:
        return candidates
    for candidate in candidates:
        crosses = passage.crosses_sentences(candidate.start, candidate.end)
        (crossing if crosses else plain).append(candidate)
    kept = _not_inside(plain)
    starts = [candidate.start for candidate in kept]
    for candidate in _not_inside(crossing):
        before = bisect_right(starts, candidate.end - 1)
        if not before or kept[before - 1].end <= candidate.start:
            kept.append(candidate)
    return sorted(kept, key=Candidate.rank)


def _not_inside(candidates: list[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=Candidate.rank):
        if not kept or candidate.end > kept[-1].end:
            kept.append(candidate)
    return kept


class Collapsed:
    """A passage with each run of a character written once, and where each began and ended; digits are left alone."""

    def __init__(self, passage: Passage) -> None:
        chars: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        for at, char in enumerate(passage.folded):
            if chars and char == chars[-1] and not char.isdigit() and not passage.clause_begins_at(at):
                self.ends[-1] = at + 1
                continue
            chars.append(char)
            self.starts.append(at)
            self.ends.append(at + 1)
        self.text = "".join(chars)


def _candidate(
    passage: Passage, phrase: Phrase, spelling: Spelling, start: int, end: int, *, repeated: bool
) -> Candidate:
    first, last = passage.original(start, end)
    surface = passage.text[first:last]
    likeness = sum(here == there for here, there in zip(surface, spelling.written, strict=False))
    plain: How = "exact" if surface == spelling.written else "folded"
    return Candidate(start, end, phrase, spelling, "repeat" if repeated else KINDS.get(spelling.kind, plain), likeness)


def _with_repeats(passage: Passage, start: int, end: int) -> tuple[int, int]:
    """Take in the neighbours that only repeat the first or last character: all of 最最最便宜 is marked."""
    folded = passage.folded
    while start and folded[start - 1] == folded[start] and not folded[start].isascii() and passage.touches(start - 1):
        start -= 1
    while (
        end < len(folded) and folded[end] == folded[end - 1] and not folded[end].isascii() and passage.touches(end - 1)
    ):
        end += 1
    return start, end


def _stands_alone(passage: Passage, start: int, end: int) -> bool:
    """Letters and digits at an edge need a border there: vx is not in vxzmn, TOP1 not in TOP10, 0元购 not in ⑩元购."""
    if passage.splits_a_character(start) or passage.splits_a_character(end):
        return False
    first, last = passage.original(start, end)
    text = passage.text
    left = _runs_on(passage.folded[start], text[first], text[first - 1 : first] if first else "")
    right = _runs_on(passage.folded[end - 1], text[last - 1], text[last : last + 1])
    return not left and not right


def _runs_on(folded: str, edge: str, neighbour: str) -> bool:
    if not neighbour or not folded.isascii() or not folded.isalnum():
        return False
    beside = fold_character(neighbour)
    if folded.isalpha():
        return beside.isascii() and beside.isalpha()
    # 第一 before 一定 is folded 11, but only written digits run on
    return unicodedata.decimal(edge, None) is not None and unicodedata.decimal(neighbour, None) is not None
