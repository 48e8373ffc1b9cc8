"""Promises: a message goes where the operator lets it go, judged by the address it is really carried to."""

import ssl
from collections.abc import Sequence

import httpx2
import pytest
from pydantic import ValidationError

from app.delivery.courier import Courier, NotSent
from app.delivery.reach import OutOfReach, Reach
from app.delivery.robots import Post
from app.settings import Settings
from tests.delivery.chat import DATA, Chat, running_chat

LOOPBACK = Reach.of(allow=["127.0.0.1"])


class Names:
    """A resolver: gives the answers in turn, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def verdict(reach: Reach, url: str, *addresses: str) -> list[str] | str:
    try:
        reach.check(httpx2.URL(url))
        return reach.of_these(httpx2.URL(url), addresses)
    except OutOfReach as why:
        return why.code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://h.example/", "odd_address"),
        ("file:///etc/passwd", "odd_address"),
        ("https:///path", "odd_address"),
        ("https://user:pw@h.example/", "odd_address"),
        ("https://h.example@127.0.0.1/", "odd_address"),
        ("https://h.example:22/", "odd_port"),
        ("https://h.example:25/", "odd_port"),
        ("https://h.example:0/", "odd_port"),
        ("http://h.example/", "not_https"),
    ],
)
def test_addresses_of_an_odd_form_are_refused(url: str, code: str) -> None:
    assert verdict(Reach(), url, "8.8.8.8") == code


@pytest.mark.parametrize("url", ["https://h.example/", "https://h.example:443/", "https://h.example:8443/x?y=z"])
def test_the_open_internet_over_tls_needs_no_leave(url: str) -> None:
    assert verdict(Reach(), url, "8.8.8.8") == ["8.8.8.8"]


def test_of_mixed_addresses_only_those_within_reach_are_used() -> None:
    mixed = ("10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1", "2400:3200::1", "64:ff9b::a00:1", "169.254.169.254")
    assert verdict(Reach(), "https://h.example/", *mixed) == ["8.8.8.8", "2400:3200::1"]
    assert verdict(Reach.of(allow=["10.0.0.0/24"]), "https://h.example/", "10.0.0.1", "10.0.1.1") == ["10.0.0.1"]


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "127.0.0.1", "100.64.0.1", "fd12::1", "::1"])
def test_the_own_network_is_open_to_who_may_use_it_and_to_no_other(address: str) -> None:
    url = "http://hooks.lan:8080/in"
    assert verdict(Reach(), url, address) == "private_address"
    assert verdict(Reach.of(allow=["other.lan", "172.16.0.0/12"]), url, address) == "private_address"
    for reach in (Reach.of(allow_private=True), Reach.of(allow=["Hooks.LAN."]), Reach.of(allow=[address])):
        assert verdict(reach, url, address) == [address]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "0.0.0.0",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_metadata_and_addresses_that_are_nobodys_are_reached_only_when_listed_by_address(address: str) -> None:
    for reach in (Reach(), Reach.of(allow_private=True), Reach.of(allow=["hooks.lan", "10.0.0.0/8"])):
        assert verdict(reach, "https://hooks.lan/", address) == "private_address"
    assert verdict(Reach.of(allow=[address]), "https://hooks.lan/", address) == [address]


def test_leave_for_the_own_network_is_no_leave_to_speak_openly_on_the_internet() -> None:
    private = Reach.of(allow_private=True)
    assert verdict(private, "http://h.example/", "8.8.8.8") == "not_https"
    assert verdict(private, "http://h.example/", "8.8.8.8", "10.0.0.1") == ["10.0.0.1"]
    assert verdict(Reach.of(allow=["h.example"]), "http://h.example/", "8.8.8.8") == ["8.8.8.8"]


async def test_a_name_that_changes_its_mind_is_asked_once_and_held_to_its_first_answer(chat: Chat) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with Courier(reach=LOOPBACK, resolve=names) as courier:
        reply = await courier.carry(Post(f"http://rebind.example:{chat.port}/robot/send", {"a": "b"}, b"{}"))
    assert (reply.status, names.asked) == (200, 1)


async def test_a_name_that_leads_home_at_the_second_asking_is_refused_then(chat: Chat) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    async with Courier(resolve=names) as courier:
        assert await names("rebind.example", 443) == ["8.8.8.8"]  # what a check beforehand would have seen
        with pytest.raises(OutOfReach):
            await courier.carry(Post(f"https://rebind.example:{chat.port}/robot/send", {}, b"{}"))
    assert chat.received == []


@pytest.mark.parametrize(("host", "knows"), [("hooks.example", True), ("other.example", False), ("127.0.0.1", False)])
async def test_who_answers_must_show_the_certificate_of_the_name_not_of_the_address(host: str, knows: bool) -> None:
    trust = ssl.create_default_context(cafile=str(DATA / "hooks.pem"))
    names = Names(["127.0.0.1"])
    async with (
        running_chat(certificate="hooks.pem") as chat,
        Courier(reach=LOOPBACK, resolve=names, trust=trust) as courier,
    ):
        post = Post(f"https://{host}:{chat.port}/robot/send?a=b", None, b"{}")
        if knows:
            assert (await courier.carry(post)).status == 200
        else:
            with pytest.raises(NotSent):
                await courier.carry(post)
    assert bool(chat.received) is knows


async def test_a_name_without_addresses_is_not_found() -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with Courier(resolve=broken) as courier:
        with pytest.raises(NotSent) as refused:
            await courier.carry(Post("https://gone.example/", {}, b"{}"))
    assert refused.value.code == "name_not_found"


def test_the_setting_takes_hosts_addresses_and_networks_and_nothing_else() -> None:
    told = Settings(_env_file=None, webhook_allow="Hooks.lan, 10.1.2.3,10.2.0.1/16 fd12::/48")
    assert told.webhook_allow == ("hooks.lan", "10.1.2.3/32", "10.2.0.0/16", "fd12::/48")
    for wrong in ("https://hooks.lan", "hooks.lan:8080", "10.1.2.300", "10.0.0.0/33", "a b/c", "-x.lan"):
        with pytest.raises(ValidationError):
            Settings(_env_file=None, webhook_allow=wrong)
