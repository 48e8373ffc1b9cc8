"""Promise: old snapshot + deltas = fresh snapshot, for whoever comes at whatever time, in frames that fit."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.bus.memory import MemoryFrameLog
from app.domain.frames import FRAME_LIMIT
from app.domain.people import Clearance
from app.instants import Instant
from app.realtime.hub import Clocked, Hub, View
from tests.system.page import Believed

VIEW = View("s1", "control", Clearance.OPEN)
TOPICS = ("alerts", "skus")

values = st.one_of(st.none(), st.integers(0, 3), st.integers(900, 2_000).map(lambda length: "长" * length))
topics = st.dictionaries(st.sampled_from([*"abcdefgh"]), values, max_size=8)
boards = st.fixed_dictionaries(dict.fromkeys(TOPICS, topics))


class Source:
    """A board that is whatever the test says; a topic's number grows when it was set."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.board: dict[str, dict[str, Any]] = {topic: {} for topic in TOPICS}
        self._versions = dict.fromkeys(TOPICS, 0)

    def become(self, board: dict[str, dict[str, Any]]) -> None:
        self.board = board
        self._versions = {topic: number + 1 for topic, number in self._versions.items()}

    def versions(self) -> Mapping[str, int]:
        return self._versions

    def topic(self, name: str, view: View) -> Mapping[str, Any]:
        return self.board[name]

    def clocked(self, wall: Instant) -> Clocked:
        return Clocked(wall, wall, 1.0)


class Follower(Believed):
    """A page that reads the frame log itself."""

    async def come(self, frames: MemoryFrameLog) -> None:
        kept = await frames.newest(VIEW.name)
        assert kept is not None
        for frame in (*kept.snapshot, *(later.data for later in kept.deltas)):
            self.take(frame)

    async def follow(self, frames: MemoryFrameLog) -> bool:
        """Take what came since; False when it is held no more, and the page must come anew."""
        later = await frames.since(VIEW.name, self.epoch, self.seq)
        if later is None:
            return False
        for stored in later:
            self.take(stored.data)
        return True

    def take(self, data: bytes) -> None:
        assert len(data) <= FRAME_LIMIT
        self.believe(json.loads(data))


@given(st.lists(st.tuples(boards, st.booleans()), min_size=1, max_size=60), st.integers(0, 59))
@settings(max_examples=40)
async def test_whoever_came_whenever_believes_what_a_newcomer_is_shown(
    steps: list[tuple[dict[str, dict[str, Any]], bool]], owner_changes_at: int
) -> None:
    frames, source = MemoryFrameLog(), Source(epoch=1)
    hub, wall = Hub(frames), 1_000_000
    await hub.show(VIEW, source, Instant(wall))
    pages: list[Follower] = []
    for number, (board, somebody_comes) in enumerate(steps):
        wall += 250
        if number == owner_changes_at:
            source = Source(epoch=2)
        source.become(board)
        await hub.tell("s1", source, Instant(wall))
        if somebody_comes:
            pages.append(Follower())
            await pages[-1].come(frames)
    newcomer = Follower()
    await newcomer.come(frames)
    assert newcomer.topics == source.board
    for page in pages:
        if not await page.follow(frames):
            await page.come(frames)
        assert page.faults == []
        assert page.topics == newcomer.topics
