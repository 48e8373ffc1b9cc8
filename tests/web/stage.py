"""A small house for browser tests: the real pages and modules on a real server, with frames that the test makes.

The board follows the rules of the wire (snapshot, numbered deltas, beats) and takes a tablet's receipts as the engine
does: stages only rise, the first instant of a stage stands, and a key is good for one body.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import RedirectResponse, Response
from starlette.websockets import WebSocketDisconnect

from app.domain.board import SessionHead
from app.domain.commands import PromptLevel
from app.domain.frames import SUBPROTOCOL, Beat, Changed, Delta, Hello, Snapshot
from app.domain.people import Actor, Role
from app.domain.plan import SessionKind
from app.domain.prompts import Prompt, PromptReceipt
from app.domain.rundown import Rundown, Segment
from app.routers import errors
from app.routers.host_pages import Link, Tablet, host_pages
from app.routers.offline import Shell, read_shell
from tests.web.assets import STATIC

DEVICE, ROOM, SESSION = "d1", "r1", "s1"
NOW = 1_795_437_384_000  # 2026-11-23 20:36:24 in Shanghai
MINUTE = 60_000
CONTROLLER = Actor("operator", "u1", "周敏", Role.CONTROLLER)
SEGMENTS = (
    Segment(
        "box",
        {"zh-CN": "小坛礼盒", "en": "Gift box"},
        "product",
        "SKU-2",
        NOW - 7 * MINUTE,
        22 * MINUTE,
        "now",
        started_ms=NOW - 384_000,
        talking_points={
            "zh-CN": "小坛礼盒 ¥168，两小坛加提袋。现货 48 小时内发",
            "en": "Gift box ¥168, two small jars and a bag",
        },
    ),
    Segment(
        "trace",
        {"zh-CN": "溯源码怎么查", "en": "How to check the code"},
        "talk",
        "",
        NOW + 15 * MINUTE,
        4 * MINUTE,
        "next",
        talking_points={"zh-CN": "扫瓶身，看批次", "en": "Scan the bottle, see the batch"},
    ),
)


@dataclass
class House:
    """What the pages ask of the house, as the test wants it answered."""

    person: bool = False
    link_left_ms: int | None = 581_000
    paired: bool = True

    async def site(self) -> str:
        return "青坛酒业"

    async def signed_in(self, request: Request) -> bool:
        return self.person

    async def link(self, token: str) -> Link | None:
        people = {"good": ("", Role.ADMIN), "invited": ("周敏", Role.CONTROLLER)}
        return Link(self.link_left_ms, *people[token]) if token in people and self.link_left_ms is not None else None

    async def tablet(self, request: Request, room: str) -> Tablet | None:
        if not self.paired or room != ROOM:
            return None
        return Tablet(DEVICE, "平板 A", ROOM, "1号间 青坛酱酒", "douyin", "Asia/Shanghai")


@dataclass
class Stage:
    """The board of one room, the tablets that watch it, and what they posted."""

    house: House = field(default_factory=House)
    kind: SessionKind = "demo"
    session: bool = True
    down: bool = False
    shell: Shell = field(default_factory=read_shell)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    _prompts: dict[str, Prompt] = field(default_factory=dict)
    _keys: dict[str, tuple[str, str, dict[str, Any]]] = field(default_factory=dict)
    _came: list[str] = field(default_factory=list)
    _seq: int = 0
    _sockets: set[WebSocket] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _app: FastAPI = field(default_factory=FastAPI)
    _started: float = field(default_factory=time.monotonic)

    # what a test does

    def send(self, n: int, text: str | dict[str, str], level: PromptLevel = "normal", **over: Any) -> None:
        """Put a card on the board, as a controller's command would."""
        words = text if isinstance(text, dict) else {"zh-CN": text}
        self._set(Prompt(id=f"p{n}", n=n, text=words, level=level, by=CONTROLLER, sent_ms=self.now(), **over))

    def withdraw(self, n: int) -> None:
        self._set(msgspec.structs.replace(self._prompts[f"p{n}"], state="withdrawn"))

    def cut(self) -> None:
        """Pull the plug: open sockets close, new ones and commands are not answered."""
        self.down = True
        self._run(self._close_all(1006))

    def mend(self) -> None:
        self.down = False

    def revoke(self) -> None:
        self.house.paired = False
        self._run(self._close_all(4401))

    def now(self) -> int:
        return NOW + int((time.monotonic() - self._started) * 1000)

    def rebuild(self, shell: Shell) -> None:
        """Let the server be of another build from now on."""
        self.shell = shell
        self._app.router.routes = self.app().router.routes

    @property
    def keys(self) -> list[str]:
        """Return the Idempotency-Key of every receipt that came, again and again where one came twice."""
        return list(self._came)

    def stages(self) -> list[str]:
        """Return what was posted, in order, as `p1 seen` or `p1 seen help`."""
        return [" ".join(filter(None, (where, body.get("word")))) for where, body in self.posts]

    # the server

    def app(self) -> FastAPI:
        app = FastAPI()
        errors.install(app)
        app.include_router(host_pages(self.house, self.shell))
        app.mount("/static", StaticFiles(directory=STATIC))
        app.add_api_websocket_route("/ws/rooms/{room}", self._socket)
        app.add_api_route("/api/sessions/{session}/prompts/{prompt}/{stage}", self._receive, methods=["POST"])
        app.add_api_route("/api/devices/pair", self._pair, methods=["POST"])
        app.add_api_route("/login", self._login, methods=["POST"])
        app.add_api_route("/first", self._login, methods=["POST"])
        return app

    async def _login(self, request: Request) -> Response:
        form = await request.form()
        self.posts.append((request.url.path.removeprefix("/"), {key: str(value) for key, value in form.items()}))
        if form["password"] == "right horse battery":
            return RedirectResponse(str(form.get("next") or "/pair"), 303)
        locked = len(self.posts) > 1
        code, wait = ("locked_out", 30) if locked else ("bad_credentials", 0)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"code": code, "detail": "no", "wait_s": wait}, 429 if locked else 401)
        again = urlencode({"problem": code, "wait_s": wait, "next": str(form.get("next") or "/")})
        return RedirectResponse(f"/login?{again}", 303)

    async def _pair(self, body: dict[str, str]) -> Response:
        self.posts.append(("pair", body))
        if self.stages().count("pair") > 5:
            return JSONResponse({"code": "locked_out", "detail": "too many tries", "wait_s": 30}, 429)
        if body.get("code") != "482913":
            return JSONResponse({"code": "bad_code", "detail": "no such code"}, 422)
        return JSONResponse({"device": DEVICE, "name": body["name"], "room": ROOM})

    async def _receive(self, request: Request, prompt: str, stage: str, body: dict[str, Any]) -> Response:
        if self.down:
            return JSONResponse({"code": "unavailable", "detail": "down"}, 503)
        key = request.headers["idempotency-key"]
        self._came.append(key)
        issued = (prompt, stage, body)
        if self._keys.setdefault(key, issued) != issued:
            return JSONResponse({"code": "key_reused", "detail": "this key was used for something else"}, 409)
        if self._came.count(key) == 1:
            self.posts.append((f"{prompt} {stage}", body))
            self._take(prompt, stage, body)
            await self._tell(prompt)
        return JSONResponse({"key": key, "code": "done", "position": 1, "at_ms": body["at_ms"]})

    def _take(self, prompt: str, stage: str, body: dict[str, Any]) -> None:
        held = self._prompts[prompt]
        had = next((one for one in held.receipts if one.device == DEVICE), PromptReceipt(DEVICE, "平板 A"))
        at, reached = body["at_ms"], ("shown", "seen", "done").index(stage)
        receipt = msgspec.structs.replace(
            had,
            shown_ms=had.shown_ms or at,
            seen_ms=had.seen_ms or (at if reached >= 1 else None),
            done_ms=had.done_ms or (at if reached >= 2 else None),
            word=body.get("word") or had.word,
        )
        self._prompts[prompt] = msgspec.structs.replace(held, receipts=(receipt,))

    async def _socket(self, socket: WebSocket, room: str) -> None:
        if self.down:
            await socket.close(1013)
            return
        await socket.accept(SUBPROTOCOL)
        if not self.session:
            await self._give(socket, Hello(room=room))
        else:
            await self._give(socket, Hello(room=room, session=SESSION, audience="tablet"))
            await self._give(socket, self._snapshot())
        self._sockets.add(socket)
        beats = asyncio.create_task(self._beats(socket))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self._sockets.discard(socket)
        finally:
            beats.cancel()

    async def _beats(self, socket: WebSocket) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self._give(socket, Beat(**self._place()))

    def _place(self) -> dict[str, Any]:
        return {"epoch": 1, "seq": self._seq, "now_ms": self.now(), "wall_ms": self.now(), "rate": 1.0}

    def _snapshot(self) -> Snapshot:
        head = SessionHead(
            id=SESSION,
            no=1,
            kind=self.kind,
            state="live",
            title="1号间",
            brand="b",
            rooms=(ROOM,),
            zone="Asia/Shanghai",
            currency="CNY",
            opened_ms=NOW,
        )
        rundown = Rundown(1, "box", SEGMENTS, "SKU-2", 40_000)
        prompts: dict[str, Any] = dict(self._prompts)
        topics: dict[str, dict[str, Any]] = {"session": {"head": head}, "rundown": {"now": rundown}, "prompts": prompts}
        return Snapshot(part=0, parts=1, topics=topics, **self._place())

    def _set(self, prompt: Prompt) -> None:
        self._prompts[prompt.id] = prompt
        self._run(self._tell(prompt.id))

    async def _tell(self, prompt: str) -> None:
        self._seq += 1
        changed = {"prompts": Changed(set={prompt: self._prompts[prompt]})}
        delta = Delta(topics=changed, **self._place())
        for viewer in list(self._sockets):
            await self._give(viewer, delta)

    async def _give(self, socket: WebSocket, frame: Any) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it has just gone
            await socket.send_text(msgspec.json.encode(frame).decode())

    async def _close_all(self, code: int) -> None:
        for viewer in list(self._sockets):
            with contextlib.suppress(RuntimeError):
                await viewer.close(1011 if code == 1006 else code)
        self._sockets.clear()

    def _run(self, work: Any) -> None:
        if self._loop is None:
            work.close()
            return
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    @contextlib.contextmanager
    def open(self) -> Iterator["Stage"]:
        """Serve on a port of the system's choice until the block is left."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._app = self.app()
        server = uvicorn.Server(uvicorn.Config(self._app, log_level="error", lifespan="off", ws="websockets-sansio"))
        ready = threading.Event()

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(ready.set)
            await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            assert ready.wait(10)
            while not server.started:
                time.sleep(0.005)
            yield self
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)
            listener.close()
