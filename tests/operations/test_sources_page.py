"""Promises: the programs of docs/sources.md lose nothing and send what the door takes; its rooms share a session."""

import json
import re
import shlex
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.error import HTTPError, URLError

import pytest

from app.cli import _parser
from app.intake.batch import read_batch
from app.intake.gate import Gate
from app.intake.seal import Seal
from app.routers.people import router
from app.settings import Limits
from app.workspace.file import read_workspace
from app.workspace.plan import plan_session

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NOW = 1_795_000_000_000
URL = "http://control.example.com/api/ingest"


@pytest.fixture
def page() -> dict[str, Any]:
    """Return what the programs of the page define."""
    defined: dict[str, Any] = {}
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, "sources.md", "exec"), defined)
    return defined


def answers(told: Iterator[Exception | dict[str, Any]], bodies: list[bytes]) -> Callable[..., BytesIO]:
    """Return a network that gives these answers one after the other, and keeps what it was sent."""

    def opened(request: urllib.request.Request, timeout: float) -> BytesIO:
        assert isinstance(request.data, bytes)
        bodies.append(request.data)
        answer = next(told)
        if isinstance(answer, Exception):
            raise answer
        return BytesIO(json.dumps(answer).encode())

    return opened


def refusal(status: int, after: str = "") -> HTTPError:
    headers = Message()
    if after:
        headers["Retry-After"] = after
    return HTTPError(URL, status, "no", headers, BytesIO())


def test_the_sender_repeats_the_same_bytes_until_they_are_answered(page: dict[str, Any]) -> None:
    bodies: list[bytes] = []
    slept: list[float] = []
    cut = [
        refusal(503, "7"),
        refusal(429),
        URLError("gone"),
        TimeoutError(),
        IncompleteRead(b""),
        ConnectionResetError(),
    ]
    with patch("urllib.request.urlopen", answers(iter([*cut, {"sessions": []}]), bodies)):
        assert page["send"](URL, "t", [page["viewers"]("r", NOW, 3)], slept.append) == {"sessions": []}
    assert len(bodies) == len(cut) + 1
    assert len(set(bodies)) == 1
    assert slept[0] == 7
    assert slept[1:] == sorted(slept[1:])
    with patch("urllib.request.urlopen", answers(iter([refusal(401)]), [])), pytest.raises(HTTPError):
        page["send"](URL, "t", [], slept.append)


def test_what_is_refused_for_good_is_told_and_the_rest_comes_again(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    records = [page["viewers"]("r", NOW + n, n) for n in range(3)]
    refused = [
        {"index": 0, "code": "unknown_room", "reason": "room: there is no such room", "retryable": False},
        {"index": 2, "code": "no_session", "reason": "later", "retryable": True},
    ]
    assert page["retryable"](records, {"sessions": [], "refused": refused}) == records[2:]
    assert capsys.readouterr().out == f"refused: v-{NOW}: unknown_room: room: there is no such room\n"


async def test_every_record_that_the_page_makes_is_taken(page: dict[str, Any]) -> None:
    records = [
        page["level"]("tea-douyin", "T-1", 120, NOW),
        page["order"]("tea-shipinhao", "order_paid", "77", NOW, [("T-1", 2, 17_600)], "u1"),
        page["order"]("tea-douyin", "order_refunded", "77", NOW, [("T-1", 2, 17_600)], "u1"),
        page["comment"]("tea-douyin", "m1", NOW, "u1", "林晓", "在吗"),
        page["viewers"]("tea-shipinhao", NOW, 40),
    ]
    batch = await read_batch(json.dumps(records).encode(), "json", Limits())
    assert (batch.faults, dict(batch.unknown)) == ([], {})
    gate = Gate(Limits(), Seal(b"k" * 32))
    assert [gate.checks[type(event)](event.payload) for event in batch.events] == [None] * len(records)
    assert len({event.id for event in batch.events}) == len(records)


def test_the_two_rooms_of_the_page_are_one_session() -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "yaml"]
    plan = plan_session(read_workspace(text, "sources.md"), "tea-douyin", "live", {}, NOW)
    assert [room.id for room in plan.rooms] == ["tea-douyin", "tea-shipinhao"]


def test_the_commands_of_the_page_are_there() -> None:
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    for line in lines:
        match shlex.split(line):
            case ["cueroom", *words]:
                assert _parser(words).parse_args(words).room
            case ["curl", *words]:
                method = words[words.index("-X") + 1] if "-X" in words else "GET"
                path = words[-1].partition(":8060")[2].replace("ID", "{token_id}")
                assert any(getattr(route, "path", "") == path and method in route.methods for route in router.routes)  # type: ignore[attr-defined]
            case other:
                raise AssertionError(other)
    assert len(lines) == 4
