"""The auditor's verifier: one record against its receipt, or a whole log against its checkpoint.

It believes the trust list, the keys given to it, and SHA-256; a log's files and a record's bearer are not
believed. It needs no network, no database and no clock.

`verify_record` takes these steps:

1. The receipt and its entry are well formed, and the entry is one of a record going into a log.
2. The record names a key of the trust list and bears its signature; the key signs this kind for the sender.
3. The record is acceptable by its schema, and the entry says of it what it is.
4. The checkpoint is signed by a node's log key in the trust list.
5. The entry is in that log at its index.
6. Enough witnesses cosigned the checkpoint; a node's witness does not count for the node's own log, nor that of a node
   that was revoked.
7. The key was valid when the record was issued, and not revoked when it was accepted. That is when the entry was made;
   a `received` or `moved` one was made later, by a node that answers for the time of the origin's entry, which it
   names: what the origin accepted before a revocation stays valid. Of such a one it is checked that the record was
   issued before.

`verify_log` takes these, reading each entry once and keeping no more than a few ranges' findings (`ranges.py`,
which checks entries and level 0) and one tile a level:

1. The checkpoint is signed by the log; enough witnesses cosigned it.
2. Every entry is well formed, and every recipient's stream counts 1, 2, 3 … without a gap. A city that departed did so
   at the last number of its stream, and one that came was given no more of it than there is.
3. Every tile of every level is what the entries below it hash to. No tile is taken on the word of another,
   so a forged one shows even where its parent is right (as CVE-2026-56865 did not show in Go's reader).
4. The root over all entries is the checkpoint's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log import receipt as receipts
from hub.log import tile as tiles
from hub.log.checkpoint import Checkpoint, Cosignature, VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey, split_note
from hub.log.ranges import Found, Progress, check_move, check_ranges, compare, gap
from hub.log.reader import LogReader
from hub.log.tree import leaf_hash, verify_inclusion
from keys import record_signature
from keys.trust_list import Trust, TrustedKey
from schemas import record as record_schema


@dataclass(frozen=True, slots=True)
class Verdict:
    """A record is what its sender signed, and is in a log. Only `verify_record` makes one."""

    record: record_schema.Record
    digest: str
    key: TrustedKey
    entry: entries.OfRecord
    index: int
    checkpoint: VerifiedCheckpoint

    @property
    def cosignatures(self) -> tuple[Cosignature, ...]:
        """Those that count (step 6)."""
        return self.checkpoint.cosignatures


def verify_record(
    jws: str,
    receipt: str | bytes,
    trust: Trust,
    *,
    quorum: int = 0,
    passed: Callable[[int], None] | None = None,
) -> Verdict:
    """Verify one record with its receipt, by the steps above; `passed` is told the number of each one passed.

    `quorum` is the number of cosignatures asked for; `trust.quorum` holds what the cities agreed on. Raises
    the `Problem` of the step that fails: MALFORMED, TOO_LARGE, UNKNOWN_KEY, BAD_SIGNATURE, NOT_ALLOWED,
    CONFLICT where entry and record differ, UNSIGNED where cosignatures are too few, and those of the record's
    schema.
    """
    done = passed or _ignore
    # 1. The receipt and its entry.
    parsed = receipts.Receipt.parse(receipt)
    entry = entries.decode(parsed.entry)
    if not isinstance(entry, entries.OfRecord):
        raise Problem(Code.NOT_ALLOWED, f"an entry of type {entry.type} is no receipt for a record")
    done(1)
    # 2. The record's key and signature.
    signed = record_signature.parse(jws)
    key = trust.key(signed.kid)
    if key is None:
        raise Problem(Code.UNKNOWN_KEY, "the record's key is not in the trust list")
    verified = record_signature.verify(signed, key.verify_key)
    # 3. What the record says, and what the entry says of it.
    record = record_schema.load(verified.payload)
    if key.owner_kind != "city" or key.owner != record.sender or not key.may_sign(record.kind):
        raise Problem(Code.NOT_ALLOWED, "the key is not one that signs this kind for the sender")
    done(2)
    _compare(entry, record, verified.digest)
    done(3)
    # 4. The log's signature, and the witnesses'.
    origin = Checkpoint.parse(split_note(parsed.checkpoint)[0]).origin
    node = trust.nodes.get(origin)
    if node is None:
        raise Problem(Code.UNKNOWN_KEY, "the checkpoint is of a log that is not in the trust list")
    log = VerifierKey.parse(node.log)
    witnesses = [VerifierKey.parse(other.witness) for other in trust.witnesses_for(node.name)]
    checkpoint = open_checkpoint(parsed.checkpoint, log, witnesses)
    done(4)
    # 5. The entry's place.
    leaf = leaf_hash(parsed.entry)
    verify_inclusion(parsed.index, checkpoint.size, leaf, parsed.proof, checkpoint.root)
    done(5)
    # 6. The witnesses.
    _check_quorum(checkpoint, quorum)
    done(6)
    # 7. The key's validity.
    is_first = isinstance(entry, entries.Accepted)
    accepted_at = datetime.fromisoformat(entry.at) if is_first else record.issued_at
    if not key.valid_at(record.issued_at, accepted_at):
        raise Problem(Code.UNKNOWN_KEY, "the record's key was not valid when it was issued and entered")
    done(7)
    return Verdict(record, verified.digest, key, entry, parsed.index, checkpoint)


def _ignore(_step: int) -> None:
    pass


def _compare(entry: entries.OfRecord, record: record_schema.Record, digest: str) -> None:
    """Step 3: the entry is of this record. One that was not accepted here may name some of the recipients only."""
    pairs: dict[str, tuple[object, object]] = {
        "digest": (entry.digest, digest),
        "id": (entry.id, record.id),
        "revision": (entry.revision, record.revision),
        "kind": (entry.kind, record.kind),
        "from": (entry.sender, record.sender),
        "marking": (entry.marking, record.marking),
    }
    for name, (said, is_) in pairs.items():
        if said != is_:
            raise Problem(Code.CONFLICT, f"the entry is of another record: {name} differs", where=f"/{name}")
    named, sent = set(entry.to), set(record.recipients)
    if not named <= sent or (isinstance(entry, entries.Accepted) and named != sent):
        raise Problem(Code.CONFLICT, "the entry names other recipients than the record", where="/to")


def _check_quorum(checkpoint: VerifiedCheckpoint, quorum: int) -> None:
    found = len(checkpoint.cosignatures)
    if found < quorum:
        raise Problem(Code.UNSIGNED, f"{found} of {quorum} cosignatures are on the checkpoint")


@dataclass(frozen=True, slots=True)
class LogReport:
    """What a whole log was found to hold; there is one only where every step passed."""

    checkpoint: VerifiedCheckpoint
    types: Mapping[str, int]
    """How many entries of each type."""
    streams: Mapping[str, int]
    """The last number of each recipient's stream, by city code; there is no gap before it."""

    @property
    def origin(self) -> str:
        return self.checkpoint.checkpoint.origin

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root

    @property
    def cosignatures(self) -> tuple[Cosignature, ...]:
        return self.checkpoint.cosignatures


