"""One text under study, after something was found in it: its folded form, offsets, sentences and clauses."""

import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Final

from app.rules.phrases.fold import fold_with_offsets, readable

SENTENCE_END: Final = re.compile(r"[。！？!?；;\n\r\u2028\u2029]")
CLAUSE_END: Final = re.compile(r"[。！？!?；;\n\r\u2028\u2029，,：:]")


class Passage:
    """Owns the offset map of one text; spans are indices of the folded text unless they are called original."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded, self.at = fold_with_offsets(text)
        self._clauses = self._starts(CLAUSE_END)
        self._sentences = self._starts(SENTENCE_END) if self._clauses else []

    def _starts(self, border: re.Pattern[str]) -> list[int]:
        return [bisect_left(self.at, found.start()) for found in border.finditer(self.text)]

    @cached_property
    def readable(self) -> str:
        return readable(self.text)

    def original(self, start: int, end: int) -> tuple[int, int]:
        return self.at[start], self.at[end - 1] + 1

    def sentence(self, at: int) -> tuple[int, int]:
        """Return the span of the sentence that holds `at`."""
        return self._between(self._sentences, at)

    def clause(self, at: int) -> tuple[int, int]:
        """Return the span of the clause that holds `at`: a negator acts inside one."""
        return self._between(self._clauses, at)

    def _between(self, starts: list[int], at: int) -> tuple[int, int]:
        next_ = bisect_right(starts, at)
        return starts[next_ - 1] if next_ else 0, starts[next_] if next_ < len(starts) else len(self.folded)

    def original_sentence(self, at: int) -> tuple[int, int]:
        """Return the span of the sentence in the original text, its punctuation left out."""
        place = self.at[at]
        before = max((self.text.rfind(end, 0, place) for end in "。！？!?；;\n\r\u2028\u2029"), default=-1)
        after = SENTENCE_END.search(self.text, place)
        return before + 1, after.start() if after else len(self.text)

    def crosses_sentences(self, start: int, end: int) -> bool:
        return bisect_right(self._sentences, start) != bisect_right(self._sentences, end - 1)

    def clause_begins_at(self, at: int) -> bool:
        found = bisect_left(self._clauses, at)
        return found < len(self._clauses) and self._clauses[found] == at

    def splits_a_character(self, at: int) -> bool:
        """Tell whether a border at `at` falls inside one original character, as between the 1 and the 0 of ⑩."""
        return 0 < at < len(self.at) and self.at[at - 1] == self.at[at]

    def is_spaced(self, start: int, end: int) -> bool:
        """Tell whether something stands between all its characters, as in 加。微。信: nobody writes so by accident."""
        return end - start > 2 and all(self.at[place + 1] - self.at[place] > 1 for place in range(start, end - 1))

    def touches(self, left: int) -> bool:
        """Tell whether folded characters `left` and `left + 1` are neighbours in the original text."""
        return self.at[left + 1] - self.at[left] == 1
