"""What is looked up when somebody reads the metrics: states and ages, which nobody counts while they change."""

import asyncio
import os
import resource
import sys
from collections import Counter as Times
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from app.clock import Clock
from app.domain.alerts import Alert
from app.errors import ControlRoomError
from app.metrics import own
from app.metrics.family import Counter, Gauge
from app.realtime.live import Live
from app.store.database import Store
from app.store.deliveries import waiting

LAG_EVERY_S: Final = 0.25
LAG_KEPT: Final = 240
"""A minute of timers, of which the latest is told."""
ALERTS_KNOWN: Final = 10_000
JUST_NOW_MS: Final = 10_000
KINDS: Final = ("person", "device", "token")
"""Of those who may hold a socket: nobody of a kind is a figure too."""
PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4_096


class Observed:
    """Owns which alerts were counted and how late timers were; everything else is asked of the parts."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        build: str,
        role: str = "all",
        sessions: Callable[[], Mapping[str, Live]] | None = None,
        boards: Callable[[], int] | None = None,
        viewers: Callable[[], Iterable[str]] | None = None,
        takes_commits: Callable[[], bool] = lambda: True,
    ) -> None:
        """What a process of this role does not have is None, and then not told. `viewers`: the kind of each socket."""
        self._store, self._clock = store, clock
        self._sessions, self._boards, self._viewers = sessions, boards, viewers
        self._takes_commits = takes_commits
        self._sends = role == "all" or "pump" in role.split("+")
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lags: list[float] = [0.0] * LAG_KEPT
        own.BUILD.fill({(build, role, store.dialect): 1.0})
        own.STARTED.set(clock.now() / 1_000)

    async def text(self, *, ready: bool) -> bytes:
        """Return every figure of this process in Prometheus' text form."""
        own.READY.set(ready)
        self._look_at_sessions()
        _told(own.BOARDS, self._boards)
        if self._viewers is not None:
            held = dict.fromkeys(KINDS, 0) | Times(self._viewers())
            own.VIEWERS.fill({(kind,): float(times) for kind, times in held.items()})
        own.LOOP_LAG_WORST.set(max(self._lags))
        _look_at_process()
        await self._look_at_store()
        return own.METRICS.text()

    def opened(self, alerts: Iterable[Alert], now: int) -> None:
        """Count the alerts that a commit opened; `now`: of their session, after it."""
        for alert in alerts:
            if alert.id in self._known:
                continue
            self._known[alert.id] = None
            if len(self._known) > ALERTS_KNOWN:
                self._known.popitem(last=False)
            if alert.version == 1 or now - alert.opened_ms < JUST_NOW_MS:  # else it was open before this start
                own.ALERTS.add(1, alert.rule, alert.severity)

    async def watch_lag(self) -> None:
        """Measure how late timers are, until cancelled."""
        loop, turn = asyncio.get_running_loop(), 0
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            late = max(0.0, loop.time() - due)
            own.LOOP_LAG.see(late)
            self._lags[turn % LAG_KEPT] = late
            turn += 1

    def _look_at_sessions(self) -> None:
        if self._sessions is None:
            own.SESSIONS.forget()
            own.CHECKPOINT_AGE.forget()
            return
        held = list(self._sessions().values())
        states = dict.fromkeys(("planned", "live", "paused", "ended"), 0.0) | Times(str(x.engine.state) for x in held)
        own.SESSIONS.fill({(state,): float(times) for state, times in states.items()})
        now = self._clock.now()
        ages = [now - live.checkpointed_ms for live in held if live.since_checkpoint]
        own.CHECKPOINT_AGE.set(max(ages, default=0) / 1_000)

    async def _look_at_store(self) -> None:
        """The outbox is one for all processes, and told by those that send: figures of several are added up."""
        now = self._clock.now()
        own.OUTBOX.forget()
        own.OUTBOX_AGE.forget()
        try:
            rows, oldest = await self._store.look(partial(waiting, now=now))
        except ControlRoomError:
            own.STORE_UP.set(0)
            return
        own.STORE_UP.set(self._takes_commits())
        if not self._sends:
            return
        own.OUTBOX.fill({(state,): float(times) for state, times in ({"waiting": 0, "sending": 0} | rows).items()})
        own.OUTBOX_AGE.set(max(0, now - (oldest if oldest is not None else now)) / 1_000)


def _told(gauge: Gauge, ask: Callable[[], int] | None) -> None:
    if ask is None:
        gauge.forget()
    else:
        gauge.set(ask())


def _look_at_process() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _grow(own.CPU, used.ru_utime + used.ru_stime)
    try:
        own.RESIDENT.set(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE)
        own.OPEN_FILES.set(len(os.listdir("/proc/self/fd")))  # noqa: PTH208  names only, and often
    except OSError:  # no /proc here: the highest so far is all there is
        own.RESIDENT.set(used.ru_maxrss * (1 if sys.platform == "darwin" else 1_024))
        own.OPEN_FILES.forget()


def _grow(counter: Counter, to: float) -> None:
    counter.add(max(0.0, to - counter.value()))
