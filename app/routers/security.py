"""What stands before every route: whose page is asking, how big a body may be, and the headers of every answer."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.frames import CLOSE_FORBIDDEN
from app.errors import ControlRoomError, Forbidden
from app.intake.refusals import BodyTooBig
from app.routers.errors import problem
from app.routers.words import language_of

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Of whatever is not a page; pages bring their own with a nonce (words.page)."""
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class OtherSite(Forbidden):
    """A page of another site sent this with the cookies of ours."""

    code = "other_site"


class Guard:
    """ASGI middleware. Owns nothing; knows only headers.

    A request that names itself by a token is not a browser acting on stored cookies, so only the others are asked where
    they come from. A browser always says so when it posts or opens a socket; what says nothing is not a browser.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str], body_bytes: int) -> None:
        self._app = app
        self._trusted = frozenset(urlsplit(origin).netloc for origin in origins)
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if unsafe and "authorization" not in headers and not self._own(headers):
            await self._refuse(OtherSite("this came from a page of another site"), scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif _declared(headers) > self._body_bytes:
            await self._refuse(self._too_big(), scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    def _own(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            netloc = _netloc(origin)
            return bool(netloc) and (netloc == headers.get("host") or netloc in self._trusted)
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")

    def _too_big(self) -> BodyTooBig:
        return BodyTooBig("the body is too big", most=self._body_bytes)

    async def _refuse(self, error: ControlRoomError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": CLOSE_FORBIDDEN, "reason": error.code})
            return
        await problem(error, language_of(Request(scope)))(scope, receive, self._with_headers(scope, send))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        read, refused = 0, False
        sending = self._with_headers(scope, send)

        async def bounded() -> Message:
            nonlocal read, refused
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._body_bytes:
                if not refused:
                    refused = True
                    await self._refuse(self._too_big(), scope, receive, send)
                raise self._too_big()
            return message

        async def unless_refused(message: Message) -> None:
            if not refused:  # else the answer is out, and what the route makes of its broken body is not another
                await sending(message)

        await self._app(scope, bounded, unless_refused)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in FIXED.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", POLICY)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return sending


def _netloc(origin: str) -> str:
    """Return host and port of an origin; nothing where it is none, as `null` is."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else 0
