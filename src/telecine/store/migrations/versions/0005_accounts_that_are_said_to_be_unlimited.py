"""accounts that are said to be unlimited

Those that exist spend as they did; nobody has said so of any of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("unlimited", sa.Boolean(), server_default=sa.false(), nullable=False))
