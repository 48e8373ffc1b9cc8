"""An outbox with one live and one demo session, a manual clock, and pumps over it."""

import ssl
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from app.clock import ManualClock
from app.delivery.courier import Resolve, resolved
from app.delivery.dispatch import Dispatch
from app.delivery.pump import HOLD_MS, Pump
from app.delivery.reach import Reach
from app.domain.deliveries import Delivery, Standing
from app.domain.effects import Effects
from app.domain.identity import derived_id
from app.domain.plan import SessionKind
from app.domain.workspace import Channel
from app.store import deliveries, sessions
from app.store.database import Store
from app.store.deliveries import Attempt
from app.store.ledger import commit_group
from tests.delivery.chat import SECRET, Chat
from tests.store import samples

NOW = samples.NOW
HOME = Reach(allow_private=True)
TRUST = ssl.create_default_context()
"""Of all pumps here: to read the system's certificates takes 20 ms."""
GROUP = Channel(name="group", kind="dingtalk", title={"zh-CN": "货盘群"}, robots=("URL",), secrets=("SECRET",))


@dataclass
class Outbox:
    """Plans rows as a step does, and remembers what pumps told."""

    store: Store
    clock: ManualClock
    environ: dict[str, str]
    channels: dict[str, Channel]
    live: sessions.SessionRow
    demo: sessions.SessionRow
    pumps: list[Pump] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    told: list[Delivery] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    position: int = 1

    @classmethod
    async def over(cls, store: Store, chat: Chat) -> "Outbox":
        async def opened(name: str, kind: SessionKind) -> sessions.SessionRow:
            opening = samples.opening(name, f"room-{name}", kind=kind)
            return (await store.write(partial(sessions.open_session, opening=opening)))[0]

        live, demo = await opened("live", "live"), await opened("demo", "demo")
        environ = {"URL": chat.url, "SECRET": SECRET}
        return cls(store, ManualClock(NOW), environ, {GROUP.name: GROUP}, live, demo)

    async def close(self) -> None:
        for pump in self.pumps:
            await pump.stop()
        for dispatch in self.dispatches:
            await dispatch.close()

    def pump(self, *, alone: bool = False, reach: Reach = HOME, patience_s: float = 5.0) -> Pump:
        made = Pump(
            store=self.store,
            clock=self.clock,
            channel=self.channels.get,
            on_change=self.told.append,
            on_standing=self.standings.append,
            reach=reach,
            alone=alone,
            environ=self.environ,
            patience_s=patience_s,
            trust=TRUST,
        )
        self.pumps.append(made)
        return made

    def dispatch(self, claimer: str, *, resolve: Resolve = resolved) -> Dispatch:
        """Return what one pump of that name does with one row."""
        made = Dispatch(
            store=self.store,
            clock=self.clock,
            claimer=claimer,
            channel=self.channels.get,
            on_change=self.told.append,
            on_standing=self.standings.append,
            reach=HOME,
            environ=self.environ,
            patience_s=5.0,
            resolve=resolve,
            trust=TRUST,
        )
        self.dispatches.append(made)
        return made

    async def claim(self, claimer: str) -> list[Delivery]:
        """Claim what is due, as a pump of that name would."""
        now = self.clock.now()
        work = partial(deliveries.claim, claimer=claimer, now=now, hold_ms=HOLD_MS, most=100)
        return await self.store.write(work)

    async def plan(self, n: int = 1, *, kind: SessionKind = "live", **changed: object) -> list[Delivery]:
        """Commit `n` messages at once, each of an alert of its own, as the ledger would."""
        session = self.live if kind == "live" else self.demo
        effects = Effects()
        for _ in range(n):
            self.position += 1
            alert = replace(samples.alert(session.id), id=derived_id("alert", self.position))
            effects.alerts[alert.id] = alert
            effects.deliveries.append(samples.delivery(alert, session.id, kind, **changed))
        await self.commit(session, effects)
        return effects.deliveries

    async def acknowledge(self, row: Delivery) -> None:
        """Acknowledge the alert of a row, in the transaction that cancels what waits."""
        acked = replace(samples.alert(self.live.id, version=2, acked=True), id=row.alert)
        self.position += 1
        await self.commit(self.live, Effects(alerts={acked.id: acked}, cancels=[acked.id]))

    async def commit(self, session: sessions.SessionRow, effects: Effects) -> None:
        step = samples.commit(session, [samples.chunk(self.position, 1, session.fence, session.rooms[0])], effects)
        await self.store.write(partial(commit_group, group=[step]))

    async def row(self, row: Delivery) -> Delivery:
        (found,) = await self.store.read(partial(deliveries.named, ids=[row.id]))
        return found

    async def attempts(self, row: Delivery) -> list[Attempt]:
        return await self.store.read(partial(deliveries.attempts, delivery_id=row.id))

    def states(self, row: Delivery) -> list[str]:
        """Return the states of a row that screens were told, in order."""
        return [one.state for one in self.told if one.id == row.id]


async def pump_out(pump: Pump) -> None:
    """Let a pump do everything that is due at its clock's instant."""
    await pump.settled()
    while not await pump.turn():
        await pump.settled()
