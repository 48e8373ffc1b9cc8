"""Promise: who asked with a browser's address line is refused in words on a page that leads on; a machine gets JSON."""

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from app.errors import ControlRoomError, Forbidden, NotFound, Unavailable
from app.routers import errors
from app.routers.errors import Broken

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "zh-CN"}


def client(refusal: ControlRoomError) -> httpx2.AsyncClient:
    app = FastAPI()
    errors.install(app)

    async def refused() -> None:
        raise refusal

    for path in ("/rooms/r1", "/api/rooms/r1"):
        app.add_api_route(path, refused)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://control.test", headers=BROWSER)


@pytest.mark.parametrize(
    ("refusal", "status", "said", "leads_to"),
    [
        (NotFound("no such room"), 404, "找不到，或者你没有权限看到它", '<a class="btn btn-primary" href="/">'),
        (Forbidden("not for this role"), 403, "你的角色不能做这件事", '<a class="btn btn-primary" href="/">'),
        (Unavailable("the store is away"), 503, "服务暂时不可用", '<a class="btn btn-primary" href="/rooms/r1">'),
    ],
)
async def test_a_refused_page_says_why_and_leads_on(
    refusal: ControlRoomError, status: int, said: str, leads_to: str
) -> None:
    async with client(refusal) as browser:
        answer = await browser.get("/rooms/r1")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert said in answer.text
    assert leads_to in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_an_address_that_is_no_page_at_all_is_answered_with_one() -> None:
    async with client(NotFound("")) as browser:
        answer = await browser.get("/nothing/here")
    assert answer.status_code == 404
    assert "网址可能写错了" in answer.text


async def test_the_api_answers_a_browser_with_a_problem_document_too() -> None:
    async with client(NotFound("no such room")) as browser:
        answers = [await browser.get("/api/rooms/r1"), await browser.get("/rooms/r1", headers={"Accept": "*/*"})]
    assert [answer.headers["content-type"] for answer in answers] == ["application/problem+json"] * 2
    assert answers[0].json()["code"] == "not_found"


async def test_what_a_refusal_says_is_never_read_as_a_page() -> None:
    class Odd(ControlRoomError):
        code = "odd_<b>thing</b>"

    async with client(Odd("<script>alert(1)</script>")) as browser:
        answer = await browser.get("/rooms/r1")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "<b>thing" not in answer.text


async def test_the_log_names_the_route_of_what_broke_and_not_its_address() -> None:
    app = FastAPI()
    errors.install(app)

    async def breaks(secret: str) -> None:
        raise Broken(secret[:0])

    app.add_api_route("/join/{secret}", breaks)
    transport = httpx2.ASGITransport(app=app)
    with structlog.testing.capture_logs() as lines:
        async with httpx2.AsyncClient(transport=transport, base_url="http://control.test") as machine:
            assert (await machine.get("/join/abc")).status_code == 500
    assert [line["path"] for line in lines] == ["/join/{secret}"]
