"""The spine: the log, the records, their deliveries, and what keeps a request from happening twice."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

log_index = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "log_head",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("idx", log_index, primary_key=True, autoincrement=False),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number"),
    )
    op.create_table(
        "records",
        sa.Column("idx", log_index, primary_key=True, autoincrement=False),
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(6), nullable=False),
        sa.Column("forget_at", sa.String(24), nullable=True),
        sa.Column("jws", sa.Text, nullable=True),
    )
    op.create_index("records_by_id", "records", ["id", "revision", "sender"], unique=True)
    op.create_index("records_by_forget_at", "records", ["forget_at"])
    op.create_table(
        "deliveries",
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(6), nullable=False),
        sa.Column("marking", sa.String(12), nullable=False),
        sa.Column("fetched_at", sa.String(24), nullable=True),
        sa.PrimaryKeyConstraint("city", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_index("deliveries_by_kind", "deliveries", ["city", "kind", "idx"])
    op.create_table(
        "streams",
        sa.Column("city", sa.String(6), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("city", sa.String(6), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", "city"),
    )
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.LargeBinary(32), primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("nonces_by_until", "nonces", ["until"])
    op.create_table(
        "refusals",
        sa.Column("kid", sa.String(43), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kid", "code", "digest"),
    )
    op.create_table(
        "trust_versions",
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("file", "version"),
    )
