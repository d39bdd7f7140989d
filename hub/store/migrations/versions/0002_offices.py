"""Cities' office systems: what was read of them, what was sent, what is in quarantine, what was given to them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

entry_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "office_units",
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("dialect", sa.LargeBinary(32), nullable=False),
        sa.Column("read_at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("city", "source", "name"),
    )
    op.create_index("office_units_by_digest", "office_units", ["city", "source", "digest"])
    op.create_table(
        "office_rows",
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("record", sa.LargeBinary(16), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.Column("content", sa.LargeBinary(32), nullable=True),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("waiting", sa.Text, nullable=True),
        sa.Column("waiting_content", sa.LargeBinary(32), nullable=True),
        sa.PrimaryKeyConstraint("city", "system", "number"),
    )
    op.create_index("office_rows_by_record", "office_rows", ["city", "record"])
    op.create_index("office_rows_by_unit", "office_rows", ["city", "source", "unit"])
    op.create_table(
        "office_quarantine",
        sa.Column("entry", entry_number, primary_key=True, autoincrement=True),
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary(32), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("sheet", sa.Text, nullable=True),
        sa.Column("line", sa.Integer, nullable=True),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("kept", sa.Text, nullable=True),
        sa.Column("mended", sa.Boolean, nullable=False),
        sa.Column("since", sa.String(24), nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "office_quarantine_by_content",
        "office_quarantine",
        ["city", "source", "unit", "content"],
        unique=True,
    )
    op.create_table(
        "office_sinks",
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=True),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("city", "name"),
    )
