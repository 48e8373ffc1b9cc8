"""Answers: structs as JSON, outcomes of commands with their status, pages of lists with a cursor."""

import base64
from typing import Annotated, Any, Final

import msgspec
from fastapi import Query
from starlette.responses import Response

from app.access.principal import Principal
from app.domain.commands import Command, Outcome
from app.domain.words import Language
from app.errors import ControlRoomError
from app.intake.directory import SessionRef
from app.logs import about
from app.routers.deps import Runtime
from app.routers.errors import PROBLEM, title_of

PAGE: Final = 50
MOST: Final = 200
Cursor = Annotated[str | None, Query(max_length=256)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
_STATUS_OF_OUTCOME: Final = {"stale": 409, "ended": 409, "not_found": 404, "forbidden": 403}
_encoder: Final = msgspec.json.Encoder()


class BadCursor(ControlRoomError):
    """A cursor that this list did not give."""

    code = "bad_cursor"


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a struct, or plain data with structs in it, as JSON; NaN as null."""
    return Response(_encoder.encode(value), status, headers, "application/json")


async def submitted(
    runtime: Runtime, session: SessionRef, key: str, command: Command, principal: Principal, language: Language
) -> Response:
    """Issue a command and answer with its committed outcome, or 202 with the address to ask."""
    about(command=key, session=session.id)
    outcome = await runtime.desk.submit(session.id, key, command, principal.actor)
    if outcome is None:
        where = f"/api/sessions/{session.id}/commands/{key}"
        return json({"location": where}, 202, {"Location": where, "Retry-After": "1"})
    return outcome_answer(outcome, language)


def outcome_answer(outcome: Outcome, language: Language) -> Response:
    """Return 200 with what was done, or 404, 409, 422 with the code and the version found."""
    if outcome.done:
        return json(outcome)

    class Refused(ControlRoomError):
        """The engine refused it; the outcome says why."""

        code = outcome.code

    status = _STATUS_OF_OUTCOME.get(outcome.code, 422)
    refusal = Refused(outcome.detail or f"the command was refused: {outcome.code}")
    facts = {"title": title_of(refusal, language), "status": status, "detail": refusal.detail, "retryable": False}
    body = {"type": "about:blank"} | facts | msgspec.to_builtins(outcome) | {"detail": refusal.detail}
    return Response(_encoder.encode(body), status, media_type=PROBLEM)


def page_of(rows: list[Any], most: int, cursor: Any) -> dict[str, Any]:
    """Return a page: the rows, and the cursor of the next page while there may be one."""
    return {"rows": rows, "next": encode_cursor(cursor) if len(rows) == most else None}


def encode_cursor(place: int, name: str = "") -> str:
    """Return an opaque word for a place in a list; `name`: of the row, where several may have one place."""
    text = f"v1:{place}:{name}" if name else f"v1:{place}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """Return the place; None without a cursor. Raises BadCursor."""
    return None if cursor is None else _decoded(cursor, named=False)[0]


def decode_named_cursor(cursor: str | None) -> tuple[int, str] | None:
    """Return the place and the row's name; None without a cursor. Raises BadCursor."""
    return None if cursor is None else _decoded(cursor, named=True)


def _decoded(cursor: str, *, named: bool) -> tuple[int, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        version, place, *name = text.split(":", 2)
        if version == "v1" and 0 <= int(place) < 2**63 and bool(name) is named and text.isprintable():
            return int(place), name[0] if name else ""
    except ValueError:
        pass
    raise BadCursor("this cursor is not of this list")
