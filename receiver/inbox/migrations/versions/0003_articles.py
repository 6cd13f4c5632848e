"""The till's articles, what operators map to them, and what each order came to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "articles",
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("material_number", sa.Text(), nullable=True),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pos", "id", "valid_from"),
    )
    for called in ("external_reference", "material_number"):
        op.create_index(f"articles_{called}", "articles", ["pos", called, "id"])
    op.create_table(
        "article_mappings",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "reference"),
    )
    op.create_table(
        "catalogues",
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("synced_at", sa.BigInteger(), nullable=True),
        sa.Column("articles", sa.Integer(), server_default="0", nullable=False),
        sa.Column("channels", sa.Text(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pos"),
    )
    op.add_column("orders", sa.Column("figures", sa.Text(), nullable=True))
    op.create_index("ix_orders_created_at", "orders", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_orders_created_at", "orders")
    op.drop_column("orders", "figures")
    op.drop_table("catalogues")
    op.drop_table("article_mappings")
    op.drop_table("articles")
