"""What is purged is told apart from what came empty, and found without a walk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNPURGED = sa.text("purged_at IS NULL")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("purged_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "deliveries_unpurged",
        "deliveries",
        ["received_at", "id"],
        sqlite_where=UNPURGED,
        postgresql_where=UNPURGED,
    )
    op.create_table(
        "purges",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )


def downgrade() -> None:
    op.drop_table("purges")
    op.drop_index("deliveries_unpurged", "deliveries")
    op.drop_column("deliveries", "purged_at")
