"""The tables, for both databases. Times are integer milliseconds UTC, ids strings, structured values JSON text.

Tables written with each step of a session have no foreign keys: the guarded update of their session's row in the same
transaction is what vouches for it.
"""

from app.store.tables.access import (
    audit,
    devices,
    entry_links,
    keys,
    pairing_codes,
    people,
    sign_ins,
    source_counters,
    tokens,
)
from app.store.tables.base import metadata
from app.store.tables.outbox import channel_standings, deliveries, delivery_attempts
from app.store.tables.sessions import contents, counters, session_rooms, sessions
from app.store.tables.steps import (
    alert_changes,
    alerts,
    checkpoints,
    chunks,
    messages,
    orders,
    outcomes,
    prompts,
    quarantine,
    readings,
    room_levels,
)
from app.store.tables.workspaces import (
    brands,
    channels,
    lexicons,
    rooms,
    rule_sets,
    rundowns,
    skus,
    workspace_versions,
    workspaces,
)

__all__ = [
    "alert_changes",
    "alerts",
    "audit",
    "brands",
    "channel_standings",
    "channels",
    "checkpoints",
    "chunks",
    "contents",
    "counters",
    "deliveries",
    "delivery_attempts",
    "devices",
    "entry_links",
    "keys",
    "lexicons",
    "messages",
    "metadata",
    "orders",
    "outcomes",
    "pairing_codes",
    "people",
    "prompts",
    "quarantine",
    "readings",
    "room_levels",
    "rooms",
    "rule_sets",
    "rundowns",
    "session_rooms",
    "sessions",
    "sign_ins",
    "skus",
    "source_counters",
    "tokens",
    "workspace_versions",
    "workspaces",
]
