"""Whose steps and deliveries are due, and of what kind the steps are, so that accounts share them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_POLLED = ("running", "reconciling")
_SUBMITTED = ("queued", "submitting")


def upgrade() -> None:
    op.add_column("schedule", sa.Column("account_id", sa.BigInteger(), nullable=True))
    op.add_column("schedule", sa.Column("kind", sa.Text(), nullable=True))
    schedule = sa.table("schedule", *(sa.column(name) for name in ("task_id", "account_id", "kind")))
    tasks = sa.table("tasks", *(sa.column(name) for name in ("id", "account_id", "state")))
    kind = sa.case((tasks.c.state.in_(_SUBMITTED), "submit"), (tasks.c.state.in_(_POLLED), "poll"), else_="collect")
    mine = tasks.c.id == schedule.c.task_id
    op.execute(
        schedule.update().values(
            account_id=sa.func.coalesce(sa.select(tasks.c.account_id).where(mine).scalar_subquery(), 0),
            kind=sa.func.coalesce(sa.select(kind).where(mine).scalar_subquery(), "collect"),
        )
    )
    with op.batch_alter_table("schedule") as table:
        table.alter_column("account_id", nullable=False)
        table.alter_column("kind", nullable=False)
    op.create_index("ix_schedule_account_id_kind_due", "schedule", ["account_id", "kind", "due"])
    waiting = sa.text("due IS NOT NULL")
    op.create_index(
        "ix_deliveries_account_id_due",
        "deliveries",
        ["account_id", "due"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
