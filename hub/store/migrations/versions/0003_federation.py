"""Between nodes: peers' logs, what was cosigned, evidence, leases; and which entry says that a record was erased."""

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "peers",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("numbers", sa.Text, nullable=False),
        sa.Column("seen_at", sa.String(24), nullable=False),
        sa.Column("done_at", sa.String(24), nullable=True),
        sa.Column("tried_at", sa.String(24), nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text, nullable=True),
        sa.Column("cut_at", sa.String(24), nullable=True),
    )
    op.create_table(
        "lanes",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("checkpoint", sa.Text, nullable=False),
    )
    op.create_table(
        "witnessed",
        sa.Column("origin", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
    )
    op.create_table(
        "cosignatures",
        sa.Column("witness", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("witness", "size"),
    )
    op.create_table(
        "evidence",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("evidence_by_origin", "evidence", ["origin"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.String(24), nullable=False),
    )
    op.add_column("records", sa.Column("erased_idx", sa.BigInteger, nullable=True))
    _fill_erased()


def _fill_erased() -> None:
    entries = sa.table("entries", sa.column("idx"), sa.column("line"))
    records = sa.table("records", sa.column("idx"), sa.column("erased_idx"))
    connection = op.get_bind()
    said = sa.select(entries).where(entries.c.line.like('%,"type":"erased","v":1}')).order_by(entries.c.idx)
    for row in connection.execute(said).all():
        emptied = orjson.loads(row.line)["index"]
        connection.execute(sa.update(records).where(records.c.idx == emptied).values(erased_idx=row.idx))
