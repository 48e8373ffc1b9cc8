"""Promise: the sample plays itself through the public door and desk, goes on after a stop, and makes way for people."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from app.clock import ManualClock
from app.domain.alerts import Alert
from app.domain.commands import AckAlert, EndSession, SendPrompt
from app.domain.events import EnterEvent
from app.domain.prompts import Prompt
from app.domain.records import Chunk, ClockSet, CommandIssued, Events, Gap
from app.instants import Instant
from app.replay.tablet import AWAY_MS, DEVICE, RealTablet
from app.store import deliveries
from app.store.sessions import SessionRow
from tests.replay.house import MORNING, fresh_file, open_house
from tests.replay.stage import STARTS, ZERO, loop, played
from tests.replay.test_sample import TOLD, TOLERANCE_S


@dataclass
class Run:
    """What a whole loop left behind that nobody watched at first and nobody acted in, and the beginning of the next."""

    rows: list[SessionRow]
    chunks: list[Chunk]
    alerts: dict[str, Alert]
    prompts: list[Prompt]
    states: set[str]
    ready_ms: int
    began_ms: int
    next_ready_ms: int
    next_began_ms: int
    board: float | None


@pytest.fixture(scope="module")
async def run(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    async with open_house(fresh_file(migrated_file, tmp_path_factory.mktemp("run"))) as house:
        house.console = False
        await house.play_until(house.demo.ready.is_set)
        ready = house.clock.now()
        first = house.present()
        assert first is not None
        board = house.worker.sessions[first.id].engine.reading("interaction_rate_5m").value
        await house.play_to(0)
        began = house.clock.now()
        house.console = True
        await house.play_until(lambda: (now := house.present()) is not None and not now.open)
        house.demo.ready.clear()
        ended = house.clock.now()
        await house.play_until(lambda: (now := house.present()) is not None and now.open)
        next_ready = house.clock.now()
        assert next_ready - ended <= 15_000
        await house.play_to(1)
        rows = await house.sessions()
        no = rows[0].session_no
        outbox = await house.store.read(partial(deliveries.of_session, session_no=no, most=100))
        yield Run(
            rows=rows,
            chunks=await house.chunks(no),
            alerts=await house.alerts(no),
            prompts=await house.prompts(no),
            states={row.state for row in outbox},
            ready_ms=ready,
            began_ms=began,
            next_ready_ms=next_ready,
            next_began_ms=house.clock.now(),
            board=board,
        )


@pytest.fixture(scope="module")
async def at_zero(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Instant]:
    """A file to copy whose process was stopped when the clock began to run, and when that was: the 22 minutes before
    are played for all who are not about them."""
    file = fresh_file(migrated_file, tmp_path_factory.mktemp("zero"))
    async with open_house(file) as house:
        await house.play_to(0)
    return file, house.clock.now()


def going_on(at_zero: tuple[Path, Instant], folder: Path) -> tuple[Path, ManualClock]:
    """A copy to go on with, and a clock that stands where it was left."""
    file, now = at_zero
    return fresh_file(file, folder), ManualClock(now)


def since_zero(instant: int | None) -> float:
    assert instant is not None
    return (instant - ZERO) / 1_000


async def test_the_lead_in_takes_no_time_of_the_wall_and_lies_in_the_log_second_by_second(run: Run) -> None:
    assert run.ready_ms == MORNING
    lead_in = [chunk for chunk in run.chunks if chunk.applied_ms <= ZERO]
    clocks = [chunk.body.session_ms for chunk in lead_in if isinstance(chunk.body, ClockSet) and not chunk.body.rate]
    assert clocks == list(range(STARTS, ZERO + 1, 1_000))
    for chunk in lead_in:
        if isinstance(chunk.body, Events):
            assert all(0 <= chunk.applied_ms - event.occurred_ms < 2_000 for event in chunk.body.events)
    assert [chunk.first for chunk in run.chunks][1:] == [chunk.last + 1 for chunk in run.chunks][:-1]


async def test_everything_the_script_has_went_through_the_door_once(run: Run) -> None:
    sent = [event.id for chunk in run.chunks if isinstance(chunk.body, Events) for event in chunk.body.events]
    due = [event.id for second in loop(run.rows[0].session_no) for part in second.feeds.values() for event in part]
    assert sorted(sent) == sorted(due)
    events = [event for chunk in run.chunks if isinstance(chunk.body, Events) for event in chunk.body.events]
    users = {event.payload.user.id for event in events if isinstance(event, EnterEvent) and event.payload.user}
    assert len(users) > 1_000
    assert all(user.startswith("h:") for user in users)


async def test_the_board_at_zero_is_the_one_of_an_engine_that_was_told_the_same(run: Run) -> None:
    assert run.board == pytest.approx(played(run.rows[0].session_no).interaction[0], rel=0.02)


async def test_the_clock_waits_for_a_console_but_no_longer_than_half_a_minute(run: Run) -> None:
    assert run.began_ms - run.ready_ms == pytest.approx(30_000, abs=200)
    assert run.next_began_ms - run.next_ready_ms <= 1_500


async def test_the_loop_on_wall_time_tells_the_same_alerts_at_the_same_times(run: Run) -> None:
    told = {(each.rule, each.condition): each.at_s for each in reversed(TOLD)}
    assert {rule for rule, _ in told} == set(run.alerts)
    for rule, alert in run.alerts.items():
        assert since_zero(alert.opened_ms) == pytest.approx(told[rule, "firing"], abs=TOLERANCE_S)
        assert since_zero(alert.ended_ms) == pytest.approx(told[rule, "ended"], abs=TOLERANCE_S)


async def test_at_six_minutes_the_session_ends_with_a_summary_and_the_next_one_opens(run: Run) -> None:
    first, second = run.rows
    assert (first.state, first.kind, second.state, second.kind) == ("ended", "demo", "live", "demo")
    assert since_zero(first.ended_ms) == pytest.approx(360, abs=0.5)
    assert first.summary["minutes"] == pytest.approx(28, abs=0.1)
    assert first.summary["alerts"] == 3
    assert second.opened_ms == STARTS


async def test_when_nobody_acts_for_half_a_minute_the_assistant_does_once_a_beat(run: Run) -> None:
    for alert in run.alerts.values():
        assert alert.acked_by == "演练助理"
        assert since_zero(alert.acked_ms) - since_zero(alert.opened_ms) == pytest.approx(30, abs=1.5)
    assert [(prompt.by.name, prompt.level) for prompt in run.prompts] == [
        ("演练助理", "urgent"),
        ("演练助理", "normal"),
        ("演练助理", "normal"),
    ]
    assert run.prompts[0].text["zh-CN"] == "更正：酒不能御寒，请理性饮酒"
    assert [prompt.quick for prompt in run.prompts] == ["", "bottle", "question"]
    assert [prompt.alert for prompt in run.prompts] == [alert.id for alert in run.alerts.values()]


async def test_the_simulated_tablet_shows_reads_and_does_each_card(run: Run) -> None:
    for prompt in run.prompts:
        (receipt,) = prompt.receipts
        assert (receipt.simulated, receipt.device, prompt.state) == (True, DEVICE, "done")
        assert receipt.shown_ms is not None
        assert receipt.seen_ms is not None
        assert receipt.done_ms is not None
        assert receipt.shown_ms - prompt.sent_ms == pytest.approx(400, abs=200)
        assert 1_900 <= receipt.seen_ms - prompt.sent_ms <= 3_200
        assert receipt.done_ms - prompt.sent_ms == pytest.approx(8_000, abs=200)


async def test_the_rundown_moves_and_every_line_of_the_guide_is_said_at_its_time(run: Run) -> None:
    issued = [(chunk.applied_ms, chunk.body.issued) for chunk in run.chunks if isinstance(chunk.body, CommandIssued)]
    moves = [(since_zero(at), each.key) for at, each in issued if each.key.startswith("rundown")]
    assert moves == [(-900, "rundown bottle"), (-420, "rundown draw"), (-180, "rundown box")]
    said = [(since_zero(at), each.key) for at, each in issued if each.key.startswith("guide")]
    assert len(said) == 14
    assert all(each.by.name == "演练解说" for _, each in issued if each.key.startswith(("guide", "rundown", "end")))
    for at, key in said:
        minutes, seconds = key.removeprefix("guide ").split(":")
        assert at == pytest.approx(int(minutes) * 60 + int(seconds), abs=0.5)


async def test_nothing_of_it_can_leave_the_house(run: Run) -> None:
    assert run.states == {"drill"}


async def test_a_person_who_acts_is_let_be_and_a_real_tablet_gives_its_own_receipts(
    at_zero: tuple[Path, Instant], tmp_path: Path
) -> None:
    async with open_house(*going_on(at_zero, tmp_path)) as house:
        await house.play_to(20)
        (row,) = await house.sessions()
        banned = (await house.alerts(row.session_no))["banned-phrase"]
        await house.command(AckAlert(banned.id, banned.version), "ack")
        assert [(shown.connected, shown.simulated) for shown in house.shown] == [(True, True)]
        house.tablet = True
        await house.play_to(100)
        assert await house.prompts(row.session_no) == []
        await house.command(SendPrompt({"zh-CN": "先讲单瓶装"}), "prompt")
        await house.play_to(130)
        (prompt,) = await house.prompts(row.session_no)
        assert (prompt.by.name, prompt.receipts) == ("周敏", ())
        assert (await house.alerts(row.session_no))["stock-shortfall"].acked_by == ""
        assert [shown.connected for shown in house.shown] == [True, False]
        house.tablet = False
        await house.play_to(215)
        prompts = await house.prompts(row.session_no)
        assert [(each.by.name, bool(each.receipts)) for each in prompts] == [("周敏", False), ("演练助理", True)]


async def test_after_a_stop_the_loop_goes_on_where_the_clock_stands_and_the_time_down_is_a_gap(
    at_zero: tuple[Path, Instant], tmp_path: Path
) -> None:
    file, clock = going_on(at_zero, tmp_path)
    async with open_house(file, clock) as house:
        await house.play_to(100.5)
    clock.advance(15_000)
    async with open_house(file, clock) as house:
        await house.play_until(lambda: (now := house.present()) is not None and not now.open)
        first, *_ = await house.sessions()
        chunks = await house.chunks(first.session_no)
        alerts = await house.alerts(first.session_no)
    assert first.state == "ended"
    (gap,) = [chunk.body for chunk in chunks if isinstance(chunk.body, Gap)]
    assert since_zero(gap.start_ms) == pytest.approx(100.5, abs=1.5)
    assert since_zero(gap.end_ms) == pytest.approx(115.5, abs=1.5)
    sent = {event.id for chunk in chunks if isinstance(chunk.body, Events) for event in chunk.body.events}
    seconds = [second.at_s for second in loop(first.session_no) if any(e.id in sent for e in second.feeds["main"])]
    ((before, after),) = [pair for pair in pairwise(seconds) if pair[1] - pair[0] > 1]
    assert (before, 115 <= after <= 117) == (100, True)
    assert alerts["banned-phrase"].acked_by == "演练助理"
    assert alerts["interaction-low"].acked_by == "演练助理"
    told = [chunk.body for chunk in chunks if isinstance(chunk.body, Events)]
    assert len({event.id for body in told for event in body.events}) == sum(len(body.events) for body in told)


async def test_a_stop_that_outlasts_the_loop_ends_it_and_the_next_one_begins(
    at_zero: tuple[Path, Instant], tmp_path: Path
) -> None:
    file, clock = going_on(at_zero, tmp_path)
    async with open_house(file, clock) as house:
        await house.play_to(3)
    clock.advance(3_600_000)
    async with open_house(file, clock) as house:
        await house.play_until(lambda: (now := house.present()) is not None and now.no == 2 and now.clock.rate == 1)
        first, second = await house.sessions()
        assert (first.state, second.state) == ("ended", "live")
        assert await house.alerts(first.session_no) == {}


async def test_a_stop_within_the_lead_in_loses_nothing_of_it(migrated_file: Path, tmp_path: Path) -> None:
    file = fresh_file(migrated_file, tmp_path)
    async with open_house(file) as house:
        await house.happens(lambda: (now := house.present()) is not None and now.clock.session_ms > STARTS + 300_000)
    async with open_house(file, house.clock) as house:
        await house.play_to(0)
        (row,) = await house.sessions()
        chunks = await house.chunks(row.session_no)
    clocks = [chunk.body.session_ms for chunk in chunks if isinstance(chunk.body, ClockSet)]
    assert sorted(set(clocks)) == list(range(STARTS, ZERO + 1, 1_000))
    sent = {event.id for chunk in chunks if isinstance(chunk.body, Events) for event in chunk.body.events}
    due = {e.id for s in loop(row.session_no) if s.at_s <= 0 for part in s.feeds.values() for e in part}
    assert sent >= due


async def test_a_session_that_a_person_ends_is_followed_by_the_next(
    at_zero: tuple[Path, Instant], tmp_path: Path
) -> None:
    async with open_house(*going_on(at_zero, tmp_path)) as house:
        await house.play_to(5)
        await house.command(EndSession(), "enough")
        await house.play_until(lambda: (now := house.present()) is not None and now.no == 2)
        first, second = await house.sessions()
        assert (first.state, second.state) == ("ended", "live")


async def test_while_the_door_is_shut_nothing_is_sent_and_then_it_goes_on_from_the_clock(
    at_zero: tuple[Path, Instant], tmp_path: Path
) -> None:
    async with open_house(*going_on(at_zero, tmp_path)) as house:
        await house.play_to(5)
        house.shut = True
        await house.play_to(9)
        house.shut = False
        await house.play_to(15)
        (row,) = await house.sessions()
        chunks = await house.chunks(row.session_no)
        sent = {event.id for chunk in chunks if isinstance(chunk.body, Events) for event in chunk.body.events}
        played = [s.at_s for s in loop(row.session_no) if s.at_s > 0 and any(e.id in sent for e in s.feeds["main"])]
        assert played == [1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
        assert "banned-phrase" in await house.alerts(row.session_no)


def test_a_real_tablet_that_is_away_for_a_moment_is_still_the_one_that_answers() -> None:
    clock, connected = ManualClock(Instant(1_000_000)), [0]
    never = RealTablet(lambda: connected[0], 0, clock)
    before_the_restart = RealTablet(lambda: connected[0], clock.now() - 60_000, clock)
    assert (never.is_here(), before_the_restart.is_here()) == (False, True)
    connected[0] = 1
    assert never.is_here()
    connected[0] = 0
    clock.advance(AWAY_MS - 1)
    assert never.is_here()
    clock.advance(1)
    assert not never.is_here()
