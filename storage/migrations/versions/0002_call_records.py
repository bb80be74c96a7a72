"""Finished calls, their queue visits, and agents' time by state."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "call_records",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("arrived", sa.Double, nullable=False),
        sa.Column("ended", sa.Double, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("ani", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("disposition", sa.Text, nullable=False),
        sa.Column("row", sa.JSON, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ix_call_records_arrived", "call_records", ["arrived"])
    op.create_table(
        "queue_visits",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("entered", sa.Double, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("left_at", sa.Double),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("waited_s", sa.Double),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("talk_s", sa.Double),
        sa.Column("hold_s", sa.Double),
        sa.Column("wrap_up_s", sa.Double),
    )
    op.create_index("ix_queue_visits_entered", "queue_visits", ["entered"])
    op.create_table(
        "agent_spans",
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("started_at", sa.Double, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
    )
    op.create_index("ix_agent_spans_ended_at", "agent_spans", ["ended_at"])


def downgrade() -> None:
    for table in ("agent_spans", "queue_visits", "call_records"):
        op.drop_table(table)
