"""Patience: what needs a database that does not answer yet is tried for a while, with a line a try."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from app.errors import Unavailable

TRY_EVERY_S: Final = 1
T = TypeVar("T")


async def patiently(within_s: float, work: Callable[[], Awaitable[T]]) -> T:
    """Do what needs the database, and return what came of it. Raises Unavailable when it never answered."""
    began = asyncio.get_running_loop().time()
    while True:
        try:
            return await work()
        except Unavailable as refusal:
            if not within_s:
                raise
            waited = asyncio.get_running_loop().time() - began
            if waited >= within_s:
                raise Unavailable(f"{refusal.detail}; gave up after {waited:.0f} s") from None
            sys.stderr.write(f"cueroom: waiting for the database ({refusal.detail}), {waited:.0f} s\n")
            sys.stderr.flush()
            await asyncio.sleep(TRY_EVERY_S)
