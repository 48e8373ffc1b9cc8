"""Promises of POST /api/ingest: statuses, tokens, bounds that are kept without reading on, and problem documents."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import pytest
from starlette.types import Message, Receive

from app.domain.people import SYSTEM, Role
from app.errors import Unavailable
from app.routers.ingest import Ingest
from app.store.tokens import revoke_token
from tests.routers.web import Web

JSON = {"Content-Type": "application/json"}


async def test_a_batch_is_answered_202_with_what_each_session_took(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    answer = await machine.post("/api/ingest", json=[web.house.record(), {"kind": "x"}])
    assert answer.status_code == 202
    body = answer.json()
    session = web.house.directory.current("wine-dy")
    assert session is not None
    assert body["sessions"] == [{"session": session.id, "taken": 1, "duplicates": 0, "first": 2, "last": 2}]
    assert body["refused"] == [
        {
            "index": 1,
            "code": "unknown_kind",
            "reason": "kind: no such kind of event",
            "retryable": False,
            "place": "kind",
        }
    ]


async def test_also_when_all_records_are_refused(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    answer = await machine.post("/api/ingest", json={"room": "wine-dy"})
    assert (answer.status_code, len(answer.json()["refused"])) == (202, 1)


async def test_who_has_no_ingest_token_is_told_so(web: Web) -> None:
    record = web.house.record()
    nobody, reader = web.client(), await web.machine("read", "wine-dy")
    wrong = web.client(Authorization="Bearer cr_ingest_" + "x" * 43)
    basic = web.client(Authorization="Basic eDp5")
    for client, status, code in (
        (nobody, 401, "unauthenticated"),
        (basic, 401, "unauthenticated"),
        (wrong, 401, "bad_token"),
        (reader, 403, "forbidden"),
    ):
        answer = await client.post("/api/ingest", json=record)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    assert web.house.directory.current("wine-dy") is None


async def test_a_sign_in_is_no_ingest_token(web: Web) -> None:
    person = await web.person(Role.ADMIN)
    assert (await person.post("/api/ingest", json=web.house.record())).status_code == 401


async def test_a_revoked_token_is_refused_at_once(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    assert (await machine.post("/api/ingest", json=[])).status_code == 202
    (token,) = await web.house.access.tokens.all()
    await web.house.access.tokens.revoke(token.id, SYSTEM)
    assert (await machine.post("/api/ingest", json=[])).status_code == 401


async def test_a_token_that_another_process_revoked_is_refused_two_seconds_later(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    assert (await machine.post("/api/ingest", json=[])).status_code == 202
    (token,) = await web.house.access.tokens.all()
    await web.house.store.write(partial(revoke_token, token_id=token.id, at=web.house.clock.now()))
    web.house.clock.advance(2_000)
    assert (await machine.post("/api/ingest", json=[])).status_code == 401


async def test_a_room_of_another_token_is_refused_by_record(web: Web) -> None:
    machine = await web.machine("ingest", "tea-dy")
    (refusal,) = (await machine.post("/api/ingest", json=web.house.record())).json()["refused"]
    assert (refusal["code"], refusal["retryable"]) == ("room_not_allowed", False)


async def test_a_body_that_is_declared_too_big_is_refused_before_a_byte_is_read(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    length = str(web.house.limits.body_bytes + 1)
    answer = await machine.post("/api/ingest", content=never(), headers=JSON | {"Content-Length": length})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_big")


async def test_a_body_that_grows_too_big_is_not_read_on(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    parts = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal parts
        while True:
            parts += 1
            assert parts < 100, "it was read on"
            yield b" " * 1_000_000

    answer = await machine.post("/api/ingest", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_big")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"oops", JSON, 422, "not_a_batch"),
        (b"\xff\xfe", JSON, 422, "not_utf8"),
        (b"{}", {"Content-Type": "text/csv"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": "application/json; charset=gbk"}, 415, "unsupported_media_type"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"\n".join([b"{}"] * 10_001), {"Content-Type": "application/x-ndjson"}, 413, "batch_too_big"),
        (b"\n" * 4_000_000, {"Content-Type": "application/x-ndjson"}, 202, None),
    ],
)
async def test_a_body_is_refused_as_a_whole_by_status_and_code(
    web: Web, content: bytes, headers: dict[str, str], status: int, code: str | None
) -> None:
    machine = await web.machine("ingest", "wine-dy")
    answer = await machine.post("/api/ingest", content=content, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_too_many_records_are_refused_with_the_seconds_to_wait(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    body = msgspec.json.encode([{"kind": "x"}] * 10_000)
    statuses = [(await machine.post("/api/ingest", content=body, headers=JSON)).status_code for _ in range(5)]
    assert statuses == [202, 202, 202, 202, 429]
    refusal = await machine.post("/api/ingest", content=body, headers=JSON)
    assert (refusal.json()["code"], refusal.headers["retry-after"]) == ("rate_limited", "1")


async def test_while_nothing_can_be_committed_the_answer_is_503_with_retry_after(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    session = await web.open_session()
    web.house.loop.refuse[session] = Unavailable("the store does not answer")
    answer = await machine.post("/api/ingest", json=web.house.record())
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert answer.json()["retryable"] is True


async def test_only_post_is_known(web: Web) -> None:
    machine = await web.machine("ingest", "wine-dy")
    answer = await machine.get("/api/ingest")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("language", "title"),
    [("zh-CN", "令牌不对或已被吊销"), ("zh-TW", "權杖不對或已被撤銷"), ("en", "The token is wrong or was revoked.")],
)
async def test_a_problem_is_worded_in_the_senders_language(web: Web, language: str, title: str) -> None:
    client = web.client(Authorization="Bearer nope", **{"Accept-Language": language})
    answer = await client.post("/api/ingest", json=[])
    assert answer.json()["title"] == title


async def test_an_operators_token_may_name_a_replay_and_an_ingest_token_cannot_open_one(web: Web) -> None:
    machine, operator = await web.machine("ingest", "wine-dy"), await web.machine("admin")
    opening: dict[str, Any] = {"room": "wine-dy", "kind": "replay"}
    refused = await machine.post("/api/sessions", json=opening, headers={"Idempotency-Key": "a"})
    assert refused.status_code == 403
    opened = await operator.post("/api/sessions", json=opening, headers={"Idempotency-Key": "a"})
    again = await operator.post("/api/sessions", json=opening, headers={"Idempotency-Key": "a"})
    assert (opened.status_code, again.status_code) == (201, 200)
    session = opened.json()["session"]
    assert again.json()["session"] == session
    answer = await operator.post(f"/api/ingest?session={session}", json=web.house.record())
    assert [each["session"] for each in answer.json()["sessions"]] == [session]
    assert (await operator.post("/api/ingest?session=nothing", json=[])).status_code == 404


async def test_no_secret_is_in_an_answer_or_a_log(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    client = web.client(Authorization="Bearer cr_ingest_very-secret")
    answer = await client.post("/api/ingest", json=[])
    assert "very-secret" not in answer.text
    web.house.door.take = None  # type: ignore[assignment, method-assign]  # a mistake of ours, in the middle of it
    machine = await web.machine("ingest", "wine-dy")
    broken = await machine.post("/api/ingest", json=web.house.record("comment", text="私密的话"))
    assert (broken.status_code, broken.json()["code"]) == (500, "broken")
    out = capsys.readouterr()
    secret = machine.headers["authorization"].removeprefix("Bearer ")
    assert "ingest_failed" in out.out + out.err
    for hidden in (secret, "私密的话", "very-secret"):
        assert hidden not in out.out + out.err + broken.text


async def post(ingest: Ingest, secret: str, receive: Receive) -> tuple[int, dict[bytes, bytes]]:
    """Return the status and the headers of what a sender is answered."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {secret}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/ingest", "query_string": b"", "headers": headers}
    await ingest(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


async def test_only_so_many_bodies_are_read_at_once_and_one_that_stops_coming_is_given_up(web: Web) -> None:
    _, secret = await web.house.access.tokens.create("慢", "ingest", ["wine-dy"], SYSTEM)
    ingest = Ingest(web.house.door, web.house.access.tokens, body_bytes=1_000, bodies=2, body_s=0.1)
    readers, both = 0, asyncio.Event()

    async def stuck() -> Message:
        nonlocal readers
        readers += 1
        if readers == 2:
            both.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sends anything")

    async def whole() -> Message:
        return {"type": "http.request", "body": b"[]", "more_body": False}

    slow = [asyncio.create_task(post(ingest, secret, stuck)) for _ in range(2)]
    await both.wait()
    status, headers = await post(ingest, secret, whole)
    assert (status, headers[b"retry-after"]) == (429, b"1")
    for status, headers in await asyncio.gather(*slow):
        assert (status, headers[b"connection"]) == (408, b"close")
    assert (await post(ingest, secret, whole))[0] == 202
