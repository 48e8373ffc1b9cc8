"""The desk's pages with a made-up moment behind them: what a browser test drives, and what a designer looks at.

`python -m tests.web.dev_server [PORT]` serves on loopback. The pages, templates, words and scripts are the product's;
only the frames are made here, and commands change the made-up board the way the engine would.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.clock import SystemClock
from app.domain.alerts import Alert
from app.domain.board import Board, Message
from app.domain.frames import SUBPROTOCOL, Beat, Changed, Hello
from app.domain.people import Role
from app.domain.prompts import Prompt, PromptReceipt
from app.domain.readings import Reading
from app.realtime.frames import apply, delta_frame, encode, snapshot_frames
from app.routers import words
from app.routers.pages import RoomName, Visitor, desk_pages
from tests.web import moment
from tests.web.assets import STATIC

FIRST_EPOCH = 7


class Room:
    """Owns one board, its deltas and the sockets that follow it. `shift` turns the moment's time into wall time."""

    def __init__(self, board: Board, *, room: str, session: str, shift: int) -> None:
        self.board = board
        self.room, self.session, self.shift = room, session, shift
        self.epoch = FIRST_EPOCH
        self.seq = 1
        self.sent: list[bytes] = []
        self.commands: list[dict[str, Any]] = []
        self.silent = False
        self.closed = False
        self.rate = 1.0
        self._followers: set[WebSocket] = set()
        self._clock = SystemClock()

    @property
    def wall(self) -> int:
        return self._clock.now()

    @property
    def now(self) -> int:
        return self.wall - self.shift

    async def change(self, topics: dict[str, Changed]) -> None:
        """Apply a change and tell everybody."""
        self.board = apply(self.board, topics)
        self.seq += 1
        frame = delta_frame(topics, epoch=self.epoch, seq=self.seq, now_ms=self.now, wall_ms=self.wall, rate=self.rate)
        self.sent.append(frame)
        await self._tell([frame])

    async def replace(self, board: Board, session: str) -> None:
        """Let another session begin: a hello, a higher epoch, a fresh snapshot."""
        self.board, self.session = board, session
        self.epoch, self.seq, self.sent = self.epoch + 1, 1, []
        await self._tell([self._hello(), *self._present()])

    def _hello(self) -> bytes:
        return encode(Hello(room=self.room, session=self.session or None, build="dev", wall_ms=self.wall))

    async def beat(self) -> None:
        if not self.silent:
            await self._tell(
                [encode(Beat(epoch=self.epoch, seq=self.seq, now_ms=self.now, wall_ms=self.wall, rate=self.rate))]
            )

    async def _tell(self, frames: Iterable[bytes]) -> None:
        for socket in list(self._followers):
            try:
                for frame in frames:
                    await socket.send_text(frame.decode())
            except (WebSocketDisconnect, RuntimeError):
                self._followers.discard(socket)

    async def cut(self, code: int) -> None:
        """Close every socket, as a restart would."""
        for socket in list(self._followers):
            self._followers.discard(socket)
            await socket.close(code)

    async def follow(self, socket: WebSocket) -> None:
        """Greet, bring up to date, then stay until the page goes; turn it away while closed."""
        if self.closed:
            await socket.close(1013)
            return
        await socket.accept(subprotocol=SUBPROTOCOL)
        await socket.send_text(self._hello().decode())
        behind = self._behind(socket.query_params)
        for frame in self._present() if behind is None else behind:
            await socket.send_text(frame.decode())
        self._followers.add(socket)
        try:
            while True:
                await socket.receive_text()
                for frame in self._present():
                    await socket.send_text(frame.decode())
        except WebSocketDisconnect:
            self._followers.discard(socket)

    def _behind(self, query: Any) -> list[bytes] | None:
        if query.get("epoch") != str(self.epoch):
            return None
        return self.sent[int(query.get("seq", "1")) - 1 :]

    def _present(self) -> list[bytes]:
        return list(
            snapshot_frames(
                self.board, epoch=self.epoch, seq=self.seq, now_ms=self.now, wall_ms=self.wall, rate=self.rate
            )
        )


