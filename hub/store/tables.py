"""What a node keeps.

The log (`log_head`, `entries`, `tiles`) is append-only and holds no contents; `records` holds the signed
bytes and can be emptied of them (`jws` NULL, `erased_idx` the entry that says so) without touching a proof.
`deliveries` is one row for each recipient that this node knows of, in the order of the log; `streams` is the
last number given to each recipient. Ids and digests are kept as bytes: half the size, and the index on random
ids stays small.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

LogIndex = BigInteger().with_variant(Integer(), "sqlite")
"""An index in the log; on SQLite the row id itself, so that the table is its own index."""

log_head = Table(
    "log_head",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("halted", Text, nullable=True),
    Column("moves", Text, nullable=False, server_default="{}"),
    Column("abandoned", Text, nullable=False, server_default="[]"),
)
"""One row: the compact range of all entries and the checkpoint signed over it. Writers lock it first.

`halted`, while nothing may be written, is a checkpoint that this log has signed and does not hold. `moves` says, as
JSON, which cities have left this node and which have come to it; `abandoned` which checkpoints `epoch` entries gave
up.
"""

entries = Table(
    "entries",
    metadata,
    Column("idx", LogIndex, primary_key=True, autoincrement=False),
    Column("line", Text, nullable=False),
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "number"),
)
"""The hashes of a tile as far as it is filled; a narrower partial tile is its beginning."""

MISSING = -1
"""As `erased_idx`: the entry is back, from a copy of the log, and the signed bytes are not yet."""

records = Table(
    "records",
    metadata,
    Column("idx", LogIndex, primary_key=True, autoincrement=False),
    Column("id", LargeBinary(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("sender", String(6), nullable=False),
    Column("forget_at", String(24), nullable=True),
    Column("jws", Text, nullable=True),
    Column("erased_idx", BigInteger, nullable=True),
    Index("records_by_id", "id", "revision", "sender", unique=True),
    Index("records_by_forget_at", "forget_at"),
    Index(
        "records_missing",
        "idx",
        sqlite_where=text(f"erased_idx = {MISSING}"),
        postgresql_where=text(f"erased_idx = {MISSING}"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("city", String(6), nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("sender", String(6), nullable=False),
    Column("marking", String(12), nullable=False),
    Column("fetched_at", String(24), nullable=True),
    Column("held_at", BigInteger, nullable=True),
    PrimaryKeyConstraint("city", "idx"),
    Index("deliveries_by_kind", "city", "kind", "idx"),
    Index(
        "deliveries_by_held_at",
        "held_at",
        "city",
        sqlite_where=text("held_at IS NOT NULL"),
        postgresql_where=text("held_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
"""`n` is the number in the city's stream. It is 0 where the stream of the node that hosted the city before had the
record, and -1 where the record only came with its sender's hand-over: neither is in a stream of this log. A number of
this log that the stream of the node before had first is kept as -1 less the number, and not served again.

`held_at` is the index of the record where it was held before the entry at `idx` numbered it for the city.
"""

streams = Table(
    "streams",
    metadata,
    Column("city", String(6), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("digest", LargeBinary(32), nullable=False),
    Column("city", String(6), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("at", String(24), nullable=False),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("digest", "city"),
)
"""The newest answer of each recipient to each revision."""

nonces = Table(
    "nonces",
    metadata,
    Column("nonce", LargeBinary(32), primary_key=True),
    Column("until", BigInteger, nullable=False),
    Index("nonces_by_until", "until"),
)
"""The digest of (kid, nonce) of every request seen, until `until` (seconds since 1970)."""

refusals = Table(
    "refusals",
    metadata,
    Column("kid", String(43), nullable=False),
    Column("code", String(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("kid", "code", "digest"),
)
"""What was refused to whom, so that a retry of the same makes no second entry."""

trust_versions = Table(
    "trust_versions",
    metadata,
    Column("file", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("idx", BigInteger, nullable=False),
    PrimaryKeyConstraint("file", "version"),
)

office_units = Table(
    "office_units",
    metadata,
    Column("city", String(6), nullable=False),
    Column("source", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("dialect", LargeBinary(32), nullable=False),
    Column("read_at", String(24), nullable=False),
    PrimaryKeyConstraint("city", "source", "name"),
    Index("office_units_by_digest", "city", "source", "digest"),
)
"""Files, lists and views of cities' office systems that were read to their end, as they were then."""

