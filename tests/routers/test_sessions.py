"""Promises of the session routes: who may do and see what, outcomes and their statuses, lists and their cursors."""

from typing import Any

import httpx2
import msgspec
import pytest
from sqlalchemy import Connection

from app.domain.alerts import Alert
from app.domain.commands import Command, Outcome
from app.domain.effects import MessageRow
from app.domain.people import SYSTEM, Actor, Clearance, Role
from app.domain.prompts import Prompt
from app.domain.readings import MinuteRow
from app.intake.desk import Desk
from app.routers.lists import MINUTES
from app.store import tables
from app.store.messages import message_row
from app.store.series import reading_row
from app.store.statements import insert_rows
from tests.routers.web import Web, key

COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/alerts/a/ack", {"expects": 1}),
    ("/alerts/a/unack", {}),
    ("/prompts", {"text": {"zh-CN": "慢一点"}}),
    ("/prompts/p/withdraw", {}),
    ("/rundown/next", {"expects": 1}),
    ("/rundown/back", {}),
    ("/end", {}),
)
RECEIPT = ("/prompts/p/seen", {"at_ms": 1_000, "word": "help"})


class ImpatientDesk(Desk):
    """Waits for a millisecond."""

    async def submit(
        self, session_id: str, key: str, command: Command, actor: Actor, within_ms: int = 1
    ) -> Outcome | None:
        return await super().submit(session_id, key, command, actor, within_ms)


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_can_do_exactly_what_the_table_says(web: Web, role: Role) -> None:
    person, session = await web.person(role), await web.open_session()
    acts = role in (Role.ADMIN, Role.CONTROLLER)
    for n, (path, body) in enumerate((*COMMANDS, RECEIPT)):
        answer = await person.post(f"/api/sessions/{session}{path}", json=body, headers=key(f"k-{n}"))
        assert answer.status_code == (200 if acts and path != RECEIPT[0] else 403), path
    opening = await person.post("/api/sessions", json={"room": "wine-sph"}, headers=key("open"))
    assert opening.status_code == (201 if acts else 403)
    code = await person.post("/api/devices/code", json={"room": "wine-dy"})
    assert code.status_code == (200 if acts else 403)
    for path in ("/api/people", "/api/tokens", "/api/audit"):
        assert (await person.get(path)).status_code == (200 if role is Role.ADMIN else 403)
    for path in ("/api/rooms", "/api/sessions", f"/api/sessions/{session}", f"/api/sessions/{session}/alerts"):
        assert (await person.get(path)).status_code == 200, path


async def test_a_tablet_gives_receipts_of_its_room_and_nothing_else(web: Web) -> None:
    tablet, who = await web.tablet("wine-dy")
    own, other = await web.open_session("wine-dy"), await web.open_session("wine-sph")
    path, body = RECEIPT
    answer = await tablet.post(f"/api/sessions/{own}{path}", json=body, headers=key("r"))
    assert answer.status_code == 200
    (entry,) = web.house.loop.sessions[own].entries
    receipt = msgspec.to_builtins(entry.entry.body)["issued"]["command"]
    assert (receipt["device"], receipt["device_name"], receipt["word"]) == (who.id, "平板 A", "help")
    assert (await tablet.post(f"/api/sessions/{other}{path}", json=body, headers=key("s"))).status_code == 404
    for path, body in COMMANDS:
        answer = await tablet.post(f"/api/sessions/{own}{path}", json=body, headers=key(path.replace("/", "-")))
        assert answer.status_code == 403, path
    assert (await tablet.get(f"/api/sessions/{own}/alerts")).status_code == 403
    assert (await tablet.get(f"/api/sessions/{own}/commands/r")).status_code == 200


