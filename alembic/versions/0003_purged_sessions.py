"""sessions: add purged_ms and removed

Why:     retention removes the log and the texts of old sessions; their pages must say so, and nobody may rebuild them.
Live:    safe beside the previous release, which leaves both NULL and purges nothing.
Fill:    nothing: no session has been purged.
Locks:   PostgreSQL: a moment on sessions. SQLite: the file, for some milliseconds.
Down:    drops both columns; sessions that were purged then look broken instead of purged.
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("purged_ms", NUMBER, nullable=True))
    op.add_column("sessions", sa.Column("removed", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("removed")
        sessions.drop_column("purged_ms")
