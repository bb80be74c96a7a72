"""Which agent looks after a customer's account."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("customers", sa.Column("owner", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("customers", "owner")
