"""Dispatch: one claimed row, from the last look before it is sent to the honest state that is written for it."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from app.clock import Clock
from app.delivery.answers import Answer, Reply
from app.delivery.budget import Budgets, Meter, Stopped, Wait
from app.delivery.channels import SENDERS, Sender
from app.delivery.courier import Courier, NotSent, PrivateAddress, Unheard
from app.delivery.robots import Post, Robot, Unready, environment, message_of, redacted, robots_of
from app.delivery.words import reason
from app.domain.deliveries import Delivery
from app.domain.workspace import Channel
from app.errors import ControlRoomError
from app.instants import MINUTE, Instant, later
from app.store import deliveries
from app.store.database import Store
from app.store.deliveries import Attempt, Result

log = structlog.get_logger()

BACKOFF_MS: Final = 1_000
BACKOFF_MOST_MS: Final = 30_000
STORE_AWAY_S: Final = 1.0
CLOCK_OFF_MS: Final = MINUTE
"""Less than this and a refused signature has another reason: the platform allows an hour."""


class Standing(Struct, frozen=True):
    """How a channel stands, for the page of channels. `until_ms`: when its next message tries again."""

    channel: str
    state: Literal["open", "resting", "stopped"]
    why: str = ""
    until_ms: int = 0


@dataclass(slots=True)
class _Try:
    """A row by a robot of its channel."""

    row: Delivery
    channel: Channel
    sender: Sender
    robot: Robot
    meter: Meter
    began: Instant


class Dispatch:
    """Owns budgets and the courier; knows neither which row comes next nor how any platform is spoken to."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        claimer: str,
        channel: Callable[[str], Channel | None],
        on_change: Callable[[Delivery], None],
        on_standing: Callable[[Standing], None],
        allow_private: bool,
        environ: Mapping[str, str] | None,
        patience_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._claimer = claimer
        self._channel = channel
        self._on_change = on_change
        self._on_standing = on_standing
        self._environ = environment() if environ is None else environ
        self._chance = chance
        self._budgets = Budgets()
        self._courier = Courier(allow_private=allow_private, patience_s=patience_s)
        self._posts: set[asyncio.Task[Reply]] = set()
        self._interrupted = False
        self._resigned: set[str] = set()
        self._plain: set[str] = set()

    async def begin(self) -> None:
        """Enter into the budgets what an earlier process sent in the last minute."""
        since = later(self._clock.now(), -MINUTE)
        for name, sent in (await self._store.read(partial(deliveries.tried_since, since=since))).items():
            if robots := self._robots(self._channel(name)):
                self._budgets.recall(robots, sent)

    def interrupt(self) -> None:
        """Wait for no answer any more: what is on its way is written down as 未知."""
        self._interrupted = True
        for post in self._posts:
            post.cancel()

    async def close(self) -> None:
        """Close what is open."""
        await self._courier.close()

    def standing(self, channel: Channel) -> Standing:
        """Return how a channel stands now."""
        try:
            robots = robots_of(channel, self._environ)
        except Unready as unready:
            return Standing(channel.name, "stopped", reason(unready.code, channel.language, name=unready.name))
        return _standing(channel.name, [self._budgets.meter(robot) for robot in robots], self._clock.now())

    def reopen(self, channel: Channel) -> None:
        """A person has mended the channel: its next message is tried at once."""
        for robot in self._robots(channel):
            self._budgets.meter(robot).heard()

    def _robots(self, channel: Channel | None) -> list[Robot]:
        try:
            return robots_of(channel, self._environ) if channel is not None else []
        except Unready:
            return []

    async def deliver(self, row: Delivery) -> None:
        """Send a claimed row if it is still wanted and may go now, and write what came of it."""
        if row.retried_ambiguous and row.priority > 1:  # taken over from a pump that went without a word
            return await self._settle(row, "unknown", reason("interrupted", row.language))
        channel = self._channel(row.channel)
        if channel is None:
            return await self._settle(row, "failed", reason("no_channel", row.language))
        sender = SENDERS.get(channel.kind)
        if sender is None:
            return await self._settle(row, "failed", reason("no_sender", row.language, kind=channel.kind))
        try:
            robots = robots_of(channel, self._environ)
        except Unready as unready:
            self._on_standing(self.standing(channel))
            return await self._settle(row, "failed", reason(unready.code, row.language, name=unready.name))
        wanted = await self._is_wanted(row)
        if wanted is None:
            return None
        if not wanted:
            return await self._write(partial(deliveries.cancel, now=self._clock.now()), row)
        return await self._choose(row, channel, sender, robots)

    async def _choose(self, row: Delivery, channel: Channel, sender: Sender, robots: list[Robot]) -> None:
        now = self._clock.now()
        robot = self._budgets.choose(robots, channel, critical=row.priority == 1, now=now)
        if isinstance(robot, Wait):
            return await self._write(partial(deliveries.release, next_ms=robot.until), row)
        if isinstance(robot, Stopped):
            return await self._settle(row, "failed", reason("channel_stopped", row.language, why=robot.why))
        one = _Try(row, channel, sender, robot, self._budgets.meter(robot), now)
        return await self._judged(one, await self._ask(one))

    async def _ask(self, one: _Try) -> Answer:
        """Send, and return what the platform made of it, in words that hold no secret."""
        row = one.row
        message = message_of(row, plain=row.id in self._plain)
        post = one.sender.post(message, one.robot, one.began + one.meter.behind_ms)
        try:
            reply = await self._carry(post)
        except NotSent as why:
            return Answer("not_sent", reason(why.code, row.language))
        except Unheard as why:
            return Answer("unknown", reason(why.code, row.language))
        except PrivateAddress:
            return Answer("fault", reason("private_address", row.language))
        answer = one.sender.judge(reply)
        words = redacted(answer.words, one.robot) or _in_words(answer, reply, row.language)
        if answer.verdict == "resign" and reply.date_ms is not None:
            off = reply.date_ms - self._clock.now()
            if abs(off) > CLOCK_OFF_MS:
                one.meter.behind_ms = off
                words = f"{words} · {reason('clock', row.language, seconds=abs(off) // 1_000)}"
        return replace(answer, words=words)

    async def _carry(self, post: Post) -> Reply:
        task = asyncio.create_task(self._courier.carry(post))
        self._posts.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._interrupted:
                raise
            raise Unheard("interrupted") from None
        finally:
            self._posts.discard(task)

    async def _judged(self, one: _Try, answer: Answer) -> None:
        """Decide by the answer what becomes of the row and of the robot."""
        row, meter, now = one.row, one.meter, self._clock.now()
        meter.unheard()
        match answer.verdict:
            case "accepted":
                meter.heard()
                return await self._settle(row, "accepted", answer.words, one.began)
            case "unknown" if row.priority == 1 and not row.retried_ambiguous:
                return await self._again(one, answer, "unknown", self._backoff(row), ambiguous=True)
            case "unknown":
                return await self._settle(row, "unknown", answer.words, one.began)
            case "throttled":
                meter.rest(now)
                self._on_standing(self.standing(one.channel))
                return await self._again(one, answer, "throttled", 0)
            case "resign" if row.id not in self._resigned and one.robot.secret:
                self._resigned.add(row.id)
                return await self._again(one, answer, "retry", 0)
            case "ours" if row.id not in self._plain:
                self._plain.add(row.id)
                log.error("message_not_liked", delivery=row.id, alert=row.alert, answer=answer.words)
                return await self._again(one, answer, "retry", 0)
            case "transient" | "not_sent" | "garbled" if answer.most is None or row.attempts < answer.most:
                return await self._again(one, answer, "retry", max(self._backoff(row), answer.after_ms))
            case "resign" | "fault" | "garbled":
                meter.stop(now, answer.words)
                log.error("channel_stopped", channel=row.channel, answer=answer.words)
                self._on_standing(self.standing(one.channel))
        return await self._settle(row, "failed", answer.words, one.began)

    def _backoff(self, row: Delivery) -> int:
        """Return 1, 2, 4, 8 ... 30 s by the number of tries; a fifth more or less, so that rows do not come in step."""
        span = min(BACKOFF_MS << min(max(row.attempts, 1) - 1, 10), BACKOFF_MOST_MS)
        return round(span * (0.8 + 0.4 * self._chance()))

    async def _again(
        self, one: _Try, answer: Answer, result: Result, after_ms: int, *, ambiguous: bool = False
    ) -> None:
        attempt = self._attempt(one.began, result, answer.words)
        next_ms = later(self._clock.now(), after_ms)
        await self._write(partial(deliveries.put_back, attempt=attempt, next_ms=next_ms, ambiguous=ambiguous), one.row)

    async def _settle(
        self, row: Delivery, state: Literal["accepted", "failed", "unknown"], words: str, began: Instant | None = None
    ) -> None:
        attempt = self._attempt(began if began is not None else self._clock.now(), state, words)
        self._resigned.discard(row.id)
        self._plain.discard(row.id)
        await self._write(partial(deliveries.settle, attempt=attempt, state=state), row)

    def _attempt(self, began: Instant, result: Result, words: str) -> Attempt:
        return Attempt(0, began, self._claimer, result, words, max(0, self._clock.now() - began))

    async def _is_wanted(self, row: Delivery) -> bool | None:
        look = partial(deliveries.is_wanted, claimed=row, claimer=self._claimer)
        while True:
            try:
                return await self._store.read(look)
            except ControlRoomError as refusal:
                await self._store_is_away(refusal)

    async def _write(self, change: Callable[..., Delivery | None], row: Delivery) -> None:
        """Write until it is written, then tell the screens; a claim that was lost meanwhile is another's to tell of."""

        def write(conn: Connection) -> Delivery | None:
            return change(conn, claimed=row, claimer=self._claimer)

        while True:
            try:
                changed = await self._store.write(write)
            except ControlRoomError as refusal:
                await self._store_is_away(refusal)
                continue
            if changed is not None:
                self._on_change(changed)
            return

    async def _store_is_away(self, refusal: ControlRoomError) -> None:
        if not refusal.retryable:
            raise refusal
        log.warning("outbox_not_reached", code=refusal.code)
        await asyncio.sleep(STORE_AWAY_S)


def _in_words(answer: Answer, reply: Reply, language: str) -> str:
    code = "not_an_answer" if answer.verdict == "garbled" else "server_error"
    return reason(code, language, status=reply.status)


def _standing(channel: str, meters: list[Meter], now: Instant) -> Standing:
    """A channel is open while one of its robots is."""
    working = [meter for meter in meters if now >= meter.stopped_until]
    if not working:
        return Standing(channel, "stopped", meters[0].why, min(meter.stopped_until for meter in meters))
    if all(now < meter.rests_until for meter in working):
        return Standing(channel, "resting", "", min(meter.rests_until for meter in working))
    return Standing(channel, "open")
