"""The lines a rule draws: at what value of which metric each of its levels fires, for charts and for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from app.domain.alerts import Severity
from app.rules.rule import Rule
from app.rules.tokens import Token, tokens
from app.rules.vocabulary import Value

_COMPARES: Final = frozenset({"<", "<=", ">", ">="})
_STARTS: Final = frozenset({"", "(", "&&", "||"})
_ENDS: Final = frozenset({"", ")", "&&", "||"})


class Limit(NamedTuple):
    """A level fires while `path` is below (or above) `value`, or `value` times `of` where that is given."""

    severity: Severity
    path: str
    below: bool
    value: float
    of: str = ""


def limits_of(rule: Rule) -> tuple[Limit, ...]:
    """Return the plain comparisons that a rule's levels rest on, worst level first.

    A negated or conditional expression has no line that could be drawn, and gives none.
    """
    found: dict[Limit, None] = {}
    for level in rule.levels:
        words = list(tokens(level.fire.text))
        if any(word.text in ("!", "?", "!=") for word in words):
            continue
        for path, below, right in _comparisons(words):
            factor = _factor(right, rule.params)
            if factor is not None:
                found[Limit(level.severity, path, below, *factor)] = None
    return tuple(found)


def _comparisons(words: Sequence[Token]) -> Iterator[tuple[str, bool, Sequence[Token]]]:
    """Yield each `path < something` that stands by itself: its path, whether it looks below, and the something."""
    for place, word in enumerate(words):
        if word.text not in _COMPARES or not place or words[place - 1].kind != "path":
            continue
        before = words[place - 2].text if place > 1 else ""
        end = next((at for at in range(place + 1, len(words)) if words[at].text in _ENDS), len(words))
        if before in _STARTS:
            yield words[place - 1].text, word.text.startswith("<"), words[place + 1 : end]


def _factor(words: Sequence[Token], params: Mapping[str, Value]) -> tuple[float, str] | None:
    """Return a number, or a number and the path it is multiplied with; None for anything else."""
    value, of = 1.0, ""
    if not words or len(words) % 2 == 0 or any(word.text != "*" for word in words[1::2]):
        return None
    for word in words[::2]:
        if word.kind == "number":
            value *= float(word.text)
        elif word.kind != "path":
            return None
        elif word.text in params:
            param = params[word.text]
            if isinstance(param, bool | str):
                return None
            value *= param
        elif of:
            return None
        else:
            of = word.text
    return value, of
