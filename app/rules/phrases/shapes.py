"""What can be said of an expression without running it: its width, its ways, and words of which a match must hold one.

Those words, the anchors, are looked for together with the phrases, so an expression runs only where it can match.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

MAX_WAYS: Final = 5_000
"""Most ways in which an expression can be tried at one place: groups that may be left out multiply."""
MAX_ANCHORS: Final = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a piece of an expression without running it.

    `words` are all texts it can match, when they are few; `anchors` are words of which every match holds at least one.
    """

    low: int
    high: int
    ways: int
    words: frozenset[str] | None
    anchors: frozenset[str] | None


OPEN: Final = Shape(1, 1, 1, None, None)


def one_of(chars: frozenset[str]) -> Shape:
    few = chars if len(chars) <= MAX_ANCHORS else None
    return Shape(1, 1, 1, few, few)


def either(branches: list[Shape]) -> Shape:
    if len(branches) == 1:
        return branches[0]
    every_words = [branch.words for branch in branches if branch.words is not None]
    every_anchors = [branch.anchors for branch in branches if branch.anchors is not None]
    return Shape(
        low=min(branch.low for branch in branches),
        high=max(branch.high for branch in branches),
        ways=min(sum(branch.ways for branch in branches), MAX_WAYS + 1),
        words=_few(frozenset[str]().union(*every_words)) if len(every_words) == len(branches) else None,
        anchors=_few(frozenset[str]().union(*every_anchors)) if len(every_anchors) == len(branches) else None,
    )


def _few(words: frozenset[str]) -> frozenset[str] | None:
    return words if len(words) <= MAX_ANCHORS else None


def chain(pieces: list[Shape]) -> Shape:
    ways = 1
    for piece in pieces:
        ways = min(ways * piece.ways, MAX_WAYS + 1)
    return Shape(
        low=sum(piece.low for piece in pieces),
        high=sum(piece.high for piece in pieces),
        ways=ways,
        words=_joined(pieces),
        anchors=_best_anchors(pieces),
    )


def _joined(pieces: list[Shape]) -> frozenset[str] | None:
    words = frozenset([""])
    for piece in pieces:
        if piece.words is None or len(words) * len(piece.words) > MAX_ANCHORS:
            return None
        words = frozenset(left + right for left, right in product(words, piece.words))
    return words


def _best_anchors(pieces: list[Shape]) -> frozenset[str] | None:
    """The longest words win, then the fewest: a rare anchor keeps the expression from being run at all."""
    candidates = [piece.anchors for piece in pieces if piece.anchors is not None]
    for start in range(len(pieces)):
        for end in range(start + 1, len(pieces) + 1):
            words = _joined(pieces[start:end])
            if words is None:
                break
            if "" not in words:
                candidates.append(words)
    return max(candidates, key=lambda words: (min(map(len, words)), -len(words)), default=None)


def repeat(piece: Shape, low: int, high: int) -> Shape:
    ways = 0
    for times in range(low, high + 1):
        ways = min(ways + piece.ways**times, MAX_WAYS + 1)
    words: frozenset[str] | None = frozenset()
    for times in range(low, high + 1):
        joined = _joined([piece] * times)
        words = None if joined is None or words is None else _few(words | joined)
    return Shape(piece.low * low, piece.high * high, ways, words, piece.anchors if low else None)
