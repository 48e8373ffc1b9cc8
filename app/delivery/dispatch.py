"""Dispatch: claimed rows of one channel, from the last look before they are sent to the platform's answer."""

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from app.clock import Clock
from app.delivery.answers import Answer, Reply
from app.delivery.budget import Stopped, Wait
from app.delivery.channels import SENDERS, Sender, receivers
from app.delivery.courier import TOTAL_S, Courier, NotSent, Resolve, Unheard, resolved
from app.delivery.event import Story, event_of
from app.delivery.fates import Fates, patiently
from app.delivery.judging import Judge, Try
from app.delivery.reach import OutOfReach, Reach
from app.delivery.robots import Message, Robot, Unready, digest_of, environment, message_of, redacted
from app.delivery.standings import Standings
from app.delivery.words import reason
from app.domain.deliveries import Delivery, Standing
from app.domain.plan import decode_plan
from app.domain.workspace import Channel
from app.instants import MINUTE, SECOND, Instant
from app.logs import about
from app.store import deliveries
from app.store.database import Store

CLOCK_OFF_MS: Final = MINUTE
"""Less than this and a refused signature has another reason: the platform allows an hour."""
ANSWER_MS: Final = round(TOTAL_S * SECOND)
"""What leaves must be answered while the claim still holds: with less of it left nothing leaves."""


class _Kept(Exception):
    """The rows were not ours to send any more, or not now: nothing has left."""


