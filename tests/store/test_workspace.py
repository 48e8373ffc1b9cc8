"""Promises: a workspace is replaced whole or not at all, says what changed, and takes nothing of another's."""

from functools import partial

import msgspec
import pytest

from app.domain.people import Role
from app.domain.workspace import Brand, Channel, Person, Room, Sku, Workspace
from app.store import audit, people, sessions, workspace
from app.store.database import Store
from app.store.workspace import BelongsToAnother, RoomInUse
from tests.store import samples

WINERY = Workspace(
    id="winery",
    name="酒庄",
    brands=(Brand("cellar", "酒窖"),),
    rooms=(
        Room(id="douyin", brand="cellar", name="抖音间", platform="douyin"),
        Room(id="shipinhao", brand="cellar", name="视频号间", platform="shipinhao"),
    ),
    skus=(Sku(sku="sku-2", product="gift", brand="cellar", name="礼盒"),),
    channels=(Channel(name="supply", kind="dingtalk", robots=("env:HOOK",)),),
    people=(Person("林场控", Role.CONTROLLER, "cellar"),),
)


async def setup(store: Store, new: Workspace) -> list[str]:
    replace = partial(workspace.replace_workspace, new=new, source="text", by="林场控", at=samples.NOW)
    return [f"{change.kind} {change.section} {change.id}" for change in await store.write(replace)]


async def test_a_workspace_is_read_back_as_it_was_set_up(store: Store) -> None:
    changes = await setup(store, WINERY)
    assert "added rooms douyin" in changes
    assert await store.read(workspace.workspaces) == [WINERY]
    assert await store.read(workspace.all_rooms) == list(WINERY.rooms)
    assert await store.read(partial(workspace.channel, name="supply")) == WINERY.channels[0]


async def test_setting_up_the_same_again_changes_nothing(store: Store) -> None:
    await setup(store, WINERY)
    assert await setup(store, WINERY) == []
    assert len(await store.read(partial(workspace.versions, workspace_id="winery"))) == 1


async def test_what_a_new_file_changes_is_said_and_kept(store: Store) -> None:
    await setup(store, WINERY)
    smaller = msgspec.structs.replace(WINERY, rooms=WINERY.rooms[:1], channels=())
    assert await setup(store, smaller) == ["removed rooms shipinhao", "removed channels supply"]
    newest, first = await store.read(partial(workspace.versions, workspace_id="winery"))
    assert (newest.version, first.version, newest.by) == (2, 1, "林场控")
    assert [change.id for change in newest.changes] == ["shipinhao", "supply"]


async def test_a_file_that_takes_anothers_room_changes_nothing(store: Store) -> None:
    await setup(store, WINERY)
    mine = Room(id="new", brand="own", name="新", platform="x")
    theirs = Room(id="douyin", brand="own", name="抢", platform="x")
    other = Workspace(id="other", name="别家", brands=(Brand("own", "自有"),), rooms=(mine, theirs))
    with pytest.raises(BelongsToAnother) as refused:
        await setup(store, other)
    assert refused.value.context["id"] == "douyin"
    assert await store.read(workspace.workspaces) == [WINERY]
    assert await store.read(workspace.all_rooms) == list(WINERY.rooms)


async def test_a_room_with_an_open_session_cannot_be_left_out(store: Store) -> None:
    await setup(store, WINERY)
    await store.write(partial(sessions.open_session, opening=samples.opening("s", "shipinhao")))
    with pytest.raises(RoomInUse):
        await setup(store, msgspec.structs.replace(WINERY, rooms=WINERY.rooms[:1]))
    assert await store.read(workspace.workspaces) == [WINERY]


async def test_people_of_the_file_get_its_role_and_those_it_drops_are_shut_out(store: Store) -> None:
    await setup(store, WINERY)
    named = partial(people.person_named, name="林场控")
    lin = await store.read(named)
    assert lin is not None
    assert (lin.role, lin.password) == (Role.CONTROLLER, None)
    await store.write(partial(people.change_person, person_id=lin.id, password="hash"))
    await setup(store, msgspec.structs.replace(WINERY, people=(Person("林场控", Role.ADMIN),)))
    promoted = await store.read(named)
    assert promoted is not None
    assert (promoted.id, promoted.role, promoted.password) == (lin.id, Role.ADMIN, "hash")
    await setup(store, msgspec.structs.replace(WINERY, people=()))
    gone = await store.read(named)
    assert gone is not None
    assert gone.disabled_ms == samples.NOW
    await setup(store, WINERY)
    back = await store.read(named)
    assert back is not None
    assert (back.role, back.disabled_ms) == (Role.CONTROLLER, None)
    assert [row.action for row in await store.read(audit.audit)] == ["enable_person", "disable_person"]


async def test_what_was_done_to_people_since_the_file_stays_when_it_changes_elsewhere(store: Store) -> None:
    await setup(store, WINERY)
    lin = await store.read(partial(people.person_named, name="林场控"))
    assert lin is not None
    await store.write(partial(people.change_person, person_id=lin.id, role=Role.VIEWER, brand=""))
    await store.write(partial(people.disable_person, person_id=lin.id, at=samples.NOW))
    await setup(store, msgspec.structs.replace(WINERY, name="新酒庄"))
    after = await store.read(partial(people.person, person_id=lin.id))
    assert (after.role, after.brand, after.disabled_ms) == (Role.VIEWER, "", samples.NOW)
