"""Promises about people, tokens, tablets and what the door saw: what is used up, revoked or late opens nothing."""

import asyncio
from functools import partial

import msgspec
import pytest
from argon2 import PasswordHasher

from app.access.access import Access
from app.access.passwords import Passwords
from app.access.people import BadCredentials
from app.clock import ManualClock
from app.domain.people import Role
from app.errors import NotFound
from app.instants import Instant
from app.store import audit, devices, doctor, keys, people, rulesets, tokens
from app.store.database import Store
from app.store.devices import DeviceRecord, PairingCode
from app.store.doctor import SourceCount
from app.store.people import NameTaken, OpenLink, PersonRow, SignInRow
from app.store.tokens import TokenRow
from tests.store import samples

NOW = samples.NOW
LIN = PersonRow(id="p1", name="林场控", password="hash", role=Role.CONTROLLER, brand="cellar", created_ms=NOW)
SIGN_IN = SignInRow(hash="h1", person="p1", created_ms=NOW, last_seen_ms=NOW, expires_ms=NOW + 100)


async def test_a_sign_in_ends_with_its_time_and_with_its_person(store: Store) -> None:
    await store.write(partial(people.add_person, row=LIN))
    await store.write(partial(people.sign_in, row=SIGN_IN))
    assert await store.write(partial(people.person, person_id="p1", hold=True)) == LIN
    here = partial(people.signed_in, hash_="h1", now=Instant(NOW + 99))
    assert await store.read(here) == (LIN, SIGN_IN)
    assert await store.read(partial(people.signed_in, hash_="h1", now=Instant(NOW + 100))) is None
    await store.write(partial(people.disable_person, person_id="p1", at=NOW))
    assert await store.read(here) is None
    await store.write(partial(people.disable_person, person_id="p1", at=None))
    assert await store.read(here) is None, "coming back means signing in again"


async def test_a_change_of_rights_ends_every_sign_in(store: Store) -> None:
    await store.write(partial(people.add_person, row=LIN))
    await store.write(partial(people.sign_in, row=SIGN_IN))
    changed = await store.write(partial(people.change_person, person_id="p1", role=Role.VIEWER))
    assert changed.role is Role.VIEWER
    assert await store.read(partial(people.signed_in, hash_=SIGN_IN.hash, now=NOW)) is None


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
async def test_a_name_that_no_column_holds_is_nobodys(store: Store, name: str) -> None:
    access = Access(store=store, clock=ManualClock(NOW), passwords=Passwords(PasswordHasher(1, 8, 1)))
    with pytest.raises(BadCredentials):
        await access.people.sign_in(name, "correct horse battery")


async def test_a_name_is_given_once(store: Store) -> None:
    await store.write(partial(people.add_person, row=LIN))
    with pytest.raises(NameTaken):
        await store.write(lambda conn: people.add_person(conn, msgspec.structs.replace(LIN, id="p2")))


async def test_a_link_opens_once_and_only_the_newest(store: Store) -> None:
    until = Instant(NOW + 100)
    await store.write(partial(people.make_link, hash_="old", at=NOW, expires=until))
    await store.write(partial(people.make_link, hash_="new", at=NOW, expires=until))
    with pytest.raises(NotFound):
        await store.write(partial(people.use_link, hash_="old", now=NOW))
    with pytest.raises(NotFound):
        await store.write(partial(people.use_link, hash_="new", now=until))
    assert await store.read(partial(people.open_link, hash_="new", now=until)) is None
    assert await store.read(partial(people.open_link, hash_="new", now=NOW)) == OpenLink(until, "")
    await store.write(partial(people.add_person, row=LIN))
    await store.write(partial(people.make_link, hash_="hers", at=NOW, expires=until, person_id=LIN.id))
    assert await store.read(partial(people.open_link, hash_="hers", now=NOW)) == OpenLink(until, LIN.name, LIN.role)
    assert await store.write(partial(people.use_link, hash_="new", now=NOW)) is None
    with pytest.raises(NotFound):
        await store.write(partial(people.use_link, hash_="new", now=NOW))


async def test_a_revoked_token_is_no_token(store: Store) -> None:
    row = TokenRow(id="t1", name="erp", hash="h", scope="ingest", rooms=("a",), created_by="p1", created_ms=NOW)
    await store.write(partial(tokens.add_token, row=row))
    await store.write(partial(tokens.use_token, token_id="t1", at=NOW))
    found = await store.read(partial(tokens.token, hash_="h"))
    assert found is not None
    assert (found.rooms, found.last_used_ms) == (("a",), NOW)
    await store.write(partial(tokens.revoke_token, token_id="t1", at=NOW))
    assert await store.read(partial(tokens.token, hash_="h")) is None
    assert [one.revoked_ms for one in await store.read(tokens.all_tokens)] == [NOW]


