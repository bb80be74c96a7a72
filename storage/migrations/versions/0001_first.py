"""Journal, users and sign-ins, customer records."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _journal()
    _users()
    _customers()
    _customer_history()


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    about_a_call = sa.text("call_id != ''")
    op.create_index(
        "ix_journal_call",
        "journal",
        ["call_id", "seq"],
        sqlite_where=about_a_call,
        postgresql_where=about_a_call,
    )
    owner = op.create_table(
        "journal_owner",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(owner, [{"id": 1, "epoch": 0}])
    op.create_table(
        "snapshots",
        sa.Column("seq", BIG_ID, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column(
            "user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("last_seen", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires", "sessions", ["expires"])


def _customer() -> sa.Column[str]:
    return sa.Column(
        "customer_id",
        sa.Text,
        sa.ForeignKey("customers.id", ondelete="CASCADE"),
        nullable=False,
    )


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("company", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("account_number", sa.Text),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("erased", sa.Double),
        sa.UniqueConstraint("account_number", name="uq_customers_account_number"),
    )
    op.create_index("ix_customers_email", "customers", ["email"])
    op.create_table(
        "customer_phones",
        _customer(),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "number"),
    )
    op.create_index("ix_customer_phones_number", "customer_phones", ["number"])


def _customer_history() -> None:
    op.create_table(
        "customer_contacts",
        sa.Column("id", BIG_ID, primary_key=True),
        _customer(),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("disposition", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
    )
    op.create_index("ix_customer_contacts_customer", "customer_contacts", ["customer_id", "at"])
    of_a_call = sa.text("call_id != ''")
    op.create_index(
        "uq_customer_contacts_call",
        "customer_contacts",
        ["customer_id", "call_id", "agent"],
        unique=True,
        sqlite_where=of_a_call,
        postgresql_where=of_a_call,
    )
    op.create_table(
        "customer_orders",
        sa.Column("id", BIG_ID, primary_key=True),
        _customer(),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("total", sa.Text, nullable=False),
    )
    op.create_index("ix_customer_orders_customer", "customer_orders", ["customer_id", "at"])
    op.create_table(
        "customer_notes",
        sa.Column("id", BIG_ID, primary_key=True),
        _customer(),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_customer_notes_customer", "customer_notes", ["customer_id", "at"])
