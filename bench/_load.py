"""A bounded load on one loopback server: keep-alive connections that post prepared bodies and read the answers.

Raw sockets on asyncio, so that the generator costs a small part of the core it is given.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of it. `seconds`: from the first byte to the last answer."""

    requests: int = 0
    events: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds; `share` of the answers came within it."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


async def post_for(
    port: int, path: str, bodies: list[Iterator[bytes]], *, size: int, seconds: float, headers: dict[str, str]
) -> Load:
    """Post from one connection per iterator, one request at a time each, for `seconds` (at most 60), or to its end."""
    load = Load()
    began = time.perf_counter()
    until = began + min(seconds, 60.0)
    await asyncio.gather(*(_connection(port, path, each, size, until, headers, load) for each in bodies))
    load.seconds = time.perf_counter() - began
    return load


async def _connection(
    port: int, path: str, bodies: Iterator[bytes], size: int, until: float, headers: dict[str, str], load: Load
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    while time.perf_counter() < until:
        body = next(bodies, None)
        if body is None:
            break
        began = time.perf_counter()
        writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fixed}Content-Length: {len(body)}\r\n\r\n".encode())
        writer.write(body)
        status = await _answer(reader)
        load.latencies.append(time.perf_counter() - began)
        load.requests += 1
        if status in (200, 202):
            load.events += size
        else:
            load.refused += 1
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length:
        await reader.readexactly(length)
    return status
