"""Promises of the catalogue: what was set up, by its name; joined once, and anew after a load."""

from functools import partial

import msgspec

from app.domain.workspace import Brand, Channel, Room, Workspace
from app.intake.catalogue import Catalogue
from app.store.database import Store
from app.store.workspace import replace_workspace
from tests.store import samples

WINE = Workspace(
    id="wine",
    name="酒庄",
    brands=(Brand("cellar", "酒窖"),),
    rooms=(Room(id="wine-dy", brand="cellar", name="抖音间", platform="douyin"),),
    channels=(Channel(name="supply", kind="dingtalk", robots=("env:HOOK",)),),
)
TEA = Workspace(
    id="tea",
    name="茶社",
    brands=(Brand("hill", "云岭"),),
    rooms=(Room(id="tea-dy", brand="hill", name="茶间", platform="douyin"),),
)


async def setup(store: Store, *files: Workspace) -> None:
    for each in files:
        await store.write(partial(replace_workspace, new=each, source="text", by="林", at=samples.NOW))


async def test_rooms_and_channels_are_found_by_name_in_whichever_workspace(sqlite_store: Store) -> None:
    await setup(sqlite_store, WINE, TEA)
    catalogue = Catalogue(sqlite_store)
    assert (catalogue.room("tea-dy"), catalogue.name) == (None, "")
    await catalogue.load()
    assert (catalogue.room("wine-dy"), catalogue.room("tea-dy")) == (WINE.rooms[0], TEA.rooms[0])
    assert (catalogue.of_room("wine-dy").id, catalogue.of_room("tea-dy").id) == ("wine", "tea")
    assert catalogue.channel("supply") == WINE.channels[0]
    assert catalogue.room("nowhere") is None
    assert catalogue.channel("nowhere") is None
    assert catalogue.of_room("nowhere") is catalogue.all()


async def test_the_joined_view_is_one_thing_until_the_next_load(sqlite_store: Store) -> None:
    await setup(sqlite_store, WINE)
    catalogue = Catalogue(sqlite_store)
    await catalogue.load()
    before = catalogue.all()
    assert catalogue.all() is before
    await setup(sqlite_store, msgspec.structs.replace(WINE, channels=()), TEA)
    assert catalogue.room("tea-dy") is None
    await catalogue.load()
    assert {room.id for room in catalogue.all().rooms} == {"wine-dy", "tea-dy"}
    assert catalogue.channel("supply") is None
