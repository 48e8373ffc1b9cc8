"""Promises of every route there is: it asks who comes, or it stands in the list of those that anybody may ask."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route, WebSocketRoute

from app.domain.frames import CLOSE_SIGNED_OUT
from app.domain.people import Role
from app.main import build
from app.routers.api import Front
from app.runtime import Runtime
from tests.routers.web import Web, key

OPEN = frozenset(
    {
        *("GET /login", "POST /login", "GET /first", "POST /first", "GET /pair", "POST /api/devices/pair"),
        *("POST /logout", "POST /api/logout"),  # they end what the cookie names, and nothing of anybody else
        *("GET /healthz", "GET /readyz", "GET /docs", "GET /openapi.json", "GET /host/sw.js", "/static"),
    }
)
"""What answers anybody. A new line here is a decision: a new route that is not here must refuse a stranger."""
OWN = frozenset({"GET /api/me", "POST /api/me/sign-out"})
"""What is about whoever asks and nobody else."""
BODIES: dict[str, dict[str, Any]] = {
    "/api/sessions": {"room": "wine-dy"},
    "/api/devices/code": {"room": "wine-dy"},
    "/api/people": {"name": "小李", "role": "viewer"},
    "/api/tokens": {"name": "小李", "scope": "read"},
    "/api/sessions/{session_id}/prompts": {"text": {"zh-CN": "慢一点"}},
    "/api/sessions/{session_id}/prompts/{prompt_id}/{stage}": {"at_ms": 1},
}
"""Of routes that do not take an empty one."""


@pytest.fixture
def front(web: Web) -> Front:
    """The whole application as it is served, over the lower half of a house."""
    return build(cast("Runtime", web.runtime))


def routes(front: Front) -> Iterator[tuple[str, str]]:
    """Every address with its method, WS for a stream, as the application itself lists them."""
    app = cast("FastAPI", front._guarded._app._app)  # type: ignore[attr-defined]  # two guards stand before it
    yield from listed(app.routes)


def listed(some: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in some:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from listed(included.routes)
        elif isinstance(route, WebSocketRoute):
            yield "WS", route.path
        elif isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()) if method != "HEAD")
        else:
            assert isinstance(route, Mount), route
            yield "", route.path


def filled(path: str, session: str) -> str:
    known = {"session_id": session, "stage": "seen", "room": "wine-dy", "room_id": "wine-dy"}
    return re.sub(r"{(\w+)}", lambda name: known.get(name[1], "x"), path)


def asking(front: Front, **headers: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=front, raise_app_exceptions=False)
    headers |= {"Sec-Fetch-Site": "same-origin", **key()}
    return httpx2.AsyncClient(transport=transport, base_url="http://control.test", headers=headers)


async def close_code(front: Front, path: str) -> int:
    """Return with which code a stream is closed for somebody who shows nothing."""
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [], "subprotocols": []}
    await front(scope | {"extensions": {}, "root_path": "", "scheme": "ws"}, receive, send)
    return int(said[-1]["code"])


async def test_a_stranger_is_refused_by_every_route_that_is_not_open_to_all(front: Front, web: Web) -> None:
    session, seen = await web.open_session(), set()
    async with asking(front) as stranger:
        for method, path in routes(front):
            name = f"{method} {path}".strip()
            seen.add(name)
            if name in OPEN:
                continue
            if method == "WS":
                assert await close_code(front, filled(path, session)) == CLOSE_SIGNED_OUT, path
                continue
            assert method, f"what is mounted at {path} must say who may have it"
            answer = await stranger.request(method, filled(path, session), json=BODIES.get(path, {}))
            to_the_door = answer.status_code == 303 and answer.headers["location"].startswith(("/login?", "/pair"))
            assert answer.status_code == 401 or to_the_door, (name, answer.status_code)
    assert seen >= OPEN | OWN, "the list names a route that is gone"


async def test_who_may_only_read_is_refused_by_every_route_that_does_something(front: Front, web: Web) -> None:
    session = await web.open_session()
    viewer = await web.person(Role.VIEWER)
    async with asking(front, Cookie="; ".join(f"{name}={value}" for name, value in viewer.cookies.items())) as asked:
        for method, path in routes(front):
            if method in ("GET", "WS", "") or f"{method} {path}" in OPEN | OWN:
                continue
            answer = await asked.request(method, filled(path, session), json=BODIES.get(path, {}))
            assert answer.status_code == 403, (method, path, answer.text)


async def test_a_tablet_reads_its_own_page_and_no_list(front: Front, web: Web) -> None:
    tablet, _ = await web.tablet()
    session = await web.open_session()
    async with asking(front, Cookie="; ".join(f"{name}={value}" for name, value in tablet.cookies.items())) as asked:
        for method, path in routes(front):
            if method != "GET" or not path.startswith("/api/") or f"{method} {path}" in OPEN | OWN:
                continue
            answer = await asked.get(filled(path, session), params={"metric": "viewers", "room": "wine-dy"})
            assert answer.status_code == (202 if "/commands/" in path else 403), path  # it asks after its receipts


async def test_a_page_of_another_site_is_refused_before_anything_is_looked_at(front: Front, web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    cookies = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())
    async with asking(front, Cookie=cookies, Origin="https://elsewhere.example") as asked:
        for method, path in routes(front):
            if method not in ("GET", "WS", ""):
                answer = await asked.request(method, filled(path, "x"), json=BODIES.get(path, {}))
                assert (answer.status_code, answer.json()["code"]) == (403, "other_site"), (method, path)
