"""Standings: whether the robots of a channel may send, as their budgets have it and as it is written down and told."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from app.clock import Clock
from app.delivery.budget import LANES, Budgets, Meter
from app.delivery.channels import receivers
from app.delivery.fates import patiently, sent
from app.delivery.robots import Robot, Unready
from app.delivery.words import reason
from app.domain.deliveries import Standing
from app.domain.words import in_language
from app.domain.workspace import Channel
from app.instants import MINUTE, Instant, later
from app.store import deliveries
from app.store import standings as stored_standings
from app.store.database import Store

_OPEN: Final = Standing("", "open")


class Standings:
    """Owns the budgets and what was told last of each channel; knows nothing of rows."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        channel: Callable[[str], Channel | None],
        environ: Mapping[str, str],
        on_standing: Callable[[Standing], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._channel = channel
        self._environ = environ
        self._on_standing = on_standing
        self.forget()

    def forget(self) -> None:
        """Know nothing of what was sent: it may be long ago, and others have sent since. `begin` learns it anew."""
        self.budgets = Budgets()
        self._stood: dict[str, Standing] = {}

    async def begin(self) -> None:
        """Enter into the budgets what an earlier process sent in the last minute, and how it left the channels."""
        self.forget()
        now = self._clock.now()
        for name, tried in (await self._store.read(partial(deliveries.tried_since, since=later(now, -MINUTE)))).items():
            if robots := self.robots(self._channel(name)):
                self.budgets.recall(robots, sent(tried))
        on_their_way = await self._store.read(deliveries.on_their_way)  # a pump that died may have sent them
        for name, rows in on_their_way.items():
            if robots := self.robots(self._channel(name)):
                self.budgets.recall(robots, [now] * min(rows, LANES))
        for name, (standing, robots_hash) in (await self._store.read(stored_standings.standings)).items():
            self._stood[name] = standing
            channel = self._channel(name)
            if channel is None:
                await self._write(replace(standing, state="open"), "")
                continue
            robots = self.robots(channel)
            if robots_hash == _hash(robots):  # else a person has given it another address meanwhile
                for robot in robots:
                    _restore(self.budgets.meter(robot), standing)
            await self.stand(channel)

    def robots(self, channel: Channel | None) -> list[Robot]:
        """Return the robots of a channel; none where an address or a secret is missing."""
        try:
            return receivers(channel, self._environ) if channel is not None else []
        except Unready:
            return []

    def standing(self, channel: Channel) -> Standing:
        """Return how a channel stands now."""
        title = in_language(channel.title, channel.language) or channel.name
        try:
            robots = receivers(channel, self._environ)
        except Unready as unready:
            why = reason(unready.code, channel.language, name=unready.name)
            return Standing(channel.name, "stopped", title, why)
        meters = [self.budgets.meter(robot) for robot in robots]
        return _standing(Standing(channel.name, "open", title), meters, self._clock.now())

    def reopen(self, channel: Channel) -> None:
        """A person has mended the channel: its next message is tried at once."""
        for robot in self.robots(channel):
            self.budgets.meter(robot).reopen()
        self._on_standing(self.standing(channel))

    async def is_mended(self, channel: Channel) -> bool:
        """Return whether another process has taken back that the channel is stopped or rests: after a good test."""
        if self._stood.get(channel.name, _OPEN).state == "open":
            return False
        return not await patiently(lambda: self._store.read(partial(stored_standings.standings, channel=channel.name)))

    async def stand(self, channel: Channel) -> None:
        """Write down how the channel stands, and tell, if that has changed."""
        standing = self.standing(channel)
        known = self._stood.get(channel.name, _OPEN)
        if standing != known and (standing.state, known.state) != ("open", "open"):
            await self._write(standing, _hash(self.robots(channel)))

    async def _write(self, standing: Standing, robots: str) -> None:
        work = partial(stored_standings.stand, standing=standing, robots=robots, now=self._clock.now())
        await patiently(lambda: self._store.write(work))
        self._stood[standing.channel] = standing
        self._on_standing(standing)


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
