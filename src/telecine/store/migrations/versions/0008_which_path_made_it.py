"""Which path of its dialect made a task, for lists by path."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("form", sa.Text(), nullable=True))
