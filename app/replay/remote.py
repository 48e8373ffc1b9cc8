"""A running control room as a replay sees it: HTTP with an operator's token, and one look at a session's board."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx2
import msgspec
from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from app.domain.frames import SUBPROTOCOL
from app.errors import ControlRoomError

BUSY: Final = frozenset({429, 502, 503, 504})
PATIENCE_MS: Final = 120_000
"""How long the same request is repeated while it is answered `busy`, or not at all."""
TIMEOUT_S: Final = 30.0
BOARD_WITHIN_S: Final = 10.0
BIGGEST_FRAME: Final = 1024 * 1024

Sleep = Callable[[float], Awaitable[None]]


class RemoteRefused(ControlRoomError):
    """The control room said no, or does not answer; `code` in the context is its own."""

    code = "remote_refused"


class RemoteBusy(RemoteRefused):
    """The control room has not answered for long; it may later."""

    retryable = True


class RefusedRecord(Struct, frozen=True):
    index: int
    code: str


class Accepted(Struct, frozen=True):
    """Of one session: records taken, and how many of them it had already."""

    session: str
    taken: int
    duplicates: int


class IngestAnswer(Struct, frozen=True):
    sessions: list[Accepted]
    refused: list[RefusedRecord] = []


class Board(Struct, frozen=True):
    """What the board says of the session: events that had an effect by kind, and those that came twice."""

    counters: dict[str, int]
    duplicates: int


class Told(Struct, frozen=True):
    """One alert, as a report lists it."""

    rule: str
    severity: str
    condition: str
    opened_ms: int
    title: dict[str, str]
    scope_id: str = ""
    ended_ms: int | None = None


class Remote(Protocol):
    """What a player needs of a control room."""

    async def open(self, room: str, key: str) -> str: ...
    async def is_open(self, session: str) -> bool: ...
    async def send(self, session: str, body: bytes) -> tuple[IngestAnswer, bool]:
        """Return the answer, and whether the batch had to be repeated."""
        ...

    async def end(self, session: str, key: str) -> None: ...
    async def board(self, session: str) -> Board: ...
    async def alerts(self, session: str) -> list[Told]: ...


class HttpRemote:
    """A control room at an address. Owns no state; the client is the caller's, with base URL and token."""

    def __init__(self, client: httpx2.AsyncClient, sleep: Sleep = asyncio.sleep) -> None:
        self._client, self._sleep = client, sleep

    async def reach(self) -> None:
        """Ask once whether a control room is there at all. Raises RemoteRefused."""
        response, why = await self._once("GET", "/healthz", {})
        if response is None:
            raise RemoteRefused(f"nothing answers at {self._client.base_url}: {why}", code="unreachable")

    async def open(self, room: str, key: str) -> str:
        """Open a session of kind replay in a room and return its id."""
        body = {"room": room, "kind": "replay"}
        response, _ = await self._ask("POST", "/api/sessions", json=body, headers={"Idempotency-Key": key})
        return str(response.json()["session"])

    async def is_open(self, session: str) -> bool:
        """Return whether the session is there and has not ended."""
        try:
            response, _ = await self._ask("GET", f"/api/sessions/{session}")
        except RemoteRefused as refusal:
            if refusal.context.get("status") == 404:
                return False
            raise
        return bool(response.json()["state"] != "ended")

    async def send(self, session: str, body: bytes) -> tuple[IngestAnswer, bool]:
        """Post one batch; while the control room is busy the same again, whose ids make that harmless."""
        response, repeated = await self._ask(
            "POST",
            "/api/ingest",
            params={"session": session},
            content=body,
            headers={"Content-Type": "application/json"},
        )
        return msgspec.json.decode(response.content, type=IngestAnswer), repeated

    async def end(self, session: str, key: str) -> None:
        """End the session."""
        await self._ask("POST", f"/api/sessions/{session}/end", headers={"Idempotency-Key": key})

    async def alerts(self, session: str) -> list[Told]:
        """Return every alert of the session, oldest first."""
        rows: list[Told] = []
        cursor: dict[str, str] = {}
        while True:
            response, _ = await self._ask("GET", f"/api/sessions/{session}/alerts", params=cursor)
            page = response.json()
            rows += msgspec.convert(page["rows"], list[Told])
            if page.get("next") is None:
                return rows
            cursor = {"cursor": page["next"]}

    async def board(self, session: str) -> Board:
        """Look at the session's board once."""
        url = urlsplit(str(self._client.base_url))
        scheme = "wss" if url.scheme == "https" else "ws"
        address = urlunsplit((scheme, url.netloc, f"/ws/sessions/{session}", "", ""))
        headers = {"Authorization": self._client.headers.get("Authorization", "")}
        try:
            async with (
                asyncio.timeout(BOARD_WITHIN_S),
                connect(
                    address,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    additional_headers=headers,
                    max_size=BIGGEST_FRAME,
                ) as socket,
            ):
                return await _head(socket.recv)
        except (OSError, TimeoutError, WebSocketException) as fault:
            raise RemoteRefused(f"the board cannot be read: {fault}", code="board") from None

    async def _ask(self, method: str, path: str, **parts: Any) -> tuple[httpx2.Response, bool]:
        """Return the answer to a request that may be repeated, and whether it was. Raises RemoteRefused, RemoteBusy."""
        waited_ms = 0
        while True:
            response, why = await self._once(method, path, parts)
            if response is not None and response.status_code < 300:
                return response, waited_ms > 0
            if response is not None and response.status_code not in BUSY:
                raise _refusal(response)
            if waited_ms >= PATIENCE_MS:
                raise RemoteBusy(f"gave up after {waited_ms // 1_000} s: {why}", code="busy")
            wait_s = _retry_after(response)
            waited_ms += round(wait_s * 1_000)
            await self._sleep(wait_s)

    async def _once(self, method: str, path: str, parts: Mapping[str, Any]) -> tuple[httpx2.Response | None, str]:
        try:
            response = await self._client.request(method, path, **parts)
        except (httpx2.TransportError, httpx2.InvalidURL) as fault:
            return None, str(fault) or type(fault).__name__
        return response, f"status {response.status_code}"


async def _head(receive: Callable[[], Awaitable[str | bytes]]) -> Board:
    """Return the head of the session from the parts of a snapshot."""
    while True:
        frame = msgspec.json.decode(await receive())
        head = frame.get("topics", {}).get("session", {}).get("head") if frame.get("type") == "snapshot" else None
        if head is not None:
            return Board(head.get("counters", {}), head.get("duplicates", 0))


def _refusal(response: httpx2.Response) -> RemoteRefused:
    try:
        problem = response.json()
        detail, code = str(problem.get("detail", "")), str(problem.get("code", response.status_code))
    except (ValueError, AttributeError):
        detail, code = "", str(response.status_code)
    return RemoteRefused(f"{code}: {detail}" if detail else code, code=code, status=response.status_code)


def _retry_after(response: httpx2.Response | None) -> float:
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return min(30.0, max(0.2, float(text))) if text.isdecimal() else 1.0