async def test_a_brands_people_see_and_touch_that_brands_rooms_only(web: Web) -> None:
    tea = await web.person(Role.CONTROLLER, "tea")
    session = await web.open_session("wine-dy")
    own = await web.open_session("tea-dy")
    assert [row["id"] for row in (await tea.get("/api/rooms")).json()["rows"]] == ["tea-dy", "duo", "duo-2"]
    assert [row["id"] for row in (await tea.get("/api/sessions")).json()["rows"]] == [own]
    for path in ("", "/alerts", "/prompts", "/messages", "/deliveries", "/series?metric=viewers"):
        assert (await tea.get(f"/api/sessions/{session}{path}")).status_code == 404, path
    for n, (path, body) in enumerate(COMMANDS):
        answer = await tea.post(f"/api/sessions/{session}{path}", json=body, headers=key(f"k-{n}"))
        assert answer.status_code == 404, path
    for path in ("/api/rooms/wine-dy", "/api/products?room=wine-dy"):
        assert (await tea.get(path)).status_code == 404
    for path, body in (("/api/sessions", {"room": "wine-sph"}), ("/api/devices/code", {"room": "wine-dy"})):
        assert (await tea.post(path, json=body, headers=key("x"))).status_code == 404
    brand_admin = await web.person(Role.ADMIN, "tea")
    assert (await brand_admin.get("/api/people")).status_code == 403


async def test_tokens_read_or_act_within_their_rooms(web: Web) -> None:
    session = await web.open_session("wine-dy")
    reading, ingest = await web.machine("read", "wine-dy"), await web.machine("ingest", "wine-dy")
    elsewhere, acting = await web.machine("read", "tea-dy"), await web.machine("admin")
    assert (await reading.get(f"/api/sessions/{session}/alerts")).status_code == 200
    assert (await elsewhere.get(f"/api/sessions/{session}/alerts")).status_code == 404
    assert (await ingest.get(f"/api/sessions/{session}/alerts")).status_code == 403
    assert (await reading.post(f"/api/sessions/{session}/end", headers=key())).status_code == 403
    answer = await acting.post(f"/api/sessions/{session}/end", headers=key())
    assert (answer.status_code, answer.json()["by"]["name"]) == (200, "admin 令牌")


async def test_a_stale_command_is_refused_with_what_was_found(web: Web) -> None:
    controller, session = await web.person(Role.CONTROLLER), await web.open_session()
    answer = await controller.post(f"/api/sessions/{session}/rundown/next", json={"expects": 0}, headers=key())
    assert answer.status_code == 409
    body = answer.json()
    assert (body["code"], body["command"], body["status"]) == ("stale", "move_rundown", 409)
    assert body["title"] == "刚刚有人改过，请看清最新内容再操作"
    again = await controller.get(f"/api/sessions/{session}/commands/k-1")
    assert (again.status_code, again.json()["code"]) == (409, "stale")


