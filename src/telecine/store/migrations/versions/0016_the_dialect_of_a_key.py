"""Whose the requests of a key are at paths that several dialects have."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("keys", sa.Column("dialect", sa.Text(), nullable=True))
