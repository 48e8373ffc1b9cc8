"""The courier: carries one request to an address of the open internet and brings the answer, or says how far it got.

A message must never go to a machine of the own network because a name points there: the name is resolved once, private
addresses are refused, and the connection is made to the resolved address.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Literal, Self

import httpx2

from app.delivery.answers import Reply
from app.delivery.robots import Post

CONNECT_S: Final = 3.0
READ_S: Final = 8.0
TOTAL_S: Final = 15.0
"""From the first byte to the last, however slowly they come."""
NAME_S: Final = 3.0
REPLY_BYTES: Final = 64 * 1024
ADDRESSES: Final = 3

# Both write whole URLs into the log, and a robot's URL is its secret. Set here and not where logging is set up, so that
# no configuration of somebody else's can let one out.
for _logger in ("httpx2", "httpcore2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy"):
    logging.getLogger(_logger).setLevel(logging.CRITICAL)


class NotSent(Exception):
    """Nothing of the message left this machine: it may be tried again."""

    def __init__(self, code: Literal["name_not_found", "not_connected"]) -> None:
        super().__init__(code)
        self.code = code


class Unheard(Exception):
    """The message was written and then nothing was heard: it may have arrived."""

    def __init__(self, code: Literal["timed_out", "connection_lost", "interrupted"]) -> None:
        super().__init__(code)
        self.code = code


class PrivateAddress(Exception):
    """The name leads into a private network, or the address is not HTTPS."""


class Courier:
    """Owns the client. A connection for each message: one that was kept may be closed by the other side just as we
    write, and then nobody could tell whether the message arrived."""

    def __init__(self, *, allow_private: bool = False, patience_s: float = READ_S) -> None:
        self._allow_private = allow_private
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(patience_s, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def carry(self, post: Post) -> Reply:
        """Return the reply. Raises NotSent, Unheard, PrivateAddress."""
        url = httpx2.URL(post.url)
        if url.scheme != "https" and not self._allow_private:
            raise PrivateAddress
        addresses = await self._resolve(url)
        for address in addresses[:-1]:
            with contextlib.suppress(NotSent):
                return await self._send(url, address, post)
        return await self._send(url, addresses[-1], post)

    async def _resolve(self, url: httpx2.URL) -> list[str]:
        host, port = url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(NAME_S):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise NotSent("name_not_found") from None
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        open_ones = [address for address in addresses if self._allow_private or is_public(address)]
        if not open_ones:
            raise PrivateAddress
        return open_ones[:ADDRESSES]

    async def _send(self, url: httpx2.URL, address: str, post: Post) -> Reply:
        request = self._client.build_request(
            "POST",
            url.copy_with(host=address),
            params=post.params,
            content=post.body,
            headers={
                "Host": url.netloc.decode(),
                "Content-Type": post.content_type,
                "User-Agent": "Cueroom",
                "Accept-Encoding": "identity",  # an answer must not be able to unfold to gigabytes
            },
            extensions={"sni_hostname": url.raw_host.decode()},
        )
        try:
            async with asyncio.timeout(TOTAL_S):
                response = await self._client.send(request, stream=True)
                try:
                    return Reply(response.status_code, await _body(response), _date(response), _retry_after(response))
                finally:
                    await response.aclose()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, ssl.SSLError):
            raise NotSent("not_connected") from None
        except (httpx2.TimeoutException, TimeoutError):
            raise Unheard("timed_out") from None
        except httpx2.HTTPError:
            raise Unheard("connection_lost") from None


def is_public(address: str) -> bool:
    """Return whether an address belongs to the open internet, also when it is written in another family's form."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOBODYS)


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6; whatever lies outside leads to the own network or nowhere."""
_NOBODYS: Final = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments, some of which Python calls global
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays that have been given up
    ipaddress.IPv6Network("3fff::/20"),  # for documentation, newer than this Python
)


async def _body(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= REPLY_BYTES:
            break
    return bytes(body[:REPLY_BYTES])


def _date(response: httpx2.Response) -> int | None:
    try:
        return int(parsedate_to_datetime(response.headers["date"]).timestamp() * 1_000)
    except (KeyError, ValueError, OverflowError):
        return None


def _retry_after(response: httpx2.Response) -> int:
    value = response.headers.get("retry-after", "")
    return min(int(value), 3_600) * 1_000 if value.isascii() and value.isdigit() and len(value) < 6 else 0
