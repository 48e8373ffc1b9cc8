"""The sockets: a room's stream, one session's stream, the overview. For reading only; commands go by HTTP.

Rights are looked at when the socket opens and again when they change: whatever ends a sign-in, a token or a tablet
closes its sockets with 4401.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, Protocol

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE
from app.access.principal import NotSignedIn, Principal
from app.domain.frames import (
    CLOSE_BROKEN,
    CLOSE_BUSY,
    CLOSE_FORBIDDEN,
    CLOSE_INVALID,
    CLOSE_NOT_FOUND,
    CLOSE_SIGNED_OUT,
    SUBPROTOCOL,
    Ask,
)
from app.domain.people import Clearance
from app.errors import ControlRoomError, Forbidden, NotFound
from app.logs import about
from app.realtime.fanout_direct import DirectSocket
from app.realtime.fanout_door import EXTENSION
from app.realtime.fanout_plain import Gone, NotText, PlainSocket
from app.realtime.sockets import Again, Held, Sockets
from app.realtime.viewers import Followed, Subject, Viewers
from app.routers.deps import Runtime as Shared
from app.routers.deps import principal_of, runtime_of, sees_session
from app.store.sessions import Purged

MOST_SOCKETS: Final = 2_000
MOST_OF_ONE: Final = 64
"""Sockets of one person, token or tablet at a time."""
AUDIENCES: Final = frozenset({"control", "tablet", "wall"})
PLACE_DIGITS: Final = 19


class Screens(Protocol):
    """What the process keeps of its screens."""

    sockets: Sockets
    viewers: Viewers

    def follow_room(self, room: str, audience: str, clearance: Clearance) -> Followed: ...
    def follow_session(self, session: str, clearance: Clearance) -> Followed: ...
    def follow_overview(self, brand: str, clearance: Clearance) -> Followed: ...
    def console_here(self, room: str, change: int) -> None: ...
    def tablet_here(self, room: str, device: str, name: str, change: int) -> None: ...


class Runtime(Shared, Protocol):
    """What sockets need of the process besides what other routes do."""

    screens: Screens


class BadPlace(ControlRoomError):
    """The query of a stream is not one: an audience there is not, or a place that is no pair of numbers."""

    code = "bad_stream_query"


async def room_stream(socket: WebSocket) -> None:
    """Follow a room: its session's board, and the next session's when it changes. `audience`: control, tablet, wall."""
    runtime, room = _runtime(socket), str(socket.path_params["room"])
    about(room=room[:64])
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal, found = visitor.principal, runtime.catalogue.room(room)
    if found is None or not principal.sees(found):
        await _refuse(socket, NotFound("there is no such room"))
        return
    shown = "tablet" if principal.kind == "device" else socket.query_params.get("audience", "control")
    if shown not in AUDIENCES:
        await _refuse(socket, BadPlace("there is no such audience"))
        return
    follow = partial(runtime.screens.follow_room, room, shown, principal.clearance)
    here = None
    if principal.kind == "device":
        here = partial(runtime.screens.tablet_here, room, principal.id, principal.name)
    elif shown == "control":
        here = partial(runtime.screens.console_here, room)
    await _follow(socket, runtime, visitor, Subject(("room", room, shown, principal.clearance), follow), here)


async def session_stream(socket: WebSocket) -> None:
    """Follow one session for good, ended or not."""
    runtime, session_id = _runtime(socket), str(socket.path_params["session_id"])
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal = visitor.principal
    try:
        session = await runtime.directory.find(session_id)
    except ControlRoomError as refusal:
        await _refuse(socket, refusal)
        return
    if principal.kind == "device" or not sees_session(principal, session, runtime.catalogue):
        await _refuse(socket, NotFound("there is no such session"))
        return
    if session.purged_ms is not None:
        await _refuse(socket, Purged("its records were removed by retention"))
        return
    follow = partial(runtime.screens.follow_session, session_id, principal.clearance)
    await _follow(socket, runtime, visitor, Subject(("session", session_id, principal.clearance), follow))


async def overview_stream(socket: WebSocket) -> None:
    """Follow the overview: a row for each room this one may see."""
    runtime = _runtime(socket)
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal = visitor.principal
    if principal.kind == "device" or principal.rooms is not None:
        await _refuse(socket, Forbidden("this is for people and for tokens that are bound to no room"))
        return
    follow = partial(runtime.screens.follow_overview, principal.brand, principal.clearance)
    await _follow(socket, runtime, visitor, Subject(("overview", principal.brand, principal.clearance), follow))


class _Route(WebSocketRoute):
    """A route that names itself in the scope, for the log's line."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        await super().handle(scope, receive, send)


