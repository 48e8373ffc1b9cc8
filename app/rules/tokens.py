"""The words of an expression: enough of CEL to know each name's place, and to refuse what a rule has no use for."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, Literal, NamedTuple

TokenKind = Literal["path", "function", "number", "integer", "string", "word", "sign", "other"]

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<number>\d+\.\d+(?:[eE][+-]?\d+)?)
    |(?P<integer>\d+)
    |(?P<string>"[^"\\\r\n]*"|'[^'\\\r\n]*')
    |(?P<path>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[-!<>+*/?:().,])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_CALL: Final = re.compile(r"[ \t\r\n]*\(")
WORDS: Final = frozenset({"true", "false"})


class Token(NamedTuple):
    """One word of an expression and where it begins, counted in characters from 0."""

    kind: TokenKind
    text: str
    start: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression in order; a method call gives its receiver's path and the function apart."""
    for match in _TOKEN.finditer(text):
        kind, word, start = match.lastgroup or "other", match.group(), match.start()
        if kind == "space":
            continue
        if kind == "path":
            yield from _path(word, start, called=_CALL.match(text, match.end()) is not None)
        else:
            yield Token(kind, word, start)  # type: ignore[arg-type] # group names are token kinds


def _path(word: str, start: int, *, called: bool) -> Iterator[Token]:
    if word in WORDS:
        yield Token("word", word, start)
        return
    if not called:
        yield Token("path", word, start)
        return
    receiver, dot, function = word.rpartition(".")
    if dot:
        yield Token("path", receiver, start)
        yield Token("sign", ".", start + len(receiver))
    yield Token("function", function, start + len(receiver) + len(dot))


@cache
def flat(path: str) -> str:
    """Return the one-word form of a path, in which expressions are evaluated: `m.viewers` -> `m_viewers`."""
    return path.replace(".", "_")