office_rows = Table(
    "office_rows",
    metadata,
    Column("city", String(6), nullable=False),
    Column("system", String(64), nullable=False),
    Column("number", Text, nullable=False),
    Column("record", LargeBinary(16), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("source", String(32), nullable=False),
    Column("unit", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=True),
    Column("content", LargeBinary(32), nullable=True),
    Column("withdrawn", Boolean, nullable=False),
    Column("waiting", Text, nullable=True),
    Column("waiting_content", LargeBinary(32), nullable=True),
    PrimaryKeyConstraint("city", "system", "number"),
    Index("office_rows_by_record", "city", "record"),
    Index("office_rows_by_unit", "city", "source", "unit"),
)
"""What was sent of each row: the revision (0: nothing yet), its digest, a keyed digest of its content.

`waiting` is a signed record whose outcome is not known; `run` is the last run that met the row.
"""

office_quarantine = Table(
    "office_quarantine",
    metadata,
    Column("entry", LogIndex, primary_key=True, autoincrement=True),
    Column("city", String(6), nullable=False),
    Column("source", String(32), nullable=False),
    Column("unit", Text, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("sheet", Text, nullable=True),
    Column("line", Integer, nullable=True),
    Column("reasons", Text, nullable=False),
    Column("kept", Text, nullable=True),
    Column("mended", Boolean, nullable=False),
    Column("since", String(24), nullable=False),
    Column("run", BigInteger, nullable=False),
    Index("office_quarantine_by_content", "city", "source", "unit", "content", unique=True),
    sqlite_autoincrement=True,
)
"""Rows that were not sent, and why. `kept` is the row, sealed to its own city; `mended` ones were sent since.

A person names a row by `entry`: no number is given twice, even if the row that had it is gone.
"""

office_sinks = Table(
    "office_sinks",
    metadata,
    Column("city", String(6), nullable=False),
    Column("name", String(32), nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=True),
    Column("numbers", Text, nullable=False),
    Column("node", String(64), nullable=True),
    Column("elsewhere", Text, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("city", "name"),
)
"""How far each sink has been fed: all up to `after`; the files being written now end with `upto`.

That is in the log of `node`; `elsewhere` says how far in those of nodes that hosted the city before.
"""

peers = Table(
    "peers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("frontier", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("numbers", Text, nullable=False),
    Column("seen_at", String(24), nullable=False),
    Column("done_at", String(24), nullable=True),
    Column("tried_at", String(24), nullable=True),
    Column("failures", Integer, nullable=False),
    Column("problem", Text, nullable=True),
    Column("cut_at", String(24), nullable=True),
    Column("refused_idx", BigInteger, nullable=True),
    Column("places", Text, nullable=False, server_default="{}"),
    Column("left_at", Text, nullable=False, server_default="{}"),
)
"""What is known of each peer's log: all of it folded into a compact range, and how far its records were fetched.

`checkpoint` is the newest one that was folded, `numbers` the last number of each stream that was fetched, `seen_at` the
newest time that an entry of its named. A peer that showed two histories is cut off at `cut_at`, until a person decides;
one whose record at `refused_idx` is not taken is asked for it again and again. `places` says of each
stream at which index its last number stands, and `left_at` both for a city that is hosted here no more.
"""

lanes = Table(
    "lanes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("checkpoint", Text, nullable=False),
)
"""The newest checkpoint of each peer under which an alert was taken ahead of its log: to be found in it later."""

witnessed = Table(
    "witnessed",
    metadata,
    Column("origin", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("compared", Boolean, nullable=False, server_default=false()),
)
"""The newest checkpoint of each log that this node cosigned; `compared` once it was held against the folded log."""

given_up = Table(
    "given_up",
    metadata,
    Column("origin", String(64), primary_key=True),
    Column("stated", Text, nullable=False),
)
"""What each log's statements on new epochs gave up, as JSON: its own checkpoints that count for nothing here."""

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("witness", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("at", String(24), nullable=False),
    PrimaryKeyConstraint("witness", "size"),
)
"""What witnesses signed of this node's own checkpoints: the newest of each, and those that hold a quorum."""

evidence = Table(
    "evidence",
    metadata,
    Column("number", LogIndex, primary_key=True, autoincrement=True),
    Column("origin", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("document", Text, nullable=False),
    Column("at", String(24), nullable=False),
    Column("idx", BigInteger, nullable=False),
    Index("evidence_by_origin", "origin"),
    sqlite_autoincrement=True,
)
"""What convinces a third party that a log has two histories, with the entry that says so."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", String(24), nullable=False),
)
"""Who may do what only one may do at a time, and until when."""

carried = Table(
    "carried",
    metadata,
    Column("peer", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("told_at", String(24), nullable=False),
)
"""How far a peer has this node's log and records, as its last bundle told: the next one for it begins there."""

awaited = Table(
    "awaited",
    metadata,
    Column("idx", BigInteger, nullable=False),
    Column("city", String(6), nullable=False),
    Column("due_at", String(24), nullable=False),
    Column("until", String(24), nullable=False),
    PrimaryKeyConstraint("idx", "city"),
    Index("awaited_by_due_at", "due_at"),
    sqlite_with_rowid=False,
)
"""Recipients that have not answered an alert yet, by when they are to, and until when the alert holds."""
