"""Promises: what the control room itself failed on is named by the doctor, with the reason."""

from functools import partial

from app.access.access import Access
from app.clock import ManualClock
from app.domain.records import Entry, Events
from app.domain.workspace import Brand, Room, Workspace
from app.instants import later
from app.operations.doctor import Examine, examine
from app.operations.installation import Installation
from app.settings import Settings
from app.store import quarantine, sessions
from app.store.database import Store
from app.store.workspace import replace_workspace
from tests.store import samples

WORKSPACE = Workspace(
    id="winery",
    name="酒窖",
    brands=(Brand("cellar", "酒窖"),),
    rooms=(Room(id="douyin", brand="cellar", name="酒窖 · 抖音", platform="douyin"),),
)


async def test_what_was_set_aside_is_counted_and_named_with_its_reason(store: Store) -> None:
    await store.write(lambda conn: replace_workspace(conn, WORKSPACE, source="", by="test", at=samples.NOW))
    row, _ = await store.write(partial(sessions.open_session, opening=samples.opening("s", "douyin")))
    for n, reason in enumerate(("the engine failed on it twice", "row_refused: no", "the engine failed on it twice")):
        entry = Entry(samples.NOW, Events("src", ("douyin",), samples.events(10 * n, 10)))
        at = later(samples.NOW, 1_000 * n)
        work = partial(quarantine.set_aside, session_no=row.session_no, entry=entry, reason=reason, at=at)
        await store.write(work)
    clock = ManualClock(samples.NOW)
    access = Access(store=store, clock=clock)
    here = Installation(settings=Settings(_env_file=None), store=store, clock=clock, access=access)
    answer = await examine(here, Examine("zh-CN", "douyin"))
    assert answer.lines[1:3] == (
        "  已隔离 2 批（events，共 20 条），最近 2025-11-25 00:00:02：the engine failed on it twice",
        "  已隔离 1 批（events，共 10 条），最近 2025-11-25 00:00:01：row_refused: no",
    )
    assert [each["events"] for each in answer.data["rooms"][0]["set_aside"]] == [20, 10]
