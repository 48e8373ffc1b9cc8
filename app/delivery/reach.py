"""Reach: which addresses a message may be carried to. Decided on the address itself, never on the name that led to it.

The open internet over TLS, always. The own network only as far as the operator says: all of it by
CUEROOM_ALLOW_PRIVATE_WEBHOOKS, single hosts and networks by CUEROOM_WEBHOOK_ALLOW.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, Self

import httpx2

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Bound = Literal["private_address", "not_https", "odd_port", "odd_address"]

PORTS: Final = frozenset({80, 443})
"""Below 1024; above it any. Mail, remote shells and the like must not be spoken to in HTTP."""
FIRST_FREE_PORT: Final = 1024


class OutOfReach(Exception):
    """The address is not one that messages are carried to; nothing was sent."""

    def __init__(self, code: Bound) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reach:
    """What an operator allows. `hosts`: their addresses of the own network too; `networks`: whatever lies in them."""

    allow_private: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, *, allow_private: bool = False, allow: Iterable[str] = ()) -> Self:
        """Return the reach that settings describe: each entry is an address, a network or the name of a host."""
        hosts, networks = set(), []
        for entry in allow:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(_plain(entry))
        return cls(allow_private, frozenset(hosts), tuple(networks))

    def check(self, url: httpx2.URL) -> None:
        """Look at all that an address says before any name is asked for. Raises OutOfReach."""
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise OutOfReach("odd_address")
        if url.port is not None and url.port not in PORTS and url.port < FIRST_FREE_PORT:
            raise OutOfReach("odd_port")

    def of_these(self, url: httpx2.URL, addresses: Iterable[str]) -> list[str]:
        """Return the addresses of a host that may be connected to, in order. Raises OutOfReach when there is none."""
        host = url.raw_host.decode()
        allowed = [address for address in addresses if self._takes(host, address)]
        if not allowed:
            raise OutOfReach("private_address")
        if url.scheme != "https":
            allowed = [address for address in allowed if self._takes_plain(host, address)]
        if not allowed:
            raise OutOfReach("not_https")
        return allowed

    def _takes(self, host: str, address: str) -> bool:
        ip = real_address(address)
        if self._is_listed(address):
            return True
        if _within(ip, _METADATA):
            return False
        return is_public(address) or ((self.allow_private or _plain(host) in self.hosts) and _within(ip, _OWN))

    def _takes_plain(self, host: str, address: str) -> bool:
        """Without TLS nobody knows who answers, so it must be at home, or be asked for by name."""
        return not is_public(address) or self._is_listed(address) or _plain(host) in self.hosts

    def _is_listed(self, address: str) -> bool:
        return _within(real_address(address), self.networks) or _within(_ip(address), self.networks)


def is_public(address: str) -> bool:
    """Return whether an address belongs to the open internet, also when it is written in another family's form."""
    ip = real_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not _within(ip, _NOBODYS) and not _within(ip, _METADATA)


def real_address(address: str) -> Ip:
    """Return where an address leads: the IPv4 one inside of those that only carry it."""
    ip = _ip(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip


def _ip(address: str) -> Ip:
    return ipaddress.ip_address(address.partition("%")[0])


def _within(ip: Ip, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks)


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _networks(*written: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in written)


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6; whatever lies outside leads to the own network or nowhere."""
_OWN: Final = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128"
)
"""What a house's own network is numbered by. Link-local, multicast and reserved addresses are nobody's webhook."""
_METADATA: Final = _networks(
    "169.254.0.0/16",  # most clouds, and link-local altogether
    "100.100.100.200/32",  # Alibaba Cloud, inside the shared range
    "168.63.129.16/32",  # Azure, an address of the open internet by its number
    "192.0.0.192/32",  # Oracle Cloud
    "fd00:ec2::/32",  # AWS, inside the private range
    "fd20:ce::/32",  # Google Cloud
)
"""Where clouds hand their machines credentials: reached only when listed by address."""
_NOBODYS: Final = _networks(
    "192.0.0.0/24",  # protocol assignments, some of which Python calls global
    "192.88.99.0/24",  # relays that have been given up
    "3fff::/20",  # for documentation, newer than this Python
)
