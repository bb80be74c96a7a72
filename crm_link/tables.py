"""The tables of the customer records."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

# SQLite numbers rows itself only for a column that is literally INTEGER.
_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _customer() -> sa.Column[str]:
    return sa.Column(
        "customer_id",
        sa.Text,
        sa.ForeignKey("customers.id", ondelete="CASCADE"),
        nullable=False,
    )


customers = sa.Table(
    "customers",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("account_number", sa.Text),  # NULL when there is none
    sa.Column("owner", sa.Text, nullable=False, server_default=""),  # an agent's id
    # Case-folded name, company, e-mail and account number: what a search looks in.
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("updated", sa.Double, nullable=False),
    sa.Column("erased", sa.Double),  # when the person was erased; the row then is an empty shell
    sa.UniqueConstraint("account_number", name="uq_customers_account_number"),
    sa.Index("ix_customers_email", "email"),
)

phones = sa.Table(
    "customer_phones",
    METADATA,
    _customer(),
    sa.Column("number", sa.Text, nullable=False),  # E.164
    sa.Column("position", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("customer_id", "number"),
    sa.Index("ix_customer_phones_number", "number"),
)

contacts = sa.Table(
    "customer_contacts",
    METADATA,
    sa.Column("id", _BIG_ID, primary_key=True),
    _customer(),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),  # phone, email, chat, …
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("disposition", sa.Text, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Index("ix_customer_contacts_customer", "customer_id", "at"),
)
# Saving the same call's wrap-up twice is one contact.
sa.Index(
    "uq_customer_contacts_call",
    contacts.c.customer_id,
    contacts.c.call_id,
    contacts.c.agent,
    unique=True,
    sqlite_where=contacts.c.call_id != "",
    postgresql_where=contacts.c.call_id != "",
)

orders = sa.Table(
    "customer_orders",
    METADATA,
    sa.Column("id", _BIG_ID, primary_key=True),
    _customer(),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("total", sa.Text, nullable=False),  # as shown to people, currency included
    sa.Index("ix_customer_orders_customer", "customer_id", "at"),
)

notes = sa.Table(
    "customer_notes",
    METADATA,
    sa.Column("id", _BIG_ID, primary_key=True),
    _customer(),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("ix_customer_notes_customer", "customer_id", "at"),
)
