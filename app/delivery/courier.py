"""The courier: carries one request to an address within reach and brings the answer, or says how far it got.

A message must never go to a machine of the own network because a name points there: the name is asked for once, what it
leads to is judged, and the connection is made to that very address. Who answers must show the name's certificate.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx2

from app.delivery.answers import Reply
from app.delivery.reach import Reach
from app.delivery.robots import Post

CONNECT_S: Final = 3.0
READ_S: Final = 8.0
TOTAL_S: Final = 15.0
"""From the connection to the last byte, however slowly they come."""
NAME_S: Final = 3.0
BODY_S: Final = 1.0
"""For a body that nothing hangs on."""
REPLY_BYTES: Final = 64 * 1024
ADDRESSES: Final = 3
RETRY_MOST_MS: Final = 3_600_000

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Leave = Callable[[], Awaitable[None]]

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


async def _go() -> None:
    return None


async def resolved(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host by the system's resolver. Raises OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


class Courier:
    """Owns the client. A connection for each message: one that was kept may be closed by the other side just as we
    write, and then nobody could tell whether the message arrived."""

    def __init__(
        self,
        *,
        reach: Reach | None = None,
        patience_s: float = READ_S,
        resolve: Resolve = resolved,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`trust`: whose certificates count, else the system's."""
        self._reach = reach or Reach()
        self._resolve = resolve
        self._body_s = min(BODY_S, patience_s)
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(patience_s, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=0),
            verify=True if trust is None else trust,
            cookies=CookieJar(
                DefaultCookiePolicy(allowed_domains=[])
            ),  # addresses are shared: none is kept for the next
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

    async def carry(self, post: Post, leave: Leave = _go) -> Reply:
        """Return the reply. Raises NotSent, Unheard, OutOfReach.

        `leave` is asked when the connection stands, right before the first byte: what it raises keeps the message here.
        """
        url = httpx2.URL(post.url)
        self._reach.check(url)
        addresses = self._reach.of_these(url, await self._addresses(url))[:ADDRESSES]
        for address in addresses[:-1]:
            with contextlib.suppress(NotSent):
                return await self._send(url, address, post, leave)
        return await self._send(url, addresses[-1], post, leave)

    async def _addresses(self, url: httpx2.URL) -> list[str]:
        host, port = url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(NAME_S):
                return list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError, TimeoutError):
            raise NotSent("name_not_found") from None

    async def _send(self, url: httpx2.URL, address: str, post: Post, leave: Leave) -> Reply:
        left = False

        async def trace(step: str, _: dict[str, Any]) -> None:
            nonlocal left
            if step == "http11.send_request_headers.started":
                await leave()
                left = True

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
                **post.headers,
            },
            extensions={"sni_hostname": url.raw_host.decode(), "trace": trace},
        )
        try:
            async with asyncio.timeout(TOTAL_S):
                response = await self._client.send(request, stream=True)
                try:
                    body = await (_body_if_it_comes(response, self._body_s) if post.by_status else _body(response))
                    return Reply(response.status_code, body, _date(response), _retry_after(response))
                finally:
                    await response.aclose()
        except (httpx2.HTTPError, ssl.SSLError, TimeoutError) as fault:
            if not left:
                raise NotSent("not_connected") from None
            silent = isinstance(fault, (httpx2.TimeoutException, TimeoutError))
            raise Unheard("timed_out" if silent else "connection_lost") from None


async def _body(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= REPLY_BYTES:
            break
    return bytes(body[:REPLY_BYTES])


async def _body_if_it_comes(response: httpx2.Response, within_s: float) -> bytes:
    """The status has said it: a body that breaks off or never ends changes nothing."""
    try:
        async with asyncio.timeout(within_s):
            return await _body(response)
    except (httpx2.HTTPError, TimeoutError):
        return b""


def _date(response: httpx2.Response) -> int | None:
    return _instant(response.headers.get("date", ""))


def _retry_after(response: httpx2.Response) -> int:
    """Return for how long the other side wants to be left alone: seconds, or an instant by its own clock."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:6]) * 1_000, RETRY_MOST_MS)
    until, now = _instant(value), _date(response)
    return min(max(until - now, 0), RETRY_MOST_MS) if until is not None and now is not None else 0


def _instant(written: str) -> int | None:
    try:
        return int(parsedate_to_datetime(written).timestamp() * 1_000)
    except (ValueError, TypeError, OverflowError):
        return None
