"""Deadlines of jobs, what answers to the platforms are made from, and who asks for ready orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEVER = "253402300799000"


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("deadline", sa.BigInteger(), server_default=NEVER, nullable=False)
    )
    op.add_column("jobs", sa.Column("alarm_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "jobs", sa.Column("at_risk", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for name in ("delivery", "answering", "ready_at"):
        kind = sa.Text() if name == "answering" else sa.BigInteger()
        op.add_column("orders", sa.Column(name, kind, nullable=True))
    op.drop_index("jobs_due", "jobs")
    make_index("jobs_ready", ["lane", "deadline", "id"], "state IN ('ready')")
    make_index("jobs_due", ["lane", "due_at", "id"], "state IN ('waiting')")
    make_index("jobs_alarm", ["alarm_at"], "alarm_at IS NOT NULL AND state IN ('waiting', 'held')")
    op.create_table(
        "polls",
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pos"),
    )


def downgrade() -> None:
    op.drop_table("polls")
    for name in ("jobs_alarm", "jobs_due", "jobs_ready"):
        op.drop_index(name, "jobs")
    make_index("jobs_due", ["lane", "state", "due_at", "id"], "state IN ('ready', 'waiting')")
    for name in ("ready_at", "answering", "delivery"):
        op.drop_column("orders", name)
    for name in ("at_risk", "alarm_at", "deadline"):
        op.drop_column("jobs", name)


def make_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "jobs", columns, sqlite_where=condition, postgresql_where=condition)
