"""Tokens of machines: made once, told once, looked up by their hash, bound to a scope and to rooms."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from app.access.principal import NotSignedIn, Principal, Revocations, token_handle
from app.access.secret import SECRET_CHARS, fresh_id, fresh_secret, secret_hash
from app.clock import Clock
from app.domain.people import Actor, Role
from app.errors import ControlRoomError, Forbidden, Unavailable
from app.instants import MINUTE, Instant
from app.store.audit import note
from app.store.database import Store
from app.store.tokens import Scope, TokenRow, add_token, all_tokens, revoke_token, token, use_token

PREFIXES: Final[dict[Scope, str]] = {"ingest": "cr_ingest_", "read": "cr_read_", "admin": "cr_admin_"}
ROLES: Final[dict[Scope, Role]] = {"ingest": Role.VIEWER, "read": Role.VIEWER, "admin": Role.ADMIN}
KNOWN_FOR_MS: Final = 2_000
"""A token is asked of SQL this often while it is in use: a revocation by another process counts within this time."""
USED_EVERY_MS: Final = MINUTE
KNOWN: Final = 10_000


class BadToken(NotSignedIn):
    """No such token, or one that was revoked."""

    code = "bad_token"


class NeedsRooms(ControlRoomError):
    """An ingest token must be bound to the rooms it speaks for."""

    code = "needs_rooms"


class TokenView(Struct, frozen=True, kw_only=True):
    """A token as lists show it; never its secret or its hash."""

    id: str
    name: str
    scope: Scope
    rooms: tuple[str, ...]
    created_by: str
    created_ms: int
    last_used_ms: int | None
    revoked_ms: int | None


@dataclass(slots=True)
class _Known:
    row: TokenRow
    asked_ms: Instant
    used_ms: Instant


class Tokens:
    """Owns what it remembers of tokens in use; the truth lies in SQL."""

    def __init__(self, *, store: Store, clock: Clock, revocations: Revocations) -> None:
        self._store = store
        self._clock = clock
        self._revocations = revocations
        self._known: dict[str, _Known] = {}

    async def create(self, name: str, scope: Scope, rooms: Collection[str], by: Actor) -> tuple[TokenView, str]:
        """Return a new token and its secret, which is never told again. Raises NeedsRooms."""
        if scope == "ingest" and not rooms:
            raise NeedsRooms("an ingest token is bound to at least one room")
        now, secret = self._clock.now(), fresh_secret(PREFIXES[scope])
        row = TokenRow(
            id=fresh_id(),
            name=name,
            hash=secret_hash(secret),
            scope=scope,
            rooms=tuple(sorted(set(rooms))),
            created_by=by.name,
            created_ms=now,
        )

        def add(conn: Connection) -> None:
            add_token(conn, row)
            note(conn, now, by, "create_token", row.id, detail={"name": name, "scope": scope, "rooms": row.rooms})

        await self._store.write(add)
        return _view(row), secret

    async def authenticate(self, secret: str, *scopes: Scope) -> TokenRow:
        """Return the token of a secret. Raises BadToken, and Forbidden when its scope is another."""
        prefix = next((prefix for prefix in PREFIXES.values() if secret.startswith(prefix)), None)
        if prefix is None or len(secret) > SECRET_CHARS:
            raise BadToken("no such token")
        row = await self._row(secret_hash(secret))
        if row.scope not in scopes:
            raise Forbidden(f"a token of scope {row.scope} may not do this", scope=row.scope)
        return row

    async def principal(self, secret: str) -> Principal:
        """Return who reads or acts by a token; an ingest token may only send."""
        row = await self.authenticate(secret, "read", "admin")
        return Principal(
            "token",
            row.id,
            row.name,
            ROLES[row.scope],
            rooms=frozenset(row.rooms) or None,
            scope=row.scope,
            handles=frozenset({token_handle(row.id)}),
        )

    async def all(self) -> Sequence[TokenView]:
        """Return every token, newest first."""
        return [_view(row) for row in await self._store.read(all_tokens)]

    async def revoke(self, token_id: str, by: Actor) -> TokenView:
        """End a token at once, and its sockets. Raises NotFound."""
        now = self._clock.now()

        def revoke(conn: Connection) -> TokenRow:
            row = revoke_token(conn, token_id, now)
            note(conn, now, by, "revoke_token", token_id)
            return row

        row = await self._store.write(revoke)
        self._known.pop(row.hash, None)
        self._revocations.tell(token_handle(token_id))
        return _view(row)

    async def _row(self, hash_: str) -> TokenRow:
        now = self._clock.now()
        known = self._known.get(hash_)
        if known is not None and 0 <= now - known.asked_ms < KNOWN_FOR_MS:
            return known.row
        row = await self._store.read(partial(token, hash_=hash_))
        if row is None:
            self._known.pop(hash_, None)
            raise BadToken("no such token")
        used = known.used_ms if known else Instant(row.last_used_ms or 0)
        due = now - used >= USED_EVERY_MS
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[hash_] = _Known(row, now, now if due else used)
        if due:
            with suppress(Unavailable):  # a full disk must not end what only reads, like the metrics that tell of it
                await self._store.write(partial(use_token, token_id=row.id, at=now))
        return row


def _view(row: TokenRow) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        scope=row.scope,
        rooms=row.rooms,
        created_by=row.created_by,
        created_ms=row.created_ms,
        last_used_ms=row.last_used_ms,
        revoked_ms=row.revoked_ms,
    )
