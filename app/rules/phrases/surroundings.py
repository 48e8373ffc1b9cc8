"""Why a hit does not count: names, allow-phrases, everyday words, negators, talk about the ban; looked at on a hit."""

from bisect import bisect_left, bisect_right
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
MAX_NAME: Final = 64


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
        given = [name if isinstance(name, Name) else Name(name, fold(name), None) for name in names]
        covers = [Cover(name.folded, name.name, name.covers, "name") for name in (*lexicon.names, *given)]
        covers += [Cover(fold(text), text, None, "allowed") for text in allow]
        self._covers = [cover for cover in covers if 2 <= len(cover.folded) <= MAX_NAME]
        self._finder = (
            CharwiseDoubleArrayAhoCorasick([cover.folded for cover in self._covers]) if self._covers else None
        )

    def exemptions(self, passage: Passage, spans: Sequence[Span]) -> list[Why | None]:
        """Return for each span why it does not count; spans come in the order of the text."""
        covering = self._covering(passage)
        starts = [start for start, _, _ in covering]
        talk: dict[int, str] = {}
        reasons: list[Why | None] = []
        for span in spans:
            near = covering[bisect_left(starts, span.end - MAX_NAME) : bisect_right(starts, span.start)]
            why = (
                _covered(span, near)
                or _allowed(passage, span)
                or self._everyday_word(passage, span)
                or self._negated(passage, span)
                or self._joined(passage, span, spans[len(reasons) - 1] if reasons else None, reasons[-1:])
                or self._quoted(passage, span, talk)
            )
            reasons.append(why)
        return reasons

    def _covering(self, passage: Passage) -> list[tuple[int, int, Cover]]:
        if self._finder is None:
            return []
        found = self._finder.find_overlapping(passage.folded)
        return sorted(
            (
                (start, end, self._covers[index])
                for start, end, index in found
                if not passage.crosses_sentences(start, end)
            ),
            key=lambda place: place[:2],
        )

    def _everyday_word(self, passage: Passage, span: Span) -> Why | None:
        if span.spelled not in self._everyday:
            return None
        first, last = passage.clause(span.start)
        before = passage.folded[max(first, span.start - NEAR) : span.start]
        after = passage.folded[span.end : min(last, span.end + NEAR)]
        cued = any(cue in before or cue in after for cue in self._words.everyday_cues)
        return None if cued else Why("everyday", span.spelled)

    def _before(self, passage: Passage, span: Span) -> str:
        first, _ = passage.clause(span.start)
        return passage.folded[max(first, span.start - REACH) : span.start]

    def _negated(self, passage: Passage, span: Span) -> Why | None:
        """Look for a negator directly before, or with one verb between: 严禁引导加微信."""
        before = self._before(passage, span)
        negator = self._negator(before, passage.folded[span.start : span.end])
        for verb in self._words.negated_verbs if not negator else ():
            if before.endswith(verb) and (negator := self._negator(before.removesuffix(verb), verb)):
                negator += verb
                break
        return Why("negated", negator) if negator else None

    def _negator(self, before: str, following: str) -> str:
        words = self._words
        negator = next((word for word in words.negators if before.endswith(word)), "")
        if not negator or before.endswith(words.negator_lookalikes):
            return ""
        asks = any(before.endswith(form) for form in words.question_forms if form.endswith(negator))
        return "" if asks or _same_on_both_sides(before, following) else negator

    def _joined(self, passage: Passage, span: Span, last: Span | None, reason: Sequence[Why | None]) -> Why | None:
        """A list shares its negator: 禁止宣传壮阳、补肾."""
        why = reason[0] if reason else None
        if last is None or why is None or why.reason != "negated" or last.end > span.start:
            return None
        between = passage.folded[last.end : span.start]
        listed = (not between or between in self._words.joining_words) and passage.clause(last.start)[1] > span.start
        return why if listed else None

    def _quoted(self, passage: Passage, span: Span, talk: dict[int, str]) -> Why | None:
        first, last = passage.sentence(span.start)
        if first not in talk:
            sentence = passage.folded[first:last]
            talk[first] = next((cue for cue in self._words.quote_cues if cue in sentence), "")
        if talk[first]:
            return Why("quoted", talk[first])
        before = self._before(passage, span)
        if not before.endswith(self._words.mention_verbs):
            return None
        sentence = passage.folded[first:last]
        cue = next((cue for cue in self._words.mention_cues if cue in sentence), "")
        return Why("quoted", cue) if cue else None


def _covered(span: Span, places: list[tuple[int, int, Cover]]) -> Why | None:
    for start, end, cover in places:
        longer = end - start > span.end - span.start
        if start <= span.start and span.end <= end and _may_cover(cover, span, longer=longer):
            return Why(cover.reason, cover.written)
    return None


def _may_cover(cover: Cover, span: Span, *, longer: bool) -> bool:
    if cover.covers is not None:
        return span.phrase.phrase in cover.covers
    if cover.reason == "allowed":
        return True
    return longer and span.phrase.category not in NO_NAME_COVERS


def _allowed(passage: Passage, span: Span) -> Why | None:
    if not span.phrase.allow:
        return None
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
