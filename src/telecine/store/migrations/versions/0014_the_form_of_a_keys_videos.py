"""In which form of the Videos API the creates of a key are answered."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("keys", sa.Column("video_format", sa.Text(), nullable=True))
