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

api_keys = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # the part of the key that may be shown
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),  # SHA-256; the key is never stored
    sa.Column("scopes", sa.Text, nullable=False),  # words with spaces between
    sa.Column("agent", sa.Text, nullable=False),  # "" when it may act for everybody
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("expires", sa.Double),
    sa.Column("revoked", sa.Double),
    sa.Column("last_used", sa.Double),
    sa.UniqueConstraint("name", name="uq_api_keys_name"),
)

api_answers = sa.Table(
    "api_answers",
    METADATA,
    sa.Column(
        "key_id", sa.Text, sa.ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("idempotency_key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),  # of method, path and body
    sa.Column("status", sa.Integer),  # NULL while it is being carried out
    sa.Column("body", sa.LargeBinary),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("ix_api_answers_at", "at"),
)

webhooks = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("types", sa.JSON, nullable=False),  # patterns; [] for all
    sa.Column("queues", sa.JSON, nullable=False),  # [] for all
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("old_secret", sa.Text, nullable=False),  # signs too until it is dropped; "" for none
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("cursor", sa.BigInteger, nullable=False),  # delivered up to this journal number
    sa.Column("last_success", sa.Double),
    sa.Column("last_error", sa.Text, nullable=False),
)

webhook_dead_letters = sa.Table(
    "webhook_dead_letters",
    METADATA,
    sa.Column("id", BIG_ID, primary_key=True),
    sa.Column(
        "webhook_id", sa.Text, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("event", sa.LargeBinary, nullable=False),  # JSON
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("ix_webhook_dead_letters", "webhook_id", "sequence"),
)

recordings = sa.Table(
    "recordings",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),  # who had the call as it began
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # storage.recordings.State
    sa.Column("address", sa.Text, nullable=False),  # where the switch left it; "" once kept
    sa.Column("file", sa.Text, nullable=False),  # below the store's folder; "" until kept
    sa.Column("length_s", sa.Double, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("deleted", sa.Double),
    sa.Index("ix_recordings_call", "call_id"),
    sa.Index("ix_recordings_state", "state", "queue", "started"),
)