async def live(console: Room) -> None:
    """Let the moment go on: figures drift, a comment comes now and then."""
    number = 200
    while True:
        await asyncio.sleep(1)
        if console.silent:
            continue
        await console.beat()
        number += 1
        readings = {
            key: msgspec.structs.replace(reading, seen_ms=console.now, value=drifted(reading, number))
            for key, reading in console.board["readings"].items()
        }
        lines = {
            key: msgspec.structs.replace(line, seen_ms=console.now) for key, line in console.board["lines"].items()
        }
        topics = {"readings": Changed(readings), "lines": Changed(lines)}
        if number % 3 == 0:
            text = ("拍了", "礼盒还有吗", "什么时候发货", "主播再说一下价格")[number % 4]
            topics["messages"] = Changed({f"{number:012d}": Message("comment", console.now, "新**", text)})
        await console.change(topics)


def drifted(reading: Reading, number: int) -> float | None:
    if reading.value is None or reading.metric not in ("viewers", "comments_60s"):
        return reading.value
    return max(0.0, reading.value + (1, -2, 3, -1, 0)[number % 5])


class House:
    """The application: the console's room, the overview, and the commands that came."""

    def __init__(self, *, drifting: bool = True, role: Role | None = Role.CONTROLLER, rooms: int = 12) -> None:
        shift = SystemClock().now() - moment.NOW
        self.console = Room(moment.console_board(), room=moment.ROOM, session=moment.SESSION, shift=shift)
        cards = moment.room_cards(wall=SystemClock().now(), count=rooms)
        self.overview = Room({"rooms": cards}, room="", session="", shift=shift)
        self.role = role
        self.drifting = drifting
        self.refuse: dict[str, Any] | None = None
        self.archive: list[Alert] = []
        """Alerts that the board has left out, or has let go."""
        self.page_ms = 10**9
        """How much of the past one answer of the series holds."""
        self.asked: list[str] = []
        self.app = FastAPI(
            openapi_url=None,
            routes=[
                Route("/api/sessions/{session}/series", self.series),
                Route("/api/sessions/{session}/alerts", self.alerts),
                Route("/api/sessions/{session}/prompts", self.prompts, methods=["GET"]),
                Route("/api/products", self.products),
                Route("/api/{path:path}", self.command, methods=["POST"]),
                WebSocketRoute("/ws/rooms/{room}", self.follow_console),
                WebSocketRoute("/ws/overview", self.follow_overview),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
        )
        self.app.include_router(desk_pages(self))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Let time pass: beats come, and where it drifts the figures move."""
        tasks = [asyncio.create_task(live(self.console))] if self.drifting else []
        tasks.append(asyncio.create_task(self._beats()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.overview.beat()
            if not self.drifting:
                await self.console.beat()

    async def visitor(self, request: Request) -> Visitor | None:
        name = "Zhou Min" if words.language_of(request) == "en" else "周敏"
        return None if self.role is None else Visitor("zhou", name, self.role)

    async def site(self) -> str:
        return "青坛酒业"

    async def rooms(self, visitor: Visitor) -> list[RoomName]:
        cards = self.overview.board["rooms"].values()
        return [RoomName(card.room, card.name, card.platform, card.zone) for card in cards]

    async def series(self, request: Request) -> Response:
        """Answer at most so many minutes as the house has a page for, the newest; the rest is asked for by `to_ms`."""
        self.asked.append(str(request.url.query))
        before = int(request.query_params.get("to_ms", moment.NOW + 1))
        metrics = request.query_params.getlist("metric")
        found = [
            row for row in moment.series() if row.metric in metrics and before - self.page_ms <= row.minute_ms < before
        ]
        rest = any(row.minute_ms < before - self.page_ms for row in moment.series())
        body = {"rows": found, "before_ms": before - self.page_ms if rest else None}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def alerts(self, request: Request) -> Response:
        """Answer one alert a page, as a long list would be."""
        kept = [*self.archive, *self.console.board.get("alerts", {}).values()]
        at = int(request.query_params.get("cursor", 0))
        page = {"rows": kept[at : at + 1], "next": str(at + 1) if at + 1 < len(kept) else None}
        return Response(msgspec.json.encode(page), media_type="application/json")

    async def prompts(self, _request: Request) -> Response:
        page = {"rows": list(self.console.board.get("prompts", {}).values()), "next": None}
        return Response(msgspec.json.encode(page), media_type="application/json")

    async def products(self, _request: Request) -> Response:
        return JSONResponse({"rows": [{"sku": "SKU-2", "name": "小坛礼盒"}]})

    async def follow_console(self, socket: WebSocket) -> None:
        await self.console.follow(socket)

    async def follow_overview(self, socket: WebSocket) -> None:
        await self.overview.follow(socket)

    async def command(self, request: Request) -> Response:
        path, body = request.path_params["path"], await request.json()
        self.console.commands.append({"path": path, "body": body, "key": request.headers.get("idempotency-key")})
        if self.refuse is not None:
            return JSONResponse(self.refuse, 409)
        if path == "devices/code":
            return JSONResponse(
                {
                    "code": "402817",
                    "url": "http://192.168.1.20:8060/pair",
                    "qr": QR,
                    "expires_ms": self.console.wall + 300_000,
                }
            )
        await self._obey(path.split("/"), body)
        return JSONResponse({"key": "", "code": "done", "position": 1, "at_ms": self.console.now})

    async def _obey(self, path: list[str], body: dict[str, Any]) -> None:
        """Do to the board what the engine would."""
        console = self.console
        match path[2:]:
            case ["alerts", id_, ("ack" | "unack") as what]:
                alert = console.board["alerts"][id_]
                acked = (
                    {"acked_by": "周敏", "acked_ms": console.now}
                    if what == "ack"
                    else {"acked_by": "", "acked_ms": None}
                )
                after = msgspec.structs.replace(alert, version=alert.version + 1, **acked)
                gone = after.condition == "ended" and after.acked_ms is not None
                await console.change({"alerts": Changed(gone=[id_]) if gone else Changed({id_: after})})
            case ["prompts"]:
                number = 1 + max(prompt.n for prompt in console.board["prompts"].values())
                prompt = Prompt(
                    id=f"p-{number}",
                    n=number,
                    text=body["text"],
                    level=body["level"],
                    by=moment.ZHOU,
                    sent_ms=console.now,
                    alert=body.get("alert") or "",
                    receipts=(PromptReceipt("d-a", "平板 A", console.now + 240),),
                )
                await console.change({"prompts": Changed({prompt.id: prompt})})
            case ["prompts", id_, "withdraw"]:
                prompt = msgspec.structs.replace(console.board["prompts"][id_], state="withdrawn")
                await console.change({"prompts": Changed({id_: prompt})})
            case ["rundown", "next"]:
                await console.change({"rundown": Changed({"now": moved(console)})})


def moved(console: Room) -> Any:
    rundown = console.board["rundown"]["now"]
    at = next(number for number, segment in enumerate(rundown.segments) if segment.state == "now")
    states = {at: "done", at + 1: "now", at + 2: "next"}
    segments = tuple(
        msgspec.structs.replace(
            segment,
            state=states.get(number, segment.state),
            started_ms=console.now if number == at + 1 else segment.started_ms,
            ended_ms=console.now if number == at else segment.ended_ms,
        )
        for number, segment in enumerate(rundown.segments)
    )
    return msgspec.structs.replace(rundown, version=rundown.version + 1, current=segments[at + 1].id, segments=segments)


QR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#fff" d="M0 0h9v9H0z"/>'
    '<path d="M1 1h3v3H1zM5 1h3v3H5zM1 5h3v3H1zM5 5h1v1H5zM7 7h1v1H7z"/></svg>'
)


@asynccontextmanager
async def served(house: House, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback for as long as the block runs; yields the address."""
    config = uvicorn.Config(
        house.app, host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        async with house.going_on():
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True  # a page may never answer: it is not waited for
        await house.console.cut(1012)
        await house.overview.cut(1012)
        await task


async def main(port: int) -> None:
    async with served(House(), port) as address:
        print(f"{address}/rooms/{moment.ROOM}  {address}/", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
