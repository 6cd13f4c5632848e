"""Jobs behind others of their queue are passed over once, and what is running is found by queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

READY = "state IN ('ready')"
RUNNING = "state IN ('running')"


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("behind", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    remake_index("jobs_ready", ["behind", "lane", "deadline", "id"], READY)
    remake_index("jobs_running", ["queue"], RUNNING)
    if op.get_bind().dialect.name == "postgresql":  # whatever one hot queue makes it believe
        op.execute("ALTER TABLE jobs ALTER COLUMN queue SET (n_distinct = -0.5)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE jobs ALTER COLUMN queue RESET (n_distinct)")
    remake_index("jobs_running", ["owner"], RUNNING)
    remake_index("jobs_ready", ["lane", "deadline", "id"], READY)
    op.drop_column("jobs", "behind")


def remake_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.drop_index(name, "jobs")
    op.create_index(name, "jobs", columns, sqlite_where=condition, postgresql_where=condition)
