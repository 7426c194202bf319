"""The tasks that follow up one: a picture of a grid that is wanted twice is found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    some = sa.text("source_task IS NOT NULL")
    op.create_index("ix_tasks_source_task", "tasks", ["source_task"], sqlite_where=some, postgresql_where=some)