async def test_a_pairing_code_opens_once_and_wrong_ones_use_it_up(store: Store) -> None:
    code = PairingCode(hash="c", room="a", created_by="p1", created_ms=NOW, expires_ms=NOW + 100, tries_left=5)
    await store.write(partial(devices.offer_code, code=code))
    for _ in range(4):
        assert await store.write(partial(devices.use_code, hash_="wrong", now=NOW)) is None
    assert await store.write(partial(devices.use_code, hash_="wrong", now=NOW, spend=False)) is None
    left = await store.read(partial(devices.open_code, room="a", now=NOW))
    assert left is not None
    assert left.tries_left == 1
    used = await store.write(partial(devices.use_code, hash_="c", now=NOW))
    assert used is not None
    assert used.room == "a"
    assert await store.write(partial(devices.use_code, hash_="c", now=NOW)) is None


async def test_after_five_wrong_tries_or_too_late_the_right_code_is_wrong(store: Store) -> None:
    code = PairingCode(hash="c", room="a", created_by="p1", created_ms=NOW, expires_ms=NOW + 100, tries_left=5)
    await store.write(partial(devices.offer_code, code=code))
    assert await store.write(partial(devices.use_code, hash_="c", now=Instant(NOW + 100))) is None
    for _ in range(5):
        await store.write(partial(devices.use_code, hash_="wrong", now=NOW))
    assert await store.write(partial(devices.use_code, hash_="c", now=NOW)) is None


async def test_a_revoked_tablet_is_no_tablet(store: Store) -> None:
    tablet = DeviceRecord(id="d1", room="a", name="主播平板", hash="h", paired_by="p1", paired_ms=NOW, last_seen_ms=NOW)
    await store.write(partial(devices.add_device, device=tablet))
    assert await store.read(partial(devices.device_by_secret, hash_="h")) == tablet
    assert await store.read(partial(devices.devices_of, room="a")) == [tablet]
    await store.write(partial(devices.revoke_device, device_id="d1", at=NOW))
    assert await store.read(partial(devices.device_by_secret, hash_="h")) is None
    assert await store.read(partial(devices.devices_of, room="a")) == []


async def test_the_audit_is_read_newest_first_by_pages(store: Store) -> None:
    for n in range(3):
        await store.write(lambda conn, n=n: audit.note(conn, NOW, samples.LIN, "token_create", f"t{n}"))  # type: ignore[misc]
    first = await store.read(partial(audit.audit, most=2))
    assert [line.subject for line in first] == ["t2", "t1"]
    assert [line.subject for line in await store.read(partial(audit.audit, before=first[-1].id))] == ["t0"]


async def test_a_key_is_made_once(store: Store) -> None:
    assert await store.write(partial(keys.key, name="viewers", fresh=b"first", at=NOW)) == b"first"
    assert await store.write(partial(keys.key, name="viewers", fresh=b"second", at=NOW)) == b"first"


async def test_the_last_accepted_rules_are_the_current_ones(store: Store) -> None:
    assert await store.read(partial(rulesets.current, kind="rules")) is None
    for at, body in enumerate((b"one", b"two", b"one")):
        await store.write(partial(rulesets.accept, kind="rules", body=body, source="pack", at=Instant(NOW + at)))
    found = await store.read(partial(rulesets.current, kind="rules"))
    assert found is not None
    assert (found.body, found.accepted_ms) == (b"one", NOW + 2)
    assert await store.read(partial(rulesets.current, kind="lexicon")) is None


async def test_what_the_door_saw_adds_up(store: Store) -> None:
    seen = SourceCount(
        room="a", source="t1", kind="stock", source_name="erp", last_ms=NOW, taken=3, refused={"unit": 1}
    )
    more = SourceCount(
        room="a", source="t1", kind="stock", taken=2, duplicates=1, refused={"unit": 1, "sku": 1}, unknown={"x": 4}
    )
    await store.write(partial(doctor.add_counts, counts=[seen]))
    await store.write(partial(doctor.add_counts, counts=[more]))
    (total,) = await store.read(partial(doctor.counts, room="a"))
    assert (total.taken, total.duplicates, total.last_ms, total.source_name) == (5, 1, NOW, "erp")
    assert (total.refused, total.unknown) == ({"unit": 2, "sku": 1}, {"x": 4})


async def test_what_the_doors_of_several_processes_saw_adds_up(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    both = [SourceCount(room="a", source="t1", kind=kind, taken=1, refused={"unit": 1}) for kind in ("stock", "order")]
    adding = (
        door.write(partial(doctor.add_counts, counts=counts))
        for counts in (both, both[::-1]) * 5
        for door in (store, other)
    )
    await asyncio.gather(*adding)
    await other.close()
    totals = await store.read(partial(doctor.counts, room="a"))
    assert [(total.taken, total.refused) for total in totals] == [(20, {"unit": 20})] * 2
