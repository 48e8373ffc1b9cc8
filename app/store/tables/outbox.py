"""What leaves the house: the outbox and the attempts to empty it."""

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table

from app.store.tables.base import metadata, number_column, partial_index, text_column

OPEN_DELIVERY: Final = "state IN ('waiting', 'sending') AND kind = 'live'"

deliveries = Table(
    "deliveries",
    metadata,
    text_column("id", primary_key=True),
    number_column("session_no"),
    text_column("session"),
    text_column("kind"),
    text_column("alert"),
    number_column("change"),
    text_column("channel"),
    text_column("channel_title"),
    text_column("recipient"),
    text_column("title"),
    text_column("text"),
    text_column("language"),
    text_column("severity"),
    number_column("priority"),
    number_column("planned_ms"),
    number_column("due_ms"),
    number_column("useful_until_ms"),
    text_column("state"),
    number_column("attempts"),
    number_column("next_ms"),
    text_column("claimed_by"),
    number_column("claim_until_ms", nullable=True),
    number_column("sent_ms", nullable=True),
    number_column("settled_ms", nullable=True),
    text_column("answer"),
    Column("retried_ambiguous", Boolean, nullable=False),
    Column("restricted", Boolean, nullable=False),
    partial_index("ix_deliveries_open", "next_ms", where=OPEN_DELIVERY),
    Index(None, "session_no", "planned_ms"),
    Index(None, "alert"),
)
"""The outbox. `next_ms`: when the next attempt is due, first `due_ms`. Only kind `live` can ever be claimed."""

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    text_column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    number_column("n", primary_key=True, autoincrement=False),
    number_column("at_ms"),
    text_column("claimed_by"),
    text_column("result"),
    text_column("answer"),
    number_column("took_ms"),
)

channel_standings = Table(
    "channel_standings",
    metadata,
    text_column("channel", primary_key=True),
    text_column("state"),
    text_column("title"),
    text_column("why"),
    number_column("until_ms"),
    text_column("robots"),
    number_column("at_ms"),
)
"""Channels that rest or are stopped; one that is open has no row. `robots`: a hash of the addresses it is about."""
