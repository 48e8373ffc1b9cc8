"""The sender of the bus benchmark, a process of its own: `python -m bench._bus_sender URL PREFIX SIZE ENTRIES`."""

import asyncio
import sys
from collections.abc import Sequence
from itertools import islice

import msgspec

from app.bus.redis_streams import RedisLink, RedisSessionLog
from app.domain.events import Event
from app.domain.records import Entry, Events
from app.instants import Instant
from bench._events import batches

SESSIONS = 50
TOGETHER = 10
"""Entries in one append, as of a batch for several rooms or a door under load."""
SENDERS = 16
ANSWER_MS = 60_000


def made(size: int, number: int) -> list[Entry]:
    """Return entries of so many events each, in the mix of the benchmarks."""
    decoder = msgspec.json.Decoder(Event)
    bodies = islice(batches("r", size, 1_000, seed=size, skus=("SKU-1", "SKU-2")), number)
    return [
        Entry(Instant(1_000), Events("bench", ("r",), [decoder.decode(line) for line in body.splitlines()]))
        for body in bodies
    ]


def placed(entries: Sequence[Entry], number: int) -> list[tuple[str, Entry]]:
    """Return so many entries, spread over the sessions."""
    return [(f"s{n % SESSIONS}", entries[n % len(entries)]) for n in range(number)]


async def send(url: str, prefix: str, size: int, number: int) -> None:
    """Append so many entries, a few at once, each sender when its last were committed."""
    link = RedisLink(url, prefix=prefix, connections=SENDERS)
    log = RedisSessionLog(link)
    left = iter(placed(made(size, 100), number))

    async def sender() -> None:
        while some := list(islice(left, TOGETHER)):
            tickets = await log.append_all(some)
            await asyncio.gather(*(log.committed(ticket, ANSWER_MS) for ticket in tickets))

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    await log.close()
    await link.close()


if __name__ == "__main__":
    _, URL, PREFIX, SIZE, ENTRIES = sys.argv
    asyncio.run(send(URL, PREFIX, int(SIZE), int(ENTRIES)))
