"""Whether the call of a queue visit was given away by its agent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "queue_visits",
        sa.Column("transferred", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("queue_visits", "transferred")
