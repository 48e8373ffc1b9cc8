"""Promises: prompts, rundown, the life of a session, and one outcome for each command."""

import msgspec
import pytest
from msgspec.structs import replace

from app.domain.commands import (
    EndSession,
    MoveRundown,
    ReceivePrompt,
    Report,
    SendPrompt,
    SetGuide,
    Stage,
    StartSession,
    WithdrawPrompt,
    digest_of,
)
from app.domain.people import SYSTEM, Clearance
from app.domain.prompts import Prompt
from app.engine.changes import TOPICS
from app.engine.checkpoint import CheckpointMismatch
from app.engine.engine import Engine, OutOfOrder
from tests.engine.script import CONTROLLER, PLAN, TABLET, TWO_ROOMS, Script, matcher

TEXT = {"zh-CN": "讲一下价格"}


def prompt_of(script: Script) -> Prompt:
    (prompt,) = script.topic("prompts").values()
    return prompt  # type: ignore[no-any-return]


def receive(script: Script, second: float, stage: Stage, device: str = "d1", **fields: object) -> str:
    prompt = prompt_of(script)
    at = script.at(fields.pop("at", second))  # type: ignore[arg-type]  # seconds
    command = ReceivePrompt(prompt.id, device, f"平板{device}", stage, at, **fields)  # type: ignore[arg-type]
    return script.order_to(second, command, by=TABLET).code


def test_a_prompt_is_delivered_read_and_done_with_its_seconds() -> None:
    script = Script()
    outcome = script.order_to(10, SendPrompt(TEXT, "urgent"))
    assert (outcome.code, outcome.subject) == ("done", prompt_of(script).id)
    receive(script, 10.3, "shown")
    assert prompt_of(script).state == "sent"
    receive(script, 14, "seen")
    receive(script, 20, "done")
    prompt = prompt_of(script)
    (receipt,) = prompt.receipts
    assert (prompt.state, prompt.sent_ms) == ("done", script.at(10))
    assert (receipt.shown_ms, receipt.seen_ms, receipt.done_ms) == (script.at(10.3), script.at(14), script.at(20))
    assert receipt.device_name == "平板d1"


def test_stages_only_rise_and_a_repeat_is_no_error() -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT))
    receive(script, 12, "done")
    version = prompt_of(script).version
    assert receive(script, 13, "shown") == "done"
    assert receive(script, 14, "done") == "done"
    assert (prompt_of(script).version, prompt_of(script).state) == (version, "done")


def test_two_tablets_have_their_own_receipts() -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT))
    receive(script, 11, "shown", "d1")
    receive(script, 12, "seen", "d2")
    first, second = prompt_of(script).receipts
    assert (first.device, first.seen_ms) == ("d1", None)
    assert (second.device, second.seen_ms) == ("d2", script.at(12))
    assert prompt_of(script).state == "seen"


def test_an_answer_word_counts_as_read_and_is_shown() -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT))
    receive(script, 11, "shown", word="help")
    (receipt,) = prompt_of(script).receipts
    assert (receipt.word, receipt.seen_ms, prompt_of(script).state) == ("help", script.at(11), "seen")


def test_a_receipt_sent_later_keeps_its_own_instant_within_reason() -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT))
    receive(script, 60, "shown", at=12)
    receive(script, 61, "seen", "d2", at=900)
    receive(script, 62, "seen", "d3", at=1)
    assert [receipt.shown_ms for receipt in prompt_of(script).receipts] == [
        script.at(12),
        script.at(61),
        script.at(10),
    ]


