"""The tables of this package: journal, snapshots, users and their sign-ins.

The migrations build them with their own explicit words; a test holds both together.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

# SQLite numbers rows itself only for a column that is literally INTEGER.
BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

journal = sa.Table(
    "journal",
    METADATA,
    sa.Column("seq", BIG_ID, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),  # engine time, UTC epoch seconds
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False),  # "" when it is about no call
    sa.Column("epoch", sa.BigInteger, nullable=False),  # which owner wrote it
    sa.Column("data", sa.LargeBinary, nullable=False),  # JSON
)
sa.Index(
    "ix_journal_call",
    journal.c.call_id,
    journal.c.seq,
    sqlite_where=journal.c.call_id != "",
    postgresql_where=journal.c.call_id != "",
)

# One row: who may write the journal now.
journal_owner = sa.Table(
    "journal_owner",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    METADATA,
    sa.Column("seq", BIG_ID, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
)

users = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text, nullable=False),  # "" when this user takes no calls
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
)

sessions = sa.Table(
    "sessions",
    METADATA,
    sa.Column("token_hash", sa.Text, primary_key=True),  # SHA-256; the token is never stored
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("last_seen", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
    sa.Index("ix_sessions_user", "user_id"),
    sa.Index("ix_sessions_expires", "expires"),
)
