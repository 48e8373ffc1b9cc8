"""The expression language behind one small interface: `compile_expression` at load, `Expression.value` afterwards.

Two bindings, each for what it is good at (measured in docs): Google's checks types with line and column and is loaded
only when files are read; `common-expression-language` evaluates, in the flat form: dots become underscores,
parameters and `let` values are written into the text, and one `Facts` is shared by a whole set of evaluations.
"""

import difflib
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple

from app.rules.tokens import Token, flat, tokens
from app.rules.vocabulary import Value, ValueType

# The package imports its own shell, and so typer and prompt_toolkit: a tenth of each start, for what nobody here uses.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402

MAX_LENGTH: Final = 500
MAX_FLAT_LENGTH: Final = 8_000
FUNCTIONS: Final = ("contains", "endsWith", "startsWith")
"""The only functions: linear in the text, and equal in both bindings (`size` is not, `matches` has no use here)."""

_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")


class Fault(NamedTuple):
    """One thing wrong in an expression: its place in the text (from 0), code and figures of the sentence saying it."""

    line: int
    column: int
    code: str
    context: dict[str, str | int]


class ExpressionRefused(Exception):
    """An expression that may not run; `faults` are all of them that could be found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(str(self.faults))


class Facts:
    """The known values of one set of evaluations, converted once. A path that is not in it is unknown.

    Whole numbers become doubles: the evaluating binding has no arithmetic between the two.
    """

    __slots__ = ("context",)

    def __init__(self, known: Mapping[str, Value]) -> None:
        doubles = {flat(path): _double(value) for path, value in known.items()}
        self.context = cel.Context(doubles)


def _double(value: Value) -> Value:
    return float(value) if type(value) is int else value  # type: ignore[redundant-expr] # int passes for float


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `names` are the paths it may read, those of its `let` values included."""

    text: str
    type: ValueType
    names: frozenset[str]
    flat: str
    _program: cel.Program

    def value(self, facts: Facts) -> Value | None:
        """Return the value, or None where it is unknown.

        Unknown: an input it needs is not in `facts`, or the arithmetic has no answer (0/0). `||` and `&&` need only
        the side that decides, so a known true beside an unknown is true.
        """
        try:
            value = self._program.execute(facts.context)
        except (RuntimeError, TypeError, ValueError, KeyError):
            return None
        if type(value) is float and math.isnan(value):
            return None
        return value  # type: ignore[no-any-return] # the checked type: float, bool or str

    def truth(self, facts: Facts) -> bool | None:
        """Return true, false or unknown."""
        value = self.value(facts)
        return value if isinstance(value, bool) else None


def compile_expression(
    text: str,
    *,
    names: Mapping[str, ValueType],
    result: ValueType | None,
    params: Mapping[str, Value] | None = None,
    lets: Mapping[str, Expression] | None = None,
) -> Expression:
    """Check an expression and make it ready to run; raise ExpressionRefused with all that is wrong in it.

    `names`: paths with their types; `params` (`p.x`) and `lets` (`v.x`) likewise by path. `result` None: any type.
    """
    params, lets = params or {}, lets or {}
    if len(text) > MAX_LENGTH:
        raise ExpressionRefused([Fault(0, 0, "expression_long", {"limit": MAX_LENGTH})])
    words = list(tokens(text))
    types: dict[str, ValueType] = dict(names)
    types.update({path: type_of(value) for path, value in params.items()})
    types.update({path: expression.type for path, expression in lets.items()})
    faults = [fault for word in words if (fault := _fault(text, word, types))]
    if faults:
        raise ExpressionRefused(faults)
    used = {word.text for word in words if word.kind == "path"}
    found = _checked_type(text, {path: types[path] for path in used}, result)
    flat_text = _flatten(text, words, params, lets)
    if len(flat_text) > MAX_FLAT_LENGTH:
        raise ExpressionRefused([Fault(0, 0, "expression_long", {"limit": MAX_FLAT_LENGTH})])
    needed = {path for path in used if path not in params and path not in lets}
    needed.update(*(lets[path].names for path in used if path in lets))
    return Expression(text, found, frozenset(needed), flat_text, cel.compile(flat_text))


def type_of(value: Value) -> ValueType:
    """Return the vocabulary's word for the type of a value."""
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def nearest(path: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, or nothing."""
    return next(iter(difflib.get_close_matches(path, list(known), n=1, cutoff=0.6)), "")


def _fault(text: str, word: Token, types: Mapping[str, ValueType]) -> Fault | None:
    if word.kind == "path" and word.text not in types:
        meant = nearest(word.text, types)
        return _at(text, word.start, "name_unknown", text=word.text, hint=f" ({meant}?)" if meant else "")
    if word.kind == "function" and word.text not in FUNCTIONS:
        return _at(text, word.start, "expression_function", text=word.text, known=", ".join(FUNCTIONS))
    if word.kind == "integer":
        return _at(text, word.start, "expression_integer", text=word.text)
    if word.kind == "other":
        return _at(text, word.start, "expression_character", text=word.text)
    return None


def _at(source: str, start: int, code: str, **context: str | int) -> Fault:
    line = source.count("\n", 0, start)
    return Fault(line, start - (source.rfind("\n", 0, start) + 1), code, context)


@cache
def _google() -> Any:
    """Return the type-checking binding: only a process that reads rule files pays for it."""
    from cel_expr_python import cel as google  # type: ignore[import-untyped] # its stubs carry no py.typed

    return google


def _checked_type(text: str, types: Mapping[str, ValueType], result: ValueType | None) -> ValueType:
    google = _google()
    declared = {"number": google.Type.DOUBLE, "truth": google.Type.BOOL, "text": google.Type.STRING}
    environment = google.NewEnv(variables={path: declared[type_] for path, type_ in types.items()})
    try:
        checked = environment.compile(text)
    except RuntimeError as error:
        raise ExpressionRefused(_checker_faults(str(error))) from None
    found = next((type_ for type_, google_type in declared.items() if google_type == checked.return_type()), None)
    if found is None:
        detail = checked.return_type().name()
        raise ExpressionRefused([Fault(0, 0, "expression_type", {"detail": detail})])
    if result is not None and found != result:
        raise ExpressionRefused([Fault(0, 0, "expression_result", {"wanted": result, "found": found})])
    return found  # type: ignore[return-value] # a key of `declared`


def _checker_faults(message: str) -> list[Fault]:
    faults = []
    for line, column, detail in _PLACE.findall(message):
        code = "expression_syntax" if detail.startswith("Syntax error") else "expression_type"
        detail = detail.removeprefix("Syntax error: ").removesuffix(" [INVALID_ARGUMENT]").split(" expecting ")[0]
        faults.append(Fault(int(line) - 1, int(column) - 1, code, {"detail": detail[:160]}))
    return faults or [Fault(0, 0, "expression_syntax", {"detail": message.splitlines()[0][:160]})]


def _flatten(text: str, words: list[Token], params: Mapping[str, Value], lets: Mapping[str, Expression]) -> str:
    parts, done = [], 0
    for word in words:
        if word.kind != "path":
            continue
        parts.append(text[done : word.start])
        parts.append(_replacement(word.text, params, lets))
        done = word.start + len(word.text)
    return "".join((*parts, text[done:]))


def _replacement(path: str, params: Mapping[str, Value], lets: Mapping[str, Expression]) -> str:
    if path in params:
        return _literal(params[path])
    if path in lets:
        return f"({lets[path].flat})"
    return flat(path)


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + "".join(f"\\u{ord(sign):04x}" if sign in "'\\\r\n" else sign for sign in value) + "'"
    return f"({value!r})" if value < 0 else repr(value)
