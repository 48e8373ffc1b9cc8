"""Promises of /metrics: valid text, true figures, bounded labels, told only to those who may know."""

import re
from pathlib import Path

import httpx2
import pytest

from app.domain.people import SYSTEM
from app.main import build, build_inner
from app.metrics.family import MOST_SERIES, OTHER, Metrics
from app.metrics.own import METRICS
from app.operations.observed import Observed
from tests.operations.house import House, comment, open_house, speech, viewers

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?[0-9.e+-]+|NaN|[+-]Inf)')
BANNED = "天冷喝一杯，暖身御寒"


def parsed(text: str) -> dict[str, float]:
    """Return every sample by its name with labels; the text must be what version 0.0.4 of the format says."""
    found: dict[str, float] = {}
    kinds: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            assert word in ("HELP", "TYPE")
            if word == "TYPE":
                assert name not in kinds
                kinds[name] = rest
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert re.sub(r"_(bucket|sum|count)$", "", match[1]) in kinds or match[1] in kinds, line
        found[line.rpartition(" ")[0]] = float(match[3])
    return found


def caller(house: House, base: str = "http://127.0.0.1:8060", client: str = "127.0.0.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=build(house.runtime), client=(client, 1))
    return httpx2.AsyncClient(transport=transport, base_url=base)


async def test_what_happens_is_what_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, caller(house) as client:
        before = parsed((await client.get("/metrics")).text)
        await house.send(viewers("v1", 900), comment("c1"), comment("c1"), comment("c2"))
        await house.send(comment("c3"), {"id": "x", "kind": "comment", "payload": {}})
        await house.send(speech("s1", BANNED))
        answer = await client.get("/metrics")
        after = parsed(answer.text)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

        def grown(name: str) -> float:
            return after.get(name, 0) - before.get(name, 0)

        assert grown('cueroom_events_taken_total{kind="comment"}') == 4
        assert grown("cueroom_events_duplicate_total") == 1
        assert grown('cueroom_events_refused_total{code="missing_field"}') == 1
        assert grown('cueroom_alerts_opened_total{rule="banned-phrase",severity="P1"}') == 1
        assert grown("cueroom_engine_steps_total") >= 3
        assert grown("cueroom_commit_seconds_count") >= 3
        assert after['cueroom_commit_seconds_bucket{le="+Inf"}'] == after["cueroom_commit_seconds_count"]
        assert after['cueroom_sessions{state="live"}'] == 1
        assert after["cueroom_events_waiting"] == 0
        assert (after["cueroom_ready"], after["cueroom_store_available"]) == (1, 1)
        assert after["process_resident_memory_bytes"] > 10**7
        assert any(name.startswith("cueroom_build_info{") and 'role="all"' in name for name in after)


async def test_only_those_who_may_know_are_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        create = house.runtime.access.tokens.create
        _, read = await create("prometheus", "read", [], SYSTEM)
        _, send = await create("feed", "ingest", ["qing"], SYSTEM)

        async def status(client: httpx2.AsyncClient, **headers: str) -> int:
            return (await client.get("/metrics", headers=headers)).status_code

        async with caller(house) as here, caller(house, client="10.0.0.9") as there:
            assert await status(here) == 200
            assert await status(here, **{"X-Forwarded-Proto": "https"}) == 401  # a proxy on this machine
            assert await status(here, Host="control.example.com") == 401
            assert await status(there) == 401
            assert await status(there, Authorization=f"Bearer {read}") == 200
            assert await status(there, Authorization=f"Bearer {send}") == 403
    async with open_house(tmp_path / "open", metrics_open=True) as house, caller(house, client="10.0.0.9") as there:
        assert await status(there) == 200


def test_labels_are_bounded_and_escaped() -> None:
    metrics = Metrics()
    codes = metrics.counter("x_total", "of a\nkind", "code")
    for n in range(2 * MOST_SERIES):
        codes.add(1, f"code-{n}")
    codes.add(1, 'a "quoted" \\ name')
    found = parsed(metrics.text().decode())
    assert len(found) == MOST_SERIES + 1
    assert found[f'x_total{{code="{OTHER}"}}'] == MOST_SERIES + 1
    few = Metrics()
    few.counter("y_total", "y", "code").add(2, 'a "quoted" \\ name\n')
    assert parsed(few.text().decode()) == {'y_total{code="a \\"quoted\\" \\\\ name\\n"}': 2}


def test_no_family_has_ids_for_labels() -> None:
    allowed = {"channel_kind", "code", "database", "kind", "result", "role", "rule", "severity", "state", "status"}
    assert {label for family in METRICS for label in family.labels} <= allowed | {"table", "version"}


async def test_a_door_that_is_closed_refuses_what_may_come_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.client() as client:
        house.runtime.draining = True
        told = await client.get("/readyz")
        assert (told.status_code, told.json()["not_ready"]["process"]) == (503, "draining")
        body = [{"room": "qing", "occurred_ms": house.clock.now(), **comment("c1")}]
        assert (await client.post("/api/ingest", json=body)).status_code == 202
        house.runtime.closing = True
        refused = await client.post("/api/ingest", json=body, headers={"X-Request-Id": "mine-1"})
        assert (refused.status_code, refused.json()["code"], refused.json()["retryable"]) == (503, "stopping", True)
        assert int(refused.headers["Retry-After"]) >= 1
        assert (refused.headers["X-Request-Id"], refused.json()["request"]) == ("mine-1", "mine-1")


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "cr_admin_abcdefgh", "甲"])
async def test_a_request_id_that_is_not_sane_is_replaced(given: str, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.client() as client:
        answer = await client.get("/healthz", headers=[(b"X-Request-Id", given.encode())])
        assert answer.headers["X-Request-Id"] not in ("", given)


async def test_a_process_of_one_role_tells_what_it_has_and_nothing_else(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        pump = Observed(store=house.store, clock=house.clock, build="t", role="pump")
        found = parsed((await pump.text(ready=True)).decode())
        assert not any(name.startswith(("cueroom_sessions", "cueroom_boards", "cueroom_checkpoint")) for name in found)
        assert found['cueroom_outbox_rows{state="waiting"}'] == 0
        assert any(name.startswith("cueroom_build_info{") and 'role="pump"' in name for name in found)
        web = Observed(store=house.store, clock=house.clock, build="t", role="web", viewers=lambda: ["device"])
        found = parsed((await web.text(ready=True)).decode())
        assert not any(name.startswith("cueroom_outbox") for name in found)
        assert found["cueroom_store_available"] == 1
        told = {name: times for name, times in found.items() if name.startswith("cueroom_viewers{")}
        assert told == {f'cueroom_viewers{{kind="{kind}"}}': kind == "device" for kind in ("person", "device", "token")}
        transport = httpx2.ASGITransport(app=build_inner(house.runtime), client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8060") as client:
            for path in ("/healthz", "/readyz", "/metrics"):
                answer = await client.get(path)
                assert answer.status_code in (200, 503)
                assert answer.headers["X-Request-Id"]
            assert (await client.get("/api/sessions")).status_code == 404
