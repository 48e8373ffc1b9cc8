"""A disk with no room left: what cannot be kept is refused and said, nothing else is told, and it mends by itself."""

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.page import Page, fresh_board
from tests.system.server import Server, comment, ingest, prepared, serving, until, viewers

SIZE = 24 * 2**20
BATCH = 400
LEFT = 64 * 1024
"""Room for small writes, as a full disk often has: by them alone it would look well between two tries."""
MOST_BATCHES = 400


class SmallDisk:
    """A file system of its own, which another file fills."""

    code = "disk_full"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, _: Server) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4_096))
        os.truncate(self._filler, self._filler.stat().st_size - LEFT)

    def free(self, _: Server) -> None:
        self._filler.unlink()


class SmallFiles:
    """For those who may not mount: no file of the server may grow any more, as under a quota that is used up."""

    code = "unavailable"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, server: Server) -> None:
        largest = max(file.stat().st_size for file in (self.folder / "data").iterdir() if file.is_file())
        self._limit(server, largest)

    def free(self, server: Server) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    def _limit(self, server: Server, size: int) -> None:
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk | SmallFiles]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield SmallFiles(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def batch(number: int) -> list[dict[str, Any]]:
    return [comment(f"{number}-{n}", f"礼盒还有吗 {number}-{n} " + "想要" * 40) for n in range(BATCH)]


async def test_a_full_disk_is_said_loses_nothing_and_mends_by_itself(disk: SmallDisk | SmallFiles) -> None:
    data = disk.folder / "data"
    keys = await prepared(data)
    async with serving(data) as server, server.client(keys.ingest) as feed, server.client(keys.admin) as admin:
        assert (await ingest(feed, viewers("v", 900))).status_code == 202
        page = await Page(server, keys.admin).open()
        disk.fill(server)
        taken = 0
        while (answer := await ingest(feed, *batch(taken))).status_code == 202:
            taken += 1
            assert taken < MOST_BATCHES
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["retryable"]) == (503, disk.code, True)
        assert int(answer.headers["Retry-After"]) >= 1

        await page.shows("未保存", "health", lambda rows: rows["store"].get("unsaved_since_ms"))
        ready = await admin.get("/readyz")
        for _ in range(22):  # longer than it takes to try twice to go on
            assert (ready.status_code, ready.json()["not_ready"]["worker"]) == (503, "unsaved")
            store = page.topics["health"]["store"]
            assert (bool(store.get("unsaved_since_ms")), store.get("reason")) == (True, disk.code)
            await asyncio.sleep(0.1)
            ready = await admin.get("/readyz")
        again = await ingest(feed, *batch(taken))
        assert (again.status_code, again.json()["code"]) == (503, disk.code)
        told = page.topics["session"]["head"]["counters"].get("comment", 0)
        assert told <= taken * BATCH  # the screen may be a quarter of a second behind, never ahead

        disk.free(server)
        outcome: list[Any] = []
        while not outcome or outcome[-1].status_code != 202:  # as a source does
            outcome.append(await ingest(feed, *batch(taken)))
            assert len(outcome) < 200
            await asyncio.sleep(0.1)  # the store is tried again once a second
        (session,) = outcome[-1].json()["sessions"]
        assert (session["taken"], session["duplicates"]) == (BATCH, 0)
        await page.shows("saved again", "health", lambda rows: not rows["store"].get("unsaved_since_ms"))
        board = await fresh_board(server, keys.admin)
        assert board["session"]["head"]["counters"]["comment"] == (taken + 1) * BATCH
        await until(lambda: server.process.poll() is None, "it runs on")
        assert (await admin.get("/readyz")).status_code == 200
        assert "Traceback" not in server.complained, server.complained[-4_000:]
