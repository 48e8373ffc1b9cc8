"""The sockets: a room's stream, one session's stream, the overview (DESIGN §7). For reading only; commands go by HTTP.

Rights are looked at when the socket opens and again when they change: whatever ends a sign-in, a token or a tablet
closes its sockets with 4401.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Final, Literal, Protocol

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

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
from app.errors import ControlRoomError, Forbidden, NotFound, Unavailable
from app.logs import about
from app.metrics.own import SLOW_VIEWERS
from app.realtime.sockets import Sockets
from app.realtime.viewers import Followed, Sink, TooSlow, Viewer
from app.routers.deps import Runtime as Shared
from app.routers.deps import principal_of, runtime_of, sees_session

router = APIRouter()

MOST_SOCKETS: Final = 2_000
MOST_OF_ONE: Final = 64
"""Sockets of one person, token or tablet at a time."""
RECHECK_S: Final = 60.0
Whole = Annotated[int | None, Query(ge=0)]


class Runtime(Shared, Protocol):
    """What sockets need of the process besides what other routes do."""

    sockets: Sockets

    def viewer(self, sink: Sink, follow: Callable[[], Followed]) -> Viewer: ...
    def follow_room(self, room: str, audience: str, clearance: Clearance) -> Followed: ...
    def follow_session(self, session: str, clearance: Clearance) -> Followed: ...
    def follow_overview(self, brand: str, clearance: Clearance) -> Followed: ...
    def console(self, room: str) -> contextlib.AbstractContextManager[None]: ...
    def tablet_here(self, room: str, device: str, name: str, change: int) -> None: ...


class _TextSink:
    """Frames as text messages of one WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, frame: bytes) -> None:
        await self._socket.send_text(frame.decode())


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
    async with _entered(socket, runtime) as principal:
        if principal is None:
            return
        found = runtime.catalogue.room(room)
        if found is None or not principal.sees(found):
            await _refuse(socket, NotFound("there is no such room"))
            return
        shown = "tablet" if principal.kind == "device" else audience
        with contextlib.ExitStack() as here:
            if principal.kind == "device":
                here.enter_context(_tablet(runtime, room, principal))
            elif shown == "control":
                here.enter_context(runtime.console(room))
            await _follow(
                socket,
                runtime,
                principal,
                lambda: runtime.follow_room(room, shown, principal.clearance),
                _resume(epoch, seq),
            )


@router.websocket("/ws/sessions/{session_id}")
async def session_stream(socket: WebSocket, session_id: str, epoch: Whole = None, seq: Whole = None) -> None:
    """Follow one session for good, ended or not."""
    runtime: Runtime = runtime_of(socket)  # type: ignore[assignment]
    async with _entered(socket, runtime) as principal:
        if principal is None:
            return
        try:
            session = await runtime.directory.find(session_id)
        except NotFound as refusal:
            await _refuse(socket, refusal)
            return
        if principal.kind == "device" or not sees_session(principal, session, runtime.catalogue):
            await _refuse(socket, NotFound("there is no such session"))
            return
        await _follow(
            socket,
            runtime,
            principal,
            lambda: runtime.follow_session(session_id, principal.clearance),
            _resume(epoch, seq),
        )


@router.websocket("/ws/overview")
async def overview_stream(socket: WebSocket, epoch: Whole = None, seq: Whole = None) -> None:
    """Follow the overview: a row for each room this one may see."""
    runtime: Runtime = runtime_of(socket)  # type: ignore[assignment]
    async with _entered(socket, runtime) as principal:
        if principal is None:
            return
        if principal.kind == "device" or principal.rooms is not None:
            await _refuse(socket, Forbidden("this is for people and for tokens that are bound to no room"))
            return
        await _follow(
            socket,
            runtime,
            principal,
            lambda: runtime.follow_overview(principal.brand, principal.clearance),
            _resume(epoch, seq),
        )


def _resume(epoch: int | None, seq: int | None) -> Ask | None:
    return Ask(epoch, seq) if epoch is not None and seq is not None else None


@contextlib.asynccontextmanager
async def _entered(socket: WebSocket, runtime: Runtime) -> AsyncIterator[Principal | None]:
    """Accept a socket whose sender is known and has room left; else close it with the reason and yield None."""
    try:
        principal = await principal_of(socket, runtime)
    except ControlRoomError as refusal:
        await _refuse(socket, refusal)
        yield None
        return
    if len(runtime.sockets) >= MOST_SOCKETS or runtime.sockets.of(principal) >= MOST_OF_ONE:
        await _accept(socket)
        await socket.close(CLOSE_BUSY, "too_many_sockets")
        yield None
        return
    yield principal


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


@contextlib.contextmanager
def _tablet(runtime: Runtime, room: str, principal: Principal) -> Iterator[None]:
    runtime.tablet_here(room, principal.id, principal.name, +1)
    try:
        yield
    finally:
        runtime.tablet_here(room, principal.id, principal.name, -1)


async def _follow(
    socket: WebSocket, runtime: Runtime, principal: Principal, follow: Callable[[], Followed], resume: Ask | None
) -> None:
    await _accept(socket)
    viewer = runtime.viewer(_TextSink(socket), follow)
    with runtime.sockets.held(principal) as revoked:
        tasks = [
            asyncio.create_task(viewer.follow(resume)),
            asyncio.create_task(_read(socket, viewer)),
            asyncio.create_task(_recheck(socket, runtime)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except TooSlow:
            SLOW_VIEWERS.add()
            await _close(socket, CLOSE_BUSY, "too_slow")
        except (WebSocketDisconnect, RuntimeError):
            pass  # it has gone; there is nobody to tell
        except NotSignedIn as refusal:
            await _close(socket, CLOSE_SIGNED_OUT, refusal.code)
        except ControlRoomError as refusal:
            await _close(socket, CLOSE_BUSY, refusal.code)
        except asyncio.CancelledError:
            if not revoked():
                raise
            await _close(socket, CLOSE_SIGNED_OUT, "revoked")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _recheck(socket: WebSocket, runtime: Runtime) -> None:
    """Ask again who this is: at once, for what ended between the first look and now, and for what runs out later."""
    while True:
        with contextlib.suppress(Unavailable):
            await principal_of(socket, runtime)
        await asyncio.sleep(RECHECK_S)


async def _read(socket: WebSocket, viewer: Viewer) -> None:
    while True:
        viewer.ask(await socket.receive_text())


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)
