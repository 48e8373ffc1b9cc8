"""Promise: old snapshot + deltas = fresh snapshot, for whoever comes at whatever time, in frames that fit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bus.memory import MemoryFrameLog
from app.bus.ports import Stored
from app.domain.frames import FRAME_LIMIT
from app.domain.people import Clearance
from app.errors import Unavailable
from app.instants import Instant
from app.realtime.hub import AWAY_MS, SEEN_EVERY_MS, Clocked, Hub, View
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


class Away(MemoryFrameLog):
    """Carries nothing while `away`."""

    away = True

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        self._refuse()
        await super().put_snapshot(board, epoch, seq, parts)

    async def publish(self, board: str, frame: Stored) -> None:
        self._refuse()
        await super().publish(board, frame)

    def _refuse(self) -> None:
        if self.away:
            raise Unavailable("the frames are away")


async def test_a_board_that_could_not_be_carried_at_first_is_whole_when_it_is_asked_for_again() -> None:
    frames, source = Away(), Source(epoch=1)
    hub, wall = Hub(frames), 1_000_000
    source.become({"alerts": {"a": 1}, "skus": {}})
    with pytest.raises(Unavailable):
        await hub.show(VIEW, source, Instant(wall))
    frames.away = False
    await hub.show(VIEW, source, Instant(wall + AWAY_MS))
    page = Follower()
    await page.come(frames)
    assert page.topics == source.board


async def test_what_is_told_while_frames_are_away_is_not_taken_for_told() -> None:
    frames, source, wall = Away(), Source(epoch=1), 1_000_000
    frames.away = False
    hub, other = Hub(frames), View("s2", "control", Clearance.OPEN)
    await hub.show(VIEW, source, Instant(wall))
    await hub.show(other, source, Instant(wall))
    frames.away = True
    for n, of in enumerate(("s1", "s2")):
        source.become({"alerts": {"a": n}, "skus": {}})
        with pytest.raises(Unavailable):
            await hub.tell(of, source, Instant(wall))
        assert hub.due(of, Instant(wall)) == AWAY_MS


async def test_many_are_told_together_and_what_is_wrong_with_one_is_said_of_it_alone() -> None:
    frames, wall = MemoryFrameLog(), Instant(1_000_000)
    hub = Hub(frames)
    sources: dict[str, Source] = {f"s{n}": Source(epoch=1) for n in range(3)}
    for of, source in sources.items():
        await hub.show(View(of, "control", Clearance.OPEN), source, wall)
        source.become({"alerts": {"a": 1}, "skus": {}})
    await frames.put_snapshot(View("s1", "control", Clearance.OPEN).name, 2, 0, [b"a newer owner's"])
    del sources["s2"].board["alerts"]
    told = await hub.tell_all(sources, wall)
    assert told.lost == {"s1"}
    assert [*told.broken] == ["s2"]
    page = Follower()
    kept = await frames.newest(View("s0", "control", Clearance.OPEN).name)
    assert kept is not None
    for frame in (*kept.snapshot, *(later.data for later in kept.deltas)):
        page.take(frame)
    assert page.topics == sources["s0"].board


async def test_after_the_frames_were_lost_a_newcomer_is_shown_the_board_as_it_is() -> None:
    source = Source(epoch=1)
    frames = MemoryFrameLog()
    hub = Hub(frames)
    source.become({"alerts": {"a": 1}, "skus": {}})
    await hub.show(VIEW, source, Instant(1_000_000))
    frames._rings.clear()  # as an emptied Redis has forgotten them
    hub.doubt()
    await hub.show(VIEW, source, Instant(1_010_000))
    page = Follower()
    await page.come(frames)
    assert page.topics == source.board


async def test_a_quiet_board_that_the_frame_log_has_no_more_is_told_whole_when_it_is_asked_for() -> None:
    source, frames = Source(epoch=1), MemoryFrameLog()
    hub = Hub(frames)
    source.become({"alerts": {"a": 1}, "skus": {}})
    await hub.show(VIEW, source, Instant(1_000_000))
    before = Follower()
    await before.come(frames)
    frames._rings.clear()  # as one that has run out
    await hub.show(VIEW, source, Instant(1_000_000 + SEEN_EVERY_MS))
    page = Follower()
    await page.come(frames)
    assert page.topics == source.board
    assert page.seq > before.seq, "who was here sees that it is a later one"
    again = await frames.newest(VIEW.name)
    await hub.show(VIEW, source, Instant(1_000_000 + 2 * SEEN_EVERY_MS))
    assert await frames.newest(VIEW.name) == again, "one that is there is left as it is"
