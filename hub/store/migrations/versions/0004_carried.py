"""What no round carries: bundles, cities that move, logs that went back, alerts that wait for their answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_head", sa.Column("halted", sa.Text, nullable=True))
    op.add_column("log_head", sa.Column("moves", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "carried",
        sa.Column("peer", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.String(24), nullable=False),
    )
    op.create_table(
        "awaited",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("digest", "city"),
    )
    op.create_index("awaited_by_due_at", "awaited", ["due_at"])
    op.create_index("awaited_by_idx", "awaited", ["idx"])
