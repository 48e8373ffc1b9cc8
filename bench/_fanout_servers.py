"""The servers of the fan-out benchmark: ours as it is served, and what one writes in an afternoon with FastAPI.

Both take what is to be told on `/pub`, a WebSocket: {"n": "<number>", ...} as one text message each.
"""

import asyncio
import json
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.bus.ports import FrameLog, Stored
from app.cli.serve import SEND_BUFFER
from app.clock import SystemClock
from app.domain.frames import Snapshot
from app.domain.people import SYSTEM, Clearance
from app.intake.recipe import find_recipe
from app.logs import configure
from app.main import build
from app.realtime.fanout_door import Detachable
from app.realtime.frames import encode
from app.realtime.hub import RESNAPSHOT_AFTER
from app.realtime.overview import EVERY_BRAND, overview_view
from app.runtime import Runtime, seal_key
from app.settings import Settings
from app.store.database import Store
from app.store.migrate import upgrade

TOKENS = 20
BACKLOG = 4_096


def naive() -> FastAPI:
    """A set of sockets and a loop that awaits each one's send."""
    app = FastAPI()
    watching: set[WebSocket] = set()

    @app.websocket("/sub")
    async def subscribe(socket: WebSocket) -> None:
        await socket.accept()
        watching.add(socket)
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            watching.discard(socket)

    @app.websocket("/pub")
    async def publish(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                text = await socket.receive_text()
                for each in list(watching):
                    try:
                        await each.send_text(text)
                    except (WebSocketDisconnect, RuntimeError):
                        watching.discard(each)
        except WebSocketDisconnect:
            pass

    return app


class Publishing:
    """The application as it is served, and `/pub`: what comes there is a delta of the overview's board."""

    def __init__(self, app: ASGIApp, frames: FrameLog, epoch: int) -> None:
        self._app, self._frames, self._epoch = app, frames, epoch
        self._board = overview_view(EVERY_BRAND, Clearance.RESTRICTED).name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or scope["path"] != "/pub":
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            text = message["text"].encode()
            await self._tell(int(json.loads(text)["n"]), text)

    async def _tell(self, seq: int, text: bytes) -> None:
        await self._frames.publish(self._board, Stored(self._epoch, seq, text))
        if seq % RESNAPSHOT_AFTER == 0:  # as the hub does
            now = Snapshot(epoch=self._epoch, seq=seq, part=1, parts=1, now_ms=0, wall_ms=0, rate=1.0, topics={})
            await self._frames.put_snapshot(self._board, self._epoch, seq, (encode(now),))


async def ours(port: int, folder: Path) -> None:
    """Serve on a fresh SQLite file; the tokens to look with, and the epoch, go to `ready.json`."""
    configure()
    settings = Settings(data=folder, port=port)
    await asyncio.to_thread(upgrade, settings.database)
    store, clock = await Store.open(settings.database), SystemClock()
    recipe, _ = await find_recipe(store, folder, clock.now(), __version__)
    runtime = Runtime(settings, store, recipe, await seal_key(store, clock.now()), clock=clock)
    await runtime.start()
    tokens = [(await runtime.access.tokens.create(f"bench {n}", "admin", [], SYSTEM))[1] for n in range(TOKENS)]
    app = Publishing(build(runtime), runtime.screens.overview_frames, runtime.screens.overview.epoch)
    (folder / "ready.json").write_text(json.dumps({"tokens": tokens, "epoch": runtime.screens.overview.epoch}))
    config = uvicorn.Config(
        app,
        ws=Detachable,
        ws_max_size=4_096,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # as `cueroom serve` does
    listening.bind(("127.0.0.1", port))
    try:
        await uvicorn.Server(config).serve([listening])
    finally:
        await runtime.stop()


def main() -> None:
    """`python -m bench._fanout_servers naive|ours PORT [FOLDER]`: serve until stopped."""
    if len(sys.argv) < 3:
        return
    port = int(sys.argv[2])
    if sys.argv[1] == "naive":
        uvicorn.run(
            naive(), host="127.0.0.1", port=port, ws="websockets-sansio", ws_per_message_deflate=False,
            loop="uvloop", log_level="warning", backlog=BACKLOG,
        )  # fmt: skip
    else:
        import uvloop

        uvloop.run(ours(port, Path(sys.argv[3])))


if __name__ == "__main__":
    main()