async def test_what_is_not_committed_in_time_is_202_with_an_address(web: Web) -> None:
    controller, session = await web.person(Role.CONTROLLER), await web.open_session()
    web.runtime.desk = ImpatientDesk(
        log=web.house.log, store=web.house.store, directory=web.house.directory, clock=web.house.clock
    )
    web.house.loop.held.clear()
    answer = await controller.post(f"/api/sessions/{session}/end", headers=key("later"))
    where = answer.headers["location"]
    assert (answer.status_code, where) == (202, f"/api/sessions/{session}/commands/later")
    assert (await controller.get(where)).status_code == 202
    web.house.loop.held.set()
    while (found := await controller.get(where)).status_code == 202:
        pass
    assert (found.status_code, found.json()["code"]) == (200, "done")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, {"text": {"zh-CN": "好"}}, "bad_idempotency_key"),
        ({"Idempotency-Key": "k" * 129}, {"text": {"zh-CN": "好"}}, "bad_idempotency_key"),
        (key(), {"text": {"zh-CN": "字" * 61}}, "prompt_too_long"),
        (key(), {"text": {"zh-CN": "  "}}, "prompt_empty"),
        (key(), {"text": {"xx": "hello"}}, "prompt_empty"),
        (key(), {"text": {"zh-CN": "a\nb"}}, "invalid"),
        (key(), {"text": {"zh-CN": "好"}, "level": "loud"}, "invalid"),
        (key(), {}, "invalid"),
    ],
)
async def test_a_bad_command_is_refused_by_code(
    web: Web, headers: dict[str, str], body: dict[str, Any], code: str
) -> None:
    controller, session = await web.person(Role.CONTROLLER), await web.open_session()
    answer = await controller.post(f"/api/sessions/{session}/prompts", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert web.house.loop.sessions == {}


async def test_opening_is_done_once_and_starts_what_was_planned(web: Web) -> None:
    controller = await web.person(Role.CONTROLLER)
    planned = await controller.post("/api/sessions", json={"room": "wine-dy", "planned": True}, headers=key("a"))
    assert (planned.status_code, planned.json()["state"]) == (201, "planned")
    started = await controller.post("/api/sessions", json={"room": "wine-dy"}, headers=key("b"))
    assert (started.status_code, started.json()["command"]) == (200, "start_session")
    session = planned.json()["session"]
    await web.house.loop.become(session, "live", web.house.clock.now())
    again = await controller.post("/api/sessions", json={"room": "wine-dy"}, headers=key("c"))
    assert (again.status_code, again.json()["session"], again.json()["new"]) == (200, session, False)
    own_clock = {"room": "wine-dy", "clock": {"session_ms": 5}}
    assert (await controller.post("/api/sessions", json=own_clock, headers=key("d"))).status_code == 403


async def test_lists_are_paged_by_cursor_without_gap_or_double(web: Web) -> None:
    controller = await web.person(Role.CONTROLLER)
    opened = [(await web.house.directory.open("wine-dy", "drill"))[0].id for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await controller.get(f"/api/sessions?limit=3{cursor}")).json()
        seen += [row["id"] for row in page["rows"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == opened[::-1]
    bad = await controller.get("/api/sessions?cursor=garbage")
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


async def test_messages_are_listed_newest_first_and_searched(web: Web) -> None:
    reader, session = await web.person(Role.VIEWER), await web.open_session()
    no = (await web.house.directory.find(session)).no
    rows = [
        message_row(no, MessageRow(n, "wine-dy", "comment", 1_000 + n, "王**", f"第 {n} 条 100%")) for n in range(2, 7)
    ]
    await web.house.store.write(lambda conn: insert_rows(conn, tables.messages, rows))
    path = f"/api/sessions/{session}/messages"
    first = (await reader.get(f"{path}?limit=2")).json()
    second = (await reader.get(f"{path}?limit=2&cursor={first['next']}")).json()
    assert [row["position"] for row in (*first["rows"], *second["rows"])] == [6, 5, 4, 3]
    found = (await reader.get(path, params={"q": "第 4"})).json()["rows"]
    assert [row["position"] for row in found] == [4]


async def test_restricted_alerts_are_for_those_who_may_see_them(web: Web) -> None:
    session = await web.open_session()
    no = (await web.house.directory.find(session)).no
    for n, clearance in enumerate((Clearance.OPEN, Clearance.RESTRICTED)):
        alert = Alert(
            id=f"a-{n}",
            rule="r",
            rule_version="1",
            scope="session",
            scope_id="",
            labels={},
            severity="P1",
            condition="firing",
            opened_ms=1,
            changed_ms=1,
            version=1,
            title={"zh-CN": "好"},
            clearance=clearance,
        )
        body = msgspec.json.encode(alert).decode()
        row = (alert.id, no, "r", "P1", "firing", 1, None, None, 1, body)
        await web.house.store.write(lambda conn, row=row: insert_rows(conn, tables.alerts, [row]))  # type: ignore[misc]
    viewer, legal = await web.person(Role.VIEWER), await web.person(Role.LEGAL)
    for person, seen in ((viewer, ["a-0"]), (legal, ["a-0", "a-1"])):
        rows = (await person.get(f"/api/sessions/{session}/alerts")).json()["rows"]
        assert [row["id"] for row in rows] == seen
        one = await person.get(f"/api/sessions/{session}/alerts/a-1")
        assert one.status_code == (200 if "a-1" in seen else 404)


async def test_history_joins_what_is_stored_with_the_minute_that_is_not(web: Web) -> None:
    reader, session = await web.person(Role.VIEWER), await web.open_session()
    no = (await web.house.directory.find(session)).no
    nan = float("nan")

    def minute(at: int, value: float, metric: str = "viewers") -> MinuteRow:
        return MinuteRow(metric, "session", "", at, (value, nan, *[value] * 58))

    stored = [minute(0, 1), minute(60_000, 2), minute(0, 9, "gmv")]
    rows = [reading_row(no, row) for row in stored]
    await web.house.store.write(lambda conn: insert_rows(conn, tables.readings, rows))
    web.runtime.tail = [minute(60_000, 3), minute(120_000, 4), minute(120_000, 9, "gmv")]
    path = f"/api/sessions/{session}/series"
    answer = (await reader.get(f"{path}?metric=viewers")).json()["rows"]
    assert [(row["minute_ms"], row["values"][0], row["values"][1]) for row in answer] == [
        (0, 1, None),
        (60_000, 3, None),
        (120_000, 4, None),
    ]
    both = (await reader.get(f"{path}?metric=viewers&metric=gmv&from_ms=60000&to_ms=120000")).json()["rows"]
    assert [(row["metric"], row["minute_ms"]) for row in both if row["minute_ms"] < 120_000] == [("viewers", 60_000)]
    assert (await reader.get(path)).status_code == 422
    assert (await reader.get(f"{path}?metric=viewers&scope=sku")).json()["rows"] == []
    assert len((await reader.get(f"{path}?metric=viewers&scope=session&to_ms=60000")).json()["rows"]) == 1


async def test_a_long_history_comes_in_parts_of_whole_minutes(web: Web) -> None:
    reader, session = await web.person(Role.VIEWER), await web.open_session()
    no = (await web.house.directory.find(session)).no
    minutes = [
        reading_row(no, MinuteRow("sellable", "sku", f"sku-{n}", at * 60_000, (1.0,) * 60))
        for n in range(70)
        for at in range(300)
    ]
    await web.house.store.write(lambda conn: insert_rows(conn, tables.readings, minutes))
    parts, path = [], f"/api/sessions/{session}/series?metric=sellable"
    asked: str | None = path
    while asked is not None:
        answer = (await reader.get(asked)).json()
        assert len(answer["rows"]) <= MINUTES
        parts.append([(row["scope_id"], row["minute_ms"]) for row in answer["rows"]])
        asked = None if answer["before_ms"] is None else f"{path}&to_ms={answer['before_ms']}"
    rows = [row for part in parts for row in part]
    assert len(parts) == 2
    assert len(rows) == len(set(rows)) == 70 * 300
    assert min(parts[0], key=lambda row: row[1])[1] > max(parts[1], key=lambda row: row[1])[1]


async def test_alerts_and_prompts_come_in_pages_that_miss_and_repeat_none(web: Web) -> None:
    reader, session = await web.person(Role.LEGAL), await web.open_session()
    no = (await web.house.directory.find(session)).no
    alerts = [
        Alert(
            id=f"a-{n}", rule="r", rule_version="1", scope="session", scope_id="", labels={}, severity="P1",
            condition="firing", opened_ms=n // 3, changed_ms=1, version=1, title={"zh-CN": "好"},
        )
        for n in range(10)
    ]  # fmt: skip
    words = {"zh-CN": "好"}
    prompts = [Prompt(id=f"p-{n}", n=n, text=words, level="normal", by=SYSTEM, sent_ms=n) for n in range(1, 11)]

    def fill(conn: Connection) -> None:
        for alert in alerts:
            body = msgspec.json.encode(alert).decode()
            row = (alert.id, no, "r", "P1", "firing", alert.opened_ms, None, None, 1, body)
            insert_rows(conn, tables.alerts, [row])
        for prompt in prompts:
            body = msgspec.json.encode(prompt).decode()
            insert_rows(conn, tables.prompts, [(prompt.id, no, prompt.n, "sent", prompt.n, 1, body)])

    await web.house.store.write(fill)
    at = f"/api/sessions/{session}"
    assert [row for page in await pages(reader, f"{at}/alerts", 4) for row in page] == [f"a-{n}" for n in range(10)]
    assert await pages(reader, f"{at}/prompts", 4) == [
        ["p-7", "p-8", "p-9", "p-10"],
        ["p-3", "p-4", "p-5", "p-6"],
        ["p-1", "p-2"],
    ]
    of_prompts = (await reader.get(f"{at}/prompts?limit=1")).json()["next"]
    for cursor in (of_prompts, "x", "djE6MQ"):
        assert (await reader.get(f"{at}/alerts?cursor={cursor}")).json()["code"] == "bad_cursor"


async def pages(reader: httpx2.AsyncClient, path: str, limit: int) -> list[list[str]]:
    """Return the ids of every page of a list."""
    found, cursor = [], ""
    while True:
        page = (await reader.get(f"{path}?limit={limit}{cursor}")).json()
        found.append([row["id"] for row in page["rows"]])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def test_readiness_says_why_not(web: Web) -> None:
    client = web.client()
    assert (await client.get("/healthz")).json() == {"status": "ok", "build": "test"}
    assert (await client.get("/readyz")).status_code == 200
    web.runtime.unsaved_since = web.house.clock.now()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "unsaved")
    web.runtime.unsaved_since = None
    web.runtime.draining = True
    assert (await client.get("/readyz")).json()["reason"] == "draining"


async def test_an_address_that_is_not_there_is_a_problem_too(web: Web) -> None:
    answer = await web.client().get("/api/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await web.client().get("/login-nowhere")).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["live", "drill"])
async def test_a_key_opens_one_session_and_none_in_another_room(web: Web, kind: str) -> None:
    operator = await web.person(Role.CONTROLLER)
    here = {"room": "wine-dy", "kind": kind}
    opened = await operator.post("/api/sessions", json=here, headers=key("open"))
    again = await operator.post("/api/sessions", json=here, headers=key("open"))
    assert (opened.status_code, again.status_code) == (201, 200)
    assert again.json()["session"] == opened.json()["session"]
    elsewhere = await operator.post("/api/sessions", json=here | {"room": "tea-dy"}, headers=key("open"))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "key_reused")
    assert web.house.directory.last("tea-dy") is None


@pytest.mark.parametrize("unseen", ["%00", "%0A", "%1B", "%E2%80%AE"])
async def test_a_character_nobody_can_see_is_refused_in_every_address(web: Web, unseen: str) -> None:
    operator, session = await web.person(Role.ADMIN), await web.open_session()
    at = f"/api/sessions/{session}"
    for path in (f"{at}/alerts/a{unseen}/ack", f"{at}/prompts/a{unseen}/withdraw", f"{at}/rundown/a{unseen}"):
        assert (await operator.post(path, json={}, headers=key())).status_code == 422, path
    lists = (f"{at}{unseen}", f"{at}/alerts/a{unseen}", f"{at}/messages?q=a{unseen}", f"/api/audit?session=a{unseen}")
    places = (f"{at}/series?metric=a{unseen}", f"{at}/commands/a{unseen}")
    for path in (*lists, *places, f"/api/sessions?room=a{unseen}", f"/api/devices?room=a{unseen}"):
        assert (await operator.get(path)).status_code == 422, path
    for path in (f"/api/tokens/a{unseen}", f"/api/devices/a{unseen}"):
        assert (await operator.delete(path)).status_code == 422, path
    gone = await (await web.machine("admin")).post(f"/api/ingest?session=a{unseen}", json=[])
    assert gone.status_code == 404


@pytest.mark.parametrize("unseen", ["\0", "\n", "\x1b", "\u202e"])
async def test_a_name_has_only_characters_that_can_be_seen(web: Web, unseen: str) -> None:
    admin = await web.person(Role.ADMIN)
    token = await admin.post("/api/tokens", json={"name": f"聚合{unseen}", "scope": "read"})
    person = await admin.post("/api/people", json={"name": f"周敏{unseen}敏", "role": "controller"})
    code = (await admin.post("/api/devices/code", json={"room": "wine-dy"})).json()["code"]
    tablet = await web.client().post("/api/devices/pair", json={"code": code, "name": f"平板{unseen}一"})
    assert {token.status_code, person.status_code, tablet.status_code} == {422}
