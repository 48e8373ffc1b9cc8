"""Promise: pages and our own files go out compressed and stay small; the API's answers go out as they are made."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from app.access.access import SIGN_IN_COOKIE
from app.domain.people import Role
from app.main import STATIC, build
from tests.routers.web import BASE, Web

FIRST_LOAD = 150_000


@pytest.fixture
async def browser(web: Web) -> AsyncIterator[httpx2.AsyncClient]:
    """The browser of a controller, at the whole application."""
    transport = httpx2.ASGITransport(app=build(cast(Any, web.runtime)))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE, headers={"Accept-Encoding": "gzip"}) as client:
        client.cookies.set(SIGN_IN_COOKIE, await web.house.person("周敏", Role.CONTROLLER))
        yield client


def desk_files() -> list[Path]:
    """Return what a first look at the console or the overview could load at most."""
    tablet = {"host.css", "login.css", "tablet.js", "login.js", "pair.js"}
    files = [*(STATIC / "css").glob("*.css"), *(STATIC / "js").rglob("*.js")]
    return [path for path in files if path.name not in tablet]


@pytest.mark.parametrize("path", ["/", "/rooms/wine-dy", "/login", "/static/js/pages/console.js"])
async def test_a_page_and_a_module_are_compressed_for_who_takes_it(browser: httpx2.AsyncClient, path: str) -> None:
    small = await browser.get(path, follow_redirects=True)
    plain = await browser.get(path, headers={"Accept-Encoding": "identity"}, follow_redirects=True)
    assert (small.status_code, small.headers["content-encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in small.headers["vary"]
    assert "content-encoding" not in plain.headers
    assert small.num_bytes_downloaded < plain.num_bytes_downloaded / 2


async def test_the_first_load_of_the_desk_is_small_on_the_wire(browser: httpx2.AsyncClient) -> None:
    page = await browser.get("/rooms/wine-dy")
    assert page.status_code == 200
    size = page.num_bytes_downloaded
    for path in desk_files():
        answer = await browser.get(f"/static/{path.relative_to(STATIC).as_posix()}")
        assert answer.status_code == 200
        size += answer.num_bytes_downloaded
    assert size < FIRST_LOAD


async def test_a_file_that_is_still_good_is_not_sent_again(browser: httpx2.AsyncClient) -> None:
    first = await browser.get("/static/css/tokens.css")
    again = await browser.get("/static/css/tokens.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_answers_of_the_api_go_out_as_they_are(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/openapi.json")
    assert answer.status_code == 200
    assert len(answer.content) > 1_000  # it would be worth it
    assert "content-encoding" not in answer.headers