class Dispatch:
    """Owns the courier and what is on its way; knows neither which row comes next nor how any platform is spoken to."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        claimer: str,
        channel: Callable[[str], Channel | None],
        on_change: Callable[[Delivery], None],
        on_standing: Callable[[Standing], None],
        reach: Reach,
        environ: Mapping[str, str] | None,
        patience_s: float,
        public_url: str = "",
        resolve: Resolve = resolved,
        trust: ssl.SSLContext | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._channel = channel
        self._environ = environment() if environ is None else environ
        self._public_url = public_url
        self._courier = Courier(reach=reach, patience_s=patience_s, resolve=resolve, trust=trust)
        self._fates = Fates(store=store, clock=clock, claimer=claimer, on_change=on_change)
        self._standings = Standings(
            store=store, clock=clock, channel=channel, environ=self._environ, on_standing=on_standing
        )
        self._judge = Judge(clock=clock, fates=self._fates, standings=self._standings, chance=chance)
        self._posts: set[asyncio.Task[Reply]] = set()
        self._interrupted = False
        self.may_leave: Callable[[], bool] = lambda: True
        """Asked right before the first byte: False while another pump may have taken over."""

    def forget(self) -> None:
        """Know nothing of what was sent: it may be long ago, and others have sent since. `begin` learns it anew."""
        self._standings.forget()
        self._fates.forget()
        self._interrupted = False

    async def begin(self) -> None:
        """Learn what an earlier process sent in the last minute, and how it left the channels. Raises Unavailable."""
        await self._standings.begin()

    def interrupt(self) -> None:
        """Wait for no answer any more: what is on its way is written down as 未知, what has not left stays."""
        self._interrupted = True
        for post in self._posts:
            post.cancel()

    async def close(self) -> None:
        """Close what is open."""
        await self._courier.close()

    def standing(self, channel: Channel) -> Standing:
        """Return how a channel stands now."""
        return self._standings.standing(channel)

    def reopen(self, channel: Channel) -> None:
        """A person has mended the channel: its next message is tried at once."""
        self._standings.reopen(channel)

    def joins(self, row: Delivery, rows: int) -> bool:
        """Return whether a row and the others that wait for its channel, `rows` together, go as one message."""
        channel = self._channel(row.channel)
        if channel is None or rows < 2 or row.priority == 1 or row.retried_ambiguous or row.id in self._fates.alone:
            return False
        sender, robots = SENDERS.get(channel.kind), self._standings.robots(channel)
        if sender is None or sender.by_id or not robots:
            return False
        return self._standings.budgets.is_low(robots, channel, rows, self._clock.now())

    async def deliver(self, rows: Sequence[Delivery], until: Instant) -> None:
        """Send claimed rows of one channel, if they are still wanted and may go now, and write what came of each.

        Several go as one message. `until`: the end of their claim.
        """
        name, language = rows[0].channel, rows[0].language
        about(delivery=rows[0].id, alert=rows[0].alert, session=rows[0].session, channel=name)  # of this task alone
        channel = self._channel(name)
        sender = SENDERS.get(channel.kind) if channel is not None else None
        if sender is None or not sender.by_id:  # taken over from a pump that went without a word
            silent = [row for row in rows if row.retried_ambiguous and row.priority > 1]
            await self._fates.settle(silent, "unknown", reason("interrupted", language))
            rows = [row for row in rows if row not in silent]
        if channel is None:
            return await self._fates.settle(rows, "failed", reason("no_channel", language))
        if sender is None:
            return await self._fates.settle(rows, "failed", reason("no_sender", language, kind=channel.kind))
        try:
            robots = receivers(channel, self._environ)
        except Unready as unready:
            await self._standings.stand(channel)
            return await self._fates.settle(rows, "failed", reason(unready.code, language, name=unready.name))
        found = await self._fates.wanted(rows, newest=not sender.by_id)
        await self._fates.cancel([row for row in rows if found.get(row.id) == "over"])
        overtaken = [row for row in rows if found.get(row.id) == "superseded"]
        await self._fates.cancel(overtaken, reason("superseded", language))
        rows = [row for row in rows if found.get(row.id) == "wanted"]
        if rows:
            await self._choose(rows, channel, sender, robots, until)

    async def _choose(
        self, rows: Sequence[Delivery], channel: Channel, sender: Sender, robots: list[Robot], until: Instant
    ) -> None:
        message = await self._message(rows, channel, sender)
        if message is None:
            return await self._fates.settle(rows, "failed", reason("no_event", rows[0].language))
        now, critical = self._clock.now(), rows[0].priority == 1
        robot = self._standings.budgets.choose(robots, channel, critical=critical, now=now)
        if isinstance(robot, Wait | Stopped) and await self._standings.is_mended(channel):
            self._standings.reopen(channel)
            robot = self._standings.budgets.choose(robots, channel, critical=critical, now=now)
        if isinstance(robot, Wait):
            return await self._fates.release(rows, robot.until)
        if isinstance(robot, Stopped):
            return await self._fates.settle(rows, "failed", reason("channel_stopped", rows[0].language, why=robot.why))
        one = Try(rows, channel, sender, robot, self._standings.budgets.meter(robot), message, now, until)
        try:
            answer = await self._ask(one)
        except _Kept:
            one.meter.give_back(now)
            return await self._fates.release(rows, self._clock.now())
        return await self._judge.judge(one, answer)

    async def _message(self, rows: Sequence[Delivery], channel: Channel, sender: Sender) -> Message | None:
        if len(rows) > 1:
            return digest_of(rows)
        row = rows[0]
        message = message_of(row, plain=row.id in self._fates.plain)
        if not sender.by_id:
            return message
        found = await patiently(lambda: self._store.read(partial(deliveries.story, row=row)))
        if found is None:
            return None
        plan, alert, first = found
        event = event_of(row, Story(decode_plan(plan), alert, first), channel, self._public_url)
        return message.with_event(event)

    async def _ask(self, one: Try) -> Answer:
        """Send, and return what the platform made of it, in words that hold no secret. Raises _Kept."""
        language = one.first.language
        try:
            reply = await self._carry(one)
        except NotSent as why:
            return Answer("not_sent", reason(why.code, language))
        except Unheard as why:
            return Answer("unknown", reason(why.code, language))
        except OutOfReach as why:
            return Answer("fault", reason(why.code, language))
        answer = one.sender.judge(reply)
        words = redacted(answer.words, one.robot) or _in_words(answer, reply, language)
        if answer.verdict == "resign" and reply.date_ms is not None:
            off = reply.date_ms - self._clock.now()
            if abs(off) > CLOCK_OFF_MS:
                one.meter.behind_ms = off
                words = f"{words} · {reason('clock', language, seconds=abs(off) // 1_000)}"
        return replace(answer, words=words)

    async def _carry(self, one: Try) -> Reply:
        post = one.sender.post(one.message, one.robot, one.began + one.meter.behind_ms)
        task = asyncio.create_task(self._courier.carry(post, partial(self._leave, one)))
        self._posts.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._interrupted:
                raise
            if not one.left:
                raise _Kept from None
            raise Unheard("interrupted") from None
        finally:
            self._posts.discard(task)

    async def _leave(self, one: Try) -> None:
        """Asked when the connection stands: are they still ours? A process that was paused meanwhile finds here that
        its claim has ended, by SQL or by the clock. Nothing is waited for between the look at the clock and the first
        byte. Raises _Kept."""
        found = await self._fates.wanted(one.rows, newest=not one.sender.by_id)
        if not all(found.get(row.id) == "wanted" for row in one.rows):
            raise _Kept
        now = self._clock.now()
        if self._interrupted or not self.may_leave() or now + ANSWER_MS > one.until:
            raise _Kept
        one.meter.left(one.began, now)
        one.left = True


def _in_words(answer: Answer, reply: Reply, language: str) -> str:
    code = answer.known or ("not_an_answer" if answer.verdict == "garbled" else "server_error")
    return reason(code, language, status=reply.status)
