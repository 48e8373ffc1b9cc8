"""Tablets: paired with a room by six digits, known by a secret of their own, ended by a revocation."""

import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from app.access.attempts import Attempts, network_of
from app.access.people import checked_name
from app.access.principal import NotSignedIn, Principal, Revocations, device_handle
from app.access.secret import SECRET_CHARS, fresh_id, fresh_secret, secret_hash
from app.clock import Clock
from app.domain.people import Actor, Role
from app.errors import ControlRoomError, NotFound, Unavailable
from app.instants import MINUTE, Instant, later
from app.store import devices as rows
from app.store.audit import note
from app.store.database import Store
from app.store.devices import DeviceRecord, PairingCode
from app.store.faults import Clash

CODE_MS: Final = 5 * MINUTE
CODE_TRIES: Final = 5
FREE_OF_ALL: Final = 100
"""So many wrong codes of all addresses together, within the life of a code, cost no code a try."""
CODE_DRAWS: Final = 5
COOKIE_MS: Final = 365 * 24 * 60 * MINUTE
SEEN_EVERY_MS: Final = MINUTE


class BadCode(ControlRoomError):
    """No such code now: wrong, late, used, or out of tries."""

    kind, code = "forbidden", "bad_code"


class Code(Struct, frozen=True, kw_only=True):
    """A pairing code as the controller sees it, once."""

    code: str
    room: str
    expires_ms: int
    tries: int


class DeviceView(Struct, frozen=True, kw_only=True):
    """A paired tablet as lists show it."""

    id: str
    room: str
    name: str
    paired_by: str
    paired_ms: int
    last_seen_ms: int
    revoked_ms: int | None = None


class Devices:
    """Owns when tablets were last seen; everything else of them lies in SQL."""

    def __init__(self, *, store: Store, clock: Clock, revocations: Revocations) -> None:
        self._store = store
        self._clock = clock
        self._revocations = revocations
        self._attempts = Attempts(free=CODE_TRIES)
        self._wrong: deque[Instant] = deque(maxlen=FREE_OF_ALL)
        self._seen: dict[str, Instant] = {}

    async def offer(self, room: str, by: Actor) -> Code:
        """Return a new code for a room; the one before it is void."""
        for _ in range(CODE_DRAWS - 1):
            try:
                return await self._offer(room, by)
            except Clash:  # another room's code of these minutes has the same digits: draw again
                continue
        return await self._offer(room, by)

    async def _offer(self, room: str, by: Actor) -> Code:
        now, digits = self._clock.now(), f"{secrets.randbelow(1_000_000):06d}"
        code = PairingCode(
            hash=secret_hash(digits),
            room=room,
            created_by=by.name,
            created_ms=now,
            expires_ms=later(now, CODE_MS),
            tries_left=CODE_TRIES,
        )

        def offer(conn: Connection) -> None:
            rows.offer_code(conn, code)
            note(conn, now, by, "offer_pairing_code", room)

        await self._store.write(offer)
        return Code(code=digits, room=room, expires_ms=code.expires_ms, tries=CODE_TRIES)

    async def pair(self, digits: str, name: str, *, address: str = "") -> tuple[DeviceView, str]:
        """Return the new tablet and its secret. Raises BadCode, BadName, LockedOut.

        Wrong codes count for their address, which must soon wait. They cost the codes a try only when the address goes
        on after that, or too many come from everywhere: else five digits from anybody would shut every tablet out.
        """
        now = self._clock.now()
        name = checked_name(name)
        who = network_of(address)
        spend = self._attempts.begin(who, now) > CODE_TRIES or self._many_wrong(now)
        self._wrong.append(now)  # until it is known: many at once gain nothing
        device, secret = fresh_id(), fresh_secret()

        def pair(conn: Connection) -> DeviceRecord | None:
            code = rows.use_code(conn, secret_hash(digits.strip()), now, spend=spend)
            if code is None:
                return None  # committed all the same: a try is gone
            record = DeviceRecord(
                id=device,
                room=code.room,
                name=name,
                hash=secret_hash(secret),
                paired_by=code.created_by,
                paired_ms=now,
                last_seen_ms=now,
            )
            rows.add_device(conn, record)
            note(conn, now, _actor(record), "pair_device", code.room)
            return record

        record = await self._store.write(pair)
        if record is None:
            raise BadCode("this code is wrong, or not valid any more")
        with suppress(ValueError):  # it is gone where a hundred came after it
            self._wrong.remove(now)
        self._attempts.succeeded(who)
        return _view(record), secret

    def _many_wrong(self, now: Instant) -> bool:
        return len(self._wrong) == FREE_OF_ALL and now - self._wrong[0] < CODE_MS

    async def principal(self, secret: str) -> Principal:
        """Return the tablet behind a cookie. Raises NotSignedIn."""
        if not secret or len(secret) > SECRET_CHARS:
            raise NotSignedIn("this tablet is not paired")
        now = self._clock.now()
        record = await self._store.read(partial(rows.device_by_secret, hash_=secret_hash(secret)))
        if record is None:
            raise NotSignedIn("this tablet is not paired")
        if now - max(record.last_seen_ms, self._seen.get(record.id, Instant(0))) >= SEEN_EVERY_MS:
            self._seen[record.id] = now
            with suppress(Unavailable):  # a tablet on air stays so, also when nothing can be written
                await self._store.write(partial(rows.see_device, device_id=record.id, at=now))
        return _principal(record)

    async def all(self, room: str | None = None) -> Sequence[DeviceView]:
        """Return the paired tablets, of one room or of all."""
        return [_view(record) for record in await self._store.read(partial(rows.devices_of, room=room))]

    async def revoke(self, device_id: str, by: Actor) -> DeviceView:
        """End a tablet's pairing at once, and its sockets. Raises NotFound."""
        now = self._clock.now()

        def revoke(conn: Connection) -> DeviceRecord:
            record = rows.revoke_device(conn, device_id, now)
            note(conn, now, by, "revoke_device", device_id, detail={"room": record.room, "name": record.name})
            return record

        record = await self._store.write(revoke)
        self._seen.pop(device_id, None)
        self._revocations.tell(device_handle(device_id))
        return _view(record)

    async def find(self, device_id: str) -> DeviceView:
        """Return a paired tablet. Raises NotFound."""
        for view in await self.all():
            if view.id == device_id:
                return view
        raise NotFound("there is no such tablet", device=device_id[:64])


def _principal(record: DeviceRecord) -> Principal:
    return Principal(
        "device",
        record.id,
        record.name,
        Role.HOST,
        rooms=frozenset({record.room}),
        handles=frozenset({device_handle(record.id)}),
    )


def _actor(record: DeviceRecord) -> Actor:
    return Actor("device", record.id, record.name, Role.HOST)


def _view(record: DeviceRecord) -> DeviceView:
    return DeviceView(
        id=record.id,
        room=record.room,
        name=record.name,
        paired_by=record.paired_by,
        paired_ms=record.paired_ms,
        last_seen_ms=record.last_seen_ms,
        revoked_ms=record.revoked_ms,
    )