@pytest.mark.parametrize(("level", "after"), [("urgent", 20), ("normal", 90), ("info", None)])
def test_a_card_nobody_has_read_is_shown_to_the_controller(level: str, after: int | None) -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT, level))  # type: ignore[arg-type]  # a level
    receive(script, 11, "shown")
    if after is None:
        script.wait(5_000)
        assert not prompt_of(script).unread
        return
    script.wait(10 + after - 0.001)
    assert not prompt_of(script).unread
    script.engine.take_effects()
    script.wait(10 + after)
    assert prompt_of(script).unread
    effects = script.engine.take_effects()
    assert effects.urgent
    assert list(effects.prompts) == [prompt_of(script).id]
    receive(script, 10 + after + 5, "seen")
    assert not prompt_of(script).unread


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ({"zh-CN": "字" * 60}, "done"),
        ({"zh-CN": "字" * 61}, "text_too_long"),
        ({"zh-CN": " "}, "invalid"),
        ({}, "invalid"),
    ],
)
def test_a_prompt_is_one_short_line(text: dict[str, str], code: str) -> None:
    assert Script().order_to(10, SendPrompt(text)).code == code


def test_an_unread_card_can_be_taken_back_and_a_read_one_cannot() -> None:
    script = Script()
    script.order_to(10, SendPrompt(TEXT, "urgent"))
    assert script.order_to(11, WithdrawPrompt(prompt_of(script).id)).code == "done"
    script.wait(60)
    assert (prompt_of(script).state, prompt_of(script).unread) == ("withdrawn", False)
    other = script.order_to(61, SendPrompt(TEXT)).subject
    script.order_to(62, ReceivePrompt(other, "d1", "平板", "seen", script.at(62)))
    refused = script.order_to(63, WithdrawPrompt(other))
    assert (refused.code, script.topic("prompts")[other].state) == ("invalid", "seen")
    assert script.order_to(64, WithdrawPrompt("nothing")).code == "not_found"
    assert script.order_to(65, ReceivePrompt("nothing", "d1", "平板", "seen", 1)).code == "not_found"
    assert script.order_to(66, SendPrompt(TEXT, alert="nothing")).code == "not_found"


def test_the_same_key_again_answers_the_first_outcome_and_does_nothing() -> None:
    script = Script()
    first = script.order_to(10, SendPrompt(TEXT), key="k")
    script.engine.take_effects()
    again = script.order_to(20, SendPrompt({"zh-CN": "另一句"}), key="k")
    assert again == first
    effects = script.engine.take_effects()
    assert (effects.outcomes, effects.prompts) == ([], {})
    assert script.engine.position == 3


def test_moving_the_rundown_moves_the_marker_and_what_is_on_air() -> None:
    script = Script()
    assert script.topic("rundown")["now"].current == "open"  # it begins with the session
    outcome = script.order_to(360, MoveRundown("next", 2))
    assert (outcome.code, outcome.subject, outcome.found) == ("done", "box", 3)
    rundown = script.topic("rundown")["now"]
    assert (rundown.current, rundown.on_air, rundown.shift_ms) == ("box", "SKU-2", 60_000)
    assert [segment.state for segment in rundown.segments] == ["done", "now", "next"]
    assert (rundown.segments[0].started_ms, rundown.segments[0].ended_ms) == (script.at(0), script.at(360))
    assert script.topic("skus")["SKU-2"].on_air
    script.order_to(370, MoveRundown("back", 3))
    rundown = script.topic("rundown")["now"]
    assert [segment.state for segment in rundown.segments] == ["now", "next", "later"]
    assert (rundown.on_air, rundown.segments[0].ended_ms, rundown.segments[1].started_ms) == ("", None, None)


@pytest.mark.parametrize(
    ("to", "expects", "code"), [("next", 1, "stale"), ("back", 2, "invalid"), ("nowhere", 2, "not_found")]
)
def test_a_move_that_cannot_be_is_refused_with_the_version_found(to: str, expects: int, code: str) -> None:
    script = Script()
    outcome = script.order_to(5, MoveRundown(to, expects))
    assert (outcome.code, outcome.found) == (code, 2)
    assert script.topic("rundown")["now"].current == "open"


def test_the_guide_is_for_demo_sessions() -> None:
    line = SetGuide({"zh-CN": "主播说了违禁词"})
    assert Script().order_to(1, line).code == "invalid"
    script = Script(replace(PLAN, kind="demo"))
    assert script.order_to(1, line).code == "done"
    assert script.topic("guide")["line"].line == {"zh-CN": "主播说了违禁词"}
    assert script.topic("guide", audience="tablet") == {}


