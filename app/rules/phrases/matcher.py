"""The matcher: one text or a batch in, hits out. Immutable once built, so threads may share it and owners may swap it.

The automaton looks at every text; everything behind it (offsets, patterns, surroundings) only at those it stops at.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from daachorse import CharwiseDoubleArrayAhoCorasick
from numpy.typing import NDArray

from app.rules.phrases.candidates import Candidate, Collapsed, Found, entries, literals, longest, patterns, repeats
from app.rules.phrases.fold import BARRIER, EXPANDS, code_table, fold
from app.rules.phrases.hits import GRADES, Hit, Source
from app.rules.phrases.lexicon import Lexicon, Name
from app.rules.phrases.passage import Passage
from app.rules.phrases.surroundings import NO_WORD, Context, Span, Why

MAX_HITS: Final = 200
"""Most hits told of one text, the first ones; a text of 2,000 characters could hold a thousand."""
SMALL_BATCH: Final = 3
"""Up to here the arrays of a batch cost more than they save."""
RUN: Final = re.compile(r"([^\W\d_])\1+")


class Matcher:
    """Owns the automaton of one lexicon with a shop's own names and allow-phrases; knows nothing of sessions.

    Shape:  `names` are product names and registered marks: a hit inside one does not count, a hit beside it does.
            `allow` are further phrases of the shop inside which nothing counts.
    """

    def __init__(self, lexicon: Lexicon, names: Iterable[str | Name] = (), allow: Iterable[str] = ()) -> None:
        self.lexicon = lexicon
        self._entries = list(entries(lexicon))
        automaton = CharwiseDoubleArrayAhoCorasick([entry.word for entry in self._entries] or [NO_WORD])
        self._scan: Callable[[str], list[Found]] = automaton.find_overlapping
        self._context = Context(lexicon, names, allow)
        self._codes = code_table()

    def find(self, text: str, source: Source = "speech") -> tuple[Hit, ...]:
        """Return the hits of one text in their order, those that do not count among them (see `Hit.exempt`)."""
        folded = fold(text)
        if self._scan(folded) or (RUN.search(folded) and self._scan(RUN.sub(r"\1", folded))):
            return self._study(text, source)
        return ()

    def find_many(self, texts: Sequence[str], source: Source = "comment") -> list[tuple[Hit, ...]]:
        """Return what `find` returns for each text; one scan over all of them finds the few that need it."""
        if len(texts) <= SMALL_BATCH:
            return [self.find(text, source) for text in texts]
        found: list[tuple[Hit, ...]] = [()] * len(texts)
        for place in self._worth_a_look(texts):
            found[place] = self._study(texts[place], source)
        return found

    def _study(self, text: str, source: Source) -> tuple[Hit, ...]:
        passage = Passage(text)
        candidates = longest(passage, self._candidates(passage))[:MAX_HITS]
        spans = [Span(*candidate[:3], candidate.word) for candidate in candidates]
        reasons = self._context.exemptions(passage, spans)
        return tuple(_hit(passage, source, candidate, why) for candidate, why in zip(candidates, reasons, strict=True))

    def _candidates(self, passage: Passage) -> Iterable[Candidate]:
        found = self._scan(passage.folded)
        yield from literals(passage, found, self._entries)
        yield from patterns(passage, found, self._entries)
        if RUN.search(passage.folded):
            run = Collapsed(passage)
            yield from repeats(passage, run, self._scan(run.text), self._entries)

    def _worth_a_look(self, texts: Sequence[str]) -> Iterable[int]:
        """Return the places of the texts in which the automaton finds anything: every hit, and a little more."""
        joined = BARRIER.join(texts)
        if joined.count(BARRIER) != len(texts) - 1:
            return range(len(texts))
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        folded = self._codes.take(codes, mode="clip")
        folded = folded[folded != 0]
        text_of = np.cumsum(folded == ord(BARRIER))  # a barrier belongs to the text behind it
        places = set(text_of[folded == EXPANDS].tolist())
        places |= self._stops(folded, text_of)
        repeated = np.zeros(len(folded), dtype=bool)
        np.equal(folded[1:], folded[:-1], out=repeated[1:])
        repeated &= folded != ord(BARRIER)
        with_runs = np.zeros(len(texts), dtype=bool)
        with_runs[text_of[repeated]] = True
        without_runs = with_runs[text_of] & ~repeated
        return places | self._stops(folded[without_runs], text_of[without_runs])

    def _stops(self, folded: NDArray[np.uint32], text_of: NDArray[np.int_]) -> set[int]:
        found = self._scan(folded.tobytes().decode("utf-32-le"))
        return set(text_of[[start for start, _, _ in found]].tolist()) if found else set()


def _hit(passage: Passage, source: Source, found: Candidate, why: Why | None) -> Hit:
    phrase, (start, end) = found.phrase, passage.original(found.start, found.end)
    # Speech has no separators but those of its recogniser, so only a typed 加。微。信 is taken for a disguise.
    disguised = source != "speech" and passage.is_spaced(found.start, found.end)
    suspect = passage.crosses_sentences(found.start, found.end) and not disguised
    severity = "warn" if suspect else phrase.severity
    return Hit(
        phrase_id=phrase.id,
        phrase=phrase.phrase,
        category=phrase.category,
        severity=severity,
        grade=GRADES[severity],
        start=start,
        end=end,
        surface=passage.text[start:end],
        how=found.how,
        law=phrase.law,
        citation=phrase.citation,
        suggest=phrase.suggest,
        suspect=suspect,
        exempt=why.reason if why else None,
        because=why.because if why else "",
    )
