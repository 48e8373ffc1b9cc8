"""Promises of a stop: screens are told, what was answered is kept, and the time away is a gap no longer than it was."""

import asyncio
import signal
import time
from pathlib import Path

from tests.system.page import Page, fresh_board
from tests.system.server import ROOM, comment, ingest, prepared, serving, speech, until, viewers


async def test_told_to_stop_it_sends_the_screens_away_and_keeps_what_it_answered(tmp_path: Path) -> None:
    keys = await prepared(tmp_path / "data")
    async with serving(tmp_path / "data") as server:
        page = await Page(server, keys.admin).open()
        overview = await Page(server, keys.admin, path="/ws/overview").open()
        async with server.client(keys.ingest) as feed:
            for n in range(20):
                answer = await ingest(feed, comment(f"c{n}"), viewers(f"v{n}", 800 + n))
                assert answer.status_code == 202
            assert (await ingest(feed, speech("s1"))).status_code == 202
            await page.shows("what was said", "alerts", len)
            down_from = time.time() * 1000
            server.process.send_signal(signal.SIGTERM)
            for each in (page, overview):
                await until(lambda each=each: each.closed, "it is closed")  # type: ignore[misc]
        assert (page.closed, overview.closed) == (1012, 1012)
        assert await server.ended() in (0, -signal.SIGTERM)
        assert "Traceback" not in server.complained, server.complained
        shown = page.topics

    await asyncio.sleep(2)  # down longer than the shortest gap that is worth a record
    async with serving(tmp_path / "data") as again:
        board = await fresh_board(again, keys.admin)
        down_ms = time.time() * 1000 - down_from
        assert board["session"]["head"]["counters"] == {"comment": 20, "viewers": 20, "speech": 1}
        assert set(board["messages"]) >= set(shown["messages"])
        assert [alert["condition"] for alert in board["alerts"].values()] == ["firing"]
        (gap,) = board["gaps"].values()
        assert 0 < gap["end_ms"] - gap["start_ms"] <= down_ms + 2_000
        assert board["rooms"][ROOM]
