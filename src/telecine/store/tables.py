"""Every table. Times are seconds since the Unix epoch (double), ids 63-bit integers, JSON is UTF-8 bytes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id", *, key: bool = True) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False)


settings = Table(  # written by server/: what this installation made for itself at its first start
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

accounts = Table(  # written by accounts/
    "accounts",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
)

keys = Table(  # written by accounts/
    "keys",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("models", Text),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
)

channels = Table(  # written by routing/: the channels that ever were, so that old attempts can be explained
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

pools = Table(  # written by tasks/: how many slots are taken, counted in the transaction that takes or frees them
    "pools",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("used", Integer, nullable=False),
)

tasks = Table(  # written by tasks/
    "tasks",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", BigInteger),
    Column("version", Integer, nullable=False),
    Column("step_token", BigInteger),
    Column("state", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("external_id", Text),
    Column("priority", Integer, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("channel", Text),
    Column("attempt_id", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("deadline", Double),
    Column("expires_at", Double),
    Column("cancel_requested_at", Double),
    Column("deleted_at", Double),
    Column("source_task", BigInteger),
    Column("sandbox", Boolean, nullable=False),
    Column("usage_seconds", Double),
    Column("usage_images", Integer),
    Column("usage_units", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_param", Text),
    Index("ix_tasks_account_id_id", "account_id", "id"),
    Index(
        "uq_tasks_account_id_external_id",
        "account_id",
        "external_id",
        unique=True,
        sqlite_where=text("external_id IS NOT NULL"),
        postgresql_where=text("external_id IS NOT NULL"),
    ),
)

attempts = Table(  # written by tasks/
    "attempts",
    metadata,
    _id(),
    Column("task_id", BigInteger, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("callback_token", Text, nullable=False, unique=True),
    Column("pool", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("slot_held", Boolean, nullable=False),
    Column("slot_until", Double),
    Column("prepared", LargeBinary),
    Column("upstream_id", Text),
    Column("created_at", Double, nullable=False),
    Column("submitted_at", Double),
    Column("accepted_at", Double),
    Column("ended_at", Double),
    Column("lookups", Integer, nullable=False),
    Column("submits", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_param", Text),
    Index(
        "ix_attempts_slot_until",
        "slot_until",
        sqlite_where=text("slot_held"),
        postgresql_where=text("slot_held"),
    ),
)

outputs = Table(  # written by tasks/
    "outputs",
    metadata,
    _id("task_id"),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("upstream_url", Text),
    Column("upstream_id", Text),
    Column("upstream_expires_at", Double),
    Column("object_key", Text),
    Column("poster_key", Text),
    Column("content_type", Text),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("duration", Double),
    Column("tries", Integer, nullable=False),
)

events = Table(  # written by tasks/: a task's timeline
    "events",
    metadata,
    _id("task_id"),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("detail", Text),
)

schedule = Table(  # written by tasks/: one row per task that still has something to do
    "schedule",
    metadata,
    _id("task_id"),
    Column("due", Double),
    Column("rank", Integer, nullable=False),  # the negated priority: an index that runs one way serves the queue
    Column("pool", Text),
    Column("weight", Integer, nullable=False),  # the slots that it waits for in the pool's line
    Column("woken", Boolean, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Index("ix_schedule_due", "due"),
    Index(
        "ix_schedule_pool_rank_task_id",
        "pool",
        "rank",
        "task_id",
        sqlite_where=text("pool IS NOT NULL"),
        postgresql_where=text("pool IS NOT NULL"),
    ),
)

deliveries = Table(  # written by webhooks/, in the transaction of the step that causes them
    "deliveries",
    metadata,
    _id(),
    Column("task_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", Double),
    Column("tries", Integer, nullable=False),
    Column("status", Integer),
    Column("reason", Text),
    Column("created_at", Double, nullable=False),
    Column("delivered_at", Double),
    Index("ix_deliveries_due", "due"),
    Index("ix_deliveries_task_id_sequence", "task_id", "sequence"),
)
