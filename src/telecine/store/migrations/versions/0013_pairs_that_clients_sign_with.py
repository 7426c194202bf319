"""Pairs of an access key and a sealed secret key, with which clients sign their own tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("keys", sa.Column("access_key", sa.Text(), nullable=True))
    op.add_column("keys", sa.Column("secret_key", sa.LargeBinary(), nullable=True))
    op.create_index("ix_keys_access_key", "keys", ["access_key"], unique=True)
