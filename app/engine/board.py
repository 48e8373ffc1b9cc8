"""Boards: the topics of one session for one audience and clearance, a pure view of the state."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from math import inf
from typing import Any, Final

from msgspec.structs import replace

from app.domain.alerts import Alert
from app.domain.board import Audience, GapRow, GuideLine, RoomHead, SessionHead, Topic
from app.domain.people import Clearance, may_see
from app.domain.plan import SessionPlan
from app.domain.readings import reading_key
from app.engine.goods import SkuState
from app.engine.rates import eta_min
from app.engine.readings import ROOM_METRICS, SESSION_METRICS, Readings
from app.engine.seconds import Seconds
from app.engine.state import State
from app.engine.watch import Watch

MOST_SKUS: Final = 100
MOST_ALERTS: Final = 100
HOST_TOPICS: Final[frozenset[Topic]] = frozenset({"session", "rooms", "prompts", "rundown"})
"""All that a host's tablet is told; nothing of money, alerts or comments."""

View = Callable[[Audience, Clearance], dict[str, Any]]


class Boards:
    """Reads the state; changes nothing, and tells the same until a record or a deadline has come."""

    def __init__(self, state: State, plan: SessionPlan, seconds: Seconds, readings: Readings, watch: Watch) -> None:
        self._state, self._plan, self._seconds, self._readings, self._watch = state, plan, seconds, readings, watch
        self._views: dict[Topic, View] = {
            "session": self._session,
            "rooms": self._rooms,
            "readings": self._all_readings,
            "skus": self._skus,
            "lines": self._lines,
            "alerts": self._alerts,
            "rules": lambda _, clearance: self._watch.views(clearance),
            "limits": lambda _, clearance: self._watch.limits(clearance),
            "prompts": self._prompts,
            "rundown": self._rundown,
            "messages": lambda _audience, _clearance: self._state.messages.shown(),
            "sources": lambda _audience, _clearance: {key: row.row() for key, row in self._state.sources.items()},
            "quick": lambda _audience, _clearance: {str(n): quick for n, quick in enumerate(self._plan.quick, 1)},
            "gaps": lambda _audience, _clearance: {str(start): GapRow(start, end) for start, end in self._state.gaps},
            "guide": self._guide,
        }

    def topic(self, name: Topic, audience: Audience, clearance: Clearance) -> dict[str, Any]:
        """Return a topic as this audience may see it; nothing of one it may not see."""
        if audience == "tablet" and name not in HOST_TOPICS:
            return {}
        return self._views[name](audience, clearance)

    def _session(self, audience: Audience, clearance: Clearance) -> dict[str, Any]:
        state, plan = self._state, self._plan
        head = SessionHead(
            id=state.opened.session,
            no=state.opened.session_no,
            kind=plan.kind,
            state=state.state,
            title=plan.title,
            brand=plan.brand,
            rooms=tuple(state.rooms),
            zone=plan.rooms[0].zone,
            currency=plan.currency,
            opened_ms=state.opened_ms,
            started_ms=state.started_ms,
            ended_ms=state.ended_ms,
            planned_length_ms=plan.planned_length_ms,
        )
        if audience == "tablet":
            return {"head": head}
        return {
            "head": replace(
                head,
                position=state.position,
                history_ms=state.history.written * 60_000,
                duplicates=state.duplicates,
                counters=dict(state.counters),
                summary=dict(state.summary),
                skus_more=max(0, len(state.skus) - MOST_SKUS),
                alerts_more=max(0, len(self._listed(clearance)) - MOST_ALERTS),
            )
        }

    def _rooms(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        rows = {}
        for room in self._plan.rooms:
            state = self._state.rooms[room.id].state
            shown = "live" if state == "paused" else state
            rows[room.id] = RoomHead(room.id, room.name, room.platform, shown)  # type: ignore[arg-type]  # one of three
        return rows

    def _all_readings(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        at, reading = self._state.board_ms, self._readings.reading
        rows = {reading_key(metric, "session", ""): reading(metric, "session", "", at) for metric in SESSION_METRICS}
        for room in self._state.rooms:
            for metric in ROOM_METRICS:
                rows[reading_key(metric, "room", room)] = reading(metric, "room", room, at)
        return rows

    def _skus(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        state, at = self._state, self._state.board_ms
        second, seen, fresh = self._seconds.of(at), self._readings.goods_seen(), self._readings.goods_fresh(at)
        return {
            sku.sku: sku.row(second, on_air=state.on_air == sku.sku, orders_seen_ms=seen, fresh=fresh)
            for sku in self._shown_skus(second)
        }

    def _shown_skus(self, second: int) -> Iterable[SkuState]:
        """Return all SKUs, or of many: the listed first, what is on air, what may run out, what sells most."""
        state = self._state
        if len(state.skus) <= MOST_SKUS:
            return state.skus.values()

        def rank(sku: SkuState) -> tuple[bool, bool, float, float, int, str]:
            sellable = sku.stock.sellable
            above = inf if sellable is None else float(sellable - sku.line)
            eta = eta_min(sellable, sku.sell_rate(second))
            sold = sku.counts.tallies["paid_units"].total
            return not sku.listed, sku.sku != state.on_air, min(above, 0.0), inf if eta is None else eta, -sold, sku.sku

        return nsmallest(MOST_SKUS, state.skus.values(), key=rank)

    def _lines(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        return {name: line.row() for name, line in self._state.lines.items()}

    def _alerts(self, _audience: Audience, clearance: Clearance) -> dict[str, Any]:
        listed = self._listed(clearance)
        if len(listed) > MOST_ALERTS:
            listed = nsmallest(
                MOST_ALERTS, listed, key=lambda alert: (not alert.open, alert.severity, -alert.opened_ms, alert.id)
            )
        return {alert.id: alert for alert in listed}

    def _listed(self, clearance: Clearance) -> list[Alert]:
        return [alert for alert in self._state.alerts.listed().values() if may_see(clearance, alert.clearance)]

    def _prompts(self, audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        prompts = self._state.prompts.shown()
        if audience == "tablet":
            return {key: replace(prompt, alert="") for key, prompt in prompts.items()}
        return dict(prompts)

    def _rundown(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        state = self._state
        starts = self._plan.planned_start_ms if self._plan.planned_start_ms is not None else state.started_ms
        return {"now": state.rundown.view(starts, state.on_air, state.state == "ended")}

    def _guide(self, _audience: Audience, _clearance: Clearance) -> dict[str, Any]:
        guide = self._state.guide
        return {"line": GuideLine(guide.line, guide.at_ms, guide.hint)} if guide else {}
