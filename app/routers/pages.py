"""The desk's pages: the overview at `/`, a room's console at `/rooms/{id}`. What they show comes over the WebSocket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.people import Role
from app.errors import NotFound
from app.routers.words import page

PARTS: Final = ("common", "shell", "overview", "console", "metric", "state", "time", "error")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person. `brand` empty: every brand's."""

    id: str
    name: str
    role: Role
    brand: str = ""

    @property
    def initial(self) -> str:
        """Return what stands in the round mark: the given name's last character, or two initials."""
        words = self.name.split()
        if self.name.isascii() and len(words) > 1:
            return (words[0][0] + words[-1][0]).upper()
        return self.name[:1].upper() if self.name.isascii() else self.name[-1:]


@dataclass(frozen=True, slots=True)
class RoomName:
    """A room as the switcher names it."""

    id: str
    name: str
    platform: str
    zone: str


class Desk(Protocol):
    """What these pages ask of the house."""

    async def visitor(self, request: Request) -> Visitor | None:
        """Return who is signed in; None: nobody."""
        ...

    async def site(self) -> str:
        """Return the workspace's name, or nothing before there is one."""
        ...

    async def rooms(self, visitor: Visitor) -> Sequence[RoomName]:
        """Return the rooms this person may see, in the order of the workspace."""
        ...


def desk_pages(desk: Desk) -> APIRouter:
    """Return the routes of these pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request) -> Response:
        return await _page(request, desk, "overview.html", None)

    @router.get("/rooms/{room}")
    async def console(request: Request, room: str) -> Response:
        return await _page(request, desk, "console.html", room)

    return router


async def _page(request: Request, desk: Desk, template: str, room_id: str | None) -> Response:
    visitor = await desk.visitor(request)
    if visitor is None:
        return RedirectResponse(f"/login?next={quote(request.url.path, safe='')}", 303)
    rooms = await desk.rooms(visitor)
    room = next((one for one in rooms if one.id == room_id), None)
    if room_id is not None and room is None:
        raise NotFound("no such room, or none that this person may see", room=room_id)
    facts: dict[str, Any] = {
        "me": {"id": visitor.id, "name": visitor.name, "role": visitor.role.value},
        "rooms": [_named(one) for one in rooms],
        "room": None if room is None else {**_named(room), "zone": room.zone},
    }
    return page(request, template, parts=PARTS, facts=facts, site=await desk.site(), me=visitor, rooms=rooms, room=room)


def _named(room: RoomName) -> dict[str, str]:
    return {"id": room.id, "name": room.name, "platform": room.platform}