def verify_log(
    reader: LogReader,
    log: VerifierKey,
    *,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    processes: int = 1,
    progress: Progress | None = None,
    passed: Callable[[int], None] | None = None,
) -> LogReport:
    """Verify a whole log, by the steps above; `passed` is told the number of each one passed.

    With `processes` over 1 that many others share the entries, each with a copy of the reader, which then has
    to be one that can be pickled. What is reported or refused is the same.

    Raises the `Problem` of the first entry or tile at fault, which its detail names: what the reader raises,
    and MALFORMED, TOO_LARGE, UNKNOWN_KEY, BAD_SIGNATURE, UNSIGNED, or CONFLICT where parts of the log
    contradict each other. INTERNAL where one of the processes ended before its work.
    """
    done = passed or _ignore
    # 1. The checkpoint.
    checkpoint = open_checkpoint(reader.checkpoint(), log, witnesses)
    _check_quorum(checkpoint, quorum)
    done(1)
    size = checkpoint.size
    streams, fold = _Streams(), _Fold(reader)
    with closing(check_ranges(reader, size, processes, progress)) as ranges:
        for found in ranges:
            # 2. Entries and streams, and level 0 as far as there is no fault.
            streams.join(found)
            if found.fault is not None:
                raise found.fault
            # 3. The levels above as they fill.
            fold.join(found)
    fold.finish()
    done(2)
    done(3)
    # 4. The root.
    if tiles.compact_range(size, fold.tails).root() != checkpoint.root:
        raise Problem(Code.CONFLICT, "the entries do not hash to the root that the checkpoint names")
    done(4)
    return LogReport(checkpoint, streams.types, dict(sorted(streams.last.items())))


class _Streams:
    """Step 2 across ranges: the types together, and each range's streams where the ones before it ended."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.last: dict[str, int] = {}

    def join(self, found: Found) -> None:
        """Go on with the next range. Raises `Problem` CONFLICT for the first stream that does not go on."""
        for city, (n, index) in found.first.items():
            awaited = self.last.get(city, 0) + 1
            if n != awaited:
                raise gap(index, city, n, awaited)
        for index, entry in found.moves:
            check_move(index, entry, self.last.get(entry.city, 0))
        self.last.update(found.last)
        self.types.update(found.types)


class _Fold:
    """Step 3 above level 0: hashes the tiles up, and holds each against what it must be."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._done: Counter[int] = Counter()
        """Full tiles of each level so far."""
        self.tails: dict[int, bytes] = {}

    def join(self, found: Found) -> None:
        """Add the next range's tiles."""
        self.tails[0] = found.tail
        level, row = 1, found.roots
        while row:
            run = self.tails.get(level, b"") + row
            row = b""
            while len(run) >= tiles.TILE_BYTES:
                tile, run = run[: tiles.TILE_BYTES], run[tiles.TILE_BYTES :]
                compare(self._reader, level, self._done[level], tile)
                self._done[level] += 1
                row += tiles.tile_root(tile)
            self.tails[level] = run
            level += 1

    def finish(self) -> None:
        """Check the partial tiles of the right edge, lowest level first; that of level 0 is its range's."""
        for level, tail in self.tails.items():
            if level > 0 and tail:
                compare(self._reader, level, self._done[level], tail)
