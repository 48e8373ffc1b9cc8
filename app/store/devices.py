"""Tablets: paired by a code of a few minutes and few tries, then known by the hash of a secret of their own."""

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from app.errors import NotFound
from app.instants import Instant
from app.store import tables


class DeviceRecord(Struct, frozen=True, kw_only=True):
    id: str
    room: str
    name: str
    hash: str
    paired_by: str
    paired_ms: int
    last_seen_ms: int
    revoked_ms: int | None = None


class PairingCode(Struct, frozen=True, kw_only=True):
    """`hash`: of the digits. A try is every open code's, since it cannot be known which was meant."""

    hash: str
    room: str
    created_by: str
    created_ms: int
    expires_ms: int
    tries_left: int
    used_ms: int | None = None


def offer_code(conn: Connection, code: PairingCode) -> None:
    """Store a code; the room's older ones and all that have expired are removed."""
    table = tables.pairing_codes
    conn.execute(delete(table).where((table.c.room == code.room) | (table.c.expires_ms <= code.created_ms)))
    conn.execute(insert(table).values({name: getattr(code, name) for name in code.__struct_fields__}))


def use_code(conn: Connection, hash_: str, now: Instant, *, spend: bool = True) -> PairingCode | None:
    """Use a code up and return it; None when it is wrong, late, used or out of tries, and if `spend` a try is gone.

    The caller must let the transaction commit in both cases: raise the refusal outside of it.
    """
    table = tables.pairing_codes
    usable = (table.c.used_ms.is_(None)) & (table.c.expires_ms > now) & (table.c.tries_left > 0)
    used = update(table).where(table.c.hash == hash_, usable).values(used_ms=now).returning(table)
    row = conn.execute(used).mappings().first()
    if row is not None:
        return PairingCode(**row)
    if spend:
        conn.execute(update(table).where(usable).values(tries_left=table.c.tries_left - 1))
    return None


def open_code(conn: Connection, room: str, now: Instant) -> PairingCode | None:
    """Return the room's code while it can be used: how long, and how many tries are left."""
    table = tables.pairing_codes
    usable = (table.c.used_ms.is_(None)) & (table.c.expires_ms > now) & (table.c.tries_left > 0)
    row = conn.execute(select(table).where(table.c.room == room, usable)).mappings().first()
    return None if row is None else PairingCode(**row)


def add_device(conn: Connection, device: DeviceRecord) -> None:
    conn.execute(insert(tables.devices).values({name: getattr(device, name) for name in device.__struct_fields__}))


def device_by_secret(conn: Connection, hash_: str) -> DeviceRecord | None:
    """Return the tablet of that secret unless it was revoked."""
    table = tables.devices
    row = conn.execute(select(table).where(table.c.hash == hash_, table.c.revoked_ms.is_(None))).mappings().first()
    return None if row is None else DeviceRecord(**row)


def devices_of(conn: Connection, room: str | None = None) -> list[DeviceRecord]:
    """Return the paired tablets of a room, or of all, in the order they were paired."""
    table = tables.devices
    query = select(table).where(table.c.revoked_ms.is_(None)).order_by(table.c.paired_ms, table.c.id)
    if room is not None:
        query = query.where(table.c.room == room)
    return [DeviceRecord(**row) for row in conn.execute(query).mappings()]


def see_device(conn: Connection, device_id: str, at: Instant) -> None:
    conn.execute(update(tables.devices).where(tables.devices.c.id == device_id).values(last_seen_ms=at))


def revoke_device(conn: Connection, device_id: str, at: Instant) -> DeviceRecord:
    """Raises NotFound; a tablet that was revoked before keeps its instant."""
    table = tables.devices
    conn.execute(update(table).where(table.c.id == device_id, table.c.revoked_ms.is_(None)).values(revoked_ms=at))
    row = conn.execute(select(table).where(table.c.id == device_id)).mappings().first()
    if row is None:
        raise NotFound("no such device", device=device_id)
    return DeviceRecord(**row)
