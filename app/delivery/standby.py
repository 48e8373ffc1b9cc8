"""Standby: of all pumps of an installation one works at a time, the others wait for its lease to end.

One pump is quick enough for every group there is, and only one can keep a robot's budget. Whoever takes the lease takes
over what the one before had claimed; an owner that was paused finds its claims gone before it can send.
"""

import asyncio
import contextlib
from typing import Final

import structlog

from app.bus.ports import Ownership
from app.delivery.pump import Pump
from app.domain.identity import Fence
from app.errors import Unavailable

log = structlog.get_logger()

LEASE: Final = "pump"
LEASE_MS: Final = 5_000
RENEW_PARTS: Final = 5
LOOK_EVERY_S: Final = 0.5


class Standby:
    """Owns the lease under which a pump works."""

    def __init__(self, pump: Pump, leases: Ownership, lease_ms: int = LEASE_MS) -> None:
        self._pump, self._leases, self._lease_ms = pump, leases, lease_ms
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._closed = False
        self._renewed = float("-inf")
        pump.leave_only_if(self.holds)

    async def run(self) -> None:
        """Wait for the lease, work while it is held, until stopped."""
        try:
            while not self._stopping.is_set():
                fence = await self._acquired()
                if fence is None:
                    await self._pause(LOOK_EVERY_S)
                    continue
                await self._work(fence)
            await self._close()
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Give what is on its way some seconds, write down what became of it, and let the next pump begin."""
        self._stopping.set()
        await self._stopped.wait()

    def holds(self) -> bool:
        """Return whether the lease was asked for, and given, less than one lease ago; so that a process which stood
        still meanwhile, or hears nothing any more, sends nothing beside the next one."""
        return _now() - self._renewed < self._lease_ms / 1_000

    async def _acquired(self) -> Fence | None:
        asked = _now()
        try:
            fence = await self._leases.acquire(LEASE, self._lease_ms)
        except Unavailable as refusal:
            log.warning("leases_unavailable", detail=refusal.detail)
            return None
        if fence is not None:
            self._renewed = asked
        return fence

    async def _work(self, fence: Fence) -> None:
        working = asyncio.create_task(self._pump.run(), name="pump-work")
        holding = asyncio.create_task(self._hold(fence), name="pump-lease")
        stopping = asyncio.create_task(self._stopping.wait(), name="pump-stop")
        try:
            await asyncio.wait({working, holding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._close()  # the lease is held until nothing is on its way any more
        finally:
            for task in (holding, stopping, working):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if not self._stopping.is_set():
            log.warning("pump_lost_its_lease")
            await self._pump.resign()
            return
        with contextlib.suppress(Unavailable):
            await self._leases.release(LEASE, fence)

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._pump.stop()

    async def _hold(self, fence: Fence) -> None:
        """Renew the lease; return once it is lost."""
        while True:
            await asyncio.sleep(self._lease_ms / 1_000 / RENEW_PARTS)
            asked = _now()
            try:
                if not await self._leases.renew(LEASE, fence, self._lease_ms):
                    self._renewed = float("-inf")
                    return
                self._renewed = asked
            except Unavailable:
                if not self.holds():
                    return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
