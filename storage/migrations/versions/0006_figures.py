"""What live figures are taken up from: agents' parts of calls, promises, menus.

Parts of calls from before are made of their queue visits, which know the last agent only.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "call_parts",
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
    op.create_index("ix_call_parts_began", "call_parts", ["began"])
    op.execute(
        "INSERT INTO call_parts SELECT call_id, number, agent, queue, left_at, ended, talk_s, "
        "hold_s, wrap_up_s, CASE WHEN transferred THEN 'to queue' ELSE '' END FROM queue_visits "
        "WHERE outcome IN ('answered', 'reached') AND left_at IS NOT NULL"
    )
    for column in (
        sa.Column("promise", sa.Text, nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("told_at", sa.Double),
        sa.Column("told_low_s", sa.Double),
        sa.Column("told_high_s", sa.Double),
    ):
        op.add_column("queue_visits", column)
    op.add_column("call_records", sa.Column("menu", sa.Text, nullable=False, server_default=""))
    served = sa.Column("served", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("call_records", served)
    op.create_index("ix_call_records_ani", "call_records", ["ani", "arrived"])


def downgrade() -> None:
    op.drop_index("ix_call_records_ani", "call_records")
    op.drop_column("call_records", "served")
    op.drop_column("call_records", "menu")
    for column in ("told_high_s", "told_low_s", "told_at", "attempts", "promise"):
        op.drop_column("queue_visits", column)
    op.drop_table("call_parts")
