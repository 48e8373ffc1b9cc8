"""What the pages ask of the house, answered by the runtime: who visits, which rooms, which tablet."""

from collections.abc import Sequence
from typing import Protocol

from fastapi import Request

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE, Access
from app.access.principal import NotSignedIn, Principal
from app.domain.workspace import Room
from app.routers.host_pages import Link, Tablet
from app.routers.pages import RoomName, Visitor


class Rooms(Protocol):
    """The catalogue, as far as pages need it."""

    @property
    def name(self) -> str: ...
    def rooms(self) -> Sequence[Room]: ...


class House:
    """Answers `pages.Desk` and `host_pages.Doors`; owns nothing."""

    def __init__(self, access: Access, catalogue: Rooms) -> None:
        self._access = access
        self._catalogue = catalogue

    async def site(self) -> str:
        return self._catalogue.name

    async def visitor(self, request: Request) -> Visitor | None:
        person = await self._person(request)
        return None if person is None else Visitor(person.id, person.name, person.role, person.brand)

    async def rooms(self, visitor: Visitor) -> Sequence[RoomName]:
        return [
            RoomName(room.id, room.name, room.platform, room.zone)
            for room in self._catalogue.rooms()
            if visitor.brand in ("", room.brand)
        ]

    async def signed_in(self, request: Request) -> bool:
        return await self._person(request) is not None

    async def link(self, token: str) -> Link | None:
        found = await self._access.people.link(token)
        return None if found is None else Link(found.left_ms, found.name, found.role)

    async def tablet(self, request: Request, room: str) -> Tablet | None:
        try:
            device = await self._access.devices.principal(request.cookies.get(DEVICE_COOKIE, ""))
        except NotSignedIn:
            return None
        found = next((each for each in self._catalogue.rooms() if each.id == room and device.sees(each)), None)
        if found is None:
            return None
        return Tablet(device.id, device.name, found.id, found.name, found.platform, found.zone)

    async def _person(self, request: Request) -> Principal | None:
        cookie = request.cookies.get(SIGN_IN_COOKIE, "")
        try:
            return await self._access.people.signed_in(cookie) if cookie else None
        except NotSignedIn:
            return None
