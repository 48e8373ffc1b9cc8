"""Tablets: a code for a room, pairing by it, the list, and an end to it."""

from io import BytesIO
from typing import Annotated, Any
from urllib.parse import urlsplit

import segno
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from app.access.access import DEVICE_COOKIE
from app.access.devices import COOKIE_MS
from app.errors import ControlRoomError, NotFound
from app.routers.answers import json
from app.routers.deps import OperatorDep, ReaderDep, Runtime, RuntimeDep, address_of, is_loopback, room_of
from app.routers.fields import Id, Seen
from app.routers.signin import refused, set_secret_cookie, wants_json

router = APIRouter(prefix="/api/devices", tags=["tablets"])


class ForRoom(BaseModel):
    room: Id


class Pairing(BaseModel):
    code: Annotated[str, Field(max_length=16), Seen]
    name: str = Field(max_length=64)


@router.post("/code")
async def offer(body: ForRoom, request: Request, operator: OperatorDep, runtime: RuntimeDep) -> Response:
    """Make a pairing code for a room: six digits, 5 minutes, 5 tries; with an address and its QR code."""
    room = room_of(body.room, operator, runtime)
    code = await runtime.access.devices.offer(room.id, operator.actor)
    url = f"{public_address(request, runtime)}/pair"
    facts = {"code": code.code, "room": code.room, "expires_ms": code.expires_ms, "tries": code.tries}
    return json(facts | {"url": url, "qr": qr_svg(f"{url}?code={code.code}")})


@router.post("/pair")
async def pair(request: Request, runtime: RuntimeDep) -> Response:
    """Pair this browser as a tablet of the code's room; takes JSON or a form."""
    try:
        asked = await _pairing(request)
        device, secret = await runtime.access.devices.pair(asked.code, asked.name, address=address_of(request))
    except ControlRoomError as refusal:
        return refused(request, refusal, "/pair")
    response: Response = json({"id": device.id, "name": device.name, "room": device.room})
    if not wants_json(request):
        response = RedirectResponse(f"/host/{device.room}", 303)
    set_secret_cookie(response, request, runtime, DEVICE_COOKIE, secret, runtime.clock.now() + COOKIE_MS)
    return response


@router.get("")
async def listed(reader: ReaderDep, runtime: RuntimeDep, room: Id | None = None) -> Response:
    """List the paired tablets of the rooms one may see."""
    visible = {each.id for each in reader.visible(runtime.catalogue.rooms())}
    devices = await runtime.access.devices.all(room)
    return json({"rows": [each for each in devices if each.room in visible]})


@router.delete("/{device_id}")
async def revoke(device_id: Id, operator: OperatorDep, runtime: RuntimeDep) -> Response:
    """End a tablet's pairing; its page closes within two seconds."""
    device = await runtime.access.devices.find(device_id)
    try:
        room_of(device.room, operator, runtime)
    except NotFound:
        raise NotFound("there is no such tablet", device=device_id[:64]) from None
    return json(await runtime.access.devices.revoke(device_id, operator.actor))


async def _pairing(request: Request) -> Pairing:
    if request.headers.get("content-type", "").startswith("application/json"):
        raw: Any = await request.body()
    else:
        async with request.form(max_files=0, max_fields=8) as form:
            raw = dict(form)
    try:
        return Pairing.model_validate_json(raw) if isinstance(raw, bytes) else Pairing.model_validate(raw)
    except ValidationError:
        raise ControlRoomError("send a code and a name") from None


def public_address(request: Request, runtime: Runtime) -> str:
    """Return how a tablet reaches this server: the setting, else the way this request came.

    A request of this machine itself came by a way that no tablet has: then the address in the network, if there is one.
    """
    if runtime.settings.public_url:
        return runtime.settings.public_url
    if is_loopback(request.url.hostname or "") and not is_loopback(urlsplit(runtime.address).hostname or "localhost"):
        return runtime.address
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG that can be shown as an image."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=2, scale=8, dark="#000", light="#fff")
    return out.getvalue().decode()
