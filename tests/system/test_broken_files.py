"""Promises about broken rule files and lexicons at a start: never run, never fatal once a good one was accepted."""

from pathlib import Path

from app import __version__
from app.clock import SystemClock
from app.intake.recipe import find_recipe
from app.store.database import Store
from app.store.sessions import Opening, open_session
from app.workspace.file import read_workspace
from app.workspace.plan import plan_session
from tests.system.page import Page, Topics
from tests.system.server import OTHER_ROOM, ROOM, WORKSPACE, Server, ingest, prepared, serving, speech, viewers

BROKEN_RULE = """id: mine
title: 我的规则
when: "m.viewers <"
levels:
  - {severity: warning, fire: "m.viewers < 5.0", for: 30s}
clear: "m.viewers >= 8.0"
text: {title: 没人, action: 看一看}
"""
BROKEN_LEXICON = "version: 1\nphrases:\n  - {nonsense: true}\n"
IDS = {"rules-fallback", "lexicon-fallback"}


def spoil(data: Path) -> None:
    (data / "rules").mkdir(exist_ok=True)
    (data / "rules" / "mine.yaml").write_text(BROKEN_RULE, encoding="utf-8")
    (data / "lexicon.yaml").write_text(BROKEN_LEXICON, encoding="utf-8")


async def accept_shipped(data: Path) -> None:
    """What a start with nothing broken does, and a session of ROOM that began under it."""
    store, now = await Store.open(f"sqlite:///{data / 'cueroom.sqlite3'}"), SystemClock().now()
    recipe, fallbacks = await find_recipe(store, data, now, __version__)
    plan = plan_session(read_workspace(WORKSPACE, "two.yaml"), ROOM, "live", {}, now)
    opening = Opening(
        id="before", plan=plan, rules=recipe.rules, lexicon=recipe.lexicon, build=__version__, wall_ms=now
    )
    await store.write(lambda conn: open_session(conn, opening))
    await store.close()
    assert fallbacks == []


def of_the_house(topics: Topics) -> dict[str, dict[str, object]]:
    """The alerts about the installation, by rule."""
    return {alert["rule"]: alert for alert in topics.get("alerts", {}).values() if alert["rule"] in IDS}


async def test_with_nothing_accepted_before_it_does_not_start_and_says_where(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "rules").mkdir(parents=True)
    (data / "rules" / "mine.yaml").write_text(BROKEN_RULE, encoding="utf-8")
    server = Server(data)
    assert await server.ended() == 1
    assert "cueroom: the rules cannot be used, and none was accepted before: mine.yaml:" in server.complained
    assert "mine.yaml:3:" in server.complained
    assert "Traceback" not in server.complained
    assert server.said == ""


async def test_the_last_accepted_ones_run_and_every_console_says_so_until_they_are_mended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = await prepared(data)
    await accept_shipped(data)
    spoil(data)
    async with serving(data) as server, server.client(keys.ingest) as feed:
        assert "the rules are broken, the last accepted ones run: mine.yaml:3:" in server.complained
        await ingest(feed, viewers("v1", 800), speech("s1"))
        page = await Page(server, keys.admin).open()
        await page.shows("both, and the rule that still works", "alerts", lambda rows: len(rows) == 3)
        said = of_the_house(page.topics)
        assert set(said) == IDS
        for alert in said.values():
            title, action = alert["title"], alert["action"]
            assert isinstance(title, dict)
            assert isinstance(action, dict)
            assert set(title) == set(action) == {"zh-CN", "zh-TW", "en"}
            assert alert["labels"] == {"team": "av"}
            assert (alert["severity"], alert["condition"]) == ("P2", "firing")
        assert "mine.yaml:3:" in str(said["rules-fallback"]["action"])
        assert "lexicon.yaml:1:1" in str(said["lexicon-fallback"]["action"])
        await page.close()
        await ingest(feed, viewers("v2", 800), room=OTHER_ROOM)
        other = await Page(server, keys.admin, path=f"/ws/rooms/{OTHER_ROOM}").open()
        await other.shows("a session that opens now says it too", "alerts", lambda rows: len(rows) == 2)
        assert set(of_the_house(other.topics)) == IDS
        await other.close()

    (data / "rules" / "mine.yaml").unlink()
    (data / "lexicon.yaml").unlink()
    async with serving(data) as server:
        for room in (ROOM, OTHER_ROOM):
            page = await Page(server, keys.admin, path=f"/ws/rooms/{room}").open()
            await page.shows(
                "they end",
                "alerts",
                lambda rows: {row["condition"] for row in rows.values() if row["rule"] in IDS} == {"ended"},
            )
            await page.close()