# The life of a session


def state_of(script: Script) -> str:
    return script.engine.state


def test_a_planned_session_judges_nothing_until_it_is_started() -> None:
    script = Script(live=False)
    script.send(1, script.stock(1, available=-5, version=1))
    script.say(2, "暖身御寒")
    script.wait(100)
    assert (script.engine.state, script.alerts()) == ("planned", [])
    assert script.order_to(101, StartSession()).code == "done"
    script.wait(110)
    assert (script.engine.state, [rule for rule, _, _ in script.alerts()]) == ("live", ["stock-shortfall"])


@pytest.mark.parametrize("kind", ["viewers", "status", "comment"])
def test_a_planned_session_begins_by_itself_when_its_room_is_on_air(kind: str) -> None:
    script = Script(live=False)
    script.send(1, script.viewers(1, 0))
    assert state_of(script) == "planned"
    events = {"viewers": script.viewers(2, 5), "status": script.status(2, "live"), "comment": script.comment(2)}
    script.send(2, events[kind])
    assert state_of(script) == "live"
    assert script.topic("session")["head"].started_ms == script.at(2)
    assert [change.state for change in script.engine.take_effects().changes] == ["live"]


def test_everything_open_is_closed_at_the_end_with_a_summary() -> None:
    script = Script()
    for second in range(1, 121):
        script.send(second, script.viewers(second, 700 + second), script.like(second, second), script.comment(second))
    script.send(121, script.paid(121, "o1", 3), script.stock(121, available=-1, version=1))
    script.send(122, script.stream(122, 100.0, reconnecting=True))
    script.say(123, "暖身御寒")
    script.wait(130)
    script.engine.take_effects()
    assert script.order_to(150, EndSession()).code == "done"
    assert {condition for _, _, condition in script.alerts()} == {"ended"}
    reasons = {alert.rule: alert.ended_reason for alert in script.topic("alerts").values()}
    assert reasons == {"stream-fault": "session_end", "banned-phrase": "clear", "stock-shortfall": "session_end"}
    summary = script.topic("session")["head"].summary
    wanted = {
        "viewers_peak": 820,
        "gmv": 209_700,
        "orders": 1,
        "units": 3,
        "comments": 120,
        "alerts": 3,
        "minutes": 2.5,
    }
    assert {name: summary[name] for name in wanted} == wanted
    assert 0 < summary["interaction_mean"] < 0.2
    effects = script.engine.take_effects()
    assert [(change.state, change.summary) for change in effects.changes] == [("ended", summary)]
    assert effects.readings
    assert script.engine.next_deadline is None


def test_an_ended_session_takes_late_facts_receipts_and_acknowledgements_and_never_fires() -> None:
    script = Script()
    script.send(1, script.viewers(1, 700), script.stock(1, available=50, version=1))
    script.order_to(2, SendPrompt(TEXT, "urgent"))
    script.order_to(5, EndSession())
    script.send(9, script.paid(4, "o1", 80), script.comment(4))
    script.say(10, "暖身御寒")
    script.send(11, script.status(11, "live"))
    script.engine.advance(script.at(4_000))
    assert (script.engine.state, script.alerts(), prompt_of(script).unread) == ("ended", [], False)
    assert script.engine.next_deadline is None
    assert (script.topic("skus")["SKU-2"].sellable, script.value("comments_session")) == (-30, 1)
    assert receive(script, 4_001, "seen") == "done"
    for command in (SendPrompt(TEXT), MoveRundown("next"), StartSession(), EndSession()):
        assert script.order_to(4_002, command).code == "ended"


