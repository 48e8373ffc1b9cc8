"""The principal: who stands behind a request or a socket, and what that one may see."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from app.domain.people import Actor, Clearance, Role, clearance_of
from app.domain.workspace import Room
from app.errors import ControlRoomError, Forbidden, NotFound
from app.store.tokens import Scope


class NotSignedIn(ControlRoomError):
    """Nobody is signed in here, or the sign-in has ended."""

    kind, code = "unauthenticated", "unauthenticated"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person, a paired tablet, or a machine with a token.

    `brand` empty: every brand of the agency. `rooms`: only these, of what the brand allows; None: all of them.
    `handles` name everything whose end must end this one's sockets.
    """

    kind: Literal["person", "device", "token"]
    id: str
    name: str
    role: Role
    brand: str = ""
    rooms: frozenset[str] | None = None
    scope: Scope | None = None
    handles: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        """As named on commands and in the audit."""
        return Actor("device" if self.kind == "device" else "operator", self.id, self.name, self.role)

    @property
    def clearance(self) -> Clearance:
        return clearance_of(self.role)

    def sees(self, room: Room) -> bool:
        """Return whether this one may see a room."""
        return self.brand in ("", room.brand) and (self.rooms is None or room.id in self.rooms)

    def visible(self, rooms: Iterable[Room]) -> list[Room]:
        """Return the rooms this one may see, in their order."""
        return [room for room in rooms if self.sees(room)]


def person_handle(person: str) -> str:
    return f"person:{person}"


def sign_in_handle(hash_: str) -> str:
    return f"sign-in:{hash_}"


def device_handle(device: str) -> str:
    return f"device:{device}"


def device_of(handle: str) -> str | None:
    """Return the tablet of which this is the handle; None for a handle of something else."""
    kind, _, device = handle.partition(":")
    return device if kind == "device" else None


def token_handle(token: str) -> str:
    return f"token:{token}"


Revoked = Callable[[str], None]
"""Told a handle that has just ended; every socket whose principal has it is closed (4401)."""


class Revocations:
    """Owns the list of those who must know when somebody may no longer look. No await: nothing slips in between."""

    def __init__(self) -> None:
        self._listeners: set[Revoked] = set()

    def listen(self, listener: Revoked) -> Callable[[], None]:
        """Be told of every revocation from now on; call what is returned to be told no more."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def tell(self, handle: str) -> None:
        """Say that whatever hangs on `handle` has ended."""
        for listener in tuple(self._listeners):
            listener(handle)


def visible_room(principal: Principal, rooms: Iterable[Room], room_id: str) -> Room:
    """Return the room; raises NotFound alike for one that is not there and one that must not be seen."""
    for room in rooms:
        if room.id == room_id and principal.sees(room):
            return room
    raise NotFound("there is no such room", room=room_id[:128])


def require_role(principal: Principal, *roles: Role) -> Principal:
    """Return the principal; raises Forbidden unless it has one of the roles."""
    if principal.role not in roles:
        raise Forbidden("this role may not do that", role=principal.role.value)
    return principal
