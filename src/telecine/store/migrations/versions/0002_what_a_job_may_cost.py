"""What a job may cost at most, the frame rate of its files, and sums that stay whole numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SUMS = {"accounts": ("balance", "held", "spent"), "spending": ("committed",)}


def upgrade() -> None:
    op.add_column("tasks", sa.Column("most", sa.BigInteger(), nullable=True))
    op.add_column("outputs", sa.Column("frame_rate", sa.Double(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in _SUMS.items():
            _keep_whole(table, columns)


def _keep_whole(table: str, columns: tuple[str, ...]) -> None:
    """Where a sum grows too large for an integer, SQLite goes on with an approximate one. A trigger, for a CHECK would
    need the table made anew, and others refer to it. What has become approximate already is cut off here, and
    `telecine ledger check` tells of it."""
    for column in columns:
        sums = sa.table(table, sa.column(column))
        cut = sums.update().where(sa.func.typeof(sums.c[column]) != "integer")
        op.execute(cut.values({column: sa.cast(sums.c[column], sa.BigInteger())}))
    broken = " OR ".join(f"typeof(NEW.{column}) <> 'integer'" for column in columns)
    op.execute(
        f"CREATE TRIGGER {table}_whole AFTER UPDATE OF {', '.join(columns)} ON {table} WHEN {broken} "
        f"BEGIN SELECT RAISE(ABORT, 'a sum of {table} is too large'); END"
    )
