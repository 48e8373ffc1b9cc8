"""Routes: which session each good record of a batch belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

from app.instants import Instant
from app.intake.directory import Directory, SessionRef
from app.intake.holders import Holders, OrderKey
from app.intake.lanes import LEVELS, Lane, OrderEvent, Placed, cut_at_restart, opens, starts
from app.intake.refusals import Fault
from app.store.database import Store
from app.store.levels import keep


@dataclass(slots=True)
class Routes:
    """What goes to which session; `levels`: what is kept for the next one; `faults`: what nobody takes."""

    levels: list[Placed] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    orders: dict[OrderKey, str] = field(default_factory=dict)
    _parts: dict[str, tuple[SessionRef, list[list[Placed]]]] = field(default_factory=dict)

    def put(self, session: SessionRef, placed: list[Placed]) -> None:
        """Send records to a session."""
        if placed:
            self._parts.setdefault(session.id, (session, []))[1].append(placed)

    def hold(self, session: SessionRef, orders: Iterable[tuple[int, OrderEvent]]) -> None:
        """A session holds these orders from now on."""
        for _, order in orders:
            self.orders[(order.room, order.payload.order)] = session.id

    def fail(self, index: int, code: str) -> None:
        """Nobody takes this one."""
        self.faults.append((index, (code, "")))

    def sessions(self) -> list[tuple[SessionRef, list[Placed]]]:
        """Return each session's records in the order of the batch."""
        return [(session, _in_order(parts)) for session, parts in self._parts.values()]


class Router:
    """Opens a session where a record may. Owns nothing but what it remembers of orders."""

    def __init__(self, directory: Directory, store: Store) -> None:
        self._directory = directory
        self._store = store
        self._holders = Holders(store)

    async def route(self, lanes: Iterable[Lane], wall: Instant, named: SessionRef | None) -> Routes:
        """Return where everything goes. `named`: the session that is to have all of it."""
        routes = Routes()
        for lane in lanes:
            if not lane.events:
                continue  # nothing of it is taken, so nobody need be asked where it belongs
            events, after = cut_at_restart(lane)
            for index, _ in after:
                routes.fail(index, "session_ending")
            session = named or await self._directory.look(lane.room) or await self._opened(lane.room, events, wall)
            held = await self._held(lane) if lane.orders and named is None else {}
            if session is not None and not after and held.keys() <= {session.id}:
                routes.put(session, lane.events)
                routes.hold(session, lane.orders)
                continue
            if session is not None:
                routes.put(session, events)
            else:
                self._without_session(lane.room, events, routes)
            await self._orders(lane, session, held, routes)
        return routes

    async def _held(self, lane: Lane) -> dict[str, set[str]]:
        """Return the sessions that hold orders of this lane already, with those orders."""
        held: dict[str, set[str]] = {}
        orders = {order.payload.order for _, order in lane.orders}
        for order, holder in (await self._holders.of(lane.room, orders)).items():
            held.setdefault(holder, set()).add(order)
        return held

    async def _opened(self, room: str, events: Sequence[Placed], wall: Instant) -> SessionRef | None:
        started = any(starts(event) for _, event in events)
        opened = started or (any(opens(event) for _, event in events) and self._directory.may_open_itself(room, wall))
        return (await self._directory.open(room, "live"))[0] if opened else None

    def _without_session(self, room: str, events: list[Placed], routes: Routes) -> None:
        last = self._directory.last(room)
        facts: list[Placed] = []
        for index, event in events:
            if isinstance(event, LEVELS):
                routes.levels.append((index, event))
            elif last is None:
                routes.fail(index, "no_session")
            else:
                facts.append((index, event))
        if last is not None:
            routes.put(last, facts)

    async def _orders(
        self, lane: Lane, session: SessionRef | None, held: Mapping[str, set[str]], routes: Routes
    ) -> None:
        """To the session that holds the order, else to the present one, else to the room's last."""
        holders = {order: holder for holder, orders in held.items() for order in orders}
        otherwise = session or self._directory.last(lane.room)
        for index, order in lane.orders:
            holder = holders.get(order.payload.order)
            taker = await self._directory.find(holder) if holder else otherwise
            if taker is None:
                routes.fail(index, "no_session")
            else:
                routes.put(taker, [(index, order)])
                routes.hold(taker, [(index, order)])

    async def keep(self, routes: Routes) -> None:
        """Keep the levels for their rooms' next sessions; where one has opened meanwhile they go there."""
        waiting, routes.levels = routes.levels, []
        while waiting:
            taken = await self._store.write(partial(keep, events=[event for _, event in waiting]))
            routes.levels += [placed for placed in waiting if placed[1].room not in taken]
            waiting = [placed for placed in waiting if placed[1].room in taken]
            for room in taken:
                if (session := await self._directory.look(room)) is not None:  # else it has ended again
                    routes.put(session, [placed for placed in waiting if placed[1].room == room])
                    waiting = [placed for placed in waiting if placed[1].room != room]

    def remember(self, routes: Routes) -> None:
        """The batch is committed: its orders are now held where they went."""
        self._holders.remember(routes.orders)


def _in_order(parts: list[list[Placed]]) -> list[Placed]:
    if len(parts) == 1:
        return parts[0]
    merged = [placed for part in parts for placed in part]
    merged.sort(key=itemgetter(0))
    return merged
