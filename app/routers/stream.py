"""The sockets: a room's stream, one session's stream, the overview (DESIGN §7). For reading only; commands go by HTTP.

Rights are looked at when the socket opens and again when they change: whatever ends a sign-in, a token or a tablet
closes its sockets with 4401.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Annotated, Final, Literal, Protocol

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE
from app.access.principal import NotSignedIn, Principal
from app.domain.frames import (
    CLOSE_BUSY,
    CLOSE_FORBIDDEN,
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

router = APIRouter()

MOST_SOCKETS: Final = 2_000
MOST_OF_ONE: Final = 64
"""Sockets of one person, token or tablet at a time."""
Whole = Annotated[int | None, Query(ge=0)]


class Runtime(Shared, Protocol):
    """What sockets need of the process besides what other routes do."""

    sockets: Sockets
    viewers: Viewers

    def follow_room(self, room: str, audience: str, clearance: Clearance) -> Followed: ...
    def follow_session(self, session: str, clearance: Clearance) -> Followed: ...
    def follow_overview(self, brand: str, clearance: Clearance) -> Followed: ...
    def console_here(self, room: str, change: int) -> None: ...
    def tablet_here(self, room: str, device: str, name: str, change: int) -> None: ...


@router.websocket("/ws/rooms/{room}")
async def room_stream(
    socket: WebSocket,
    room: str,
    audience: Literal["control", "tablet", "wall"] = "control",
    epoch: Whole = None,
    seq: Whole = None,
) -> None:
    """Follow a room: its session's board, and the next session's when it changes."""
    runtime: Runtime = runtime_of(socket)  # type: ignore[assignment]
    about(room=room[:64])
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal = visitor.principal
    found = runtime.catalogue.room(room)
    if found is None or not principal.sees(found):
        await _refuse(socket, NotFound("there is no such room"))
        return
    shown = "tablet" if principal.kind == "device" else audience
    subject = Subject(
        ("room", room, shown, principal.clearance), partial(runtime.follow_room, room, shown, principal.clearance)
    )
    here = None
    if principal.kind == "device":
        here = partial(runtime.tablet_here, room, principal.id, principal.name)
    elif shown == "control":
        here = partial(runtime.console_here, room)
    await _follow(socket, runtime, visitor, subject, _resume(epoch, seq), here)


@router.websocket("/ws/sessions/{session_id}")
async def session_stream(socket: WebSocket, session_id: str, epoch: Whole = None, seq: Whole = None) -> None:
    """Follow one session for good, ended or not."""
    runtime: Runtime = runtime_of(socket)  # type: ignore[assignment]
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal = visitor.principal
    try:
        session = await runtime.directory.find(session_id)
    except NotFound as refusal:
        await _refuse(socket, refusal)
        return
    if principal.kind == "device" or not sees_session(principal, session, runtime.catalogue):
        await _refuse(socket, NotFound("there is no such session"))
        return
    if session.purged_ms is not None:
        await _refuse(socket, Purged("its records were removed by retention"))
        return
    subject = Subject(
        ("session", session_id, principal.clearance),
        partial(runtime.follow_session, session_id, principal.clearance),
    )
    await _follow(socket, runtime, visitor, subject, _resume(epoch, seq))


@router.websocket("/ws/overview")
async def overview_stream(socket: WebSocket, epoch: Whole = None, seq: Whole = None) -> None:
    """Follow the overview: a row for each room this one may see."""
    runtime: Runtime = runtime_of(socket)  # type: ignore[assignment]
    visitor = await _entered(socket, runtime)
    if visitor is None:
        return
    principal = visitor.principal
    if principal.kind == "device" or principal.rooms is not None:
        await _refuse(socket, Forbidden("this is for people and for tokens that are bound to no room"))
        return
    subject = Subject(
        ("overview", principal.brand, principal.clearance),
        partial(runtime.follow_overview, principal.brand, principal.clearance),
    )
    await _follow(socket, runtime, visitor, subject, _resume(epoch, seq))


def _resume(epoch: int | None, seq: int | None) -> Ask | None:
    return Ask(epoch, seq) if epoch is not None and seq is not None else None


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
    if len(runtime.sockets) >= MOST_SOCKETS or runtime.sockets.of(principal) >= MOST_OF_ONE:
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
    resume: Ask | None,
    here: Callable[[int], None] | None = None,
) -> None:
    """Accept, and hand the connection to its viewer: on the fast path the route is over then, and the socket lives on.

    `here`: told +1 now and -1 when the socket has ended.
    """
    await _accept(socket)
    detach: Callable[[], DirectSocket | None] | None = socket.scope["extensions"].get(EXTENSION)
    direct = detach() if detach is not None else None
    outlet = direct if direct is not None else PlainSocket(_Channel(socket))
    # No await from here on: a revocation or a lost connection falls neither before nor between these lines.
    seat = runtime.viewers.join(outlet, subject, resume)
    held = runtime.sockets.hold(visitor.principal, outlet, _again(socket, runtime), visitor.looked_at)
    seat.on_end(partial(_end, runtime, held, here))
    if here is not None:
        here(+1)
    if isinstance(outlet, DirectSocket):
        outlet.serve(seat)
    else:
        await outlet.serve(seat)


def _end(runtime: Runtime, held: Held, here: Callable[[int], None] | None) -> None:
    runtime.sockets.release(held)
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


class _Channel:
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
