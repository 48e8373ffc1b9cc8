"""Budgets: how many messages a robot has sent in the last minute, and whether it may send another now.

A platform that is sent too much refuses everything for minutes, so the limit is kept here and never found out there.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.delivery.robots import Robot
from app.domain.workspace import Channel
from app.instants import MINUTE, SECOND, Instant, later

RESTS_MS: Final = MINUTE
RESTS_LONGER_MS: Final = 10 * MINUTE
"""DingTalk's documentation says that going over the limit is punished for so long."""
STOPPED_MS: Final = 5 * MINUTE
"""After a fault of address or secret one message tries again after so long: whoever mended it need not tell us."""

FOR_GOOD: Final = Instant(253_402_300_799_000)
"""Until a person says otherwise: the end of the year 9999."""

NEVER: Final = Instant(0)
LANES: Final = 4
"""Messages of one channel that may be on their way at once: a platform that hangs holds up its own groups only."""


@dataclass(slots=True)
class Meter:
    """One robot: its sliding minute, its rest after a refusal, its stop after a fault. Knows no addresses.

    Unit: messages; instants of wall time in milliseconds.
    """

    sent: deque[Instant] = field(default_factory=deque)
    rests_until: Instant = NEVER
    probing: bool = False
    """After a rest one message goes alone, and only its success opens the robot again."""
    probe_out: bool = False
    stopped_until: Instant = NEVER
    why: str = ""
    behind_ms: int = 0
    """How far our clock lies behind the platform's; added when signing."""

    def may_send(self, allowed: int, now: Instant) -> bool:
        """Return whether one more fits into the sliding minute of `allowed`."""
        self._forget(now)
        return now >= self.rests_until and not (self.probing and self.probe_out) and len(self.sent) < allowed

    def free_at(self, allowed: int, now: Instant) -> Instant:
        """Return when `may_send` may hold again."""
        self._forget(now)
        if now < self.rests_until:
            return self.rests_until
        if self.probing and self.probe_out:
            return later(now, SECOND)
        if len(self.sent) < allowed:
            return now
        return later(self.sent[len(self.sent) - allowed], MINUTE)

    def count(self, now: Instant) -> int:
        """Return how many were sent in the last minute."""
        self._forget(now)
        return len(self.sent)

    def take(self, now: Instant) -> None:
        """Count a message that is about to be sent."""
        self.sent.append(now)
        self.probe_out = self.probing

    def left(self, taken: Instant, now: Instant) -> None:
        """A message that was counted at `taken` leaves only now, and the platform counts it from now on."""
        if taken in self.sent:
            self.sent.remove(taken)
            self.sent.append(now)

    def give_back(self, taken: Instant) -> None:
        """A message that was counted at `taken` stayed here after all."""
        if taken in self.sent:
            self.sent.remove(taken)
        self.probe_out = False

    def heard(self) -> None:
        """The platform took a message: whatever was wrong is over."""
        self.probing = self.probe_out = False
        self.stopped_until, self.why = NEVER, ""

    def reopen(self) -> None:
        """A person has seen that it works: no rest is kept any more either."""
        self.heard()
        self.rests_until = NEVER

    def unheard(self) -> None:
        """A message came to nothing, for another reason than too many."""
        self.probe_out = False

    def rest(self, now: Instant, asked_ms: int = 0) -> None:
        """The platform said 'too many': as long a silence as it asked for, else a minute and ten when the probe after
        it is refused too; then a probe."""
        if now < self.rests_until:
            return  # told of a message that was on its way already
        self.rests_until = later(now, asked_ms or (RESTS_LONGER_MS if self.probing else RESTS_MS))
        self.probing, self.probe_out = True, False

    def stop(self, until: Instant, why: str) -> None:
        """Address, secret or settings are wrong, or nothing more is wanted there; `why` is shown."""
        self.stopped_until, self.why, self.probe_out = until, why, False

    def _forget(self, now: Instant) -> None:
        while self.sent and not now - MINUTE < self.sent[0] <= now:  # a clock set back must not close a robot for hours
            self.sent.popleft()


@dataclass(frozen=True, slots=True)
class Wait:
    """No robot may send now; one may at `until`."""

    until: Instant


@dataclass(frozen=True, slots=True)
class Stopped:
    """Every robot of the channel is stopped."""

    why: str


class Budgets:
    """Owns a meter for each robot; two channels that share a robot share its meter."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def meter(self, robot: Robot) -> Meter:
        return self._meters.setdefault(robot.key, Meter())

    def recall(self, robots: Sequence[Robot], sent: Iterable[Instant]) -> None:
        """Enter what an earlier process sent in the last minute; by which robot is not known, so by turns."""
        for n, at in enumerate(sorted(sent)):
            self.meter(robots[n % len(robots)]).sent.append(at)

    def is_low(self, robots: Sequence[Robot], channel: Channel, rows: int, now: Instant) -> bool:
        """Return whether so many lesser rows would not fit one by one, or leave less than a third of the minute."""
        allowed = allowed_of(channel, critical=False)
        meters = [self.meter(robot) for robot in robots]
        free = sum(max(0, allowed - meter.count(now)) for meter in meters if meter.may_send(allowed, now))
        return rows > free or 3 * free < allowed * len(robots)

    def choose(
        self, robots: Sequence[Robot], channel: Channel, *, critical: bool, now: Instant
    ) -> Robot | Wait | Stopped:
        """Return the least used robot that may send now, and count the message on it."""
        meters = [(robot, self.meter(robot)) for robot in robots]
        working = [(robot, meter) for robot, meter in meters if now >= meter.stopped_until]
        if not working:
            return Stopped(meters[0][1].why)
        allowed = allowed_of(channel, critical=critical)
        free = [(robot, meter) for robot, meter in working if meter.may_send(allowed, now)]
        if not free:
            return Wait(min(meter.free_at(allowed, now) for _, meter in working))
        robot, meter = min(free, key=lambda pair: len(pair[1].sent))
        meter.take(now)
        return robot


def allowed_of(channel: Channel, *, critical: bool) -> int:
    """Return how many messages a minute one robot of a channel may send at this severity."""
    return channel.per_minute if critical else max(1, channel.per_minute - channel.reserve_critical)
