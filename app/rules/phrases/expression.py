"""The small expression language of a lexicon: literals, classes, groups, alternatives, `?` and `{m,n}`; all bounded.

An expression of this kind costs a bounded number of steps at each place of a text, whoever wrote it, so a shop's own
entry cannot stall a room. What is accepted here means the same to `re`, which runs it.
"""

import re
from typing import Final

from app.rules.phrases.shapes import MAX_WAYS, OPEN, Shape, chain, either, one_of, repeat

MAX_LENGTH: Final = 400
MAX_REPEAT: Final = 20
MAX_WIDTH: Final = 40
MAX_DEPTH: Final = 12


class ExpressionFault(Exception):
    """The expression is refused; `at` is the index of the character that is to blame."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason, self.at = reason, at


def check_expression(source: str, *, look: bool = False) -> Shape:
    """Return the shape of an expression, or raise ExpressionFault. `look` permits `(?=` and `(?!`, for `allow`."""
    if len(source) > MAX_LENGTH:
        raise ExpressionFault(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    shape = _Reader(source, look).whole()
    if shape.high > MAX_WIDTH:
        raise ExpressionFault(f"can match {shape.high} characters, {MAX_WIDTH} are allowed", 0)
    if shape.ways > MAX_WAYS:
        raise ExpressionFault("has too many groups that can be left out or chosen", 0)
    try:
        re.compile(source)
    except re.error as error:  # none is known; `re` has the last word all the same
        raise ExpressionFault(error.msg, error.pos or 0) from error
    return shape


class _Reader:
    """Reads one expression from left to right; knows nothing of texts."""

    def __init__(self, source: str, look: bool) -> None:
        self._source, self._look, self._at, self._depth = source, look, 0, 0

    def whole(self) -> Shape:
        shape = self._alternatives(repeated=False)
        if self._at < len(self._source):
            raise ExpressionFault("a closing bracket without an opening one", self._at)
        return shape

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _take(self, expected: str = "") -> str:
        char = self._peek()
        if not char or (expected and char != expected):
            raise ExpressionFault(f"{expected or 'a character'} is missing", self._at)
        self._at += 1
        return char

    def _alternatives(self, repeated: bool) -> Shape:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionFault("brackets are too deep", self._at)
        branches = [self._sequence(repeated)]
        while self._peek() == "|":
            self._take()
            branches.append(self._sequence(repeated))
        self._depth -= 1
        return either(branches)

    def _sequence(self, repeated: bool) -> Shape:
        pieces: list[Shape] = []
        while self._peek() not in ("", "|", ")"):
            pieces.append(self._piece(repeated))
        return chain(pieces)

    def _piece(self, repeated: bool) -> Shape:
        start = self._at
        repeats = self._repeat_follows(start)
        if repeats and repeated:
            raise ExpressionFault("a repeat inside a repeat", start)
        self._at = start
        shape = self._atom(repeated or repeats)
        low, high = self._quantifier()
        return shape if (low, high) == (1, 1) else repeat(shape, low, high)

    def _repeat_follows(self, start: int) -> bool:
        self._skip_atom()
        follows = self._peek() in ("?", "{")
        self._at = start
        return follows

    def _skip_atom(self) -> None:
        char = self._take()
        if char == "\\":
            self._take()
        elif char == "[":
            self._class()
        elif char == "(":
            open_brackets = 1
            while open_brackets:
                char = self._take()
                if char == "\\":
                    self._take()
                elif char == "[":
                    self._class()
                open_brackets += (char == "(") - (char == ")")

    def _quantifier(self) -> tuple[int, int]:
        at = self._at
        if self._peek() == "?":
            self._take()
            low, high = 0, 1
        elif found := re.compile(r"\{(\d{1,3})(?:,(\d{1,3}))?\}").match(self._source, self._at):
            self._at = found.end()
            low, high = int(found[1]), int(found[2] or found[1])
        else:
            low, high = 1, 1
        if self._peek() in ("*", "+", "{") or (self._at > at and self._peek() == "?"):
            raise ExpressionFault(f"{self._peek()} is not allowed here: say how often, as in {{0,4}}", self._at)
        if high > MAX_REPEAT or low > high:
            raise ExpressionFault(f"repeats go from low to high, up to {MAX_REPEAT}", at)
        return low, high

    def _atom(self, repeated: bool) -> Shape:
        at, char = self._at, self._take()
        if char == "(":
            return self._group(at, repeated)
        if char == "[":
            return self._class()
        if char == ".":
            return OPEN
        if char in "*+?{}^$":
            raise ExpressionFault(f"{char} is not allowed here", at)
        if char == "\\":
            char = self._take()
            if char.isalnum():
                raise ExpressionFault("only signs can be escaped", at)
        return one_of(frozenset([char]))

    def _group(self, at: int, repeated: bool) -> Shape:
        looks = False
        if self._peek() == "?":
            self._take()
            kind = self._take()
            looks = kind in "=!" and self._look
            if not looks and kind != ":":
                raise ExpressionFault(f"(?{kind} is not allowed", at)
        shape = self._alternatives(repeated)
        self._take(")")
        return Shape(0, 0, shape.ways, frozenset([""]), None) if looks else shape

    def _class(self) -> Shape:
        """Read a class from behind its bracket: single characters and ranges, `^` in front for all others."""
        at = self._at
        negated = self._peek() == "^"
        if negated:
            self._take()
        chars: set[str] = set()
        while self._peek() != "]":
            chars.update(self._range())
        self._take()
        if not chars:
            raise ExpressionFault("an empty class", at)
        return OPEN if negated else one_of(frozenset(chars))

    def _range(self) -> set[str]:
        at, first = self._at, self._class_character()
        if self._source[self._at : self._at + 1] != "-" or self._source[self._at + 1 : self._at + 2] == "]":
            return {first}
        self._take()
        last = self._class_character()
        if not ord(first) <= ord(last) <= ord(first) + 1_000:
            raise ExpressionFault("a range goes upwards, over 1,000 characters at most", at)
        return {chr(code) for code in range(ord(first), ord(last) + 1)}

    def _class_character(self) -> str:
        at, char = self._at, self._take()
        if char == "[":
            raise ExpressionFault("[ inside a class is written \\[", at)
        if char == "\\":
            char = self._take()
            if char.isalnum():
                raise ExpressionFault("only signs can be escaped", at)
        return char
