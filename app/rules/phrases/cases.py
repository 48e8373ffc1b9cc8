"""Running a file of labelled cases: case lines in, prediction lines out, as a scorer reads them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from app.errors import ControlRoomError
from app.rules.phrases.hits import Source, counting
from app.rules.phrases.matcher import Matcher

SOURCES: Final[dict[str, Source]] = {"speech": "speech", "comment": "comment", "script": "script"}


class CaseRefused(ControlRoomError):
    """A line of a case file is not a case; `context` holds its line."""

    code: ClassVar[str] = "case_invalid"


def check_cases(matcher: Matcher, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield `{"id", "matches": [{"phrase", "category", "start", "end"}]}` for each case; empty lines are passed over.

    Fragments are read joined, with nothing between, which is how their offsets are counted. Raises CaseRefused.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            id_, text, source = _case(line, number)
            hits = counting(matcher.find(text, source))
            yield {"id": id_, "matches": [_match(hit.phrase, hit.category, hit.start, hit.end) for hit in hits]}


def _match(phrase: str, category: str, start: int, end: int) -> dict[str, Any]:
    return {"phrase": phrase, "category": category, "start": start, "end": end}


def _case(line: str, number: int) -> tuple[str, str, Source]:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CaseRefused(f"line {number} is not JSON", line=number) from error
    if not isinstance(case, dict):
        raise CaseRefused(f"line {number} is not an object", line=number)
    id_, fragments = case.get("id"), case.get("fragments", [case.get("text")])
    source = SOURCES.get(str(case.get("source", "speech")))
    is_text = isinstance(fragments, list) and all(isinstance(fragment, str) for fragment in fragments)
    if not isinstance(id_, str) or not is_text or source is None:
        raise CaseRefused(f"line {number} needs `id`, `text` or `fragments`, and a known `source`", line=number)
    return id_, "".join(fragments), source
