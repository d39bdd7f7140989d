"""A log brought forward again from a copy of it: the entries that the database lost, appended exactly as they were.

1. The copy's checkpoint bears the log's own signature, and the copy's tree begins with the log as it is now.
2. Its entries are read once, without anything being written: each is well formed, and together they lead from the
   log's head to the copy's root.
3. They are read again and appended, some hundreds in a transaction, each of these the very ones that were verified.
   What a row can be made from is the entry: records come back without their bytes (`records.py` fetches them), their
   deliveries with their numbers, streams, what was fetched, erased, refused, trusted, given up.
4. Where the log then holds the checkpoint because of which it was halted, it is halted no more.

Killed half-way it goes on where it was; twice it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from hub import standing
from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation.histories import Sight
from hub.federation.moving.placing import OTHERS, OWN
from hub.log import entry as entries
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.reader import DirReader
from hub.log.tile import decode_bundle, prefix_root
from hub.log.tree import CompactRange, leaf_hashes
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.moves import Coming, Departure
from hub.store.transaction import Arrival
from keys.trust_list import Trust
from schemas.limits import TILE_WIDTH

FORK: Final = "fork"
Told = Callable[[int, int], None]
"""Told how many entries are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a log: entries that came back, its size now, and whether it may be written again."""

    appended: int
    size: int
    copy: VerifiedCheckpoint
    running: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """The entries of one tile that are to be appended, as they were verified."""

    begin: int
    end: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Verified:
    """What is to be appended, and the cities that came to this node meanwhile: (index, city, from where)."""

    parts: list[_Part] = field(default_factory=list)
    comings: list[tuple[int, str, str]] = field(default_factory=list)


def restore(node: Node, folder: Path, told: Told = lambda _done, _all: None) -> Restored:
    """Append what the copy in `folder` has and the log has not.

    Raises: Problem `unknown-key`, `bad-signature` for a copy of another log; `conflict` where the log is not the
    copy's beginning; `malformed`, `not-found` for a copy that is broken.
    """
    reader = DirReader(folder)
    # 1. Whose copy it is, and of which history.
    copy = open_checkpoint(reader.checkpoint(), node.log_verifier)
    head = node.store.head()
    if copy.size <= head.size and not standing.holds(node.store, copy):
        raise Problem(
            Code.CONFLICT, f"the copy's {copy.size} entries are not the first {copy.size} of this log"
        )
    _check_beginning(reader, copy, CompactRange.from_bytes(head.frontier))
    # 2. All of it, before anything is written.
    verified = _Verified()
    if copy.size > head.size:
        verified = _verified(reader, copy, CompactRange.from_bytes(head.frontier))
    # 3. The same again, with the rows.
    trust = node.trust()
    for part in verified.parts:
        lines = _lines(reader, part.begin, part.end, copy.size)
        if _digest(lines) != part.digest:
            raise Problem(Code.CONFLICT, "the copy was changed while it was read")
        _append(node, part.begin, lines, trust, verified.comings)
        told(part.end - head.size, copy.size - head.size)
    # 4. The halt.
    running = resume_if_held(node)
    return Restored(max(0, copy.size - head.size), node.store.head().size, copy, running)


def resume_if_held(node: Node) -> bool:
    """Let a halted log be written again if it holds what it was halted for; whether it may be written."""
    halted = node.store.head().halted
    if halted is None:
        return True
    if standing.contradicting(node.store, node.log_verifier, halted) is not None:
        return False
    node.store.write(Job(lambda transaction: transaction.recovering.resume(), even_halted=True))
    return True


def _check_beginning(reader: DirReader, copy: VerifiedCheckpoint, own: CompactRange) -> None:
    """The shorter of the two is the beginning of the longer; a shorter copy has nothing to give."""
    if own.size <= copy.size and prefix_root(own.size, copy.size, reader.tile) != own.root():
        raise Problem(
            Code.CONFLICT,
            f"the log's {own.size} entries are not the first {own.size} of the copy: something was entered after the"
            " restore; put the restored database into its place once more, and do this before the node is started",
        )


def _verified(reader: DirReader, copy: VerifiedCheckpoint, own: CompactRange) -> _Verified:
    """Step 2."""
    verified, grown = _Verified(), own
    while grown.size < copy.size:
        begin, end = grown.size, min(copy.size, (grown.size // TILE_WIDTH + 1) * TILE_WIDTH)
        lines = _lines(reader, begin, end, copy.size)
        for place, line in enumerate(lines):
            try:
                entry = entries.decode(line)
            except Problem as problem:
                raise Problem(
                    problem.code, f"entry {begin + place} of the copy: {problem.detail}"
                ) from problem
            if isinstance(entry, entries.Hosted):
                verified.comings.append((begin + place, entry.city, entry.via))
        grown = grown.extend(leaf_hashes(lines))
        verified.parts.append(_Part(begin, end, _digest(lines)))
    if grown.root() != copy.root:
        raise Problem(Code.CONFLICT, "the copy's entries do not lead to the root of its checkpoint")
    return verified


def _lines(reader: DirReader, begin: int, end: int, size: int) -> list[bytes]:
    number = begin // TILE_WIDTH
    width = min(TILE_WIDTH, size - number * TILE_WIDTH)
    first = number * TILE_WIDTH
    return decode_bundle(reader.entries(number, width), width)[begin - first : end - first]


def _digest(lines: Sequence[bytes]) -> bytes:
    return sha256(b"".join(leaf_hashes(lines))).digest()


def _append(
    node: Node,
    begin: int,
    lines: Sequence[bytes],
    trust: Trust,
    comings: Sequence[tuple[int, str, str]],
) -> None:
    """Step 3, as many transactions as it takes: what an entry erases must be in the database before."""
    decoded = [entries.decode(line) for line in lines]
    for first, last in _runs(begin, decoded):
        part = list(
            zip(lines[first - begin : last - begin], decoded[first - begin : last - begin], strict=True)
        )

        def apply(
            transaction: Transaction, at: int = first, part: Sequence[tuple[bytes, entries.Entry]] = part
        ) -> None:
            if transaction.size != at:
                raise Problem(Code.BUSY, "another process has written to the log meanwhile", retry_after=5)
            rows = _Rows(transaction, trust, comings)
            for line, entry in part:
                rows.enter(transaction.append(line), entry)

        ids = sorted({entry.id for _line, entry in part if isinstance(entry, entries.OfRecord)})
        node.store.write(Job(apply, ids=ids, even_halted=True))


def _runs(begin: int, decoded: Sequence[entries.Entry]) -> Iterator[tuple[int, int]]:
    first = begin
    for place, entry in enumerate(decoded, start=begin):
        if isinstance(entry, entries.Erased) and entry.index >= first:
            yield first, place
            first = place
    yield first, begin + len(decoded)


class _Rows:
    """What each type of entry stands for beside the log."""

    def __init__(
        self, transaction: Transaction, trust: Trust, comings: Sequence[tuple[int, str, str]]
    ) -> None:
        self._transaction = transaction
        self._trust = trust
        self._comings = comings
        self._by: Mapping[type[entries.Entry], Callable[[int, Any], None]] = {
            entries.Accepted: self._routed,
            entries.Received: self._routed,
            entries.Moved: self._moved,
            entries.Served: self._served,
            entries.Refused: self._refused,
            entries.TrustChanged: self._trusted,
            entries.Erased: self._erased,
            entries.Equivocation: self._accused,
            entries.Epoch: self._epoch,
            entries.Departed: self._departed,
            entries.Hosted: self._hosted,
        }

    def enter(self, index: int, entry: entries.Entry) -> None:
        """Make the rows of the entry at `index`; an `opened` one has none."""
        make = self._by.get(type(entry))
        if make is not None:
            make(index, entry)

    def _routed(self, index: int, entry: entries.Routed) -> None:
        numbers = self._transaction.next_numbers(sorted(entry.to))
        if numbers != dict(entry.to):
            raise Problem(Code.CONFLICT, f"entry {index}: the database numbers its recipients otherwise")
        arrival = _without_bytes(entry)
        held = self._transaction.held(entry.id).get((entry.sender, entry.revision))
        if held is None:
            self._transaction.store(arrival, index, numbers)
        else:
            self._transaction.deliver(arrival, index, numbers, held_at=held.index)

    def _moved(self, index: int, entry: entries.Moved) -> None:
        """As `hub/federation/moving/placing.py` has it: the recipients are known, and no stream of this log has it."""
        numbers = dict.fromkeys(entry.to, OTHERS)
        came = (city for at, city, via in self._comings if at > index and via == entry.via)
        city = next(came, None)
        if city is not None and city != entry.sender:
            numbers[city] = OWN
        arrival = _without_bytes(entry)
        self._transaction.store(arrival, index, {})
        self._transaction.deliver(arrival, index, numbers)

    def _served(self, _index: int, entry: entries.Served) -> None:
        key = self._trust.key(entry.by)
        if key is None:
            return
        cities = self._trust.hosted_by(key.owner) if key.owner_kind == "node" else frozenset({key.owner})
        self._transaction.mark_fetched(sorted(cities), entry.indexes, entry.at)

    def _refused(self, index: int, entry: entries.Refused) -> None:
        self._transaction.refuse(entry.by, entry.code, bytes.fromhex(entry.digest), index)

    def _trusted(self, index: int, entry: entries.TrustChanged) -> None:
        self._transaction.trusted(entry.file, entry.version, bytes.fromhex(entry.digest), index)

    def _erased(self, index: int, entry: entries.Erased) -> None:
        self._transaction.erase(entry.index, index)

    def _accused(self, index: int, entry: entries.Equivocation) -> None:
        """The peer is cut off, even if it was readmitted since, which no entry says: a person decides again."""
        neighbours = self._transaction.neighbours
        sight = Sight(FORK, entry.ours, entry.theirs)
        document = evidence.written(entry.origin, sight, datetime.fromisoformat(entry.at))
        neighbours.accuse(entry.origin, FORK, document, entry.at, index)
        if neighbours.peer(entry.origin).cut_at is None:
            neighbours.cut(entry.origin, entry.at, FORK)

    def _departed(self, index: int, entry: entries.Departed) -> None:
        """The city's place with each peer is not in the entry: its new node takes up its peers' logs from the start."""
        members = ("at", "city", "node", "last")
        line = entries.departed(**{name: getattr(entry, name) for name in members}).decode()
        self._transaction.depart(entry.city, Departure(index, line, entry.node, entry.last, {}))

    def _hosted(self, index: int, entry: entries.Hosted) -> None:
        members = ("at", "city", "via", "via_size", "last", "begins", "before", "ahead")
        line = entries.hosted(**{name: getattr(entry, name) for name in members}).decode()
        self._transaction.come(entry.city, entry.begins, Coming(index, entry.via, entry.via_size, line))
        self._transaction.leave_out(entry.city, entry.ahead)

    def _epoch(self, index: int, entry: entries.Epoch) -> None:
        self._transaction.recovering.abandon(index, entry.abandoned)


def _without_bytes(entry: entries.OfRecord) -> Arrival:
    return Arrival(
        entry.id, entry.revision, entry.digest, entry.kind, entry.sender, entry.marking, None, None
    )
