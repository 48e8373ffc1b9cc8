"""The pump: takes due rows of the outbox, has them sent, and lets screens know of each change after its commit.

A row is claimed in one transaction, sent outside of any, and settled in another. Killed anywhere between, the row is
found again when its claim ends; it may have been sent, so it is 未知, and only an urgent one goes again, marked 重发.
"""

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from app.clock import Clock
from app.delivery.budget import LANES
from app.delivery.courier import READ_S, Resolve, resolved
from app.delivery.dispatch import Dispatch
from app.delivery.reach import Reach
from app.domain.deliveries import Delivery, Standing
from app.domain.workspace import Channel
from app.errors import ControlRoomError
from app.instants import SECOND, Instant, later
from app.store import deliveries
from app.store.database import Store

log = structlog.get_logger()

AT_ONCE: Final = 32
HOLD_MS: Final = 45 * SECOND
"""Longer than any try can take, so that a row whose claim has ended has no sender any more."""
DIGEST_MOST: Final = 20
"""Rows of one digest: more lines nobody reads, and a platform's body is bounded."""
LOOK_EVERY_S: Final = 5.0
"""How often an idle pump looks: rows of this process wake it, those of another do not."""
PAUSE_S: Final = 0.25
STORE_AWAY_S: Final = 1.0
GRACE_S: Final = 5.0


