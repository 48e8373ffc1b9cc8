"""Promises of the ways in: sign-in, lock-out, cookies, links, other sites, pairing, and the end of each."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import Connection

from app.access.access import DEVICE_COOKIE, SIGN_IN_COOKIE, Access
from app.access.attempts import LockedOut
from app.access.devices import FREE_OF_ALL, BadCode
from app.access.people import BadCredentials
from app.access.principal import device_handle, person_handle, sign_in_handle
from app.access.secret import secret_hash
from app.domain.people import SYSTEM, Role
from app.routers.house import House, Rooms
from app.routers.pages import Visitor
from app.store.audit import audit
from app.store.database import Store
from app.store.faults import DiskFull
from tests.intake.house import PASSWORD
from tests.routers.web import Web, key, open_web

FORM = {"Accept": "application/json"}
MINUTE = 60_000


async def sign_in(web: Web, name: str = "周敏", password: str = PASSWORD, **headers: str) -> httpx2.Response:
    return await web.client(**(FORM | headers)).post("/login", data={"name": name, "password": password})


async def test_name_and_password_give_a_cookie_that_scripts_and_other_sites_cannot_use(web: Web) -> None:
    await web.house.person("周敏", Role.CONTROLLER)
    answer = await sign_in(web)
    assert (answer.status_code, answer.json()) == (200, {"next": "/"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{SIGN_IN_COOKIE}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


async def test_over_https_the_cookie_is_secure(web: Web) -> None:
    async with open_web(web.house, public_url="https://control.example.com") as behind_a_proxy:
        await web.house.person("周敏", Role.CONTROLLER)
        assert "Secure" in (await sign_in(behind_a_proxy)).headers["set-cookie"]


async def test_only_the_hash_of_a_cookie_is_kept(web: Web) -> None:
    cookie = await web.house.person("周敏", Role.CONTROLLER)
    from app.store import tables

    rows = await web.house.store.read(lambda conn: conn.execute(tables.sign_ins.select()).all())
    assert [row.hash for row in rows] == [secret_hash(cookie)]
    assert cookie not in str(rows)


async def test_a_form_without_a_script_is_led_to_its_page_and_never_to_another_site(web: Web) -> None:
    await web.house.person("周敏", Role.CONTROLLER)
    client = web.client()
    for asked, led in (
        ("/rooms/a?x=1", "/rooms/a?x=1"),
        ("//evil.test", "/"),
        ("https://evil.test", "/"),
        ("/\\e", "/"),
    ):
        answer = await client.post("/login", data={"name": "周敏", "password": PASSWORD, "next": asked})
        assert (answer.status_code, answer.headers["location"]) == (303, led)
    wrong = await client.post("/login", data={"name": "周敏", "password": "wrong", "next": "/rooms/a"})
    assert wrong.headers["location"] == "/login?problem=bad_credentials&next=%2Frooms%2Fa"
    assert "set-cookie" not in wrong.headers


async def test_a_page_names_the_rooms_of_its_visitors_brand_and_asks_nobody_for_it(web: Web) -> None:
    class Nothing:
        """In the place of everything that would ask the database."""

    house = House(cast("Access", Nothing()), cast("Rooms", web.house.catalogue))
    tea, every = Visitor("p1", "林", Role.VIEWER, "tea"), Visitor("p2", "周", Role.VIEWER)
    assert [room.id for room in await house.rooms(tea)] == ["tea-dy", "duo", "duo-2"]
    assert len(await house.rooms(every)) == 6


async def test_a_wrong_name_and_a_wrong_password_are_told_alike_after_the_same_work(web: Web) -> None:
    await web.house.person("周敏", Role.CONTROLLER)
    work: Counter[str] = Counter()
    passwords = web.house.access.people._passwords
    verify = passwords._verify

    def counted(hash_: str | None, password: str) -> bool:
        work["verified"] += 1
        return verify(hash_, password)

    passwords._verify = counted  # type: ignore[method-assign]  # counts, and does what it did
    nobody, wrong = await sign_in(web, "没有这个人"), await sign_in(web, "周敏", "wrong")
    told = [(each.status_code, each.json() | {"request": ""}) for each in (nobody, wrong)]
    assert told[0] == told[1]
    assert (nobody.status_code, nobody.json()["code"], work["verified"]) == (401, "bad_credentials", 2)


async def test_a_sign_in_that_began_with_the_old_password_ends_with_it(web: Web) -> None:
    await web.house.person("周敏", Role.CONTROLLER)
    people = web.house.access.people
    who, matches = (await people.everybody())[0].id, people._passwords.matches

    async def changed_meanwhile(hash_: str | None, password: str) -> bool:
        matched = await matches(hash_, password)
        await people.set_password(who, "another horse battery", SYSTEM)
        return matched

    people._passwords.matches = changed_meanwhile  # type: ignore[method-assign]  # does what it did, in a bad moment
    assert (await sign_in(web)).json()["code"] == "bad_credentials"


async def test_after_five_failures_the_wait_grows_and_is_told(web: Web) -> None:
    await web.house.person("周敏", Role.CONTROLLER)
    assert [(await sign_in(web, password="wrong")).status_code for _ in range(5)] == [401] * 5
    told = []
    for _ in range(4):
        answer = await sign_in(web)  # the right one: it must wait as well
        assert (answer.status_code, answer.json()["code"]) == (429, "locked_out")
        assert answer.headers["retry-after"] == str(answer.json()["wait_s"])
        told.append(answer.json()["wait_s"])
        web.house.clock.advance(answer.json()["wait_s"] * 1_000)
        await sign_in(web, password="wrong")
    assert told == [30, 60, 120, 240]
    web.house.clock.advance(480_000)
    assert (await sign_in(web)).status_code == 200
    assert (await sign_in(web)).status_code == 200, "the right one forgets the failures"


async def test_all_addresses_of_one_house_are_one_for_who_counts_failures(web: Web) -> None:
    people = web.house.access.people
    with pytest.raises(LockedOut):
        for n in range(31):
            with pytest.raises(BadCredentials):
                await people.sign_in(f"人{n}", "wrong", address=f"2001:db8::{n:x}")
    with pytest.raises(BadCredentials):
        await people.sign_in("周敏", "wrong", address="2001:db8:0:1::1")


async def test_one_name_from_many_addresses_waits_as_well(web: Web) -> None:
    people = web.house.access.people
    for n in range(20):
        with pytest.raises(BadCredentials):
            await people.sign_in("周敏", "wrong", address=f"10.0.{n}.1")
    with pytest.raises(LockedOut):
        await people.sign_in("周敏", "wrong", address="10.0.99.1")


async def test_a_name_that_does_not_exist_is_locked_out_alike(web: Web) -> None:
    statuses = [(await sign_in(web, "没有这个人")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_signing_out_ends_the_sign_in_and_its_sockets(web: Web) -> None:
    ended: list[str] = []
    web.house.access.revocations.listen(ended.append)
    person = await web.person(Role.CONTROLLER)
    cookie = person.cookies[SIGN_IN_COOKIE]
    assert (await person.get("/api/me")).json()["role"] == "controller"
    assert (await person.post("/api/logout", json={})).status_code == 204
    assert ended == [sign_in_handle(secret_hash(cookie))]
    person.cookies.set(SIGN_IN_COOKIE, cookie)
    assert (await person.get("/api/me")).status_code == 401


async def test_a_person_leaves_every_browser_at_once_alone_or_by_an_administrators_hand(web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    who = await web.house.access.people.add("周敏", Role.VIEWER, "", SYSTEM, PASSWORD)
    for by_whom in ("own", "admin"):
        browsers = []
        for _ in range(2):
            browsers.append(web.client(**{"Sec-Fetch-Site": "same-origin"}))
            browsers[-1].cookies.set(SIGN_IN_COOKIE, (await sign_in(web)).cookies[SIGN_IN_COOKIE])
        ended: list[str] = []
        ignore = web.house.access.revocations.listen(ended.append)
        asking, where = (browsers[0], "me") if by_whom == "own" else (admin, f"people/{who.id}")
        assert (await asking.post(f"/api/{where}/sign-out")).status_code == 204
        assert [(await each.get("/api/me")).status_code for each in browsers] == [401, 401]
        assert ended == [person_handle(who.id)]
        ignore()
    assert (await admin.get("/api/me")).status_code == 200
    assert (await admin.post("/api/people/nobody/sign-out")).status_code == 404
    tablet, _ = await web.tablet()
    assert (await tablet.post("/api/me/sign-out")).status_code == 403


async def test_who_is_in_stays_in_while_nothing_can_be_written(web: Web) -> None:
    class FullStore(Store):
        async def write(self, fn: Callable[[Connection], Any]) -> Any:
            raise DiskFull("the database has no room left")

    person = await web.house.person("周敏", Role.CONTROLLER)
    token, tablet = await web.machine("read"), (await web.tablet())[0]
    web.house.clock.advance(2 * MINUTE)
    full = Access(store=FullStore(web.house.store._backend, "sqlite"), clock=web.house.clock)
    for cookie in ({"sign_in": person}, {"device": tablet.cookies[DEVICE_COOKIE]}):
        assert (await full.principal(**cookie)).name
    assert (await full.principal(authorization=token.headers["authorization"])).kind == "token"


async def test_a_sign_in_ends_by_itself(web: Web) -> None:
    person = await web.person(Role.CONTROLLER)
    web.house.clock.advance(7 * 24 * 60 * MINUTE + 1)
    assert (await person.get("/api/me")).status_code == 401


async def test_shutting_a_person_out_ends_every_sign_in_at_once(web: Web) -> None:
    admin, person = await web.person(Role.ADMIN), await web.person(Role.VIEWER)
    ended: list[str] = []
    web.house.access.revocations.listen(ended.append)
    who = (await person.get("/api/me")).json()["id"]
    assert (await admin.patch(f"/api/people/{who}", json={"disabled": True})).status_code == 200
    assert ended == [person_handle(who)]
    assert (await person.get("/api/me")).status_code == 401
    assert (await sign_in(web, "viewer")).status_code == 401
    back = await admin.patch(f"/api/people/{who}", json={"disabled": False, "role": "viewer", "brand": "tea"})
    assert (back.json()["brand"], back.json().get("disabled_ms")) == ("tea", None)
    assert (await admin.patch(f"/api/people/{who}", json={"disabled": False, "brand": "tea"})).status_code == 200
    done = [row.action for row in await web.house.store.read(audit) if row.subject == who]
    assert done[:3] == ["enable_person", "change_person", "disable_person"], "what is so already is not done again"
    assert ended == [person_handle(who)] * 2


async def test_nobody_is_of_a_brand_that_is_not_there(web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    who = (await admin.get("/api/me")).json()["id"]
    answers = (
        await admin.post("/api/people", json={"name": "林", "role": "viewer", "brand": "nowhere"}),
        await admin.patch(f"/api/people/{who}", json={"brand": "nowhere"}),
    )
    assert [each.status_code for each in answers] == [404, 404]
    assert len((await admin.get("/api/people")).json()["rows"]) == 1


async def test_the_last_administrator_stays_one(web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    who = (await admin.get("/api/me")).json()["id"]
    await web.person(Role.ADMIN, "tea")  # of one brand: may not let anybody in
    for change in ({"role": "viewer"}, {"disabled": True}, {"brand": "tea"}):
        assert (await admin.patch(f"/api/people/{who}", json=change)).status_code == 403, change
    assert (await admin.get("/api/me")).json()["role"] == "admin"


# The first administrator.


async def first(web: Web, token: str, **fields: str) -> httpx2.Response:
    data = {"token": token, "name": "周敏", "password": PASSWORD} | fields
    return await web.client(**FORM).post("/first", data=data)


async def test_the_first_link_makes_one_administrator_once(web: Web) -> None:
    link = await web.house.access.people.first_admin_link()
    assert link is not None
    answer = await first(web, link)
    assert answer.status_code == 200
    me = web.client(**{"Sec-Fetch-Site": "same-origin"})
    me.cookies.set(SIGN_IN_COOKIE, answer.cookies[SIGN_IN_COOKIE])
    assert (await me.get("/api/me")).json() | {"id": ""} == {
        "kind": "person", "id": "", "name": "周敏", "role": "admin"
    }  # fmt: skip
    assert (await first(web, link, name="另一个")).json()["code"] == "link_used"
    assert await web.house.access.people.first_admin_link() is None


async def test_the_first_link_is_good_for_ten_minutes_and_a_newer_one_ends_it(web: Web) -> None:
    people = web.house.access.people
    old, link = await people.first_admin_link(), await people.first_admin_link()
    assert old is not None
    assert link is not None
    assert (await first(web, old)).status_code == 410
    assert (await first(web, link, password="short")).json()["code"] == "weak_password"
    assert (await first(web, link, name=" ")).json()["code"] == "bad_name"
    web.house.clock.advance(10 * MINUTE)
    assert (await first(web, link)).status_code == 410


async def test_the_first_link_is_void_once_somebody_is_administrator_by_another_way(web: Web) -> None:
    people = web.house.access.people
    link = await people.first_admin_link()
    assert link is not None
    await people.add("周敏", Role.ADMIN, "", SYSTEM, PASSWORD)
    assert await people.link(link) is None
    assert (await first(web, link, name="捡到链接的人")).status_code == 410


async def test_a_link_is_of_no_use_to_who_was_shut_out_then_or_later(web: Web) -> None:
    people = web.house.access.people
    who = (await people.add("小李", Role.VIEWER, "", SYSTEM)).id
    before = await people.invite(who, SYSTEM)
    await people.change(who, SYSTEM, disabled=True)
    after = await people.invite(who, SYSTEM)
    assert [(await first(web, link)).status_code for link in (before, after)] == [410, 410]
    assert await people.link(after) is None
    await people.change(who, SYSTEM, disabled=False)
    assert [(await first(web, link)).status_code for link in (before, after)] == [410, 200]


async def test_an_invited_person_chooses_a_password_once(web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    answer = await admin.post("/api/people", json={"name": "小李", "role": "viewer", "brand": "wine"})
    assert answer.status_code == 201
    token = answer.json()["link"].partition("?token=")[2]
    assert (await first(web, token, name="小李")).status_code == 200
    assert (await first(web, token, name="小李")).status_code == 410
    assert (await sign_in(web, "小李")).status_code == 200
    assert "password" not in (await admin.get("/api/people")).text.replace("has_password", "")
    again = await admin.post("/api/people", json={"name": "小李", "role": "viewer"})
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


# Other sites.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "http://control.test"}, 204),
        ({"Origin": "https://wall.example.com"}, 204),
        ({}, 204),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://control.test.evil.test"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.test", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_a_page_of_another_site_can_do_nothing_with_our_cookies(
    web: Web, headers: dict[str, str], status: int
) -> None:
    async with open_web(web.house, trusted_origins="https://wall.example.com") as trusting:
        client = trusting.client(**headers)
        client.cookies.set(SIGN_IN_COOKIE, await web.house.person("周敏", Role.CONTROLLER))
        answer = await client.post("/api/logout")
        assert answer.status_code == status
        assert (await client.get("/api/rooms")).status_code == (401 if status == 204 else 200)
        if status == 403:
            assert answer.json()["code"] == "other_site"


async def test_a_socket_of_another_site_is_closed_before_it_opens(web: Web) -> None:
    from app.routers.security import Guard

    async def opened(scope: Any, receive: Any, send: Any) -> None:
        sent.append({"type": "opened"})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(opened, origins=["https://wall.example.com"], body_bytes=1_000)
    for origin, then in (("http://evil.test", "websocket.close"), ("http://control.test", "opened")):
        sent: list[dict[str, Any]] = []
        headers = [(b"host", b"control.test"), (b"origin", origin.encode())]
        await guard({"type": "websocket", "path": "/ws/overview", "headers": headers}, receive, send)
        assert [message["type"] for message in sent] == [then]


async def test_every_answer_forbids_what_a_page_does_not_need(web: Web) -> None:
    for answer in (
        await web.client().get("/api/rooms"),
        await web.client().get("/healthz"),
        await web.client().get("/nowhere"),
        await web.client(Origin="http://evil.test").post("/login"),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert (await web.client().get("/api/rooms")).headers["cache-control"] == "no-store"


async def test_a_form_too_big_is_not_read_to_its_end(web: Web) -> None:
    answer = await web.client().post("/login", data={"name": "x" * 300_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_big")

    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * 10_000

    answer = await web.client(**{"Content-Type": "application/json"}).post("/api/devices/pair", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_big")


# Tablets.


async def test_a_tablet_is_paired_by_six_digits_and_sees_its_own_room(web: Web) -> None:
    controller = await web.person(Role.CONTROLLER)
    offer = (await controller.post("/api/devices/code", json={"room": "wine-dy"})).json()
    assert re.fullmatch(r"\d{6}", offer["code"])
    assert (offer["url"], offer["expires_ms"]) == ("http://control.test/pair", web.house.clock.now() + 5 * MINUTE)
    assert offer["qr"].startswith("<?xml") or "<svg" in offer["qr"]
    tablet = web.client(**{"Sec-Fetch-Site": "same-origin"})
    answer = await tablet.post("/api/devices/pair", json={"code": offer["code"], "name": "主播平板"})
    assert answer.json()["room"] == "wine-dy"
    assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert (await tablet.get("/api/me")).json()["kind"] == "device"
    assert (await tablet.get("/api/rooms")).status_code == 403
    again = await web.client(**FORM).post("/api/devices/pair", json={"code": offer["code"], "name": "另一台"})
    assert (again.status_code, again.json()["code"]) == (403, "bad_code")


async def test_a_tablet_is_led_to_the_address_in_the_network_also_when_the_console_is_open_on_this_machine(
    web: Web,
) -> None:
    controller = await web.person(Role.CONTROLLER)

    async def offered(host: str) -> str:
        answer = await controller.post("/api/devices/code", json={"room": "wine-dy"}, headers={"Host": host})
        return str(answer.json()["url"])

    assert await offered("127.0.0.1:8060") == "http://127.0.0.1:8060/pair"
    web.runtime.address = "http://192.168.1.7:8060"
    assert await offered("127.0.0.1:8060") == await offered("localhost:8060") == "http://192.168.1.7:8060/pair"
    assert await offered("10.0.0.5:8060") == "http://10.0.0.5:8060/pair"
    web.runtime.settings = web.runtime.settings.model_copy(update={"public_url": "https://control.example.com"})
    assert await offered("127.0.0.1:8060") == "https://control.example.com/pair"


def other_than(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 1_000_000:06d}"


async def test_a_code_is_over_after_five_minutes(web: Web) -> None:
    late = (await web.house.access.devices.offer("wine-dy", SYSTEM)).code
    web.house.clock.advance(5 * MINUTE)
    assert (await web.client(**FORM).post("/api/devices/pair", json={"code": late, "name": "平板"})).status_code == 403


async def test_after_five_wrong_codes_an_address_waits_and_the_others_do_not(web: Web) -> None:
    devices = web.house.access.devices
    code = (await devices.offer("wine-dy", SYSTEM)).code
    for n in range(5):
        client = web.client(**FORM)
        answer = await client.post("/api/devices/pair", json={"code": other_than(code), "name": f"平板 {n}"})
        assert answer.json()["code"] == "bad_code"
    locked = await web.client(**FORM).post("/api/devices/pair", json={"code": code, "name": "平板"})
    assert (locked.status_code, locked.json()["code"], locked.json()["wait_s"]) == (429, "locked_out", 30)
    assert (await devices.pair(code, "平板", address="192.168.1.9"))[0].room == "wine-dy"


async def test_who_goes_on_after_waiting_spends_the_codes_tries(web: Web) -> None:
    devices = web.house.access.devices
    code = (await devices.offer("wine-dy", SYSTEM)).code
    for house in range(5):
        for n in range(6):
            web.house.clock.advance(30_000 if n == 5 else 0)
            with pytest.raises(BadCode):
                # One house: an IPv6 network, from which every try comes under an address of its own.
                await devices.pair(other_than(code), "平板", address=f"2001:db8:0:{house}::{n}")
    with pytest.raises(BadCode):
        await devices.pair(code, "平板", address="192.168.1.9")


async def test_wrong_codes_from_everywhere_spend_the_codes_tries(web: Web) -> None:
    devices = web.house.access.devices
    code = (await devices.offer("wine-dy", SYSTEM)).code
    for n in range(FREE_OF_ALL + 5):
        with pytest.raises(BadCode):
            await devices.pair(other_than(code, n + 1), "平板", address=f"10.0.0.{n}")
    with pytest.raises(BadCode):
        await devices.pair(code, "平板", address="192.168.1.9")


async def test_wrong_codes_from_everywhere_at_once_spend_them_too(web: Web) -> None:
    devices = web.house.access.devices
    code = (await devices.offer("wine-dy", SYSTEM)).code
    wrong = "000000" if code != "000000" else "000001"
    knocks = (devices.pair(wrong, "平板", address=f"10.0.{n // 250}.{n % 250}") for n in range(FREE_OF_ALL + 5))
    assert {type(each) for each in await asyncio.gather(*knocks, return_exceptions=True)} == {BadCode}
    with pytest.raises(BadCode):
        await devices.pair(code, "平板", address="10.1.0.1")


async def test_a_form_without_a_script_pairs_too(web: Web) -> None:
    code = (await web.house.access.devices.offer("wine-dy", SYSTEM)).code
    wrong = await web.client().post("/api/devices/pair", data={"code": "x", "name": "平板"})
    assert (wrong.status_code, wrong.headers["location"]) == (303, "/pair?problem=bad_code")
    right = await web.client().post("/api/devices/pair", data={"code": code, "name": "平板"})
    assert (right.status_code, right.headers["location"]) == (303, "/host/wine-dy")
    assert right.cookies[DEVICE_COOKIE]


async def test_a_revoked_tablet_is_out_at_once(web: Web) -> None:
    ended: list[str] = []
    web.house.access.revocations.listen(ended.append)
    tablet, who = await web.tablet()
    tea = await web.person(Role.CONTROLLER, "tea")
    wine = await web.person(Role.CONTROLLER, "wine")
    assert [row["name"] for row in (await wine.get("/api/devices")).json()["rows"]] == ["平板 A"]
    assert (await tea.get("/api/devices")).json()["rows"] == []
    assert (await tea.delete(f"/api/devices/{who.id}")).status_code == 404
    assert (await wine.delete(f"/api/devices/{who.id}")).status_code == 200
    assert ended == [device_handle(who.id)]
    assert (await tablet.get("/api/me")).status_code == 401


async def test_everything_that_was_done_to_people_and_machines_is_in_the_audit(web: Web) -> None:
    admin = await web.person(Role.ADMIN, name="周敏")
    await sign_in(web, "周敏", "wrong password")
    token = (await admin.post("/api/tokens", json={"name": "ERP", "scope": "ingest", "rooms": ["wine-dy"]})).json()
    await admin.delete(f"/api/tokens/{token['token']['id']}")
    await web.tablet()
    rows = await web.house.store.read(lambda conn: audit(conn))
    assert [(row.action, row.code) for row in reversed(rows)] == [
        ("add_person", "done"),
        ("sign_in", "done"),
        ("sign_in", "bad_credentials"),
        ("create_token", "done"),
        ("revoke_token", "done"),
        ("offer_pairing_code", "done"),
        ("pair_device", "done"),
    ]
    text = str(rows)
    assert token["secret"] not in text
    assert "wrong password" not in text
    listed = (await admin.get("/api/audit?limit=2")).json()
    assert [row["action"] for row in listed["rows"]] == ["pair_device", "offer_pairing_code"]
    rest = (await admin.get(f"/api/audit?limit=50&cursor={listed['next']}")).json()
    assert (len(rest["rows"]), rest["next"]) == (5, None)


async def test_a_token_is_told_once(web: Web) -> None:
    admin = await web.person(Role.ADMIN)
    made = (await admin.post("/api/tokens", json={"name": "ERP", "scope": "ingest", "rooms": ["wine-dy"]})).json()
    assert re.fullmatch(r"cr_ingest_[\w-]{43}", made["secret"])
    listed = await admin.get("/api/tokens")
    assert made["secret"] not in listed.text
    assert "hash" not in listed.text
    unbound = await admin.post("/api/tokens", json={"name": "ERP", "scope": "ingest"})
    assert unbound.json()["code"] == "needs_rooms"
    nowhere = await admin.post("/api/tokens", json={"name": "ERP", "scope": "ingest", "rooms": ["nowhere"]})
    assert nowhere.status_code == 404


async def test_a_key_names_one_command(web: Web) -> None:
    controller, session = await web.person(Role.CONTROLLER), await web.open_session()
    path = f"/api/sessions/{session}"
    await controller.post(f"{path}/rundown/next", json={}, headers=key("k"))
    other = await controller.post(f"{path}/alerts/a/ack", json={}, headers=key("k"))
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
