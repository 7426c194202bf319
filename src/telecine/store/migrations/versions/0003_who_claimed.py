"""Which claim took a lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The rows of the schedule that are leased now have no claim to be found by; their leases run out."""
    op.add_column("schedule", sa.Column("claim", sa.BigInteger(), nullable=True))
