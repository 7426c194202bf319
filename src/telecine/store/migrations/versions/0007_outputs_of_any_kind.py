"""Outputs of any kind: which item and which part of it, texts, what vendors say beside them; and previews."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("facts", sa.LargeBinary(), nullable=True))
    op.add_column("tasks", sa.Column("preview_url", sa.Text(), nullable=True))
    op.add_column("outputs", sa.Column("item", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outputs", sa.Column("part", sa.Text(), nullable=False, server_default="main"))
    op.add_column("outputs", sa.Column("text", sa.Text(), nullable=True))
    op.add_column("outputs", sa.Column("facts", sa.LargeBinary(), nullable=True))
    # Until now, every output was a result of its own; few tasks have more than one.
    outputs = sa.table("outputs", sa.column("item"), sa.column("index"))
    op.execute(outputs.update().where(outputs.c.index > 0).values(item=outputs.c.index))
