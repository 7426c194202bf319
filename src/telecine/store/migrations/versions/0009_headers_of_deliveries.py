"""Headers that a protocol sends with its webhooks, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("headers", sa.LargeBinary(), nullable=True))