class Pump:
    """Owns claims, lanes and what is on its way; what becomes of one row is Dispatch's."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        channel: Callable[[str], Channel | None],
        on_change: Callable[[Delivery], None] = lambda _: None,
        on_standing: Callable[[Standing], None] = lambda _: None,
        reach: Reach | None = None,
        public_url: str = "",
        alone: bool = False,
        environ: Mapping[str, str] | None = None,
        patience_s: float = READ_S,
        resolve: Resolve = resolved,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`alone`: no other pump works on this database, so what was being sent at start has no sender any more.

        `reach`: where messages may go, else to the open internet alone; `public_url`: for links to the console;
        `environ`: where robots' addresses and secrets are, else the process's own; `patience_s`: for an answer.
        """
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._alone = alone
        self.name = secrets.token_hex(6)
        self._dispatch = Dispatch(
            store=store,
            clock=clock,
            claimer=self.name,
            channel=channel,
            on_change=on_change,
            on_standing=on_standing,
            reach=reach or Reach(),
            environ=environ,
            patience_s=patience_s,
            public_url=public_url,
            resolve=resolve,
            trust=trust,
        )
        self._turning = asyncio.Lock()
        self._resigning = False
        self._wake = asyncio.Event()
        self._stopping = False
        self._begun = False
        self._claiming = False
        """Between a claim and its rows' setting out; still so at the next turn when something failed in between."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken: set[str] = set()
        """Rows whose task ended by an error: they may have left, so they stay claimed until the claim ends."""
        self._lanes: dict[str, int] = {}

    async def run(self) -> None:
        """Work until stopped. A database that is away is waited for."""
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self.turn()
            except ControlRoomError as refusal:
                log.warning("outbox_not_reached", code=refusal.code)
                pause = STORE_AWAY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def leave_only_if(self, may_leave: Callable[[], bool]) -> None:
        """Ask before anything is claimed and again before it leaves."""
        self._dispatch.may_leave = may_leave

    def wake(self) -> None:
        """There may be new rows, or fewer."""
        self._wake.set()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Take nothing more, give what is on its way some seconds to be answered, and write down what became of it;
        what has not left waits again."""
        self._stopping = True
        self._wake.set()
        async with self._turning:  # one that has claimed already lets go of its rows
            await self._wait(grace_s)
            await self._let_go_if_it_can(await self._give_up())
        await self._dispatch.close()

    async def resign(self) -> None:
        """Another pump works from now on: take nothing more, let go of what has not left, write down what was on its
        way, and forget what was sent. The next `turn` begins anew."""
        self._resigning = True
        try:
            async with self._turning:  # one that has claimed already lets go of its rows
                lost = await self._give_up()
                self._dispatch.forget()
                self._begun = False
                await self._let_go_if_it_can(lost)
        finally:
            self._resigning = False

    async def _let_go(self, keep: frozenset[str]) -> None:
        """Give back what is claimed and has no task: nothing was tried with it."""
        work = partial(_let_go, claimer=self.name, now=self._clock.now(), keep=keep | self._broken)
        for row in await self._store.write(work):
            self._on_change(row)
        self._claiming = False

    async def _let_go_if_it_can(self, keep: frozenset[str]) -> None:
        with contextlib.suppress(ControlRoomError):  # else they are taken over when their claim ends
            await self._let_go(keep)

    async def _give_up(self) -> frozenset[str]:
        """End all tries; return the rows whose fate could not be written: the database is away, they stay claimed."""
        self._dispatch.interrupt()
        await self._wait(GRACE_S)
        lost = frozenset(self._tasks)
        for task in set(self._tasks.values()):
            task.cancel()
        await self._wait(GRACE_S)
        return lost

    async def settled(self) -> None:
        """Return when nothing is on its way."""
        while self._tasks:
            await self._wait(None)

    async def turn(self) -> float:
        """Claim what is due and set it on its way, end what is of no use; return the seconds until the next look."""
        async with self._turning:
            return await self._turn()

    async def _turn(self) -> float:
        if not self._dispatch.may_leave():
            return PAUSE_S
        if not self._begun:
            await self._begin()
        if self._claiming:
            await self._let_go(frozenset(self._tasks))
        busy = frozenset(channel for channel, lanes in self._lanes.items() if lanes >= LANES)
        room = AT_ONCE - len(set(self._tasks.values()))
        due = await self._store.read(partial(deliveries.next_due, skip=busy))
        now = self._clock.now()
        if self._stopping or self._resigning or room <= 0 or due is None:
            return LOOK_EVERY_S
        if due > now:
            return min(LOOK_EVERY_S, (due - now) / 1_000)
        self._claiming = True
        claimed, ended = await self._store.write(
            partial(_claim_and_expire, claimer=self.name, now=now, most=min(room, LANES), skip=busy)
        )
        for row in (*ended, *claimed):
            self._on_change(row)
        until = later(now, HOLD_MS)
        for rows in await self._messages(claimed, now):
            if not self._stopping:
                self._set_out(rows, until)
        self._claiming = False
        return 0.0 if claimed or ended else PAUSE_S

    async def _messages(self, claimed: Sequence[Delivery], now: Instant) -> list[list[Delivery]]:
        """Return which of the claimed rows go together: one by one, unless their channel's minute would not take all
        that waits for it. What then waits beside them is claimed too."""
        messages: list[list[Delivery]] = []
        joined: dict[str, list[Delivery]] = {}
        for channel in dict.fromkeys(row.channel for row in claimed):
            rows = [row for row in claimed if row.channel == channel]
            lesser = [row for row in rows if row.priority > 1]
            waiting = await self._store.read(partial(deliveries.behind, channel=channel, now=now)) if lesser else 0
            for row in rows:
                if not self._dispatch.joins(row, len(lesser) + waiting):
                    messages.append([row])
                elif channel in joined:
                    joined[channel].append(row)
                else:
                    joined[channel] = [row]
                    messages.append(joined[channel])
        for channel, together in joined.items():
            together += await self._claim_beside(channel, DIGEST_MOST - len(together), now)
        return messages

    async def _claim_beside(self, channel: str, most: int, now: Instant) -> list[Delivery]:
        beside = await self._store.write(
            partial(deliveries.claim, claimer=self.name, now=now, hold_ms=HOLD_MS, most=most, beside=channel)
        )
        for row in beside:
            self._on_change(row)
        return beside

    def standing(self, channel: Channel) -> Standing:
        """Return how a channel stands now: open, resting after too many, or stopped, and why."""
        return self._dispatch.standing(channel)

    def reopen(self, channel: Channel) -> None:
        """A person has mended the channel: its next message is tried at once."""
        self._dispatch.reopen(channel)
        self.wake()

    async def _begin(self) -> None:
        if self._alone:
            await self._store.write(partial(deliveries.abandon, claimer=self.name, now=self._clock.now()))
        await self._dispatch.begin()
        self._begun = True

    def _set_out(self, rows: Sequence[Delivery], until: Instant) -> None:
        rows = [row for row in rows if row.id not in self._tasks]
        if not rows:
            return  # the result could not be written before the claim ended; the new claim is ours too and serves it
        self._broken.difference_update(row.id for row in rows)
        channel = rows[0].channel
        self._lanes[channel] = self._lanes.get(channel, 0) + 1
        task = asyncio.create_task(self._dispatch.deliver(rows, until), name=f"delivery {rows[0].id}")
        self._tasks.update({row.id: task for row in rows})
        task.add_done_callback(partial(self._came_back, rows))

    def _came_back(self, rows: Sequence[Delivery], task: asyncio.Task[None]) -> None:
        channel = rows[0].channel
        for row in rows:
            del self._tasks[row.id]
        self._lanes[channel] -= 1
        if not self._lanes[channel]:
            del self._lanes[channel]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken.update(row.id for row in rows)
            log.error("delivery_broke", delivery=rows[0].id, alert=rows[0].alert, error=type(error).__name__)
        self._wake.set()

    async def _wait(self, seconds: float | None) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=seconds)
            await asyncio.sleep(0)  # the tasks' callbacks run


def _let_go(conn: Connection, claimer: str, now: Instant, keep: Collection[str]) -> list[Delivery]:
    """Give back what was claimed in a turn that was cut off before anything was tried."""
    held = [row for row in deliveries.held(conn, claimer) if row.id not in keep]
    released = [deliveries.release(conn, row, claimer, now) for row in held]
    return [row for row in released if row is not None]


def _claim_and_expire(
    conn: Connection, claimer: str, now: Instant, most: int, skip: Collection[str]
) -> tuple[list[Delivery], list[Delivery]]:
    ended = deliveries.expire(conn, now)
    return deliveries.claim(conn, claimer, now, hold_ms=HOLD_MS, most=most, skip=skip), ended
