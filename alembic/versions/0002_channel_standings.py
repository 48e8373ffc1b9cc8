"""channel_standings: how channels stand that rest or are stopped

Why:     screens, `cueroom doctor` and the next pump must know why nothing is sent to a group.
Live:    safe beside the previous release, which does not know the table.
Fill:    nothing; a channel without a row is open.
Locks:   none that matters: a new table.
Down:    drops the table; a channel that was stopped is tried again.
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "channel_standings",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until_ms", NUMBER, nullable=False),
        sa.Column("robots", sa.Text(), nullable=False),
        sa.Column("at_ms", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_standings")),
    )


def downgrade() -> None:
    op.drop_table("channel_standings")
