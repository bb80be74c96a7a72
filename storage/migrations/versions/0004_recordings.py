"""Recordings of calls: where each is, and when it was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("length_s", sa.Double, nullable=False),
        sa.Column("channels", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Double),
    )
    op.create_index("ix_recordings_call", "recordings", ["call_id"])
    op.create_index("ix_recordings_state", "recordings", ["state", "queue", "started"])


def downgrade() -> None:
    op.drop_table("recordings")
