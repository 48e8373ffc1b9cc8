"""Promises of the desk: who may issue which command, one outcome a key, and no waiting beyond its time."""

import asyncio
from typing import get_args

import pytest

from app.domain.commands import (
    AckAlert,
    Command,
    EndSession,
    MoveRundown,
    ReceivePrompt,
    Report,
    SendPrompt,
    SetGuide,
    StartSession,
    UnackAlert,
    WithdrawPrompt,
    digest_of,
)
from app.domain.people import SYSTEM, Actor, Role
from app.errors import Forbidden, NotFound, Unavailable
from app.intake.desk import LATE_KEYS, LOST_AFTER_MS, MAY_ISSUE, KeyReused, NotTaken, check_may_issue
from tests.intake.house import House

EVERY: tuple[Command, ...] = (
    AckAlert("a"),
    UnackAlert("a"),
    SendPrompt({"zh-CN": "好"}),
    WithdrawPrompt("p"),
    ReceivePrompt("p", "me", "平板", "seen", 1),
    MoveRundown("next"),
    StartSession(),
    EndSession(),
    SetGuide({"zh-CN": "好"}),
    Report("rules-fallback"),
)
CONTROLLER = Actor("operator", "zhou", "周敏", Role.CONTROLLER)
DESK_COMMANDS = {AckAlert, UnackAlert, SendPrompt, WithdrawPrompt, MoveRundown, StartSession, EndSession}


def allowed(command: Command, actor: Actor) -> bool:
    try:
        check_may_issue(command, actor)
    except Forbidden:
        return False
    return True


def test_the_table_names_every_command() -> None:
    assert set(MAY_ISSUE) == set(get_args(Command)) == {type(command) for command in EVERY}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_issue_exactly_its_commands(role: Role) -> None:
    person = {type(command) for command in EVERY if allowed(command, Actor("operator", "me", "我", role))}
    tablet = {type(command) for command in EVERY if allowed(command, Actor("device", "me", "平板", role))}
    assert person == (DESK_COMMANDS if role in (Role.ADMIN, Role.CONTROLLER) else set())
    assert tablet == ({ReceivePrompt} if role in (Role.HOST, Role.ASSISTANT) else set())


def test_a_driver_of_the_system_may_issue_all_and_a_tablet_no_other_tablets_receipts() -> None:
    assert all(allowed(command, SYSTEM) for command in EVERY)
    assert not allowed(ReceivePrompt("p", "other", "平板", "seen", 1), Actor("device", "me", "平板", Role.HOST))


async def session(house: House) -> str:
    return (await house.directory.open("wine-dy", "live"))[0].id


async def test_a_command_comes_back_with_its_committed_outcome(house: House) -> None:
    outcome = await house.desk.submit(await session(house), "k", AckAlert("a", 3), CONTROLLER)
    assert outcome is not None
    assert (outcome.key, outcome.code, outcome.command, outcome.by) == ("k", "done", "ack_alert", CONTROLLER)


async def test_the_same_key_again_has_the_first_outcome_and_no_second_effect(house: House) -> None:
    name = await session(house)
    first = await house.desk.submit(name, "k", AckAlert("a", 3), CONTROLLER)
    house.clock.advance(1_000)
    again = await house.desk.submit(name, "k", AckAlert("a", 3), CONTROLLER)
    assert again == first
    assert len(house.loop.sessions[name].entries) == 1


@pytest.mark.parametrize(
    ("command", "actor"),
    [
        (MoveRundown("next"), CONTROLLER),
        (AckAlert("a", 4), CONTROLLER),
        (AckAlert("b", 3), CONTROLLER),
        (AckAlert("a", 3), Actor("operator", "lin", "周敏", Role.CONTROLLER)),
    ],
)
async def test_a_key_is_for_one_thing_of_one_person(house: House, command: Command, actor: Actor) -> None:
    name = await session(house)
    await house.desk.submit(name, "k", AckAlert("a", 3), CONTROLLER)
    with pytest.raises(KeyReused):
        await house.desk.submit(name, "k", command, actor)
    assert len(house.loop.sessions[name].entries) == 1


async def test_two_things_at_once_under_one_key_are_one_done_and_one_refused(house: House) -> None:
    name = await session(house)
    both = await asyncio.gather(
        *(house.desk.submit(name, "k", MoveRundown(to), CONTROLLER) for to in ("next", "back")), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in both) == ["KeyReused", "Outcome"]


def test_the_order_of_languages_is_no_other_content() -> None:
    one, other = SendPrompt({"zh-CN": "好", "en": "ok"}), SendPrompt({"en": "ok", "zh-CN": "好"})
    assert digest_of(one, CONTROLLER) == digest_of(other, CONTROLLER)


async def test_twice_at_once_is_one_command(house: House) -> None:
    name = await session(house)
    both = await asyncio.gather(*(house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER) for _ in range(2)))
    assert both[0] == both[1] is not None


async def test_what_is_not_committed_in_time_is_still_coming_and_can_be_asked_for(house: House) -> None:
    name = await session(house)
    house.loop.held.clear()
    assert await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER, within_ms=5) is None
    ref = await house.directory.find(name)
    assert await house.desk.outcome(ref, "k") is None
    house.loop.held.set()
    outcome = await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER)
    assert outcome == await house.desk.outcome(ref, "k")


async def test_a_late_command_of_which_nothing_comes_is_to_be_sent_again_with_its_key(house: House) -> None:
    name = await session(house)
    ref = await house.directory.find(name)
    house.loop.held.clear()
    for _ in range(2):
        assert await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER, within_ms=5) is None
        house.clock.advance(LOST_AFTER_MS - 1)
        assert await house.desk.late_outcome(ref, "k") is None
        house.clock.advance(1)
        with pytest.raises(NotTaken):
            await house.desk.late_outcome(ref, "k")
    house.loop.held.set()
    assert await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER) is not None
    assert await house.desk.late_outcome(ref, "k") is not None


async def test_only_so_many_late_commands_are_remembered(house: House) -> None:
    name = await session(house)
    house.loop.held.clear()
    house.desk._late.update({(9, str(n)): house.clock.now() for n in range(LATE_KEYS)})
    assert await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER, within_ms=5) is None
    assert len(house.desk._late) == LATE_KEYS
    house.loop.held.set()


async def test_a_refused_commit_is_a_refusal_not_a_wait(house: House) -> None:
    name = await session(house)
    house.loop.refuse[name] = Unavailable("away")
    with pytest.raises(Unavailable):
        await house.desk.submit(name, "k", MoveRundown("next"), CONTROLLER)


async def test_a_command_to_no_session_is_refused(house: House) -> None:
    with pytest.raises(NotFound):
        await house.desk.submit("nothing", "k", MoveRundown("next"), CONTROLLER)


async def test_commands_carry_the_sessions_time(house: House) -> None:
    from app.domain.session_clock import SessionClock

    ref, _ = await house.directory.open("wine-dy", "demo", clock=SessionClock(house.clock.now(), 1_000_000, 2.0))
    house.clock.advance(500)
    outcome = await house.desk.submit(ref.id, "k", MoveRundown("next"), CONTROLLER)
    assert outcome is not None
    assert outcome.at_ms == 1_001_000
