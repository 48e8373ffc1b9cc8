"""Why a hit does not count: names, allow-phrases, everyday words, negators, talk about the ban; looked at on a hit."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from daachorse import CharwiseDoubleArrayAhoCorasick

from app.rules.phrases.expression import MAX_WIDTH
from app.rules.phrases.fold import fold
from app.rules.phrases.hits import Exemption
from app.rules.phrases.lexicon import Lexicon, Name, Phrase
from app.rules.phrases.passage import Passage

REACH: Final = 24
"""How many folded characters before a hit are read: the longest negator with a verb behind it, and room to spare."""
NEAR: Final = 4
NO_NAME_COVERS: Final = frozenset(("special_supply", "state_symbol"))
"""A product that is called 特供 or wears the state's emblem is the offence itself (SAMR notice of 2024-09-19)."""
MAX_NAME: Final = 200
NO_WORD: Final = "\ufdd0"
"""A noncharacter, for an automaton without words: it must hold one."""


class Cover(NamedTuple):
    """A text inside which hits do not count; `covers` None: all phrases shorter than it."""

    folded: str
    written: str
    covers: frozenset[str] | None
    reason: Exemption


class Why(NamedTuple):
    """Why a hit does not count, and the words that say so."""

    reason: Exemption
    because: str


class Place(NamedTuple):
    """Where a cover was found in the folded text."""

    start: int
    end: int
    cover: Cover


class Span(NamedTuple):
    """A hit in the folded text."""

    start: int
    end: int
    phrase: Phrase
    spelled: str


class Context:
    """Owns the exempting words of one matcher; knows nothing of how hits are found."""

    def __init__(self, lexicon: Lexicon, names: Iterable[str | Name], allow: Iterable[str]) -> None:
        self._words = lexicon.surroundings
        self._everyday = frozenset(lexicon.surroundings.everyday_words)
        self._quote_cue = _any_of(lexicon.surroundings.quote_cues)
        self._mention_cue = _any_of(lexicon.surroundings.mention_cues)
        given = [name if isinstance(name, Name) else Name(name, fold(name), None) for name in names]
        covers = [Cover(name.folded, name.name, name.covers, "name") for name in (*lexicon.names, *given)]
        covers += [Cover(fold(text), text, None, "allowed") for text in allow]
        self._covers = [cover for cover in covers if 2 <= len(cover.folded) <= MAX_NAME]
        self._finder = CharwiseDoubleArrayAhoCorasick([cover.folded for cover in self._covers] or [NO_WORD])

    def exemptions(self, passage: Passage, spans: Sequence[Span]) -> list[Why | None]:
        """Return for each span why it does not count; spans come in the order of the text."""
        places = self._covering(passage)
        reasons: list[Why | None] = []
        for number, span in enumerate(spans):
            first, _ = passage.clause(span.start)
            before = passage.folded[max(first, span.start - REACH) : span.start]
            why = (
                (_covered(span, places) if places else None)
                or (_allowed(passage, span) if span.phrase.allow else None)
                or (self._everyday_word(passage, span) if span.spelled in self._everyday else None)
                or self._negated(before, passage.folded[span.start : span.end])
                or (self._joined(passage, span, spans[number - 1], reasons[number - 1]) if number else None)
                or self._quoted(passage, span, before)
            )
            reasons.append(why)
        return reasons

    def _covering(self, passage: Passage) -> list[Place]:
        found = self._finder.find_overlapping(passage.folded)
        places = [Place(start, end, self._covers[index]) for start, end, index in found]
        return sorted(
            (place for place in places if not passage.crosses_sentences(place.start, place.end)),
            key=lambda place: place.start,
        )

    def _everyday_word(self, passage: Passage, span: Span) -> Why | None:
        first, last = passage.clause(span.start)
        before = passage.folded[max(first, span.start - NEAR) : span.start]
        after = passage.folded[span.end : min(last, span.end + NEAR)]
        cued = any(cue in before or cue in after for cue in self._words.everyday_cues)
        return None if cued else Why("everyday", span.spelled)

    def _negated(self, before: str, surface: str) -> Why | None:
        """Look for a negator directly before, or with one verb between: 严禁引导加微信."""
        if negator := self._negator(before, surface):
            return Why("negated", negator)
        verbs = self._words.negated_verbs
        for verb in verbs if before.endswith(verbs) else ():
            if before.endswith(verb) and (negator := self._negator(before.removesuffix(verb), verb)):
                return Why("negated", negator + verb)
        return None

    def _negator(self, before: str, following: str) -> str:
        words = self._words
        if not before.endswith(words.negators) or before.endswith(words.negator_lookalikes):
            return ""
        negator = next(word for word in words.negators if before.endswith(word))
        asks = any(before.endswith(form) for form in words.question_forms if form.endswith(negator))
        return "" if asks or _same_on_both_sides(before, following) else negator

    def _joined(self, passage: Passage, span: Span, last: Span, why: Why | None) -> Why | None:
        """A list shares its negator: 禁止宣传壮阳、补肾."""
        if why is None or why.reason != "negated" or last.end > span.start:
            return None
        between = passage.folded[last.end : span.start]
        listed = (not between or between in self._words.joining_words) and passage.clause(last.start)[1] > span.start
        return why if listed else None

    def _quoted(self, passage: Passage, span: Span, before: str) -> Why | None:
        """The sentence speaks about the ban, or about someone who said the word and what came of it."""
        sentence = passage.sentence(span.start)
        found = self._quote_cue.search(passage.folded, *sentence)
        if not found and before.endswith(self._words.mention_verbs):
            found = self._mention_cue.search(passage.folded, *sentence)
        return Why("quoted", found.group()) if found else None


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)) or r"(?!)")


def _covered(span: Span, places: list[Place]) -> Why | None:
    first = bisect_left(places, span.end - MAX_NAME, key=lambda place: place.start)
    for start, end, cover in places[first:]:
        if start > span.start:
            break
        if span.end <= end and _may_cover(cover, span, longer=end - start > span.end - span.start):
            return Why(cover.reason, cover.written)
    return None


def _may_cover(cover: Cover, span: Span, *, longer: bool) -> bool:
    if cover.covers is not None:
        return span.phrase.phrase in cover.covers
    if cover.reason == "allowed":
        return True
    return longer and span.phrase.category not in NO_NAME_COVERS


def _allowed(passage: Passage, span: Span) -> Why | None:
    start, end = passage.original(span.start, span.end)
    first, last = passage.original_sentence(span.start)
    first, last = max(first, start - 2 * MAX_WIDTH), min(last, end + 2 * MAX_WIDTH)
    for expression in span.phrase.allow:
        for found in expression.finditer(passage.readable, first, last):
            if found.start() < end and start < found.end():
                return Why("allowed", found.group())
    return None


def _same_on_both_sides(before: str, following: str) -> bool:
    """保真不保真, 提不提神: a question, so the hit stays."""
    if before[-1:] not in ("不", "没"):
        return False
    return any(before[:-1].endswith(following[:length]) for length in range(1, len(following) + 1))
