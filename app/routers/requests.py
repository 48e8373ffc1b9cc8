"""Requests: each has an id, which its answer and its log lines carry, and one line of its own when it is over.

A line names the route and not the address: an address may hold what only its sender should know.
"""

from time import perf_counter
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import REQUEST, nothing_told, request_named
from app.metrics.own import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger()

HEADER: Final = b"x-request-id"
PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics", "/static"})
"""Asked all day long by machines, or a dozen at once by every page: told at level debug."""
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


def begin(scope: Scope) -> str:
    """Give a request its id and return it."""
    given = ""
    for name, value in scope["headers"]:
        if name == HEADER:
            given = value.decode("latin-1")
            break
    made = request_named(given)
    REQUEST.set(made)
    return made


class Requests:
    """ASGI middleware, the outermost of everything but the door, which counts its requests itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        nothing_told()
        named = (HEADER, begin(scope).encode())
        began, status = perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] in _STARTS:
                message["headers"] = [*message.get("headers", ()), named]
                status = message.get("status", 101)
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            _tell(scope, status, perf_counter() - began)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    facts: dict[str, Any] = {"path": template_of(scope), "status": status, "ms": round(seconds * 1_000, 1)}
    if scope["type"] == "websocket":
        log.info("socket", **facts)
        return
    REQUESTS.add(1, str(status))
    REQUEST_SECONDS.see(seconds)
    tell = log.debug if facts["path"] in PROBES else log.info
    tell("request", method=scope["method"], **facts)


def template_of(scope: Scope) -> str:
    """Return the path as the route was written, `unmatched` where none was found."""
    route = scope.get("route")
    if route is None and scope.get("root_path"):
        return str(scope["root_path"])
    return str(getattr(route, "path", "")) or "unmatched"
