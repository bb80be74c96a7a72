"""The tables of finished calls, queue visits, agents' parts of calls, and agents' spans.

The migrations build them with their own explicit words; a test holds both together. Only raw
moments and what people need to search by are columns; the timeline is kept as JSON.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

call_records = sa.Table(
    "call_records",
    METADATA,
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
    sa.Column("row", sa.JSON, nullable=False),  # as shown in lists
    sa.Column("detail", sa.JSON, nullable=False),  # as shown when opened
    sa.Column("menu", sa.Text, nullable=False, server_default=""),
    sa.Column("served", sa.Boolean, nullable=False, server_default=sa.false()),
)
sa.Index("ix_call_records_arrived", call_records.c.arrived)
sa.Index("ix_call_records_ani", call_records.c.ani, call_records.c.arrived)

queue_visits = sa.Table(
    "queue_visits",
    METADATA,
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
    sa.Column("transferred", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("promise", sa.Text, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("told_at", sa.Double),
    sa.Column("told_low_s", sa.Double),
    sa.Column("told_high_s", sa.Double),
)
sa.Index("ix_queue_visits_entered", queue_visits.c.entered)

agent_spans = sa.Table(
    "agent_spans",
    METADATA,
    sa.Column("agent", sa.Text, primary_key=True),
    sa.Column("started_at", sa.Double, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Double, nullable=False),
)
sa.Index("ix_agent_spans_ended_at", agent_spans.c.ended_at)

call_parts = sa.Table(
    "call_parts",
    METADATA,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("began", sa.Double, nullable=False),
    sa.Column("ended", sa.Double),
    sa.Column("talk_s", sa.Double),
    sa.Column("hold_s", sa.Double),
    sa.Column("wrap_up_s", sa.Double),
    sa.Column("how", sa.Text, nullable=False),
)
sa.Index("ix_call_parts_began", call_parts.c.began)
