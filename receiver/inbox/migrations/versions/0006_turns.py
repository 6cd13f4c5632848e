"""Jobs are found however many there are: by whose turn it is, by queue, by state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

READY = "state IN ('ready')"
RUNNING = "state IN ('running')"
ANY_STATE = "state IN ('ready', 'running', 'waiting', 'held', 'done', 'ignored', 'dead')"
ENDED = "state IN ('done', 'ignored', 'dead')"


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("behind", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for name in ("jobs_ready", "jobs_running"):
        op.drop_index(name, "jobs")
    make_index("jobs_ready", ["behind", "lane", "deadline", "id"], READY)
    make_index("jobs_running", ["queue"], RUNNING)
    make_index("jobs_ended", ["queue"], ENDED)
    make_index("jobs_listed", ["state", "id"], ANY_STATE)
    if op.get_bind().dialect.name == "postgresql":  # whatever one hot queue makes it believe
        op.execute("ALTER TABLE jobs ALTER COLUMN queue SET (n_distinct = -0.5)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE jobs ALTER COLUMN queue RESET (n_distinct)")
    for name in ("jobs_listed", "jobs_ended", "jobs_running", "jobs_ready"):
        op.drop_index(name, "jobs")
    make_index("jobs_running", ["owner"], RUNNING)
    make_index("jobs_ready", ["lane", "deadline", "id"], READY)
    op.drop_column("jobs", "behind")


def make_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "jobs", columns, sqlite_where=condition, postgresql_where=condition)