def install_streams(app: FastAPI) -> None:
    """Put the streams before every other route. They are the framework's plain ones, without its dependencies: when a
    thousand pages come back at once, what a handshake costs is how long the last of them waits."""
    app.router.routes[:0] = [
        _Route("/ws/rooms/{room}", room_stream),
        _Route("/ws/sessions/{session_id}", session_stream),
        _Route("/ws/overview", overview_stream),
    ]


def _runtime(socket: WebSocket) -> Runtime:
    return runtime_of(socket)  # type: ignore[return-value]  # the application is built over one that has these too


def _resume(socket: WebSocket) -> Ask | None:
    """The place a page still holds. Raises BadPlace."""
    epoch, seq = socket.query_params.get("epoch"), socket.query_params.get("seq")
    if epoch is None or seq is None:
        return None
    if not (epoch.isdecimal() and seq.isdecimal() and len(epoch) < PLACE_DIGITS and len(seq) < PLACE_DIGITS):
        raise BadPlace("a place is two numbers")
    return Ask(int(epoch), int(seq))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands before a stream, and when that was looked up."""

    principal: Principal
    looked_at: float


async def _entered(socket: WebSocket, runtime: Runtime) -> Visitor | None:
    """Return who it is when there is room for one more socket of theirs; else None: it was closed with the reason."""
    looked_at = monotonic()
    try:
        principal = await principal_of(socket, runtime)
    except ControlRoomError as refusal:
        await _refuse(socket, refusal)
        return None
    if len(runtime.screens.sockets) >= MOST_SOCKETS or runtime.screens.sockets.of(principal) >= MOST_OF_ONE:
        await _accept(socket)
        await socket.close(CLOSE_BUSY, "too_many_sockets")
        return None
    return Visitor(principal, looked_at)


async def _refuse(socket: WebSocket, refusal: ControlRoomError) -> None:
    """Accept and close at once: a browser shows a page the code only of a socket that was open."""
    code = CLOSE_FORBIDDEN
    if isinstance(refusal, NotSignedIn):
        code = CLOSE_SIGNED_OUT
    elif refusal.kind == "missing":
        code = CLOSE_NOT_FOUND
    elif refusal.kind == "busy":
        code = CLOSE_BUSY
    elif refusal.kind == "invalid":
        code = CLOSE_INVALID
    await _accept(socket)
    await socket.close(code, refusal.code)


async def _accept(socket: WebSocket) -> None:
    """Speak the protocol the sender offers; one that offers none gets the same frames."""
    offered = SUBPROTOCOL in socket.scope.get("subprotocols", ())
    await socket.accept(subprotocol=SUBPROTOCOL if offered else None)


async def _follow(
    socket: WebSocket,
    runtime: Runtime,
    visitor: Visitor,
    subject: Subject,
    here: Callable[[int], None] | None = None,
) -> None:
    """Accept, and hand the connection to its viewer: on the fast path the route is over then, and the socket lives on.

    `here`: told +1 now and -1 when the socket has ended.
    """
    try:
        resume = _resume(socket)
    except BadPlace as refusal:
        await _refuse(socket, refusal)
        return
    await _accept(socket)
    detach: Callable[[], DirectSocket | None] | None = socket.scope["extensions"].get(EXTENSION)
    direct = detach() if detach is not None else None
    outlet = direct if direct is not None else PlainSocket(Channel(socket))
    try:
        # No await from here to `serve`: a revocation or a lost connection falls neither before nor between these lines.
        seat = runtime.screens.viewers.join(outlet, subject, resume)
        held = runtime.screens.sockets.hold(visitor.principal, outlet, _again(socket, runtime), visitor.looked_at)
        seat.on_end(partial(_end, runtime, held, here))
        if here is not None:
            here(+1)
    except Exception:
        outlet.close(CLOSE_BROKEN, "internal")  # else nobody would: it is not the framework's any more
        raise
    if isinstance(outlet, DirectSocket):
        outlet.serve(seat)
    else:
        await outlet.serve(seat)


def _end(runtime: Runtime, held: Held, here: Callable[[int], None] | None) -> None:
    runtime.screens.sockets.release(held)
    if here is not None:
        here(-1)


def _again(socket: WebSocket, runtime: Runtime) -> Again:
    """How to ask once more who this is. It keeps what they showed, not the socket."""
    return partial(
        runtime.access.principal,
        authorization=socket.headers.get("authorization", ""),
        sign_in=socket.cookies.get(SIGN_IN_COOKIE, ""),
        device=socket.cookies.get(DEVICE_COOKIE, ""),
    )


class Channel:
    """A WebSocket of the framework, for the plain outlet."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send_text(self, text: str) -> None:
        await self._socket.send_text(text)

    async def receive_text(self) -> str:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            raise Gone
        text: str | None = message.get("text")
        if text is None:
            raise NotText
        return text

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason)
