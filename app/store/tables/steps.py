"""What a step of a session writes: its chunk and what came out of it."""

from sqlalchemy import Index, Table, UniqueConstraint

from app.store.tables.base import bytes_column, metadata, number_column, text_column

chunks = Table(
    "chunks",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    number_column("first", primary_key=True, autoincrement=False),
    number_column("last"),
    text_column("kind"),
    number_column("events"),
    number_column("applied_ms"),
    number_column("received_ms"),
    number_column("fence"),
    text_column("codec"),
    number_column("schema"),
    text_column("build"),
    bytes_column("body"),
)

quarantine = Table(
    "quarantine",
    metadata,
    number_column("id", primary_key=True, autoincrement=True),
    number_column("session_no", index=True),
    number_column("at_ms"),
    text_column("reason"),
    text_column("kind"),
    number_column("events"),
    text_column("codec"),
    number_column("schema"),
    bytes_column("body"),
)
"""隔离: entries that failed twice alone, set aside with the reason so that their session goes on."""

alerts = Table(
    "alerts",
    metadata,
    text_column("id", primary_key=True),
    number_column("session_no"),
    text_column("rule"),
    text_column("severity"),
    text_column("condition"),
    number_column("opened_ms"),
    number_column("ended_ms", nullable=True),
    number_column("acked_ms", nullable=True),
    number_column("version"),
    text_column("body"),
    Index(None, "session_no", "opened_ms"),
)

alert_changes = Table(
    "alert_changes",
    metadata,
    text_column("alert", primary_key=True),
    number_column("version", primary_key=True, autoincrement=False),
    number_column("session_no", index=True),
    number_column("at_ms"),
    text_column("body"),
)

prompts = Table(
    "prompts",
    metadata,
    text_column("id", primary_key=True),
    number_column("session_no"),
    number_column("n"),
    text_column("state"),
    number_column("sent_ms"),
    number_column("version"),
    text_column("body"),
    UniqueConstraint("session_no", "n"),
)

outcomes = Table(
    "outcomes",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    text_column("key", primary_key=True),
    number_column("position"),
    text_column("code"),
    text_column("body"),
)

messages = Table(
    "messages",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    number_column("position", primary_key=True, autoincrement=False),
    text_column("room"),
    text_column("kind"),
    number_column("at_ms"),
    text_column("who"),
    text_column("text"),
    text_column("user_id"),
    text_column("tier"),
    text_column("marks"),
    sqlite_with_rowid=False,  # one tree to write instead of two: these are the most rows there are
)

orders = Table(
    "orders",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    number_column("position", primary_key=True, autoincrement=False),
    text_column("room"),
    text_column("order_id"),
    text_column("kind"),
    number_column("at_ms"),
    text_column("currency"),
    number_column("amount"),
    number_column("units"),
    Index(None, "room", "order_id"),
    sqlite_with_rowid=False,
)

readings = Table(
    "readings",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    text_column("metric", primary_key=True),
    text_column("scope", primary_key=True),
    text_column("scope_id", primary_key=True),
    number_column("minute_ms", primary_key=True, autoincrement=False),
    bytes_column("seconds"),
    sqlite_with_rowid=False,
)
"""One row per metric, scope and minute; `seconds`: sixty little-endian float64, NaN where unknown."""

checkpoints = Table(
    "checkpoints",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    number_column("position", primary_key=True, autoincrement=False),
    number_column("now_ms"),
    text_column("build"),
    bytes_column("body"),
)

room_levels = Table(
    "room_levels",
    metadata,
    text_column("room", primary_key=True),
    text_column("kind", primary_key=True),
    text_column("key", primary_key=True),
    number_column("at_ms"),
    text_column("body"),
)
"""Stock, price and listing events that came while their room had no session; they enter the next one that opens."""
