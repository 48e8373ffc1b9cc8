"""Immutable objects by the hash of their bytes: plans, rule texts, lexicons."""

from typing import Literal

from sqlalchemy import Connection, select

from app.domain.identity import content_hash
from app.domain.plan import SessionPlan, decode_plan
from app.errors import NotFound
from app.instants import Instant
from app.store import tables
from app.store.dialects import upsert

ContentKind = Literal["plan", "rules", "lexicon"]


def keep(conn: Connection, kind: ContentKind, body: bytes, at: Instant) -> str:
    """Store `body` unless it is there, and return its hash."""
    contents = tables.contents
    name = content_hash(body)
    if conn.execute(select(contents.c.hash).where(contents.c.hash == name)).first() is None:
        row = {"hash": name, "kind": kind, "kept_ms": at, "body": body}
        conn.execute(upsert(conn, contents).values(row).on_conflict_do_nothing())
    return name


def content(conn: Connection, name: str) -> bytes:
    """Return the bytes whose hash `name` is; raises NotFound."""
    body = conn.execute(select(tables.contents.c.body).where(tables.contents.c.hash == name)).scalar()
    if body is None:
        raise NotFound("no such content", hash=name)
    return bytes(body)


def plan(conn: Connection, name: str) -> SessionPlan:
    """Return the session plan of that hash; raises NotFound."""
    return decode_plan(content(conn, name))
