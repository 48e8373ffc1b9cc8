"""Signing in and out, and the links by which a first password is chosen. The forms of the pages post here."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.access.access import SIGN_IN_COOKIE
from app.access.people import Entered
from app.errors import ControlRoomError
from app.routers.answers import json
from app.routers.deps import Runtime, RuntimeDep, address_of
from app.routers.errors import problem, retry_after_s
from app.routers.fields import LocalPath
from app.routers.words import language_of

router = APIRouter(tags=["sign-in"])
Field = Annotated[str, Form(max_length=512)]
JSON: Final = "application/json"


@router.post("/login")
async def sign_in(
    request: Request,
    runtime: RuntimeDep,
    name: Field,
    password: Field,
    next_page: Annotated[LocalPath, Form(alias="next")] = "/",
) -> Response:
    """Sign in with name and password: a cookie, and where to go."""
    try:
        entered = await runtime.access.people.sign_in(
            name, password, address=address_of(request), browser=request.headers.get("user-agent", "")
        )
    except ControlRoomError as refusal:
        return refused(request, refusal, "/login", next=next_page)
    return _in(request, runtime, entered, next_page)


@router.post("/first")
async def enter_by_link(request: Request, runtime: RuntimeDep, token: Field, name: Field, password: Field) -> Response:
    """Use a link: choose a name and a password, and be signed in."""
    try:
        entered = await runtime.access.people.enter_by_link(
            token, name, password, browser=request.headers.get("user-agent", "")
        )
    except ControlRoomError as refusal:
        return refused(request, refusal, "/first", token=token)
    return _in(request, runtime, entered, "/")


@router.post("/api/logout", status_code=204)
@router.post("/logout", status_code=204, include_in_schema=False)
async def sign_out(request: Request, runtime: RuntimeDep) -> Response:
    """Sign out here; what was open in this browser closes."""
    cookie = request.cookies.get(SIGN_IN_COOKIE, "")
    if cookie:
        await runtime.access.people.sign_out(cookie)
    response = Response(status_code=204)
    response.delete_cookie(SIGN_IN_COOKIE, path="/", httponly=True, samesite="lax", secure=is_secure(request, runtime))
    return response


def _in(request: Request, runtime: Runtime, entered: Entered, where: str) -> Response:
    response = json({"next": where}) if wants_json(request) else RedirectResponse(where, 303)
    set_secret_cookie(response, request, runtime, SIGN_IN_COOKIE, entered.cookie, entered.expires_ms)
    return response


def set_secret_cookie(
    response: Response, request: Request, runtime: Runtime, name: str, value: str, expires_ms: int
) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send along with a form."""
    response.set_cookie(
        name,
        value,
        max_age=max(0, (expires_ms - runtime.clock.now()) // 1_000),
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request, runtime),
    )


def is_secure(request: Request, runtime: Runtime) -> bool:
    """Return whether people reach this server by HTTPS, by itself or by a proxy that it was told of."""
    return request.url.scheme == "https" or runtime.settings.public_url.startswith("https://")


def wants_json(request: Request) -> bool:
    """Return whether a script asks; a form without one follows redirects instead."""
    return JSON in request.headers.get("accept", "") or request.headers.get("content-type", "").startswith(JSON)


def refused(request: Request, refusal: ControlRoomError, form: str, **query: str) -> Response:
    """Return the problem to a script, or lead a plain form back to its page with the code."""
    if wants_json(request):
        return problem(refusal, language_of(request))
    facts = {"problem": refusal.code, **query}
    if (wait := retry_after_s(refusal)) is not None:
        facts["wait_s"] = str(wait)
    return RedirectResponse(f"{form}?{urlencode(facts)}", 303)
