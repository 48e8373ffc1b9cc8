"""every table of the first release

Why:     an empty database becomes one the control room can run on.
Live:    nothing else uses the database yet.
Fill:    nothing.
Locks:   the whole database, for some milliseconds.
Down:    drops every table with all it holds; back the file up first.
"""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alert_changes",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, autoincrement=False, nullable=False),
        sa.Column("session_no", NUMBER, nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "version", name=op.f("pk_alert_changes")),
    )
    op.create_index(op.f("ix_alert_changes_session_no"), "alert_changes", ["session_no"], unique=False)

    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session_no", NUMBER, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("opened_ms", NUMBER, nullable=False),
        sa.Column("ended_ms", NUMBER, nullable=True),
        sa.Column("acked_ms", NUMBER, nullable=True),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_session_no_opened_ms"), "alerts", ["session_no", "opened_ms"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("wall_ms", NUMBER, nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("session", "request", name=op.f("uq_audit_session_request")),
    )
    op.create_index(op.f("ix_audit_session_id"), "audit", ["session", "id"], unique=False)
    op.create_index(op.f("ix_audit_wall_ms"), "audit", ["wall_ms"], unique=False)

    op.create_table(
        "checkpoints",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("now_ms", NUMBER, nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_no", "position", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "chunks",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("first", NUMBER, autoincrement=False, nullable=False),
        sa.Column("last", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("events", NUMBER, nullable=False),
        sa.Column("applied_ms", NUMBER, nullable=False),
        sa.Column("received_ms", NUMBER, nullable=False),
        sa.Column("fence", NUMBER, nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("schema", NUMBER, nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_no", "first", name=op.f("pk_chunks")),
    )
    op.create_table(
        "contents",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("kept_ms", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_contents")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session_no", NUMBER, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("change", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("channel_title", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("priority", NUMBER, nullable=False),
        sa.Column("planned_ms", NUMBER, nullable=False),
        sa.Column("due_ms", NUMBER, nullable=False),
        sa.Column("useful_until_ms", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("next_ms", NUMBER, nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False),
        sa.Column("claim_until_ms", NUMBER, nullable=True),
        sa.Column("sent_ms", NUMBER, nullable=True),
        sa.Column("settled_ms", NUMBER, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("retried_ambiguous", sa.Boolean(), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_alert"), "deliveries", ["alert"], unique=False)
    op.create_index(
        op.f("ix_deliveries_open"),
        "deliveries",
        ["next_ms"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'sending') AND kind = 'live'"),
        postgresql_where=sa.text("state IN ('waiting', 'sending') AND kind = 'live'"),
    )
    op.create_index(
        op.f("ix_deliveries_session_no_planned_ms"), "deliveries", ["session_no", "planned_ms"], unique=False
    )

    op.create_table(
        "devices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("paired_by", sa.Text(), nullable=False),
        sa.Column("paired_ms", NUMBER, nullable=False),
        sa.Column("last_seen_ms", NUMBER, nullable=False),
        sa.Column("revoked_ms", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("hash", name=op.f("uq_devices_hash")),
    )
    op.create_index(op.f("ix_devices_room"), "devices", ["room"], unique=False)

    op.create_table(
        "keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keys")),
    )
    op.create_table(
        "messages",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_no", "position", name=op.f("pk_messages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", NUMBER, nullable=False),
        sa.Column("units", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("session_no", "position", name=op.f("pk_orders")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_orders_room_order_id"), "orders", ["room", "order_id"], unique=False)

    op.create_table(
        "outcomes",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_no", "key", name=op.f("pk_outcomes")),
    )
    op.create_table(
        "pairing_codes",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("expires_ms", NUMBER, nullable=False),
        sa.Column("tries_left", NUMBER, nullable=False),
        sa.Column("used_ms", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_pairing_codes")),
    )
    op.create_index(op.f("ix_pairing_codes_room"), "pairing_codes", ["room"], unique=False)

    op.create_table(
        "people",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("disabled_ms", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
    )
    op.create_table(
        "prompts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session_no", NUMBER, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sent_ms", NUMBER, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
        sa.UniqueConstraint("session_no", "n", name=op.f("uq_prompts_session_no_n")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("session_no", NUMBER, nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("events", NUMBER, nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("schema", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_session_no"), "quarantine", ["session_no"], unique=False)

    op.create_table(
        "readings",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("minute_ms", NUMBER, autoincrement=False, nullable=False),
        sa.Column("seconds", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_no", "metric", "scope", "scope_id", "minute_ms", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "room_levels",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("room", "kind", "key", name=op.f("pk_room_levels")),
    )
    op.create_table(
        "sessions",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("lexicon", sa.Text(), nullable=False),
        sa.Column("opened_ms", NUMBER, nullable=False),
        sa.Column("started_ms", NUMBER, nullable=True),
        sa.Column("ended_ms", NUMBER, nullable=True),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("now_ms", NUMBER, nullable=False),
        sa.Column("fence", NUMBER, nullable=False),
        sa.Column("clock_wall_ms", NUMBER, nullable=False),
        sa.Column("clock_session_ms", NUMBER, nullable=False),
        sa.Column("clock_rate", sa.Float(), nullable=False),
        sa.Column("planned_length_ms", NUMBER, nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('planned', 'live', 'paused', 'ended')", name=op.f("ck_sessions_state")),
        sa.PrimaryKeyConstraint("session_no", name=op.f("pk_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
    )
    op.create_index(
        op.f("ix_sessions_open"),
        "sessions",
        ["session_no"],
        unique=False,
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )

    op.create_table(
        "source_counters",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("last_ms", NUMBER, nullable=True),
        sa.Column("taken", NUMBER, nullable=False),
        sa.Column("duplicates", NUMBER, nullable=False),
        sa.Column("conflicts", NUMBER, nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.Column("unknown", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("room", "source", "kind", name=op.f("pk_source_counters")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("rooms", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("last_used_ms", NUMBER, nullable=True),
        sa.Column("revoked_ms", NUMBER, nullable=True),
        sa.CheckConstraint("scope IN ('ingest', 'read', 'admin')", name=op.f("ck_tokens_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_table(
        "workspace_versions",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "version", name=op.f("pk_workspace_versions")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "brands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.id"], name=op.f("fk_brands_workspace")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brands")),
    )
    op.create_index(op.f("ix_brands_workspace"), "brands", ["workspace"], unique=False)

    op.create_table(
        "channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.id"], name=op.f("fk_channels_workspace")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channels")),
    )
    op.create_index(op.f("ix_channels_workspace"), "channels", ["workspace"], unique=False)

    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("n", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("took_ms", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery", "n", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "entry_links",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("expires_ms", NUMBER, nullable=False),
        sa.Column("used_ms", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_entry_links_person")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_entry_links")),
    )
    op.create_table(
        "lexicons",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("accepted_ms", NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["contents.hash"], name=op.f("fk_lexicons_hash")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_lexicons")),
    )
    op.create_index(
        op.f("uq_lexicons_current"),
        "lexicons",
        ["current"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )

    op.create_table(
        "rule_sets",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("accepted_ms", NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["contents.hash"], name=op.f("fk_rule_sets_hash")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_rule_sets")),
    )
    op.create_index(
        op.f("uq_rule_sets_current"),
        "rule_sets",
        ["current"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )

    op.create_table(
        "session_rooms",
        sa.Column("session_no", NUMBER, autoincrement=False, nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session_no"], ["sessions.session_no"], name=op.f("fk_session_rooms_session_no")),
        sa.PrimaryKeyConstraint("session_no", "room", name=op.f("pk_session_rooms")),
    )
    op.create_index(op.f("ix_session_rooms_room_session_no"), "session_rooms", ["room", "session_no"], unique=False)
    op.create_index(
        op.f("uq_session_rooms_open"),
        "session_rooms",
        ["room"],
        unique=True,
        sqlite_where=sa.text("state <> 'ended' AND kind = 'live'"),
        postgresql_where=sa.text("state <> 'ended' AND kind = 'live'"),
    )

    op.create_table(
        "sign_ins",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("created_ms", NUMBER, nullable=False),
        sa.Column("last_seen_ms", NUMBER, nullable=False),
        sa.Column("expires_ms", NUMBER, nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_sign_ins_person")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_person"), "sign_ins", ["person"], unique=False)

    op.create_table(
        "rooms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["brand"], ["brands.id"], name=op.f("fk_rooms_brand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
    )
    op.create_index(op.f("ix_rooms_brand"), "rooms", ["brand"], unique=False)

    op.create_table(
        "skus",
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["brand"], ["brands.id"], name=op.f("fk_skus_brand")),
        sa.PrimaryKeyConstraint("brand", "sku", name=op.f("pk_skus")),
    )
    op.create_table(
        "rundowns",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"], name=op.f("fk_rundowns_room")),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_rundowns")),
    )


def downgrade() -> None:
    op.drop_table("rundowns")
    op.drop_table("skus")
    op.drop_table("rooms")
    op.drop_table("sign_ins")
    op.drop_table("session_rooms")
    op.drop_table("rule_sets")
    op.drop_table("lexicons")
    op.drop_table("entry_links")
    op.drop_table("delivery_attempts")
    op.drop_table("channels")
    op.drop_table("brands")
    op.drop_table("workspaces")
    op.drop_table("workspace_versions")
    op.drop_table("tokens")
    op.drop_table("source_counters")
    op.drop_table("sessions")
    op.drop_table("room_levels")
    op.drop_table("readings")
    op.drop_table("quarantine")
    op.drop_table("prompts")
    op.drop_table("people")
    op.drop_table("pairing_codes")
    op.drop_table("outcomes")
    op.drop_table("orders")
    op.drop_table("messages")
    op.drop_table("keys")
    op.drop_table("devices")
    op.drop_table("deliveries")
    op.drop_table("counters")
    op.drop_table("contents")
    op.drop_table("chunks")
    op.drop_table("checkpoints")
    op.drop_table("audit")
    op.drop_table("alerts")
    op.drop_table("alert_changes")
