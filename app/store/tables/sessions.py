"""Sessions: their numbers, what they are run by, their rows and rooms."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Table

from app.store.tables.base import bytes_column, metadata, number_column, partial_index, text_column

OPEN_ROOM: Final = "state <> 'ended' AND kind = 'live'"

counters = Table("counters", metadata, text_column("name", primary_key=True), number_column("value"))
"""`fence` and `session_no`: numbers of the whole installation that only grow."""

contents = Table(
    "contents",
    metadata,
    text_column("hash", primary_key=True),
    text_column("kind"),
    number_column("kept_ms"),
    bytes_column("body"),
)
"""Immutable objects by the hash of their bytes: plans, rule texts, lexicons. Never changed."""

sessions = Table(
    "sessions",
    metadata,
    number_column("session_no", primary_key=True, autoincrement=False),
    text_column("id", unique=True),
    text_column("kind"),
    text_column("state"),
    text_column("brand"),
    text_column("title"),
    text_column("plan"),
    text_column("rules"),
    text_column("lexicon"),
    number_column("opened_ms"),
    number_column("started_ms", nullable=True),
    number_column("ended_ms", nullable=True),
    number_column("position"),
    number_column("now_ms"),
    number_column("fence"),
    number_column("clock_wall_ms"),
    number_column("clock_session_ms"),
    Column("clock_rate", Float, nullable=False),
    number_column("planned_length_ms", nullable=True),
    text_column("summary"),
    text_column("build"),
    number_column("purged_ms", nullable=True),
    text_column("removed", nullable=True),
    CheckConstraint("state IN ('planned', 'live', 'paused', 'ended')", name="state"),
    partial_index("ix_sessions_open", "session_no", where="state <> 'ended'"),
)
"""`purged_ms`: since when the session cannot be rebuilt; `removed`: table -> rows, and `unfinished` while
there are more."""

session_rooms = Table(
    "session_rooms",
    metadata,
    number_column("session_no", ForeignKey("sessions.session_no"), primary_key=True, autoincrement=False),
    text_column("room", primary_key=True),
    number_column("place"),
    text_column("kind"),
    text_column("state"),
    partial_index("uq_session_rooms_open", "room", where=OPEN_ROOM, unique=True),
    Index(None, "room", "session_no"),
)
"""The session's rooms in the plan's order. `kind` and `state` repeat the session's: one open live session a room."""
