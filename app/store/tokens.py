"""Tokens of machines: found by the hash of their secret, bound to a scope and to rooms."""

from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from app.errors import NotFound
from app.instants import Instant
from app.store import tables

Scope = Literal["ingest", "read", "admin"]


class TokenRow(Struct, frozen=True, kw_only=True):
    """`rooms` empty: every room."""

    id: str
    name: str
    hash: str
    scope: Scope
    rooms: tuple[str, ...]
    created_by: str
    created_ms: int
    last_used_ms: int | None = None
    revoked_ms: int | None = None


def add_token(conn: Connection, row: TokenRow) -> None:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    conn.execute(insert(tables.tokens).values(values | {"rooms": msgspec.json.encode(row.rooms).decode()}))


def token(conn: Connection, hash_: str) -> TokenRow | None:
    """Return the token of that hash unless it was revoked."""
    table = tables.tokens
    query = select(table).where(table.c.hash == hash_, table.c.revoked_ms.is_(None))
    row = conn.execute(query).mappings().first()
    return None if row is None else _token(row)


def all_tokens(conn: Connection) -> list[TokenRow]:
    """Return every token, newest first, revoked ones too."""
    query = select(tables.tokens).order_by(tables.tokens.c.created_ms.desc(), tables.tokens.c.id)
    return [_token(row) for row in conn.execute(query).mappings()]


def use_token(conn: Connection, token_id: str, at: Instant) -> None:
    """Note that a token was used; callers do so about once a minute, not at each request."""
    conn.execute(update(tables.tokens).where(tables.tokens.c.id == token_id).values(last_used_ms=at))


def revoke_token(conn: Connection, token_id: str, at: Instant) -> TokenRow:
    """Raises NotFound; a token that was revoked before keeps its instant."""
    table = tables.tokens
    conn.execute(update(table).where(table.c.id == token_id, table.c.revoked_ms.is_(None)).values(revoked_ms=at))
    row = conn.execute(select(table).where(table.c.id == token_id)).mappings().first()
    if row is None:
        raise NotFound("no such token", token=token_id)
    return _token(row)


def _token(row: Any) -> TokenRow:
    return TokenRow(**{**row, "rooms": msgspec.json.decode(row["rooms"], type=tuple[str, ...])})
