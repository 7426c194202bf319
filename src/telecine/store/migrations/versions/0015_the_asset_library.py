"""The asset library: files that accounts keep, their groups, parts and uses, and what they come to."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("assets", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("asset_bytes", sa.BigInteger(), nullable=True))
    op.create_table(
        "asset_groups",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_asset_groups_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_groups")),
    )
    op.create_index("ix_asset_groups_account_id_id", "asset_groups", ["account_id", "id"])
    _assets()
    op.create_table(
        "asset_parts",
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=op.f("fk_asset_parts_asset_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset_id", "number", name=op.f("pk_asset_parts")),
    )
    op.create_table(
        "asset_uses",
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "asset_id", name=op.f("pk_asset_uses")),
    )
    op.create_index("ix_asset_uses_asset_id", "asset_uses", ["asset_id"])
    op.create_table(
        "asset_totals",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("leaving", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_asset_totals")),
    )


def _assets() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("poster_key", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("frame_rate", sa.Double(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("output", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("due", sa.Double(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_assets_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
    )
    for name, columns, condition in (
        ("ix_assets_account_id_id", ["account_id", "id"], "deleted_at IS NULL"),
        ("ix_assets_due", ["due"], "due IS NOT NULL"),
        ("ix_assets_group_id", ["group_id"], "group_id IS NOT NULL"),
        ("ix_assets_task_id", ["task_id"], "task_id IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "assets", columns, sqlite_where=where, postgresql_where=where)
