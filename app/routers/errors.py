"""The one table from refusals to statuses: a problem document (RFC 9457) or a page, in the reader's language."""

import math
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.domain.words import Language
from app.errors import ControlRoomError, Kind, NotFound
from app.logs import REQUEST, story
from app.routers.requests import template_of
from app.routers.words import catalogue, error_words, language_of, page

log = structlog.get_logger()

PROBLEM: Final = "application/problem+json"
STATUS_OF_KIND: Final[dict[Kind, int]] = {
    "invalid": 422,
    "missing": 404,
    "conflict": 409,
    "forbidden": 403,
    "unauthenticated": 401,
    "busy": 503,
    "too_large": 413,
    "broken": 500,
}
STATUS_OF_CODE: Final[dict[str, int]] = {
    "rate_limited": 429,
    "overfull": 429,
    "locked_out": 429,
    "unsupported_media_type": 415,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "link_used": 410,
}
"""Codes whose status is not their kind's."""
RETRY_AFTER_S: Final = 2
_RESERVED: Final = frozenset({"type", "title", "status", "detail", "code", "retryable", "request"})


class Broken(ControlRoomError):
    """A mistake of ours; its story is in the log, under the same `request`."""

    kind, code = "broken", "broken"


class MethodNotAllowed(ControlRoomError):
    """The address is known, but not for this method."""

    code = "method_not_allowed"


_FRAMEWORKS_OWN: Final[dict[int, type[ControlRoomError]]] = {404: NotFound, 405: MethodNotAllowed}


def status_of(error: ControlRoomError) -> int:
    """Return the HTTP status of a refusal."""
    return STATUS_OF_CODE.get(error.code) or STATUS_OF_KIND[error.kind]


def retry_after_s(error: ControlRoomError) -> int | None:
    """Return how many seconds to wait, for 429 and 503; None for what waiting does not help."""
    told = error.context.get("wait_s", error.context.get("retry_after_s"))
    if isinstance(told, int | float):
        return max(1, math.ceil(told))
    return RETRY_AFTER_S if status_of(error) in (429, 503) else None


def problem_document(error: ControlRoomError, language: Language) -> dict[str, Any]:
    """Return the document: `code` is stable, `title` is for people, the figures stand beside them.

    `request` names the request, as its log lines do.
    """
    context = {name: value for name, value in error.context.items() if name not in _RESERVED}
    if name := REQUEST.get():
        context["request"] = name
    return {
        "type": "about:blank",
        "title": title_of(error, language),
        "status": status_of(error),
        "code": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
        **context,
    }


def title_of(error: ControlRoomError, language: Language) -> str:
    """Return the sentence of the catalogue for this code, else for its kind's own code."""
    if f"error.{error.code}" in catalogue(language):
        return error_words(language, error)
    return error.detail


def problem(error: ControlRoomError, language: Language) -> Response:
    """Return the answer to a refused request."""
    headers = {"Cache-Control": "no-store", **_waiting(error)}
    if status_of(error) == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = msgspec.json.encode(problem_document(error, language))
    return Response(body, status_of(error), headers, PROBLEM)


def wants_page(request: Request) -> bool:
    """Tell whether a person asked for this with a browser's address line or a link, and reads no JSON."""
    plain = request.method in ("GET", "HEAD") and not request.url.path.startswith("/api/")
    return plain and "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, error: ControlRoomError) -> Response:
    """Return the refusal as a page that leads on: back to the overview, or once more where that may help."""
    again = request.url.path if error.kind in ("busy", "broken") else ""
    response = page(
        request,
        "error.html",
        status=status_of(error),
        site="",
        problem="",
        title=title_of(error, language_of(request)),
        kind=error.kind,
        code=error.code,
        again=again,
    )
    response.headers.update(_waiting(error))
    return response


def _waiting(error: ControlRoomError) -> dict[str, str]:
    wait = retry_after_s(error)
    return {} if wait is None else {"Retry-After": str(wait)}


def _answer(request: Request, error: ControlRoomError) -> Response:
    return problem_page(request, error) if wants_page(request) else problem(error, language_of(request))


def install(app: FastAPI) -> None:
    """Let every refusal find its status here; nothing else catches them."""
    app.add_exception_handler(ControlRoomError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ControlRoomError)
    if status_of(error) == 500:
        log.error("refused_as_broken", code=error.code, path=template_of(request.scope), detail=error.detail)
    return _answer(request, error)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])  # never the input itself: it may be a password
    return problem(ControlRoomError(f"{place}: {first['msg']}", place=place), language_of(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = _FRAMEWORKS_OWN.get(error.status_code, ControlRoomError)
    return _answer(request, refusal(str(error.detail)))


async def _broken(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=template_of(request.scope), trace=story(error))
    return _answer(request, Broken("something unexpected happened; it is in the log"))
