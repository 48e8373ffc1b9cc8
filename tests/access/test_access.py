"""Promises of access below HTTP: waits that grow and are forgotten, names, secrets, and passwords in turn."""

import threading
import time

import pytest
from argon2 import PasswordHasher

from app.access.access import bearer
from app.access.attempts import Attempts, LockedOut
from app.access.passwords import AT_ONCE, Passwords, WeakPassword
from app.access.people import BadName, checked_name
from app.access.principal import NotSignedIn, Principal, Revocations
from app.access.secret import fresh_secret, secret_hash
from app.domain.people import Role
from app.domain.workspace import Room
from app.instants import HOUR, Instant, later
from app.settings import Settings

NOW = Instant(1_790_000_000_000)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def wait_of(attempts: Attempts, now: Instant) -> int:
    try:
        attempts.begin("who", now)
    except LockedOut as refusal:
        return int(refusal.context["wait_s"])
    return 0


def test_the_wait_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten_after_one() -> None:
    attempts, now, waits = Attempts(), NOW, []
    for _ in range(5):
        assert wait_of(attempts, now) == 0
    for _ in range(8):
        wait = wait_of(attempts, now)
        waits.append(wait)
        now = later(now, wait * 1_000)
        assert wait_of(attempts, now) == 0
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert wait_of(attempts, later(now, HOUR + 1)) == 0


def test_many_at_once_gain_nothing_since_an_attempt_counts_before_its_answer() -> None:
    attempts = Attempts()
    assert sum(wait_of(attempts, NOW) == 0 for _ in range(100)) == 5


def test_knocking_while_one_must_wait_does_not_make_it_longer() -> None:
    attempts = Attempts()
    for _ in range(50):
        wait_of(attempts, NOW)
    assert wait_of(attempts, NOW) == 30


async def test_only_a_few_passwords_are_worked_on_at_a_time() -> None:
    passwords, running, most, lock = Passwords(CHEAP), 0, 0, threading.Lock()
    verify = passwords._verify

    def watched(hash_: str | None, password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return verify(hash_, password)

    passwords._verify = watched  # type: ignore[method-assign]  # counts, and does what it did
    import asyncio

    assert await asyncio.gather(*(passwords.matches(None, "x") for _ in range(8))) == [False] * 8
    assert most == AT_ONCE


async def test_a_password_matches_its_own_hash_only() -> None:
    passwords = Passwords(CHEAP)
    hash_ = await passwords.hashed("correct horse", "周敏")
    assert await passwords.matches(hash_, "correct horse")
    assert not await passwords.matches(hash_, "correct horsf")
    assert not await passwords.matches("not a hash", "correct horse")
    for weak in ("short", "x" * 201, "zhoumin-zhoumin"):
        with pytest.raises(WeakPassword):
            await passwords.hashed(weak, "ZhouMin-ZhouMin")


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\nb", "a\u200bb", "\u202eabc", "\ud800"])
def test_a_name_that_cannot_be_seen_or_read_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        checked_name(name)


def test_a_name_is_kept_in_one_form() -> None:
    assert checked_name(" Zoe\u0301 ") == "Zo\u00e9"


def test_secrets_are_long_and_their_hash_is_of_all_of_them() -> None:
    one, other = fresh_secret("cr_read_"), fresh_secret("cr_read_")
    assert one != other
    assert len(one) == len("cr_read_") + 43
    assert secret_hash(one) != secret_hash(one[:-1])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", "cr_ingest_x"])
def test_another_kind_of_authorization_is_nobody(header: str) -> None:
    with pytest.raises(NotSignedIn):
        bearer(header)


def test_who_sees_which_room() -> None:
    wine, tea = (Room(id=f"{brand}-1", brand=brand, name=brand, platform="douyin") for brand in ("wine", "tea"))
    agency = Principal("person", "1", "a", Role.VIEWER)
    brand = Principal("person", "2", "b", Role.ADMIN, brand="tea")
    tablet = Principal("device", "3", "c", Role.HOST, rooms=frozenset({"wine-1"}))
    assert [each.visible([wine, tea]) for each in (agency, brand, tablet)] == [[wine, tea], [tea], [wine]]


def test_a_listener_that_left_hears_no_more() -> None:
    heard: list[str] = []
    revocations = Revocations()
    leave = revocations.listen(heard.append)
    revocations.tell("a")
    leave()
    revocations.tell("b")
    assert heard == ["a"]


def test_settings_come_from_the_environment_and_hide_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUEROOM_DATABASE_URL", "postgresql://me:hunter2@db/cueroom")
    monkeypatch.setenv("CUEROOM_LIMITS__BATCH_RECORDS", "500")
    monkeypatch.setenv("CUEROOM_TRUSTED_ORIGINS", "https://a.example.com, https://b.example.com/")
    settings = Settings(_env_file=None)
    assert settings.limits.batch_records == 500
    assert settings.trusted_origins == ("https://a.example.com", "https://b.example.com")
    assert settings.database == "postgresql://me:hunter2@db/cueroom"
    assert "hunter2" not in repr(settings) + str(settings.model_dump())
    monkeypatch.setenv("CUEROOM_TRUSTED_ORIGINS", "https://a.example.com/path")
    with pytest.raises(ValueError, match="origin"):
        Settings(_env_file=None)
