"""The peer of the ingest benchmark: what one writes in an afternoon with FastAPI and pydantic, durable all the same.

Every event is a pydantic model and a row; one transaction a request in SQLite (WAL, FULL); counters in dictionaries;
one WebSocket route that sends them each second. No windows, no rules, no replay: it does less than Cueroom does.
"""

import asyncio
import sqlite3
import sys
from collections import Counter
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, WebSocket
from pydantic import BaseModel, TypeAdapter


class Event(BaseModel):
    id: str
    room: str
    kind: str
    occurred_ms: int
    payload: dict[str, Any]


def build(path: str) -> FastAPI:
    """The application over one SQLite file."""
    app = FastAPI()
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS events "
        "(id TEXT PRIMARY KEY, room TEXT, kind TEXT, occurred_ms INTEGER, payload TEXT)"
    )
    counts: Counter[str] = Counter()
    lines = TypeAdapter(Event)
    writing = asyncio.Lock()

    def store(events: list[Event]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)",
            [(e.id, e.room, e.kind, e.occurred_ms, str(e.payload)) for e in events],
        )
        connection.execute("COMMIT")

    @app.post("/api/ingest", status_code=202)
    async def ingest(request: Request) -> dict[str, int]:
        body = await request.body()
        events = [lines.validate_json(line) for line in body.splitlines() if line]
        async with writing:
            await asyncio.to_thread(store, events)
        counts.update(event.kind for event in events)
        return {"taken": len(events)}

    @app.websocket("/ws")
    async def watch(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_json(dict(counts))
            await asyncio.sleep(1)

    return app


def main() -> None:
    """`python -m bench._naive PORT FILE`: serve until stopped. Without arguments there is nothing to measure."""
    if len(sys.argv) == 3:
        uvicorn.run(build(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", loop="uvloop")


if __name__ == "__main__":
    main()
