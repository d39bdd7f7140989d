"""What no round carries: bundles, cities that move, logs that went back, alerts that wait for their answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_head", sa.Column("halted", sa.Text, nullable=True))
    op.add_column("peers", sa.Column("refused_idx", sa.BigInteger, nullable=True))
    op.add_column("log_head", sa.Column("moves", sa.Text, nullable=False, server_default="{}"))
    op.add_column("log_head", sa.Column("abandoned", sa.Text, nullable=False, server_default="[]"))
    missing = sa.text("erased_idx = -1")
    op.create_index("records_missing", "records", ["idx"], sqlite_where=missing, postgresql_where=missing)
    op.add_column("peers", sa.Column("places", sa.Text, nullable=False, server_default="{}"))
    op.add_column("peers", sa.Column("left_at", sa.Text, nullable=False, server_default="{}"))
    op.add_column("deliveries", sa.Column("held_at", sa.BigInteger, nullable=True))
    op.add_column("office_sinks", sa.Column("node", sa.String(64), nullable=True))
    op.add_column("office_sinks", sa.Column("elsewhere", sa.Text, nullable=False, server_default="{}"))
    held = sa.text("held_at IS NOT NULL")
    op.create_index(
        "deliveries_by_held_at", "deliveries", ["held_at", "city"], sqlite_where=held, postgresql_where=held
    )
    op.create_table(
        "carried",
        sa.Column("peer", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.String(24), nullable=False),
    )
    op.add_column("witnessed", sa.Column("compared", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "given_up",
        sa.Column("origin", sa.String(64), primary_key=True),
        sa.Column("stated", sa.Text, nullable=False),
    )
    op.create_table(
        "awaited",
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("due_at", sa.String(24), nullable=False),
        sa.Column("until", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("idx", "city"),
        sqlite_with_rowid=False,
    )
    op.create_index("awaited_by_due_at", "awaited", ["due_at"])
