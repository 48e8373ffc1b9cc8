"""Judging: by what a platform answered, what becomes of the rows that went and of the robot that took them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from app.clock import Clock
from app.delivery.answers import Answer
from app.delivery.budget import FOR_GOOD, STOPPED_MS, Meter
from app.delivery.channels import Sender
from app.delivery.fates import Fates, joined
from app.delivery.robots import Message, Robot
from app.delivery.standings import Standings
from app.domain.deliveries import Delivery
from app.domain.workspace import Channel
from app.instants import SECOND, Instant, later
from app.metrics.own import SEND_SECONDS, SENDS
from app.store.deliveries import Result

log = structlog.get_logger()

BACKOFF_MS: Final = 1_000
BACKOFF_MOST_MS: Final = 30_000


@dataclass(slots=True)
class Try:
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


class Judge:
    """Owns nothing; knows the verdicts, and how no platform is spoken to."""

    def __init__(self, *, clock: Clock, fates: Fates, standings: Standings, chance: Callable[[], float]) -> None:
        self._clock = clock
        self._fates = fates
        self._standings = standings
        self._chance = chance

    async def judge(self, one: Try, answer: Answer) -> None:
        """Write what becomes of the rows, and how the channel stands after it."""
        row, rows, meter, now = one.first, one.rows, one.meter, self._clock.now()
        SENDS.add(1, one.channel.kind, answer.verdict)
        SEND_SECONDS.see(max(0, now - one.began) / SECOND)
        meter.unheard()
        match answer.verdict:
            case "accepted":
                meter.heard()
                await self._fates.settle(rows, "accepted", joined(answer.words, rows), one.began)
                return await self._standings.stand(one.channel)
            case "unknown" if one.sender.by_id or (row.priority == 1 and not row.retried_ambiguous):
                return await self._again(one, answer, "unknown", self._backoff(row), ambiguous=True)
            case "unknown":
                return await self._fates.settle(rows, "unknown", joined(answer.words, rows), one.began)
            case "throttled":
                meter.rest(now, answer.after_ms)
                await self._again(one, answer, "throttled", 0)
                return await self._standings.stand(one.channel)
            case "resign" if row.id not in self._fates.resigned and one.robot.secret:
                self._fates.resigned.add(row.id)
                return await self._again(one, answer, "retry", 0)
            case "ours" if len(rows) > 1:
                self._fates.alone.update(each.id for each in rows)
                return await self._again(one, answer, "retry", 0)
            case "ours" if row.id not in self._fates.plain:
                self._fates.plain.add(row.id)
                log.error("message_not_liked", delivery=row.id, alert=row.alert, answer=answer.words)
                return await self._again(one, answer, "retry", 0)
            case "transient" | "not_sent" | "garbled" if answer.most is None or row.attempts < answer.most:
                return await self._again(one, answer, "retry", max(self._backoff(row), answer.after_ms))
            case "resign" | "fault" | "garbled" | "gone":
                meter.stop(FOR_GOOD if answer.verdict == "gone" else later(now, STOPPED_MS), answer.words)
                log.error("channel_stopped", channel=row.channel, answer=answer.words)
                await self._standings.stand(one.channel)
        return await self._fates.settle(rows, "failed", joined(answer.words, rows), one.began)

    def _backoff(self, row: Delivery) -> int:
        """Return 1, 2, 4, 8 ... 30 s by the number of tries; a fifth more or less, so that rows do not come in step."""
        span = min(BACKOFF_MS << min(max(row.attempts, 1) - 1, 10), BACKOFF_MOST_MS)
        return round(span * (0.8 + 0.4 * self._chance()))

    async def _again(self, one: Try, answer: Answer, result: Result, after_ms: int, *, ambiguous: bool = False) -> None:
        words = joined(answer.words, one.rows)
        await self._fates.again(one.rows, one.began, result, words, after_ms, ambiguous=ambiguous)
