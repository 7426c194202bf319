"""Where what an upstream calls by an id of its own is known.

Jobs from before have no row: nobody outside has been told the ids that upstreams gave them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "handles",
        sa.Column("upstream_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("output", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("upstream_id", "kind", "account_id", "provider", name="pk_handles"),
    )
    op.create_index("ix_handles_task_id", "handles", ["task_id"])
    alone = sa.text("task_id IS NULL")
    op.create_index("ix_handles_account_id", "handles", ["account_id"], sqlite_where=alone, postgresql_where=alone)
