"""What a write may do, between taking its turn and the commit.

Order within one transaction: the head is read (and, on PostgreSQL, locked) first; what the jobs will look up
is fetched once for all of them; jobs then decide and buffer; `flush` writes rows, tiles and the signed head
together. A job that raises before it buffers anything leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from hub.log.checkpoint import Checkpoint
from hub.log.tile import new_tiles
from hub.log.tree import CompactRange, leaf_hash
from hub.store import statements
from hub.store.awaited import Awaited
from hub.store.bulk import insert_rows
from hub.store.moves import Coming, Departure, Moves, read_moves
from hub.store.neighbours import Neighbours
from hub.store.recovering import Recovering
from hub.store.tables import (
    MISSING,
    acknowledgements,
    deliveries,
    entries,
    nonces,
    records,
    refusals,
    streams,
    tiles,
    trust_versions,
)

SignCheckpoint = Callable[[Checkpoint], str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A request's right to happen once: its nonce, and until when a second use would be noticed."""

    kid: str
    nonce: str
    until: datetime

    @property
    def key(self) -> bytes:
        return sha256(f"{self.kid}\n{self.nonce}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Held:
    """A revision that is held: its digest, index, issuing city and kind, and whom it went to."""

    revision: int
    digest: str
    index: int
    sender: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record to be stored, with all that its rows need; one that lacks its bytes has no `jws`."""

    id: str
    revision: int
    digest: str
    kind: str
    sender: str
    marking: str
    forget_at: str | None
    jws: str | None


def id_bytes(record_id: str) -> bytes:
    """A UUID's text as the 16 bytes that are stored."""
    return bytes.fromhex(record_id.replace("-", ""))


class Transaction:
    """One write on the log and its tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.neighbours = Neighbours(connection)
        self.recovering = Recovering(connection)
        head = connection.execute(statements.LOCKED_HEAD).one()
        self._origin: str = head.origin
        self._frontier = CompactRange.from_bytes(head.frontier)
        self.size: int = head.size
        self.awaited = Awaited(connection, head.size)
        self.halted: str | None = head.halted
        self.moves = read_moves(head.moves)
        self.checkpoint: str = head.checkpoint
        self._first = head.size
        self._lines: list[bytes] = []
        self._leaves: list[bytes] = []
        self._held: dict[str, dict[tuple[str, int], Held]] = {}
        self._claimed: set[bytes] = set()
        self._claims: list[tuple[bytes, int]] = []
        self._last: dict[str, int] = {}
        self._first_last: dict[str, int | None] = {}
        self._records: list[tuple[Any, ...]] = []
        self._deliveries: list[tuple[Any, ...]] = []
        self._acknowledgements: dict[tuple[bytes, str], tuple[Any, ...]] = {}
        self._refusals: dict[tuple[str, str, bytes], int] = {}
        self._trust_versions: list[tuple[Any, ...]] = []

    # -- what jobs look up ---------------------------------------------------------------------------

    def prepare(self, claims: Iterable[Claim], ids: Collection[str]) -> None:
        """Fetch in two queries what the jobs of this transaction will ask for."""
        keys = [claim.key for claim in claims]
        if keys:
            seen = self._connection.execute(statements.SEEN_NONCES, {"keys": keys})
            self._claimed.update(row.nonce for row in seen)
        wanted = {id_bytes(record_id): record_id for record_id in ids}
        for record_id in ids:
            self._held.setdefault(record_id, {})
        if wanted:
            for row in self._connection.execute(statements.HELD_REVISIONS, {"ids": list(wanted)}):
                self._held[wanted[row.id]][row.sender, row.revision] = Held(
                    row.revision, row.digest.hex(), row.idx, row.sender, row.kind
                )

    def claim(self, claim: Claim) -> bool:
        """Use up the nonce of a request that `prepare` was told of; False if it was used before."""
        key = claim.key
        if key in self._claimed:
            return False
        self._claimed.add(key)
        self._claims.append((key, int(claim.until.timestamp())))
        return True

    def held(self, record_id: str) -> Mapping[tuple[str, int], Held]:
        """The revisions of a record that `prepare` was told of, by (issuing city, revision).

        Those stored earlier in this transaction are among them.
        """
        return self._held[record_id]

    def jws(self, index: int) -> str | None:
        """The signed bytes of the record at `index`, None if they were erased."""
        for row in self._records:
            if row[0] == index:
                return None if row[7] is None else str(row[7])
        return self._connection.execute(statements.STORED_RECORD, {"at": index}).scalar()

    def recipient_of(self, index: int, city: str) -> bool:
        """Whether the record at `index` is addressed to `city`."""
        if any(row[0] == city and index in (row[1], row[7]) for row in self._deliveries):
            return True
        found = self._connection.execute(statements.RECIPIENT, {"of": city, "at": index})
        return found.first() is not None

    def in_stream(self, index: int, city: str) -> bool:
        """Whether a stream of `city`, here or at a node that hosted it before, has the record held at `index`."""
        for row in self._deliveries:
            if row[0] == city and ((row[1] == index and row[2] != -1) or row[7] == index):
                return True
        found = self._connection.execute(statements.IN_STREAM, {"of": city, "at": index})
        return found.first() is not None

    def was_refused(self, kid: str, code: str, digest: bytes) -> bool:
        """Whether an entry already says that this was refused."""
        if (kid, code, digest) in self._refusals:
            return True
        found = self._connection.execute(statements.REFUSAL, {"by": kid, "why": code, "what": digest})
        return found.first() is not None

    def was_passed_over(self, kids: Collection[str], digest: bytes) -> bool:
        """Whether an entry says that what has this digest was refused to one of the keys, for whatever reason."""
        if any(kid in kids and digest == what for kid, _code, what in self._refusals):
            return True
        found = self._connection.execute(statements.PASSED_OVER, {"by": list(kids), "what": digest})
        return found.first() is not None

    def trust_version(self, file: str) -> tuple[int, bytes] | None:
        """The newest version and digest of a trust target that an entry names."""
        row = self._connection.execute(statements.TRUST_VERSION, {"of": file}).first()
        return None if row is None else (row.version, bytes(row.digest))

    # -- what jobs do --------------------------------------------------------------------------------

    def next_numbers(self, cities: Sequence[str]) -> dict[str, int]:
        """Count each recipient's stream on by one."""
        self._look_up(cities)
        for city in cities:
            self._last[city] += 1
        return {city: self._last[city] for city in cities}

    def last_number(self, city: str) -> int:
        """The last number of a city's stream; 0 where it has none."""
        self._look_up([city])
        return self._last[city]

    def _look_up(self, cities: Sequence[str]) -> None:
        unknown = [city for city in cities if city not in self._last]
        if unknown:
            rows = self._connection.execute(statements.STREAMS, {"cities": unknown})
            known = {row.city: row.last for row in rows}
            for city in unknown:
                self._first_last[city] = known.get(city)
                self._last[city] = known.get(city, 0)

    def append(self, line: bytes) -> int:
        """Add an entry to the log; its index."""
        index = self.size
        self._lines.append(line)
        self._leaves.append(leaf_hash(line))
        self.size += 1
        return index

    def store(
        self, arrival: Arrival, index: int, numbers: Mapping[str, int], erased: int | None = None
    ) -> None:
        """Keep a record whose entry is at `index`, with a delivery for each recipient in `numbers`.

        `erased` is the index of the entry that says that its bytes are gone.
        """
        self._records.append(
            (
                index,
                id_bytes(arrival.id),
                arrival.revision,
                bytes.fromhex(arrival.digest),
                arrival.kind,
                arrival.sender,
                arrival.forget_at,
                arrival.jws,
                erased if arrival.jws is not None or erased is not None else MISSING,
            )
        )
        for city, number in numbers.items():
            self._deliveries.append(
                (city, index, number, arrival.kind, arrival.sender, arrival.marking, None, None)
            )
        self._held[arrival.id][arrival.sender, arrival.revision] = Held(
            arrival.revision, arrival.digest, index, arrival.sender, arrival.kind
        )

    def deliver(
        self,
        arrival: Arrival,
        index: int,
        numbers: Mapping[str, int],
        *,
        held_at: int | None = None,
        fetched: Mapping[str, str] | None = None,
    ) -> None:
        """Add deliveries of a record that is held: its entry for them is at `index`, the record itself at `held_at`."""
        for city, number in numbers.items():
            row = (city, index, number, arrival.kind, arrival.sender, arrival.marking)
            self._deliveries.append((*row, (fetched or {}).get(city), held_at))

    def place(self, index: int, city: str) -> None:
        """The stream of the node that hosted `city` before had the record at `index`, as it turned out."""
        self._connection.execute(statements.PLACE_DELIVERY, {"of": city, "at": index})

    def unnumber(self, index: int, city: str) -> None:
        """Leave the record at `index` out of `city`'s stream: that of the node that hosted it before has it."""
        self._connection.execute(statements.UNNUMBER_DELIVERY, {"of": city, "at": index})

    def leave_out(self, city: str, numbers: Collection[int]) -> None:
        """The same for all records that have these numbers in `city`'s stream."""
        self._deliveries = [
            (*row[:2], -row[2] - 1, *row[3:]) if row[0] == city and row[2] in numbers else row
            for row in self._deliveries
        ]
        if numbers:
            self._connection.execute(statements.LEAVE_OUT, {"of": city, "numbers": list(numbers)})

    def answered_at(self, digest: str, city: str) -> str | None:
        """When a recipient answered a revision last, None where it did not."""
        key = bytes.fromhex(digest)
        if (key, city) in self._acknowledgements:
            return str(self._acknowledgements[key, city][3])
        return self._connection.execute(statements.ANSWERED_AT, {"of": key, "by": city}).scalar()

    def depart(self, city: str, departure: Departure) -> None:
        """Remember that a city has left."""
        self._mark(self.moves.departed(city, departure))
        self.awaited.leave(city)

    def come(self, city: str, begins: int, coming: Coming) -> None:
        """Remember that a city has come; of one that is here, that its hand-over did."""
        if self.moves.is_here(city):
            self._mark(self.moves.handed(city, coming))
        else:
            self._mark(self.moves.came(city, begins, coming))

    def _mark(self, moves: Moves) -> None:
        self.moves = moves
        self._connection.execute(statements.MARK_MOVES, {"marks": moves.encode()})

    def acknowledge(self, digest: str, city: str, outcome: str, at: str, index: int) -> None:
        """Note a recipient's newest answer to a revision."""
        key = bytes.fromhex(digest)
        self._acknowledgements[key, city] = (key, city, outcome, at, index)

    def mark_fetched(self, cities: Sequence[str], indexes: Sequence[int], at: str) -> None:
        """Note that these deliveries have been fetched, where that is new."""
        chosen = set(indexes)
        for start in range(0, len(indexes), 500):
            part = list(indexes[start : start + 500])
            self._connection.execute(
                statements.MARK_FETCHED, {"cities": list(cities), "indexes": part, "at": at}
            )
        if any(row[1] in chosen for row in self._deliveries):
            self._deliveries = [
                (*row[:6], row[6] or at, row[7]) if row[1] in chosen and row[0] in cities else row
                for row in self._deliveries
            ]

    def refuse(self, kid: str, code: str, digest: bytes, index: int) -> None:
        """Remember that the entry at `index` says this was refused."""
        self._refusals[kid, code, digest] = index

    def trusted(self, file: str, version: int, digest: bytes, index: int) -> None:
        """Remember that the entry at `index` names this version of a trust target."""
        self._trust_versions.append((file, version, digest, index))

    def erase(self, index: int, entry: int | None = None) -> None:
        """Drop the signed bytes of the record at `index`; its entry, its proofs and its deliveries stay.

        `entry` is the index of the entry that says so.
        """
        self._connection.execute(statements.EMPTY_RECORD, {"at": index, "by": entry})
        self.awaited.drop(index)

    def due(self, at: str, limit: int) -> list[tuple[int, str]]:
        """(index, entry) of records that are to be forgotten by `at`, the oldest first."""
        found = self._connection.execute(statements.DUE_RECORDS, {"by": at, "most": limit})
        return [(row.idx, row.line) for row in found]

    def prune_nonces(self, now: datetime) -> int:
        """Forget the nonces that a stale `created` already refuses; how many."""
        pruned = self._connection.execute(statements.DROP_NONCES, {"now": int(now.timestamp())})
        return pruned.rowcount

    # -- the end -------------------------------------------------------------------------------------

    def flush(self, sign: SignCheckpoint) -> str:
        """Write all that was buffered; the checkpoint that covers it, newly signed if the log grew."""
        connection = self._connection
        insert_rows(connection, nonces, self._claims)
        insert_rows(connection, records, self._records)
        insert_rows(connection, deliveries, self._deliveries)
        insert_rows(connection, trust_versions, self._trust_versions)
        insert_rows(connection, refusals, [(*key, index) for key, index in self._refusals.items()])
        self._flush_acknowledgements()
        self.awaited.flush()
        self._flush_streams()
        if self._lines:
            self._flush_log(sign)
        return self.checkpoint

    def _flush_acknowledgements(self) -> None:
        for key, row in self._acknowledgements.items():
            digest, city = key
            self._connection.execute(statements.DROP_ACKNOWLEDGEMENT, {"of": digest, "by": city})
            insert_rows(self._connection, acknowledgements, [row])

    def _flush_streams(self) -> None:
        fresh = [(city, last) for city, last in self._last.items() if self._first_last[city] is None]
        moved = [
            {"of": city, "to": last}
            for city, last in self._last.items()
            if self._first_last[city] not in (None, last)
        ]
        insert_rows(self._connection, streams, [row for row in fresh if row[1] > 0])
        if moved:
            self._connection.execute(statements.MOVE_STREAM, moved)

    def _flush_log(self, sign: SignCheckpoint) -> None:
        connection = self._connection
        insert_rows(
            connection,
            entries,
            [(self._first + offset, line.decode()) for offset, line in enumerate(self._lines)],
        )
        tails = self._tails()
        written, _ = new_tiles(self._first, self._leaves, tails)
        replaced = [
            {"at_level": level, "at_number": number, "now": hashes}
            for level, number, hashes in written
            if level in tails and number == (self._first >> (8 * level)) >> 8
        ]
        marks = {(row["at_level"], row["at_number"]) for row in replaced}
        if replaced:
            connection.execute(statements.GROW_TILE, replaced)
        insert_rows(connection, tiles, [tile for tile in written if (tile[0], tile[1]) not in marks])
        self._frontier = self._frontier.extend(self._leaves)
        self.checkpoint = sign(Checkpoint(self._origin, self.size, self._frontier.root()))
        connection.execute(
            statements.MOVE_HEAD,
            {"to": self.size, "range": self._frontier.to_bytes(), "note": self.checkpoint},
        )

    def _tails(self) -> dict[int, bytes]:
        """The unfinished tile of each level, where there is one."""
        wanted = []
        level, width = 0, self._first
        while width:
            if width % 256:
                wanted.append((level, width // 256))
            level, width = level + 1, width // 256
        if not wanted:
            return {}
        found = self._connection.execute(statements.TAILS, {"places": wanted})
        return {row.level: bytes(row.hashes) for row in found}
