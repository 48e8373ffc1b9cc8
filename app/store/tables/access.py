"""Who may come in, what they did, and what the door saw of each source."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint

from app.store.tables.base import bytes_column, metadata, number_column, text_column

people = Table(
    "people",
    metadata,
    text_column("id", primary_key=True),
    text_column("name", unique=True),
    text_column("password", nullable=True),
    text_column("role"),
    text_column("brand"),
    number_column("created_ms"),
    number_column("disabled_ms", nullable=True),
)
"""`password`: an Argon2 hash, null until the person has chosen one. `brand` empty: the agency's own."""

sign_ins = Table(
    "sign_ins",
    metadata,
    text_column("hash", primary_key=True),
    text_column("person", ForeignKey("people.id"), index=True),
    number_column("created_ms"),
    number_column("last_seen_ms"),
    number_column("expires_ms"),
    text_column("browser"),
)

entry_links = Table(
    "entry_links",
    metadata,
    text_column("hash", primary_key=True),
    text_column("person", ForeignKey("people.id"), nullable=True),
    number_column("created_ms"),
    number_column("expires_ms"),
    number_column("used_ms", nullable=True),
)
"""Links that are valid once: to make the first administrator (`person` null), or to choose a first password."""

tokens = Table(
    "tokens",
    metadata,
    text_column("id", primary_key=True),
    text_column("name"),
    text_column("hash", unique=True),
    text_column("scope"),
    text_column("rooms"),
    text_column("created_by"),
    number_column("created_ms"),
    number_column("last_used_ms", nullable=True),
    number_column("revoked_ms", nullable=True),
    CheckConstraint("scope IN ('ingest', 'read', 'admin')", name="scope"),
)

devices = Table(
    "devices",
    metadata,
    text_column("id", primary_key=True),
    text_column("room", index=True),
    text_column("name"),
    text_column("hash", unique=True),
    text_column("paired_by"),
    number_column("paired_ms"),
    number_column("last_seen_ms"),
    number_column("revoked_ms", nullable=True),
)

pairing_codes = Table(
    "pairing_codes",
    metadata,
    text_column("hash", primary_key=True),
    text_column("room", index=True),
    text_column("created_by"),
    number_column("created_ms"),
    number_column("expires_ms"),
    number_column("tries_left"),
    number_column("used_ms", nullable=True),
)

keys = Table(
    "keys", metadata, text_column("name", primary_key=True), number_column("created_ms"), bytes_column("value")
)
"""Secrets of this installation that it made itself: the key under which viewers' ids are hashed."""

audit = Table(
    "audit",
    metadata,
    number_column("id", primary_key=True, autoincrement=True),
    number_column("wall_ms", index=True),
    text_column("actor_kind"),
    text_column("actor"),
    text_column("actor_name"),
    text_column("role"),
    text_column("action"),
    text_column("subject"),
    text_column("session"),
    text_column("request", nullable=True),
    text_column("code"),
    text_column("detail"),
    UniqueConstraint("session", "request"),
    Index(None, "session", "id"),
)
"""Who did what. `request`: a command's Idempotency-Key, so that a command stands here once however often it came."""

source_counters = Table(
    "source_counters",
    metadata,
    text_column("room", primary_key=True),
    text_column("source", primary_key=True),
    text_column("kind", primary_key=True),
    text_column("source_name"),
    number_column("last_ms", nullable=True),
    number_column("taken"),
    number_column("duplicates"),
    number_column("conflicts"),
    text_column("refused"),
    text_column("unknown"),
)
"""What the door saw of each source, for `doctor`. `refused`: code -> count; `unknown`: field name -> count."""
