"""Claiming touches fewer indexes: not the one of what is listed, nor with SQLite that of a queue.

PostgreSQL gets a column and no rows anew, as it writes all entries of a row that changes anyway.
What ended before has no time of that there, but a state.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AT_REST = "state IN ('waiting', 'held', 'done', 'ignored', 'dead')"
ANY_STATE = "state IN ('ready', 'running', 'waiting', 'held', 'done', 'ignored', 'dead')"
STANDING = "state IN ('ready', 'waiting', 'running', 'held')"
ENDED = "state IN ('done', 'ignored', 'dead')"


def upgrade() -> None:
    make_anew("jobs_listed", ["state", "id"], AT_REST)
    op.add_column("jobs", sa.Column("ended_at", sa.BigInteger()))
    if op.get_bind().dialect.name == "sqlite":
        jobs = sa.table("jobs", sa.column("ended_at"), sa.column("updated_at"))
        ended = jobs.update().where(sa.text(ENDED))
        op.execute(ended.values(ended_at=jobs.c.updated_at))
        make_anew("jobs_queue", ["queue", "id"], "ended_at IS NULL")


def downgrade() -> None:
    make_anew("jobs_listed", ["state", "id"], ANY_STATE)
    if op.get_bind().dialect.name == "sqlite":
        make_anew("jobs_queue", ["queue", "id"], STANDING)
    op.drop_column("jobs", "ended_at")


def make_anew(name: str, columns: list[str], where: str) -> None:
    op.drop_index(name, "jobs")
    condition = sa.text(where)
    op.create_index(name, "jobs", columns, sqlite_where=condition, postgresql_where=condition)
