"""POST /api/ingest: a plain ASGI application beside FastAPI, since what a framework does for a request costs as much as
the whole door does for a batch (see bench/door.py)."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from app.access.access import bearer
from app.access.tokens import Tokens
from app.errors import ControlRoomError, Unavailable
from app.intake.batch import Form
from app.intake.door import Door, Overfull, Source
from app.intake.refusals import BodyTooBig, BodyTooSlow, UnsupportedMediaType
from app.logs import story
from app.metrics.own import INGEST_SECONDS
from app.routers.errors import Broken, MethodNotAllowed, problem
from app.routers.ingest_log import NOBODY, IngestLog
from app.routers.requests import HEADER, begin
from app.routers.words import language_of
from app.store.tokens import TokenRow

log = structlog.get_logger()

BODIES: Final = 64
"""Bodies that may be on their way in at once; each may be some megabytes."""
BODY_S: Final = 10.0
SOURCES: Final = 1_000
"""Tokens whose source is remembered."""
Headers = dict[bytes, bytes]
INGEST_PATH: Final = "/api/ingest"
FORMS: Final[dict[str, Form]] = {
    "application/json": "json",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
}
_encoder: Final = msgspec.json.Encoder()


class Stopping(Unavailable):
    """This process takes no more; the same records with the same ids go to another, or to the next start."""

    code = "stopping"


class Ingest:
    """The door's HTTP side: reads a bounded body, asks the door, answers 202 or a problem document.

    `closed`: asked before each batch; a process that is about to end takes none.
    """

    def __init__(
        self,
        door: Door,
        tokens: Tokens,
        *,
        body_bytes: int,
        bodies: int = BODIES,
        body_s: float = BODY_S,
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._closed = closed
        self._log = IngestLog()
        self._door = door
        self._tokens = tokens
        self._body_bytes = body_bytes
        self._body_s = body_s
        self._room_for = bodies
        self._sources: dict[str, tuple[TokenRow, Source]] = {}

    def tell(self) -> None:
        """Write down what this minute's requests came to so far."""
        self._log.tell()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, name = perf_counter(), begin(scope).encode()
        source = NOBODY
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed("only POST is known here")
            headers: Headers = dict(reversed(scope["headers"]))  # of two of one name the first stands
            secret = bearer(headers.get(b"authorization", b"").decode("latin-1"))
            known = await self._tokens.authenticate(secret, "ingest", "admin")
            source = known.id
            await self._take(self._source(known), headers, name, scope, receive, send, began)
        except ControlRoomError as refusal:
            self._log.turned_away(source, refusal.code, perf_counter() - began)
            await self._refuse(refusal, name, scope, receive, send)
        except ClientGone:
            return
        except Exception as error:
            log.error("ingest_failed", trace=story(error))
            broken = Broken("something unexpected happened; it is in the log")
            self._log.turned_away(source, broken.code, perf_counter() - began)
            await self._refuse(broken, name, scope, receive, send)

    async def _take(
        self, source: Source, headers: Headers, name: bytes, scope: Scope, receive: Receive, send: Send, began: float
    ) -> None:
        form = _form(headers.get(b"content-type", b"application/json"))
        _check_encoding(headers)
        if self._closed():
            raise Stopping("this process is stopping; send the same records again", wait_s=1)
        self._door.admit(source)
        body = await self._whole(headers, receive)
        session = Request(scope).query_params.get("session", "") if scope["query_string"] else ""
        answer = await self._door.take(source, body, form, session)
        told = _encoder.encode(answer)
        await send({"type": "http.response.start", "status": int(HTTPStatus.ACCEPTED), "headers": _headers(told, name)})
        await send({"type": "http.response.body", "body": told})
        seconds = perf_counter() - began
        INGEST_SECONDS.see(seconds)
        self._log.took(source.id, answer, seconds)

    def _source(self, token: TokenRow) -> Source:
        """Return who knocks; made once for each row that was read of a token."""
        row, source = self._sources.get(token.id, (None, None))
        if source is None or row is not token:
            source = Source(token.id, token.name, frozenset(token.rooms) or None, token.scope == "admin")
            if len(self._sources) >= SOURCES:
                self._sources.clear()
            self._sources[token.id] = token, source
        return source

    async def _whole(self, headers: Headers, receive: Receive) -> bytes:
        """Return the body, when there is room for one more and it comes in time. Raises Overfull, BodyTooSlow."""
        if self._room_for == 0:
            raise Overfull("too many bodies are on their way in", wait_s=1)
        loop, task, slow = asyncio.get_running_loop(), asyncio.current_task(), False
        assert task is not None

        def cut() -> None:
            nonlocal slow
            slow = True
            task.cancel()

        self._room_for -= 1
        timer = loop.call_later(self._body_s, cut)  # a third of what `asyncio.timeout` costs, for each request
        try:
            return await self._body(headers, receive)
        except asyncio.CancelledError:
            if not slow or task.uncancel() > 0:  # somebody else wants this to end
                raise
            raise BodyTooSlow(f"the body was not complete in {self._body_s:g} s") from None
        finally:
            timer.cancel()
            self._room_for += 1

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > 18 or int(declared) > self._body_bytes):
            raise self._too_big()
        message = await _next(receive)
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            parts = [body]
            size = len(body)
            while message.get("more_body", False):
                message = await _next(receive)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > self._body_bytes:
                    raise self._too_big()
            body = b"".join(parts)
        if len(body) > self._body_bytes:
            raise self._too_big()
        return body

    def _too_big(self) -> BodyTooBig:
        return BodyTooBig("the body is too big", most=self._body_bytes)

    async def _refuse(self, refusal: ControlRoomError, name: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem(refusal, language_of(Request(scope)))
        response.raw_headers.append((HEADER, name))
        if isinstance(refusal, BodyTooBig | BodyTooSlow):
            response.headers["Connection"] = "close"  # what is still being sent is not read
        if isinstance(refusal, MethodNotAllowed):
            response.headers["Allow"] = "POST"
        await response(scope, receive, send)


class ClientGone(Exception):
    """The sender hung up before its body was complete; nobody is there to be answered."""


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


@lru_cache(maxsize=64)
def _form(kind: bytes) -> Form:
    """Return the form that a content type names."""
    name, _, rest = kind.decode("latin-1").partition(";")
    form = FORMS.get(name.strip().lower())
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if form is None or (rest.strip() and charset not in ("utf-8", "utf8")):
        raise UnsupportedMediaType("send application/json or application/x-ndjson, in UTF-8")
    return form


def _check_encoding(headers: Headers) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("send the body as it is, not compressed")


def _headers(body: bytes, name: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (HEADER, name),
    ]
