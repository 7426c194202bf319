"""What the upstream of a task is asked for, as its object shows it until the files tell."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("asked", sa.LargeBinary(), nullable=True))
