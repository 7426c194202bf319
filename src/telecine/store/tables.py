"""Every table. Times are seconds since the Unix epoch (double), ids 63-bit integers, JSON is UTF-8 bytes.

Sums of money stay whole numbers: PostgreSQL refuses what is too large for one by itself, SQLite by the triggers
`accounts_whole` and `spending_whole`, which a migration that makes one of these tables anew has to make anew too.
"""

from __future__ import annotations

from typing import Any

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
    false,
    text,
)

from telecine.nouns.money import TOKEN_UNITS

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


def _terms() -> tuple[Column[Any], ...]:
    """What bounds a key, and all keys of an account together; null is no bound."""
    return (
        Column("models", Text),
        Column("expires_at", Double),
        Column("rate_limit", Text),
        Column("token_limit", Text),
        Column("max_tasks_in_flight", Integer),
        Column("ips", Text),
        Column("budget", BigInteger),  # micro-units, as is the next
        Column("monthly_budget", BigInteger),
    )


settings = Table(  # written by server/: what this installation made for itself; `priced` by accounts/
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

config_revisions = Table(  # written by server/: every configuration that ever ran
    "config_revisions",
    metadata,
    _id("number"),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of the file
    Column("changes", Text, nullable=False),  # the difference to the one before; never a secret
)

workflows = Table(  # written by upkeep/: those that were made through the admin API
    "workflows",
    metadata,
    Column("name", Text, primary_key=True),
    Column("web_app_id", Text, nullable=False, unique=True),
    Column("section", Text, nullable=False),  # as the file would have it
    Column("graph", Text),  # null: its upstream alone has it
    Column("made_at", Double, nullable=False),
)

erasures = Table(  # written by accounts/: the accounts whose content is being removed, or was
    "erasures",
    metadata,
    _id("account_id"),
    Column("name", Text, unique=True),  # what the account was called, until the work is done
    Column("begun_at", Double, nullable=False),
    Column("done_at", Double),
)

accounts = Table(  # written by accounts/
    "accounts",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("limited", Boolean, nullable=False),  # False: it may spend without having a balance
    Column("unlimited", Boolean, nullable=False, server_default=false()),  # that was said, and did not come about
    Column("balance", BigInteger, nullable=False),  # micro-units, as are the two below; sums of its entries
    Column("held", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("source", Text, nullable=False),  # of its bounds: `file`, or `admin`
    *_terms(),
    Column("assets", BigInteger),  # files that its library may hold, and the bytes of all; null as `[limits]` says
    Column("asset_bytes", BigInteger),
)

ledger_entries = Table(  # written by accounts/, in the transaction of what causes them; never changed, never deleted
    "ledger_entries",
    metadata,
    Column("ref_type", Text, primary_key=True),
    Column("ref_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", BigInteger),
    Column("balance_delta", BigInteger, nullable=False),
    Column("held_delta", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Index("ix_ledger_entries_account_id_at", "account_id", "at"),
    Index(  # a hold ends once: what was released can never be charged, and the other way round
        "uq_ledger_entries_end", "ref_type", "ref_id", unique=True, sqlite_where=text("kind IN ('charge', 'release')")
    ),
    Index(  # what a key has spent is summed from this index alone
        "ix_ledger_entries_key_id_at", "key_id", "at", "balance_delta", sqlite_where=text("kind = 'charge'")
    ),
)

keys = Table(  # written by accounts/
    "keys",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("allow_unknown", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
    Column("access_key", Text, unique=True, index=True),  # of the pair that its client signs tokens with
    Column("secret_key", LargeBinary),  # the other half, sealed
    Column("video_format", Text),  # of the answers to its creates of videos; null for the official one
    Column("dialect", Text),  # whose its requests are at paths that several dialects have
    *_terms(),
)

spending = Table(  # written by accounts/: sums of the entries of a key or an account, a month (UTC, 202611) each
    "spending",
    metadata,
    Column("owner", Text, primary_key=True),  # `key` or `account`
    _id(),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("committed", BigInteger, nullable=False),  # held and charged, micro-units
)

asset_groups = Table(  # written by assets/, as are the four below
    "asset_groups",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("type", Text),  # what its client says that it is for
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_asset_groups_account_id_id", "account_id", "id"),
)

assets = Table(  # files that an account keeps, to refer to in requests
    "assets",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("group_id", BigInteger),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text),  # as its client says until the file has been looked at; null where it says nothing
    Column("url", Text),  # only until the file has been fetched
    Column("object_key", Text),
    Column("poster_key", Text),
    Column("content_type", Text),
    Column("bytes", BigInteger, nullable=False),  # as they are counted: of an upload in parts, those that are to come
    Column("sha256", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("duration", Double),
    Column("frame_rate", Double),
    Column("task_id", BigInteger),  # the output that the file is, where it came from no client
    Column("output", Integer),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("due", Double),  # when somebody is to see to it: while it is `uploading` or `processing`, and once deleted
    Column("tries", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("deleted_at", Double),
    Index("ix_assets_account_id_id", "account_id", "id", sqlite_where=text("deleted_at IS NULL")),
    Index("ix_assets_due", "due", sqlite_where=text("due IS NOT NULL")),
    Index("ix_assets_group_id", "group_id", sqlite_where=text("group_id IS NOT NULL")),
    Index("ix_assets_task_id", "task_id", sqlite_where=text("task_id IS NOT NULL")),
)

asset_parts = Table(  # of files that come in parts, until these have been put together
    "asset_parts",
    metadata,
    Column("asset_id", BigInteger, ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("object_key", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

asset_uses = Table(  # which tasks refer to which files: in the transaction that makes the task, until it forgets
    "asset_uses",
    metadata,
    _id("task_id"),
    _id("asset_id"),
    Index("ix_asset_uses_asset_id", "asset_id"),
)

asset_totals = Table(  # what the files of an account come to, counted in the transaction of each change
    "asset_totals",
    metadata,
    _id("account_id"),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("leaving", BigInteger, nullable=False),  # bytes of those that were deleted and still lie there
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

channel_use = Table(  # written by tasks/: attempts begun on limited channels, in the transaction that begins them
    "channel_use",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Integer, nullable=False),  # days since the Unix epoch, UTC
    Column("today", Integer, nullable=False),
    Column("marks", LargeBinary, nullable=False),  # [[time, number], …] within the time of the rate
)

channel_reports = Table(  # written by server/: what upstreams say that an account has used, by what they count by
    "channel_reports",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("at", Double, primary_key=True),
    Column("pack", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),  # millionths of the upstream's own unit
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
    Column("form", Text),  # which of the dialect's paths made it; null in older rows
    Column("operation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("asked", LargeBinary),  # what the upstream is asked for, its defaults filled in; null in older rows
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
    Column("cancel_refused", Boolean, nullable=False),
    Column("deleted_at", Double),
    Column("source_task", BigInteger),
    Column("retry_of", BigInteger),
    Column("fingerprint", LargeBinary),  # of the request, to know a retry that brings no key
    Column("sandbox", Boolean, nullable=False),
    Column("usage_seconds", Double),
    Column("usage_images", Integer),
    Column("usage_units", Text),
    *(Column(f"usage_{kind}_tokens", BigInteger) for kind in TOKEN_UNITS.values()),  # all or none
    Column("usage_compute_seconds", Double),
    Column("facts", LargeBinary),  # what the vendor said beside it; erased with the prompt, as are those of outputs
    Column("preview_url", Text),  # only while it runs
    Column("price_unit", Text),  # a line that stands alone, with its micro-units
    Column("price_micros", BigInteger),
    *(Column(f"price_{kind}_tokens", BigInteger) for kind in TOKEN_UNITS.values()),  # for a million; they add up
    Column("held", BigInteger, nullable=False),
    Column("most", BigInteger),  # that may be charged, whatever the upstream says; null before there was such a bound
    Column("charged", BigInteger),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_param", Text),
    # When nothing was left to do for it, and its row in the schedule went, which everybody else has; 0 before that was
    # noted. The default is for those alone: it spares a migration a look at every row.
    Column("buried_at", Double, server_default=text("0")),
    Column("blanked_at", Double),  # written by server/retention and accounts/erase: its prompt and inputs are gone
    Index("ix_tasks_account_id_id", "account_id", "id"),
    Index("ix_tasks_source_task", "source_task", sqlite_where=text("source_task IS NOT NULL")),
    Index("ix_tasks_ended_at", "ended_at", sqlite_where=text("blanked_at IS NULL AND ended_at IS NOT NULL")),
    Index(  # tasks in flight are counted at every create of a limited account or key
        "ix_tasks_in_flight", "account_id", "key_id", sqlite_where=text("ended_at IS NULL")
    ),
    Index(  # waiting for an upstream's word: looked at by the metrics
        "ix_tasks_reconciling", "created_at", sqlite_where=text("state = 'reconciling'")
    ),
    Index(  # those that a schedule is made of
        "ix_tasks_unburied", "id", sqlite_where=text("buried_at IS NULL")
    ),
    Index("ix_tasks_account_id_fingerprint_created_at", "account_id", "fingerprint", "created_at"),
    Index(
        "uq_tasks_account_id_external_id",
        "account_id",
        "external_id",
        unique=True,
        sqlite_where=text("external_id IS NOT NULL"),
    ),
)

idempotency = Table(  # written by tasks/, in the transaction that creates the task
    "idempotency",
    metadata,
    _id("account_id"),
    Column("key", LargeBinary, primary_key=True),  # SHA-256 of the client's Idempotency-Key
    Column("fingerprint", LargeBinary, nullable=False),
    Column("task_id", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index("ix_idempotency_expires_at", "expires_at"),
)

attempts = Table(  # written by tasks/
    "attempts",
    metadata,
    _id(),
    Column("task_id", BigInteger, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),  # the channel's, without credentials: the job is known nowhere else
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
    Column("units", Text),
    Column("cost", BigInteger),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_param", Text),
    Index(  # few ever are, and every look at the metrics counts them
        "ix_attempts_unknown", "ended_at", sqlite_where=text("state = 'unknown'")
    ),
    Index("ix_attempts_slot_until", "slot_until", sqlite_where=text("slot_held")),
)

outputs = Table(  # written by tasks/
    "outputs",
    metadata,
    _id("task_id"),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("item", Integer, nullable=False, server_default="0"),
    Column("part", Text, nullable=False, server_default="main"),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text),  # what was made, where that is a text
    Column("facts", LargeBinary),
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
    Column("frame_rate", Double),
    Column("tries", Integer, nullable=False),
    Index(  # those not stored yet, or lost: looked at by the metrics
        "ix_outputs_state_task_id", "state", "task_id", sqlite_where=text("state <> 'stored'")
    ),
)

handles = Table(  # written by tasks/: where what an upstream calls by an id of its own is known, and whose it is
    "handles",
    metadata,
    Column("upstream_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # of what it names: `task`, `clip`, `image`, `voice` …
    _id("account_id"),
    Column("provider", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),  # the channel's, as of an attempt
    Column("task_id", BigInteger, index=True),  # null for what no task of ours has made
    Column("output", Integer),  # its index; null where the task as a whole is meant
    Index(  # those that no task takes with it
        "ix_handles_account_id", "account_id", sqlite_where=text("task_id IS NULL")
    ),
)

uploads = Table(  # written by tasks/: what a file of a library is called where a channel's upstream keeps it too
    "uploads",
    metadata,
    Column("asset_id", BigInteger, ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("address", Text, primary_key=True),  # the channel's: at another one nobody knows it
    Column("upstream_id", Text, nullable=False),
    Column("expires_at", Double),  # when the upstream deletes it; null for as long as the channel's account is there
    Column("uploaded_at", Double, nullable=False),
)

events = Table(  # written by tasks/: a task's timeline
    "events",
    metadata,
    _id("task_id"),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("detail", Text),
    Column("news", Text),  # `task.running` …: what clients are told of it; null for a line that is only ours
    Column("status", Text),  # as it then was, as is the progress; the rest of the task is told as it is now
    Column("progress", Integer),
)

schedule = Table(  # written by tasks/: one row per task that still has something to do; made anew from them if lost
    "schedule",
    metadata,
    _id("task_id"),
    Column("account_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # what kind of step is due, by which steps are shared among accounts
    Column("due", Double),
    Column("rank", Integer, nullable=False),  # the negated priority: an index that runs one way serves the queue
    Column("pool", Text),
    Column("weight", Integer, nullable=False),  # the slots that it waits for in the pool's line
    Column("woken", Boolean, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("claim", BigInteger),  # the claim that took the lease: one whose answer was lost finds its own by it
    Index("ix_schedule_due", "due"),
    Index("ix_schedule_account_id_kind_due", "account_id", "kind", "due"),
    Index("ix_schedule_pool_rank_task_id", "pool", "rank", "task_id", sqlite_where=text("pool IS NOT NULL")),
)

webhook_endpoints = Table(  # written by webhooks/
    "webhook_endpoints",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("url", Text),  # null: the row whose secret signs what goes to the URLs of the account's requests
    Column("events", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),  # sealed, as are those before it
    Column("old_secrets", Text, nullable=False),  # those before it, each with the time until which it signs too
    Column("active", Boolean, nullable=False),
    Column("inactive_reason", Text),  # null where its owner switched it off
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("deleted_at", Double),
    Index("ix_webhook_endpoints_account_id", "account_id"),
    Index("ix_webhook_endpoints_changed_at", "changed_at"),
    Index("uq_webhook_endpoints_account_id", "account_id", unique=True, sqlite_where=text("url IS NULL")),
)

deliveries = Table(  # written by webhooks/, in the transaction of the step that causes them
    "deliveries",
    metadata,
    _id(),
    Column("task_id", BigInteger, nullable=False),  # 0: a test that somebody asked for
    Column("account_id", BigInteger, nullable=False),
    Column("endpoint_id", BigInteger, nullable=False),  # 0: a URL that the request itself named
    Column("line", Text, nullable=False),  # what shares a limit and a circuit
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", LargeBinary),  # those of the protocol's own, sealed with the task's id
    Column("state", Text, nullable=False),
    Column("due", Double),
    Column("tries", Integer, nullable=False),
    Column("status", Integer),
    Column("reason", Text),
    Column("latency_ms", Integer),
    Column("answer", LargeBinary),
    Column("redelivery_of", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("delivered_at", Double),
    Index("ix_deliveries_due", "due"),
    Index(  # whose deliveries are waiting
        "ix_deliveries_account_id_due", "account_id", "due", sqlite_where=text("due IS NOT NULL")
    ),
    Index(  # the backlog: looked at by the metrics
        "ix_deliveries_created_at", "created_at", sqlite_where=text("state = 'pending'")
    ),
    Index("ix_deliveries_task_id_sequence", "task_id", "sequence"),
    Index("ix_deliveries_account_id_id", "account_id", "id"),
)

delivery_tries = Table(  # written by webhooks/; they go with their delivery, whoever deletes it
    "delivery_tries",
    metadata,
    Column("delivery_id", BigInteger, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("status", Integer),
    Column("latency_ms", Integer, nullable=False),
    Column("reason", Text),
    Column("answer", LargeBinary),
)
