"""When nothing was left to do for a task: what is not so stands in the schedule, which can be made of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # A default for the many rows of tasks that are done, which no database has to rewrite for it.
    op.add_column("tasks", sa.Column("buried_at", sa.Double(), nullable=True, server_default=sa.text("0")))
    op.execute("UPDATE tasks SET buried_at = NULL WHERE id IN (SELECT task_id FROM schedule)")
    left = sa.text("buried_at IS NULL")
    op.create_index("ix_tasks_unburied", "tasks", ["id"], sqlite_where=left, postgresql_where=left)