def test_a_session_of_two_rooms_ends_with_the_last_of_them() -> None:
    script = Script(TWO_ROOMS)
    script.send(1, script.viewers(1, 700), script.viewers(1, 300, "r2"))
    script.send(9, script.status(9, "ended", "r2"))
    assert (script.engine.state, script.value("viewers")) == ("live", 700)
    script.send(10, script.status(10, "paused"))
    assert state_of(script) == "paused"
    script.send(11, script.status(11, "live"))
    assert state_of(script) == "live"
    script.send(12, script.status(12, "ended"))
    assert state_of(script) == "ended"


def test_the_clock_of_a_session_may_be_moved_by_the_record() -> None:
    script = Script()
    script.clock(1, 0.0)
    script.send(1, script.stream(1, 4_000.0))
    script.clock(30, 1.0)
    assert script.engine.now == script.at(30)
    assert script.alert("stream-fault").opened_ms == script.at(6)


# What boards tell whom


def test_a_tablet_is_told_of_nothing_but_its_cards_and_the_rundown() -> None:
    script = Script()
    script.send(1, script.viewers(1, 700), script.paid(1, "o1"), script.comment(1))
    script.say(2, "暖身御寒")
    script.order_to(3, SendPrompt(TEXT, alert=script.alert("banned-phrase").id))
    told = {topic: script.engine.topic(topic, "tablet", Clearance.OPEN) for topic in TOPICS}
    assert {topic for topic, values in told.items() if values} == {"session", "rooms", "prompts", "rundown"}
    head = told["session"]["head"]
    assert (head.counters, head.summary, head.position, head.duplicates) == ({}, {}, 0, 0)
    (prompt,) = told["prompts"].values()
    assert prompt.alert == ""
    text = msgspec.json.encode(told).decode()
    assert "69900" not in text
    assert "banned" not in text


def test_the_newest_hundred_messages_are_shown_in_their_order() -> None:
    script = Script()
    for second in range(1, 60):
        script.send(second, *(script.comment(second, f"{second}-{n}") for n in range(10)))
    messages = script.topic("messages")
    assert list(messages) == sorted(messages)
    assert [row.text for row in messages.values()] == [f"{second}-{n}" for second in range(50, 60) for n in range(10)]


# The record


def test_a_chunk_that_does_not_follow_the_last_one_is_refused() -> None:
    script = Script()
    with pytest.raises(OutOfOrder):
        script.engine.apply(script.chunks[0])


def test_a_checkpoint_of_something_else_is_thrown_away() -> None:
    script = Script()
    body = script.engine.checkpoint()
    for other, opened in (
        (b"\x00", script.opened),
        (body[:-5], script.opened),
        (body, replace(script.opened, session="x")),
    ):
        with pytest.raises(CheckpointMismatch):
            Engine.restore(other, opened, script.plan, script.rules, matcher())


def test_what_sql_has_stands_after_a_rebuild_and_differences_are_named() -> None:
    script = Script()
    script.say(2, "暖身御寒")
    script.order_to(3, SendPrompt(TEXT))
    alerts, prompts = list(script.topic("alerts").values()), list(script.topic("prompts").values())
    assert script.engine.adopt(alerts, prompts) == []
    script.engine.discard_effects()
    acked = replace(alerts[0], acked_ms=5, acked_by="x", version=9)
    assert [(row.kind, row.what) for row in script.engine.adopt([acked], [])] == [
        ("alert", "other"),
        ("prompt", "missing"),
    ]
    assert script.alert("banned-phrase") == acked
    assert list(script.engine.take_effects().prompts) == [prompts[0].id]


def test_what_sql_knows_as_ended_is_opened_anew_when_it_happens_again() -> None:
    script = Script()
    script.order_to(2, Report("r"), by=SYSTEM)
    script.engine.adopt([replace(script.alert("r"), ended_ms=script.at(3), condition="ended", version=9)], [])
    script.order_to(4, Report("r"), by=SYSTEM)
    assert [condition for _, _, condition in script.alerts()] == ["ended", "firing"]


def test_an_outcome_says_what_was_issued_and_by_whom() -> None:
    script = Script()
    assert script.order_to(5, MoveRundown("next")).digest == digest_of(MoveRundown("next"), CONTROLLER)
