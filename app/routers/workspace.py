"""What the workspace describes, as far as one may see it: rooms and their sessions, products."""

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response

from app.domain.workspace import Room
from app.intake.directory import Directory
from app.routers.answers import json
from app.routers.deps import ReaderDep, RuntimeDep, room_of
from app.routers.fields import Id

router = APIRouter(prefix="/api", tags=["workspace"])


class RoomView(Struct, frozen=True, kw_only=True):
    """A room, and the session its screens show; None when it never had one."""

    id: str
    name: str
    brand: str
    platform: str
    zone: str
    session: str | None
    state: str
    kind: str | None


@router.get("/rooms")
async def rooms(reader: ReaderDep, runtime: RuntimeDep) -> Response:
    """List the rooms one may see."""
    found = reader.visible(runtime.catalogue.rooms())
    return json({"rows": [room_view(room, runtime.directory) for room in found]})


@router.get("/rooms/{room_id}")
async def room(room_id: str, reader: ReaderDep, runtime: RuntimeDep) -> Response:
    """Return one room."""
    return json(room_view(room_of(room_id, reader, runtime), runtime.directory))


@router.get("/products")
async def products(room: Id, reader: ReaderDep, runtime: RuntimeDep) -> Response:
    """List the SKUs that a room sells."""
    found = room_of(room, reader, runtime)
    skus = runtime.catalogue.of_room(found.id).skus
    return json(
        {"rows": [sku for sku in skus if sku.brand == found.brand and (not sku.rooms or found.id in sku.rooms)]}
    )


def room_view(room: Room, directory: Directory) -> RoomView:
    """Return a room as lists show it."""
    shown = directory.showing(room.id)
    return RoomView(
        id=room.id,
        name=room.name,
        brand=room.brand,
        platform=room.platform,
        zone=room.zone,
        session=shown.id if shown else None,
        state=shown.state if shown else "none",
        kind=shown.kind if shown else None,
    )
