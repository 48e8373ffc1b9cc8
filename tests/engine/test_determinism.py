"""Promises: effects and boards depend on the records and their instants alone."""

import pytest

from app.domain.board import Audience, Topic
from app.domain.people import Clearance
from app.domain.records import Gap
from app.engine.changes import TOPICS
from app.engine.checkpoint import decode
from app.engine.engine import Engine
from app.instants import Instant
from tests.engine.runs import boards, crowded_session, cut, play, play_restless, random_session, told
from tests.engine.script import Script, matcher, merged

SEEDS = range(8)


def restored(script: Script, engine: Engine) -> Engine:
    return Engine.restore(engine.checkpoint(), script.opened, script.plan, script.rules, matcher())


def test_the_random_sessions_have_something_of_everything() -> None:
    effects = [live for _, live in map(random_session, SEEDS)]
    rules = {alert.rule for part in effects for alert in part.alerts.values()}
    assert rules >= {"banned-phrase", "stock-shortfall", "stream-fault", "interaction-low", "source-conflict"}
    conditions = {alert.condition for part in effects for alert in part.alerts.values()}
    assert {"firing", "ended"} <= conditions
    assert any(alert.acked_ms for part in effects for alert in part.alerts.values())
    assert any(prompt.state == "done" for part in effects for prompt in part.prompts.values())
    assert any(prompt.unread for part in effects for prompt in part.prompts.values())
    assert all(any(getattr(part, name) for part in effects) for name in ("readings", "deliveries", "cancels", "orders"))
    assert any(part.duplicates and part.conflicts for part in effects)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_is_the_live_run(seed: int) -> None:
    script, live = random_session(seed)
    again = script.fresh()
    assert told(play(again, script.chunks)) == told(live)
    assert boards(again) == boards(script.engine)


@pytest.mark.parametrize("seed", SEEDS)
def test_cutting_the_record_differently_changes_nothing(seed: int) -> None:
    script, _ = random_session(seed)
    whole, pieces = script.fresh(), script.fresh()
    assert told(play(pieces, cut(script.chunks, seed))) == told(play(whole, script.chunks))
    assert boards(pieces) == boards(whole)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_of_hundreds_comes_to_the_same_as_its_events_one_by_one(seed: int) -> None:
    script = crowded_session(seed)
    whole, singly = script.fresh(), script.fresh()
    together, apart = play(whole, script.chunks), play(singly, cut(script.chunks, seed, most=1))
    for engine in (whole, singly):
        engine.advance(script.engine.now)
    assert told(merged((apart, singly.take_effects()))) == told(merged((together, whole.take_effects())))
    assert boards(singly) == boards(whole)
    held, expected = (decode(engine.checkpoint(), script.opened.session) for engine in (singly, whole))
    assert (held.rooms, held.active, held.skus, held.seen) == (
        expected.rooms, expected.active, expected.skus, expected.seen,
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_waking_up_in_between_changes_nothing(seed: int) -> None:
    script, _ = random_session(seed)
    calm, restless = script.fresh(), script.fresh()
    assert told(play_restless(restless, script.chunks, seed)) == told(play(calm, script.chunks))
    assert boards(restless) == boards(calm)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_checkpoint_and_the_rest_is_the_whole(seed: int) -> None:
    script, _ = random_session(seed)
    half = len(script.chunks) * (seed % 7 + 1) // 8
    whole, first = script.fresh(), script.fresh()
    expected = told(play(whole, script.chunks[:half]))
    assert told(play(first, script.chunks[:half])) == expected
    second = restored(script, first)
    assert (second.now, second.position, second.next_deadline) == (first.now, first.position, first.next_deadline)
    assert boards(second) == boards(first)
    assert told(play(second, script.chunks[half:])) == told(play(whole, script.chunks[half:]))
    assert boards(second) == boards(whole)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_topic_whose_number_did_not_grow_looks_the_same(seed: int) -> None:
    script, _ = random_session(seed)
    engine = script.fresh()
    before, numbers = boards(engine), dict(engine.versions)
    for chunk in script.chunks[:60]:
        if not isinstance(chunk.body, Gap):
            engine.advance(Instant((engine.now + chunk.applied_ms) // 2))
            before, numbers = _compared(engine, before, numbers)
        engine.apply(chunk)
        before, numbers = _compared(engine, before, numbers)


Boards = dict[tuple[Topic, Audience], object]


def _compared(engine: Engine, before: Boards, numbers: dict[Topic, int]) -> tuple[Boards, dict[Topic, int]]:
    after, grown = boards(engine), dict(engine.versions)
    for (topic, audience), values in after.items():
        if grown[topic] == numbers[topic]:
            assert values == before[topic, audience], topic
    return after, grown


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_written_is_what_is_shown(seed: int) -> None:
    script, _ = random_session(seed)
    effects = play(engine := script.fresh(), script.chunks)
    alerts = engine.topic("alerts", "control", Clearance.RESTRICTED)
    assert {key: alert for key, alert in effects.alerts.items() if alert.listed} == alerts
    prompts = engine.topic("prompts", "control", Clearance.RESTRICTED)
    assert prompts == {key: effects.prompts[key] for key in prompts}
    assert set(engine.versions) == set(TOPICS)
