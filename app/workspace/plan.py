"""From a workspace to the plan of one session: a copy of all its engine reads, which later changes do not reach."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from app.domain.plan import ChannelPlan, OpeningLevel, RoomPlan, SessionKind, SessionPlan, SkuPlan, Target
from app.domain.workspace import Room, RundownPlan, Sku, Workspace
from app.errors import NotFound
from app.instants import HOUR
from app.workspace.goods import EVERY_ROOM

FAR_MS: Final = 6 * HOUR


Levels = Mapping[tuple[str, str], Sequence[OpeningLevel]]
"""(SKU, feed) -> the last level of each warehouse, oldest first."""


def leading_room(workspace: Workspace, room_id: str) -> Room:
    """Return the room whose session a room belongs to: the one that lists it in `session_rooms`, else itself."""
    found = next((room for room in workspace.rooms if room_id in room.session_rooms), None) or next(
        (room for room in workspace.rooms if room.id == room_id), None
    )
    if found is None:
        raise NotFound(f"there is no room {room_id!r} in the workspace", room=room_id)
    return found


def plan_session(workspace: Workspace, room_id: str, kind: SessionKind, levels: Levels, now_ms: int) -> SessionPlan:
    """Return the plan of a session opened at `now_ms` in a room, or in one that is broadcast with it.

    A SKU's opening stock is the last level of its authority feed, else the file's own `stock`, as of now.
    Raises NotFound for a room that is not in the workspace.
    """
    leading = leading_room(workspace, room_id)
    rooms = [leading, *(room for room in workspace.rooms if room.id in leading.session_rooms)]
    ids = frozenset(room.id for room in rooms)
    brand = next(brand for brand in workspace.brands if brand.id == leading.brand)
    skus = [sku for sku in workspace.skus if sku.brand == brand.id and (not sku.rooms or ids & set(sku.rooms))]
    rundown = next((rundown for rundown in workspace.rundowns if rundown.room == leading.id), None)
    segments = rundown.segments if rundown else ()
    return SessionPlan(
        kind=kind,
        workspace=workspace.id,
        brand=brand.id,
        brand_name=brand.name,
        title=leading.name,
        rooms=tuple(_room(room) for room in rooms),
        currency=skus[0].currency if skus else "CNY",
        skus=tuple(_sku(sku, levels, now_ms) for sku in skus),
        targets=_targets(workspace, leading.id),
        rundown=segments,
        quick=workspace.quick,
        corrections=workspace.corrections,
        routes=workspace.routes,
        mutes=workspace.mutes,
        channels=tuple(ChannelPlan(each.name, each.kind, each.title, each.language) for each in workspace.channels),
        planned_start_ms=planned_start(rundown, leading.zone, now_ms) if rundown else None,
        planned_length_ms=sum(segment.length_ms for segment in segments) or None,
    )


def _room(room: Room) -> RoomPlan:
    return RoomPlan(room.id, room.name, room.platform, room.zone, room.every_ms, room.lines, room.opens_itself)


def _sku(sku: Sku, levels: Levels, now_ms: int) -> SkuPlan:
    standing = standing_levels(levels.get((sku.sku, sku.authority), ()), sku.warehouse)
    opening, opening_ms = sku.stock, now_ms
    if standing:
        opening, opening_ms = sum(level.available for level in standing), min(level.at_ms for level in standing)
    return SkuPlan(
        sku=sku.sku,
        product=sku.product,
        name=sku.name,
        planned=sku.planned,
        price=sku.price,
        currency=sku.currency,
        warehouse=sku.warehouse,
        authority=sku.authority,
        stock_line=sku.stock_line,
        opening_stock=opening,
        opening_stock_ms=None if opening is None else opening_ms,
        opening_levels=standing,
    )


def standing_levels(levels: Iterable[OpeningLevel], warehouse: str) -> tuple[OpeningLevel, ...]:
    """Return what counts of a feed's levels, told oldest first.

    Where the SKU names a warehouse: the newest that is of it or names none. Otherwise a level without a warehouse is
    that of all of them, so the newest of the two kinds stands.
    """
    standing: dict[str, OpeningLevel] = {}
    for level in levels:
        own = replace(level, warehouse=level.warehouse or warehouse)
        if own.warehouse == warehouse:
            standing = {warehouse: own}
        elif not warehouse:
            standing.pop("", None)
            standing[own.warehouse] = own
    return tuple(standing.values())


def _targets(workspace: Workspace, room_id: str) -> tuple[Target, ...]:
    """Return every room's targets with the room's own in their place."""
    chosen = {target.metric: target for key in (EVERY_ROOM, room_id) for target in workspace.targets.get(key, ())}
    return tuple(chosen.values())


def planned_start(rundown: RundownPlan, zone: str, now_ms: int) -> int | None:
    """Return the planned start nearest to now (at 00:10 a 23:50 start was yesterday's), or None.

    None when the rundown has no start, or when now is so far from it that another broadcast than the planned one runs.
    """
    if not rundown.start:
        return None
    hour, minute = (int(part) for part in rundown.start.split(":"))
    here = datetime.fromtimestamp(now_ms / 1_000, ZoneInfo(zone)).replace(
        hour=hour, minute=minute, second=0, microsecond=0
    )
    starts = [int((here + timedelta(days=days)).timestamp() * 1_000) for days in (-1, 0, 1)]
    nearest = min(starts, key=lambda start: abs(start - now_ms))
    return nearest if abs(nearest - now_ms) <= FAR_MS else None
