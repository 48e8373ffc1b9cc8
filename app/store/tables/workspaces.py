"""The workspace as the file last set up describes it, and the rules and phrases last accepted."""

from sqlalchemy import Boolean, Column, ForeignKey, Table

from app.store.tables.base import metadata, number_column, partial_index, text_column

workspaces = Table(
    "workspaces",
    metadata,
    text_column("id", primary_key=True),
    text_column("name"),
    number_column("version"),
    text_column("body"),
)

brands = Table(
    "brands",
    metadata,
    text_column("id", primary_key=True),
    text_column("workspace", ForeignKey("workspaces.id"), index=True),
    text_column("name"),
)

rooms = Table(
    "rooms",
    metadata,
    text_column("id", primary_key=True),
    text_column("brand", ForeignKey("brands.id"), index=True),
    number_column("place"),
    text_column("body"),
)

skus = Table(
    "skus",
    metadata,
    text_column("brand", ForeignKey("brands.id"), primary_key=True),
    text_column("sku", primary_key=True),
    number_column("place"),
    text_column("body"),
)

channels = Table(
    "channels",
    metadata,
    text_column("name", primary_key=True),
    text_column("workspace", ForeignKey("workspaces.id"), index=True),
    text_column("body"),
)

rundowns = Table(
    "rundowns",
    metadata,
    text_column("room", ForeignKey("rooms.id"), primary_key=True),
    text_column("body"),
)

workspace_versions = Table(
    "workspace_versions",
    metadata,
    text_column("workspace", primary_key=True),
    number_column("version", primary_key=True, autoincrement=False),
    number_column("at_ms"),
    text_column("by"),
    text_column("source"),
    text_column("changes"),
)
"""Every accepted file: its text, who set it up, and what it changed."""

rule_sets = Table(
    "rule_sets",
    metadata,
    text_column("hash", ForeignKey("contents.hash"), primary_key=True),
    number_column("accepted_ms"),
    text_column("source"),
    Column("current", Boolean, nullable=False),
    partial_index("uq_rule_sets_current", "current", where="current", unique=True),
)
"""Accepted rule sets; the text is in `contents`. The current one runs when the file is broken at start."""

lexicons = Table(
    "lexicons",
    metadata,
    text_column("hash", ForeignKey("contents.hash"), primary_key=True),
    number_column("accepted_ms"),
    text_column("source"),
    Column("current", Boolean, nullable=False),
    partial_index("uq_lexicons_current", "current", where="current", unique=True),
)
