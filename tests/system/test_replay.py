"""Promises of a replay into a real control room: killed player, killed server, Ctrl-C: every record counts once."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from app.domain.records import Events
from app.store.chunks import chunks_after
from app.store.database import Store
from app.store.sessions import session
from tests.system.server import ROOM, ROOT, Keys, Server, prepared, until

SAMPLES = ROOT / "app/replay/samples"
PLAN = f"""
version: 1
recordings:
  - {{file: {SAMPLES}/uk-orders-2010-12-09.jsonl, span: "20:00"}}
  - {{file: {SAMPLES}/twitch-chat-90s.json, from: "10:00", start: "0:30"}}
  - {{file: {SAMPLES}/obs-websocket-60s.jsonl, start: "5:00"}}
  - {{file: {SAMPLES}/nginx-rtmp-stat-60s.jsonl, start: "8:00"}}
  - {{file: {SAMPLES}/nginx-rtmp-hooks-60s.jsonl, start: "10:00"}}
  - {{file: {SAMPLES}/tiktok-webcast-cut.jsonl, start: "11:00", pause: "0:06"}}
"""
SPEED = 160
"""Twenty minutes in seven seconds: time enough to be killed in the middle on a busy machine too."""


class Player:
    """`cueroom replay` in a process of its own."""

    def __init__(self, folder: Path, server: Server, keys: Keys, speed: int = SPEED) -> None:
        plan = folder / "plan.yaml"
        plan.write_text(PLAN)
        arguments = ["replay", str(plan), "--room", ROOM, "--speed", str(speed), "--url", server.address]
        own = {"CUEROOM_DATA": str(folder / "notes"), "CUEROOM_TOKEN": keys.admin, "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._notes = folder / "notes" / "replays"

    @property
    def sent(self) -> int:
        """How many records it has an answer for."""
        notes = [json.loads(path.read_text()) for path in self._notes.glob("*.json")]
        return sum(each["place"] for each in notes)

    async def has_sent(self, records: int) -> None:
        await until(lambda: self.sent >= records, f"{records} records are sent")
        assert self.process.poll() is None, self.process.communicate()

    async def ended(self) -> tuple[int, str]:
        said, complained = await asyncio.to_thread(self.process.communicate, timeout=60)
        return self.process.returncode, said + complained


async def stored(data: Path, session_id: str) -> Counter[str]:
    """Return how many events of each kind the committed chunks of a session hold, duplicates and all."""
    store = await Store.open(f"sqlite:///{data / 'cueroom.sqlite3'}")
    try:
        row = await store.read(lambda conn: session(conn, session_id))
        chunks = await store.read(lambda conn: list(chunks_after(conn, row.session_no)))
    finally:
        await store.close()
    events = [event for chunk in chunks if isinstance(chunk.body, Events) for event in chunk.body.events]
    return Counter(str(event.__struct_config__.tag) for event in events)


def table(told: str) -> dict[str, list[int]]:
    """Return the rows of the count: kind -> read, left out, sent, refused, taken, on board."""
    rows = re.findall(r"^([a-z_]+) {2,}([\d ]+)$", told, re.MULTILINE)
    return {kind: [int(number) for number in numbers.split()] for kind, numbers in rows}


async def test_a_replay_whose_player_and_whose_server_are_killed_counts_every_record_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = await prepared(data)
    server = await Server(data).listening()
    try:
        player = Player(tmp_path, server, keys)
        await player.has_sent(30)
        player.process.kill()
        await player.ended()

        player = Player(tmp_path, server, keys)
        await player.has_sent(120)
        server.process.kill()
        await server.ended()
        server = await Server(data, port=server.port).listening()
        code, told = await player.ended()
        assert code == 0, told
        assert "going on at record" in told
        assert "does not add up" not in told
        (name,) = re.findall(r"^session (\S+)$", told, re.MULTILINE)
        async with server.client(keys.admin) as client:
            (only,) = (await client.get("/api/sessions")).json()["rows"]
        assert (only["id"], only["kind"], only["state"]) == (name, "replay", "ended")
    finally:
        await server.stop()

    rows = table(told)
    assert {kind: row[5] for kind, row in rows.items() if row[5]} == {
        kind: row[4] for kind, row in rows.items() if row[4]
    }
    assert all(read == out + sent for read, out, sent, *_ in rows.values())
    (taken, counted, duplicates) = map(
        int, re.findall(r"^taken (\d+) = (\d+) on the board \+ (\d+)", told, re.MULTILINE)[0]
    )
    kept = await stored(data, name)
    assert kept.total() == counted + duplicates >= taken
    assert kept.keys() == {kind for kind, row in rows.items() if row[4]}


async def test_ctrl_c_ends_the_session_and_prints_the_count_so_far(tmp_path: Path) -> None:
    keys = await prepared(tmp_path / "data")
    server = await Server(tmp_path / "data").listening()
    try:
        player = Player(tmp_path, server, keys, speed=20)
        await player.has_sent(30)
        player.process.send_signal(signal.SIGINT)
        code, told = await player.ended()
        assert code == 130, told
        assert "not played: order_paid" in told
        assert "does not add up" not in told
        assert "Traceback" not in told
        rows = table(told)
        assert sum(row[5] for row in rows.values()) == sum(row[2] for row in rows.values()) >= 30
        async with server.client(keys.admin) as client:
            (only,) = (await client.get("/api/sessions")).json()["rows"]
        assert only["state"] == "ended"
    finally:
        await server.stop()
