"""The names of the vocabulary as facts: what each rule is told when it is looked at."""

from collections.abc import Callable, Mapping
from typing import Final

from app.domain.money import in_main_unit
from app.engine.counts import window_of
from app.engine.freshness import KIND_OF_METRIC, patience_of
from app.engine.goods import LineState, SkuState
from app.engine.readings import NEVER, Readings
from app.engine.seconds import Seconds
from app.engine.state import State
from app.instants import Instant, Span
from app.rules.sight import Fact
from app.rules.vocabulary import VOCABULARY, Name, Value

Getter = Callable[[int], Fact]

_STATE: Final = "state"
_ORDERS: Final = "orders"
_ACTS: Final = ("viewers", "enters", "comments", "likes", "shares", "follows")
_ORDER_COUNTS: Final = frozenset({"orders", "paid_units", "gmv"})
EDGE_WINDOWS: Final = frozenset({"10s", "60s", "2m", "5m", "10m"})


def groups_of(name: Name, member: str) -> tuple[str, ...]:
    """Return the groups of inputs whose change can change a name: what handlers of events touch."""
    if name.owner == "member":
        return (f"{name.kind}|{member}",)
    if name.metric in _ORDER_COUNTS:
        return (_ORDERS,)
    if name.metric == "interaction_rate":
        return _ACTS
    if name.path.startswith("s."):
        return (_STATE,)
    return (name.metric,)


def slides(name: Name) -> bool:
    """Return whether a name changes as its window slides, or with time alone."""
    return name.moves or name.window in EDGE_WINDOWS or name.metric in ("sell_rate", "sell_rate_ok")


class Inputs:
    """Computes facts from the state; owns none of it. Facts of the session are shared by all rules of one instant."""

    def __init__(self, state: State, readings: Readings, seconds: Seconds, currency: str) -> None:
        self._state, self._readings, self._seconds, self._currency = state, readings, seconds, currency
        self._names = {(name.kind, name.path): name for name in VOCABULARY.names}
        self._at = self._goods_at = -1
        self._goods_ms: Instant | None = None
        self._known: dict[str, Fact] = {}

    def name(self, path: str, kind: str) -> Name:
        """Return a name that a rule with members or events of this kind may use."""
        return self._names.get((kind, path)) or self._names["", path]

    def forget(self) -> None:
        """Something changed within the instant: facts are computed anew."""
        self._at = self._goods_at = -1

    def getter(self, name: Name, member: str) -> Getter:
        """Return a function of the instant for one name and member."""
        if name.owner == "member":
            return self._member_getter(name, member)
        compute = self._session_getter(name)
        path = name.path

        def shared(at: int) -> Fact:
            if at != self._at:
                self._at, self._known = at, {}
            fact = self._known.get(path)
            if fact is None:
                fact = self._known[path] = compute(at)
            return fact

        return shared

    def patience(self, names: Mapping[str, Name], member: str) -> dict[str, Span]:
        """Return for each name that ages the silence after which it is missing."""
        return {
            path: Span(self._line_patience(member) if name.kind == "line" else self._readings.patience(name.metric))
            for path, name in names.items()
            if name.ages
        }

    def _line_patience(self, member: str) -> int:
        return patience_of(self._readings.every(self._state.lines[member].room, "stream"))

    def _session_getter(self, name: Name) -> Getter:
        state, readings = self._state, self._readings
        match name.metric:
            case "live":
                return lambda _at: Fact(state.state == "live")
            case "elapsed_min":
                return lambda at: Fact(None if state.started_ms is None else (at - state.started_ms) / 60_000)
            case "phase":
                return lambda _at: Fact(state.rundown.phase)
            case "viewers":
                return self._viewers
            case "interaction_rate":
                return self._interaction
        if name.metric not in KIND_OF_METRIC:
            raise LookupError(name.path)
        count, window, seconds = name.metric, name.window, self._seconds

        def counted(at: int) -> Fact:
            heard = readings.heard(count)
            if heard is NEVER:
                return Fact(None)
            second = seconds.of(at)
            value = sum(window_of(room.tallies[count], second, window) for room in state.rooms.values())
            return Fact(in_main_unit(value, self._currency) if count == "gmv" else float(value), *heard)

        return counted

    def _viewers(self, _at: int) -> Fact:
        value, heard = self._readings.viewers(self._state.speaking())
        return Fact(None) if value is None else Fact(float(value), *heard)

    def _interaction(self, at: int) -> Fact:
        rooms = self._state.speaking()
        heard = self._readings.interaction_heard(rooms)
        if heard is NEVER:
            return Fact(None)
        rate = self._readings.interaction(rooms, at)
        return Fact(rate.value if rate.judged else None, *heard)

    def _member_getter(self, name: Name, member: str) -> Getter:
        if name.kind == "sku":
            return self._sku_getter(name, self._state.skus[member])
        return self._line_getter(name, self._state.lines[member])

    def _sku_getter(self, name: Name, sku: SkuState) -> Getter:
        state, metric = self._state, name.metric
        if name.window:
            tally, window, seconds = sku.counts.tallies[metric], name.window, self._seconds
            readings = self._readings

            def counted(at: int) -> Fact:
                heard = readings.heard(metric)
                if heard is NEVER:
                    return Fact(None)
                return Fact(float(window_of(tally, seconds.of(at), window)), *heard)

            return counted
        match metric:  # one function is made, not a table of nine: it is what a new SKU costs
            case "sellable":
                return lambda at: Fact(_number(sku.stock.sellable), self._goods_seen(at))
            case "sell_rate":
                return lambda at: Fact(sku.sell_rate(self._seconds.of(at)) or 0.0, self._goods_seen(at))
            case "sell_rate_ok":
                return lambda at: Fact(sku.sell_rate(self._seconds.of(at)) is not None, self._goods_seen(at))
            case "stock_line":
                return lambda _at: Fact(float(sku.line))
            case "planned":
                return lambda _at: Fact(float(sku.planned))
            case "on_sale":
                return lambda _at: Fact(sku.on_sale)
            case "on_air":
                return lambda _at: Fact(state.on_air == sku.sku)
            case "sku":
                return lambda _at: Fact(sku.sku)
            case "sku_name":
                return lambda _at: Fact(sku.name)
        raise LookupError(name.path)

    def _line_getter(self, name: Name, line: LineState) -> Getter:
        getters: dict[str, Getter] = {
            "bitrate_kbps": lambda _at: Fact(line.bitrate_kbps, _instant(line.seen_ms)),
            "reconnecting": lambda _at: Fact(line.reconnecting, _instant(line.seen_ms)),
            "fps": lambda _at: Fact(line.fps, _instant(line.seen_ms)),
            "dropped": lambda _at: Fact(float(line.dropped), _instant(line.seen_ms)),
            "target_kbps": lambda _at: Fact(line.target_kbps),
            "line": lambda _at: Fact(line.name),
        }
        return getters[name.metric]

    def _goods_seen(self, at: int) -> Instant | None:
        """Shared by all SKUs of one instant."""
        if at != self._goods_at:
            self._goods_at, self._goods_ms = at, _instant(self._readings.goods_seen())
        return self._goods_ms


def _instant(at: int | None) -> Instant | None:
    return None if at is None else Instant(at)


def _number(value: int | None) -> Value | None:
    return None if value is None else float(value)
