"""Dispatch: claimed rows of one channel, from the last look before they are sent to the honest state of each."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final, Literal, TypeVar

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from app.clock import Clock
from app.delivery.answers import Answer, Reply
from app.delivery.budget import FOR_GOOD, STOPPED_MS, Budgets, Meter, Stopped, Wait
from app.delivery.channels import SENDERS, Sender, receivers
from app.delivery.courier import TOTAL_S, Courier, NotSent, Resolve, Unheard, resolved
from app.delivery.event import Story, event_of
from app.delivery.reach import OutOfReach, Reach
from app.delivery.robots import Message, Robot, Unready, digest_of, environment, message_of, redacted
from app.delivery.words import reason
from app.domain.deliveries import Delivery, Standing
from app.domain.plan import decode_plan
from app.domain.words import in_language
from app.domain.workspace import Channel
from app.errors import ControlRoomError
from app.instants import MINUTE, SECOND, Instant, later
from app.logs import about
from app.metrics.own import SEND_SECONDS, SENDS
from app.store import deliveries
from app.store.database import Store
from app.store.deliveries import Attempt, Result

log = structlog.get_logger()

BACKOFF_MS: Final = 1_000
BACKOFF_MOST_MS: Final = 30_000
STORE_AWAY_S: Final = 1.0
CLOCK_OFF_MS: Final = MINUTE
"""Less than this and a refused signature has another reason: the platform allows an hour."""
ANSWER_MS: Final = round(TOTAL_S * SECOND)
"""What leaves must be answered while the claim still holds: with less of it left nothing leaves."""

T = TypeVar("T")
Fate = Literal["accepted", "failed", "unknown"]


class _Kept(Exception):
    """The rows were not ours to send any more, or not now: nothing has left."""


@dataclass(slots=True)
class _Try:
    """Rows by a robot of their channel: one message. `until`: the end of their claim."""

    rows: Sequence[Delivery]
    channel: Channel
    sender: Sender
    robot: Robot
    meter: Meter
    message: Message
    began: Instant
    until: Instant
    left: bool = False

    @property
    def first(self) -> Delivery:
        return self.rows[0]


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
        self._claimer = claimer
        self._channel = channel
        self._on_change = on_change
        self._on_standing = on_standing
        self._environ = environment() if environ is None else environ
        self._public_url = public_url
        self._chance = chance
        self._courier = Courier(reach=reach, patience_s=patience_s, resolve=resolve, trust=trust)
        self._posts: set[asyncio.Task[Reply]] = set()
        self.may_leave: Callable[[], bool] = lambda: True
        """Asked right before the first byte: False while another pump may have taken over."""
        self.forget()

    def forget(self) -> None:
        """Know nothing of what was sent: it may be long ago, and others have sent since. `begin` learns it anew."""
        self._budgets = Budgets()
        self._stood: dict[str, Standing] = {}
        self._interrupted = False
        self._resigned: set[str] = set()
        self._plain: set[str] = set()
        self._alone: set[str] = set()
        """Rows whose digest the platform did not like: each goes by itself."""

    async def begin(self) -> None:
        """Enter into the budgets what an earlier process sent in the last minute, and how it left the channels."""
        self.forget()
        since = later(self._clock.now(), -MINUTE)
        for name, tried in (await self._store.read(partial(deliveries.tried_since, since=since))).items():
            if robots := self._robots(self._channel(name)):
                self._budgets.recall(robots, _sent(tried))
        for name, (standing, robots_hash) in (await self._store.read(deliveries.standings)).items():
            self._stood[name] = standing
            channel = self._channel(name)
            if channel is None:
                await self._write_standing(replace(standing, state="open"), "")
                continue
            robots = self._robots(channel)
            if robots_hash == _hash(robots):  # else a person has given it another address meanwhile
                for robot in robots:
                    _restore(self._budgets.meter(robot), standing)
            await self._stand(channel)

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
        title = in_language(channel.title, channel.language) or channel.name
        try:
            robots = receivers(channel, self._environ)
        except Unready as unready:
            why = reason(unready.code, channel.language, name=unready.name)
            return Standing(channel.name, "stopped", title, why)
        meters = [self._budgets.meter(robot) for robot in robots]
        return _standing(Standing(channel.name, "open", title), meters, self._clock.now())

    def reopen(self, channel: Channel) -> None:
        """A person has mended the channel: its next message is tried at once."""
        for robot in self._robots(channel):
            self._budgets.meter(robot).reopen()
        self._on_standing(self.standing(channel))

    def joins(self, row: Delivery, rows: int) -> bool:
        """Return whether a row and the others that wait for its channel, `rows` together, go as one message."""
        channel = self._channel(row.channel)
        if channel is None or rows < 2 or row.priority == 1 or row.retried_ambiguous or row.id in self._alone:
            return False
        sender, robots = SENDERS.get(channel.kind), self._robots(channel)
        if sender is None or sender.by_id or not robots:
            return False
        return self._budgets.is_low(robots, channel, rows, self._clock.now())

    def _robots(self, channel: Channel | None) -> list[Robot]:
        try:
            return receivers(channel, self._environ) if channel is not None else []
        except Unready:
            return []

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
            await self._settle(silent, "unknown", reason("interrupted", language))
            rows = [row for row in rows if row not in silent]
        if channel is None:
            return await self._settle(rows, "failed", reason("no_channel", language))
        if sender is None:
            return await self._settle(rows, "failed", reason("no_sender", language, kind=channel.kind))
        try:
            robots = receivers(channel, self._environ)
        except Unready as unready:
            await self._stand(channel)
            return await self._settle(rows, "failed", reason(unready.code, language, name=unready.name))
        found = await self._look(rows)
        unwanted = [row for row in rows if found.get(row.id) is False]
        await self._write(partial(deliveries.cancel, now=self._clock.now()), unwanted)
        rows = [row for row in rows if found.get(row.id)]
        if rows:
            await self._choose(rows, channel, sender, robots, until)

    async def _choose(
        self, rows: Sequence[Delivery], channel: Channel, sender: Sender, robots: list[Robot], until: Instant
    ) -> None:
        message = await self._message(rows, channel, sender)
        if message is None:
            return await self._settle(rows, "failed", reason("no_event", rows[0].language))
        now, critical = self._clock.now(), rows[0].priority == 1
        robot = self._budgets.choose(robots, channel, critical=critical, now=now)
        if isinstance(robot, Wait | Stopped) and await self._is_mended(channel):
            self.reopen(channel)
            robot = self._budgets.choose(robots, channel, critical=critical, now=now)
        if isinstance(robot, Wait):
            return await self._write(partial(deliveries.release, next_ms=robot.until), rows)
        if isinstance(robot, Stopped):
            return await self._settle(rows, "failed", reason("channel_stopped", rows[0].language, why=robot.why))
        one = _Try(rows, channel, sender, robot, self._budgets.meter(robot), message, now, until)
        try:
            answer = await self._ask(one)
        except _Kept:
            one.meter.give_back(now)
            return await self._write(partial(deliveries.release, next_ms=self._clock.now()), rows)
        return await self._judged(one, answer)

    async def _message(self, rows: Sequence[Delivery], channel: Channel, sender: Sender) -> Message | None:
        if len(rows) > 1:
            return digest_of(rows)
        row = rows[0]
        message = message_of(row, plain=row.id in self._plain)
        if not sender.by_id:
            return message
        found = await self._patiently(lambda: self._store.read(partial(deliveries.story, row=row)))
        if found is None:
            return None
        plan, alert, first = found
        event = event_of(row, Story(decode_plan(plan), alert, first), channel, self._public_url)
        return message.with_event(event)

    async def _ask(self, one: _Try) -> Answer:
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

    async def _carry(self, one: _Try) -> Reply:
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

    async def _leave(self, one: _Try) -> None:
        """Asked when the connection stands: are they still ours? A process that was paused meanwhile finds here that
        its claim has ended, by SQL or by the clock. Nothing is waited for between the look at the clock and the first
        byte. Raises _Kept."""
        found = await self._look(one.rows)
        if not all(found.get(row.id) for row in one.rows):
            raise _Kept
        if self._interrupted or not self.may_leave() or self._clock.now() + ANSWER_MS > one.until:
            raise _Kept
        one.left = True

    async def _judged(self, one: _Try, answer: Answer) -> None:
        """Decide by the answer what becomes of the rows and of the robot."""
        row, rows, meter, now = one.first, one.rows, one.meter, self._clock.now()
        SENDS.add(1, one.channel.kind, answer.verdict)
        SEND_SECONDS.see(max(0, now - one.began) / SECOND)
        meter.unheard()
        match answer.verdict:
            case "accepted":
                meter.heard()
                await self._settle(rows, "accepted", _joined(answer.words, rows), one.began)
                return await self._stand(one.channel)
            case "unknown" if one.sender.by_id or (row.priority == 1 and not row.retried_ambiguous):
                return await self._again(one, answer, "unknown", self._backoff(row), ambiguous=True)
            case "unknown":
                return await self._settle(rows, "unknown", _joined(answer.words, rows), one.began)
            case "throttled":
                meter.rest(now, answer.after_ms)
                await self._again(one, answer, "throttled", 0)
                return await self._stand(one.channel)
            case "resign" if row.id not in self._resigned and one.robot.secret:
                self._resigned.add(row.id)
                return await self._again(one, answer, "retry", 0)
            case "ours" if len(rows) > 1:
                self._alone.update(each.id for each in rows)
                return await self._again(one, answer, "retry", 0)
            case "ours" if row.id not in self._plain:
                self._plain.add(row.id)
                log.error("message_not_liked", delivery=row.id, alert=row.alert, answer=answer.words)
                return await self._again(one, answer, "retry", 0)
            case "transient" | "not_sent" | "garbled" if answer.most is None or row.attempts < answer.most:
                return await self._again(one, answer, "retry", max(self._backoff(row), answer.after_ms))
            case "resign" | "fault" | "garbled" | "gone":
                meter.stop(FOR_GOOD if answer.verdict == "gone" else later(now, STOPPED_MS), answer.words)
                log.error("channel_stopped", channel=row.channel, answer=answer.words)
                await self._stand(one.channel)
        return await self._settle(rows, "failed", _joined(answer.words, rows), one.began)

    def _backoff(self, row: Delivery) -> int:
        """Return 1, 2, 4, 8 ... 30 s by the number of tries; a fifth more or less, so that rows do not come in step."""
        span = min(BACKOFF_MS << min(max(row.attempts, 1) - 1, 10), BACKOFF_MOST_MS)
        return round(span * (0.8 + 0.4 * self._chance()))

    async def _again(
        self, one: _Try, answer: Answer, result: Result, after_ms: int, *, ambiguous: bool = False
    ) -> None:
        attempt = self._attempt(one.began, result, _joined(answer.words, one.rows))
        next_ms = later(self._clock.now(), after_ms)
        await self._write(partial(deliveries.put_back, attempt=attempt, next_ms=next_ms, ambiguous=ambiguous), one.rows)

    async def _settle(self, rows: Sequence[Delivery], state: Fate, words: str, began: Instant | None = None) -> None:
        attempt = self._attempt(began if began is not None else self._clock.now(), state, words)
        for known in (self._resigned, self._plain, self._alone):
            known.difference_update(row.id for row in rows)
        await self._write(partial(deliveries.settle, attempt=attempt, state=state), rows)

    def _attempt(self, began: Instant, result: Result, words: str) -> Attempt:
        return Attempt(0, began, self._claimer, result, words, max(0, self._clock.now() - began))

    async def _look(self, rows: Sequence[Delivery]) -> dict[str, bool]:
        def look(conn: Connection) -> dict[str, bool]:
            return deliveries.wanted(conn, rows, self._claimer, self._clock.now())

        return await self._patiently(lambda: self._store.read(look))

    async def _write(self, change: Callable[..., Delivery | None], rows: Sequence[Delivery]) -> None:
        """Write until it is written, then tell the screens; a claim that was lost meanwhile is another's to tell of."""

        def write(conn: Connection) -> list[Delivery | None]:
            return [change(conn, claimed=row, claimer=self._claimer) for row in rows]

        if rows:
            for changed in await self._patiently(lambda: self._store.write(write)):
                if changed is not None:
                    self._on_change(changed)

    async def _is_mended(self, channel: Channel) -> bool:
        """Return whether another process has taken back that the channel is stopped or rests: after a good test."""
        if self._stood.get(channel.name, _OPEN).state == "open":
            return False
        return not await self._patiently(lambda: self._store.read(partial(deliveries.standings, channel=channel.name)))

    async def _stand(self, channel: Channel) -> None:
        """Write down how the channel stands, and tell, if that has changed."""
        standing = self.standing(channel)
        known = self._stood.get(channel.name, _OPEN)
        if standing != known and (standing.state, known.state) != ("open", "open"):
            await self._write_standing(standing, _hash(self._robots(channel)))

    async def _write_standing(self, standing: Standing, robots: str) -> None:
        work = partial(deliveries.stand, standing=standing, robots=robots, now=self._clock.now())
        await self._patiently(lambda: self._store.write(work))
        self._stood[standing.channel] = standing
        self._on_standing(standing)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Ask the database until it answers."""
        while True:
            try:
                return await work()
            except ControlRoomError as refusal:
                if not refusal.retryable:
                    raise
                log.warning("outbox_not_reached", code=refusal.code)
                await asyncio.sleep(STORE_AWAY_S)


_OPEN: Final = Standing("", "open")


def _in_words(answer: Answer, reply: Reply, language: str) -> str:
    code = answer.known or ("not_an_answer" if answer.verdict == "garbled" else "server_error")
    return reason(code, language, status=reply.status)


_JOINED: Final = " · joined: "


def _joined(words: str, rows: Sequence[Delivery]) -> str:
    """Return what came of a message as a row says it: that it went together with others too."""
    return words if len(rows) == 1 else f"{words} · {reason('joined', rows[0].language, others=len(rows) - 1)}"


def _sent(tried: Sequence[Attempt]) -> list[Instant]:
    """Return the instants of the messages by which rows were tried: those that went together are one message."""
    digests = {(row.at_ms, row.claimed_by) for row in tried if _JOINED in row.answer}
    alone = [row.at_ms for row in tried if _JOINED not in row.answer]
    return [Instant(at) for at in (*alone, *(at for at, _ in digests))]


def _hash(robots: Sequence[Robot]) -> str:
    return blake2b(" ".join(robot.key for robot in robots).encode(), digest_size=8).hexdigest() if robots else ""


def _restore(meter: Meter, standing: Standing) -> None:
    if standing.state == "stopped":
        meter.stop(Instant(standing.until_ms), standing.why)
    else:
        meter.rests_until, meter.probing = Instant(standing.until_ms), True


def _standing(standing: Standing, meters: list[Meter], now: Instant) -> Standing:
    """A channel is open while one of its robots is."""
    working = [meter for meter in meters if now >= meter.stopped_until]
    if not working:
        return replace(
            standing, state="stopped", why=meters[0].why, until_ms=min(meter.stopped_until for meter in meters)
        )
    if all(now < meter.rests_until for meter in working):
        return replace(standing, state="resting", until_ms=min(meter.rests_until for meter in working))
    return standing
