"""The box as it began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("arrivals", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection", "delivery_id"),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("internal_id", sa.BigInteger(), nullable=True),
        sa.Column("display_id", sa.Text(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("tip", sa.BigInteger(), nullable=True),
        sa.Column("cancellation", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "payment_references",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "payment_id"),
    )
    op.create_table(
        "payments",
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reversal", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("pos", "order_id"),
    )
    op.create_table(
        "pos_states",
        sa.Column("pos", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Text(), nullable=True),
        sa.Column("probe_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pos"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(("ix_quarantine_received_at"), "quarantine", ["received_at"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(("ix_workers_seen_at"), "workers", ["seen_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.Text(), nullable=True),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("overtakes", sa.Boolean(), nullable=False),
        sa.Column("pos", sa.Text(), nullable=True),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("cleared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("awaits", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery"],
            ["deliveries.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "jobs_attention",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state IN ('held', 'dead')"),
        postgresql_where=sa.text("state IN ('held', 'dead')"),
    )
    op.create_index(
        "jobs_awaits",
        "jobs",
        ["awaits"],
        unique=False,
        sqlite_where=sa.text("awaits IS NOT NULL"),
        postgresql_where=sa.text("awaits IS NOT NULL"),
    )
    op.create_index("jobs_delivery", "jobs", ["delivery"], unique=False)
    op.create_index(
        "jobs_due",
        "jobs",
        ["lane", "state", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'waiting')"),
        postgresql_where=sa.text("state IN ('ready', 'waiting')"),
    )
    op.create_index(
        "jobs_queue",
        "jobs",
        ["queue", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'waiting', 'running', 'held')"),
        postgresql_where=sa.text("state IN ('ready', 'waiting', 'running', 'held')"),
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("state IN ('running')"),
        postgresql_where=sa.text("state IN ('running')"),
    )
    op.create_table(
        "order_references",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.order_id"],
        ),
        sa.PrimaryKeyConstraint("reference", "order_id"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job"],
            ["jobs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(("ix_attempts_job"), "attempts", ["job"], unique=False)


def downgrade() -> None:
    op.drop_index(("ix_attempts_job"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("order_references")
    op.drop_index(
        "jobs_running",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('running')"),
        postgresql_where=sa.text("state IN ('running')"),
    )
    op.drop_index(
        "jobs_queue",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('ready', 'waiting', 'running', 'held')"),
        postgresql_where=sa.text("state IN ('ready', 'waiting', 'running', 'held')"),
    )
    op.drop_index(
        "jobs_due",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('ready', 'waiting')"),
        postgresql_where=sa.text("state IN ('ready', 'waiting')"),
    )
    op.drop_index("jobs_delivery", table_name="jobs")
    op.drop_index(
        "jobs_awaits",
        table_name="jobs",
        sqlite_where=sa.text("awaits IS NOT NULL"),
        postgresql_where=sa.text("awaits IS NOT NULL"),
    )
    op.drop_index(
        "jobs_attention",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('held', 'dead')"),
        postgresql_where=sa.text("state IN ('held', 'dead')"),
    )
    op.drop_table("jobs")
    op.drop_index(("ix_workers_seen_at"), table_name="workers")
    op.drop_table("workers")
    op.drop_index(("ix_quarantine_received_at"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("pos_states")
    op.drop_table("payments")
    op.drop_table("payment_references")
    op.drop_table("orders")
    op.drop_table("deliveries")
