"""People, tokens and the audit: for administrators."""

from functools import partial

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.domain.people import Role
from app.errors import Forbidden, NotFound
from app.routers.answers import PAGE, Cursor, Limit, decode_cursor, json, page_of
from app.routers.deps import AdminDep, PrincipalDep, RuntimeDep
from app.routers.devices import public_address
from app.routers.fields import Id, Name
from app.store.audit import audit
from app.store.tokens import Scope

router = APIRouter(prefix="/api", tags=["people"])


class NewPerson(BaseModel):
    """`brand` empty: the agency's own, who sees every brand."""

    name: Name
    role: Role
    brand: Id = ""


class Change(BaseModel):
    """What is left out stays as it is."""

    role: Role | None = None
    brand: Id | None = None
    disabled: bool | None = None


class NewToken(BaseModel):
    """`rooms` empty: every room; an ingest token must name some."""

    name: Name
    scope: Scope
    rooms: list[Id] = Field(default=[], max_length=1_000)


@router.get("/me")
async def me(principal: PrincipalDep) -> Response:
    """Return who is asking."""
    return json({"kind": principal.kind, "id": principal.id, "name": principal.name, "role": principal.role.value})


@router.post("/me/sign-out", status_code=204)
async def leave_everywhere(principal: PrincipalDep, runtime: RuntimeDep) -> Response:
    """End all sign-ins of whoever asks, in every browser: after a telephone was lost."""
    if principal.kind != "person":
        raise Forbidden("only a person has sign-ins")
    await runtime.access.people.sign_out_everywhere(principal.id, principal.actor)
    return Response(status_code=204)


@router.get("/people")
async def people(_: AdminDep, runtime: RuntimeDep) -> Response:
    """List all people."""
    return json({"rows": await runtime.access.people.everybody()})


@router.post("/people")
async def add_person(body: NewPerson, request: Request, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """Add a person, and return a link, valid once, by which that one chooses a password."""
    person = await runtime.access.people.add(body.name, body.role, body.brand, admin.actor)
    secret = await runtime.access.people.invite(person.id, admin.actor)
    return json({"person": person, "link": f"{public_address(request, runtime)}/first?token={secret}"}, 201)


@router.post("/people/{person_id}/invite")
async def invite(person_id: Id, request: Request, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """Return a new link by which a person chooses a password; the one before it is void."""
    secret = await runtime.access.people.invite(person_id, admin.actor)
    return json({"link": f"{public_address(request, runtime)}/first?token={secret}"}, 201)


@router.patch("/people/{person_id}")
async def change_person(person_id: Id, body: Change, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """Change a role or a brand, or shut somebody out; that one's sign-ins end and screens close."""
    people = runtime.access.people
    return json(await people.change(person_id, admin.actor, role=body.role, brand=body.brand, disabled=body.disabled))


@router.post("/people/{person_id}/sign-out", status_code=204)
async def sign_out_person(person_id: Id, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """End all sign-ins of a person and close the screens; that one may sign in again."""
    await runtime.access.people.sign_out_everywhere(person_id, admin.actor)
    return Response(status_code=204)


@router.get("/tokens")
async def tokens(_: AdminDep, runtime: RuntimeDep) -> Response:
    """List tokens, never their secrets."""
    return json({"rows": await runtime.access.tokens.all()})


@router.post("/tokens")
async def add_token(body: NewToken, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """Make a token. Its secret is in this answer and nowhere else."""
    for room in body.rooms:
        if runtime.catalogue.room(room) is None:
            raise NotFound("there is no such room", room=room)
    token, secret = await runtime.access.tokens.create(body.name, body.scope, body.rooms, admin.actor)
    return json({"token": token, "secret": secret}, 201)


@router.delete("/tokens/{token_id}")
async def revoke_token(token_id: Id, admin: AdminDep, runtime: RuntimeDep) -> Response:
    """End a token at once."""
    return json(await runtime.access.tokens.revoke(token_id, admin.actor))


@router.get("/audit")
async def audited(
    _: AdminDep,
    runtime: RuntimeDep,
    session: Id | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> Response:
    """List who did what, newest first."""
    rows = await runtime.store.look(partial(audit, session=session, before=decode_cursor(cursor), most=limit))
    return json(page_of(rows, limit, rows[-1].id if rows else 0))
