"""What routes are given: the runtime, who is asking, the session in the address, the key of a command."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Annotated, Protocol

from fastapi import Depends, Header, Request
from starlette.requests import HTTPConnection

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE, Access
from app.access.principal import Principal, require_role, visible_room
from app.clock import Clock
from app.domain.people import Role
from app.domain.readings import MinuteRow
from app.domain.workspace import Room, Workspace
from app.errors import ControlRoomError, Forbidden, NotFound
from app.instants import Instant
from app.intake.desk import Desk
from app.intake.directory import Directory, SessionRef
from app.logs import about
from app.routers.fields import Id
from app.settings import Settings
from app.store.database import Store

KEY_CHARS = 128


class Catalogue(Protocol):
    """The workspaces as last set up."""

    def rooms(self) -> Iterable[Room]: ...
    def room(self, room_id: str) -> Room | None: ...
    def of_room(self, room_id: str) -> Workspace: ...


class Runtime(Protocol):
    """What routes need of the process; app.runtime.Runtime is one."""

    settings: Settings
    store: Store
    clock: Clock
    build: str
    access: Access
    desk: Desk
    directory: Directory
    draining: bool
    closing: bool
    last_words: list[Callable[[], None]]
    address: str
    """Where others reach this server, as far as it knows."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def unsaved_since(self) -> Instant | None: ...

    async def series_tail(self, session: str) -> Sequence[MinuteRow]: ...


class BadKey(ControlRoomError):
    """A command needs an Idempotency-Key of 1 to 128 visible ASCII characters."""

    code = "bad_idempotency_key"


def runtime_of(connection: HTTPConnection) -> Runtime:
    """Return the runtime the application was built with."""
    runtime: Runtime = connection.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


async def principal_of(connection: HTTPConnection, runtime: RuntimeDep) -> Principal:
    """Return who is asking, by token or cookie; for requests and sockets alike. Raises NotSignedIn, Forbidden."""
    found = await runtime.access.principal(
        authorization=connection.headers.get("authorization", ""),
        sign_in=connection.cookies.get(SIGN_IN_COOKIE, ""),
        device=connection.cookies.get(DEVICE_COOKIE, ""),
    )
    about(principal=f"{found.kind}:{found.id}")
    return found


PrincipalDep = Annotated[Principal, Depends(principal_of)]


def reader(principal: PrincipalDep) -> Principal:
    """Anyone but a tablet, which gets its board and nothing else."""
    if principal.kind == "device":
        raise Forbidden("a tablet sees its own page only")
    return principal


def operator(principal: PrincipalDep) -> Principal:
    """An administrator or a controller, in person or by an admin token."""
    return require_role(reader(principal), Role.ADMIN, Role.CONTROLLER)


def admin(principal: PrincipalDep) -> Principal:
    """An administrator of the whole agency, in person or by an admin token that is bound to no room."""
    require_role(reader(principal), Role.ADMIN)
    if principal.brand or principal.rooms is not None:
        raise Forbidden("this needs an administrator of the whole agency")
    return principal


ReaderDep = Annotated[Principal, Depends(reader)]
OperatorDep = Annotated[Principal, Depends(operator)]
AdminDep = Annotated[Principal, Depends(admin)]


async def session_of(session_id: Id, principal: PrincipalDep, runtime: RuntimeDep) -> SessionRef:
    """Return the session of the address, if the one who asks may see it; NotFound alike when not."""
    found = await runtime.directory.find(session_id)
    if not sees_session(principal, found, runtime.catalogue):
        raise NotFound("no such session", session=session_id[:128])
    about(session=found.id)
    return found


SessionDep = Annotated[SessionRef, Depends(session_of)]


def sees_session(principal: Principal, session: SessionRef, catalogue: Catalogue) -> bool:
    """Return whether this one may see a session: one of its rooms is enough, they are of one brand."""
    rooms = [room for room in map(catalogue.room, session.rooms) if room is not None]
    unbound = not principal.brand and principal.rooms is None
    return unbound or any(map(principal.sees, rooms))


def room_of(room_id: str, principal: Principal, runtime: Runtime) -> Room:
    """Return a room the one who asks may see. Raises NotFound."""
    about(room=room_id[:64])
    room = runtime.catalogue.room(room_id)
    return visible_room(principal, () if room is None else (room,), room_id)


def idempotency_key(key: Annotated[str, Header(alias="Idempotency-Key")] = "") -> str:
    """Return the command's key. Raises BadKey."""
    if not 1 <= len(key) <= KEY_CHARS or not key.isascii() or not key.isprintable():
        raise BadKey("a command needs an Idempotency-Key of 1 to 128 visible ASCII characters", most=KEY_CHARS)
    return key


IdempotencyKey = Annotated[str, Depends(idempotency_key)]


def address_of(request: Request) -> str:
    """Return where a request comes from, as far as the server knows; for counting failures."""
    return request.client.host if request.client else ""


def is_loopback(host: str) -> bool:
    """Return whether the name or address of a host leads to this machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
