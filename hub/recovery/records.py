"""Records fetched back from peers: what cities of this node had sent, and the bytes of what had come for them.

1. A peer gives what it holds of the records that this node's cities have sent, in the order of its own log. Each is
   judged as at a push, by its signature first: what a peer says of it beside that counts for nothing, its entry's time
   neither.
2. Where the log has the record's entry already (it came back from a copy), the bytes are put in their place. They are
   kept as long as was agreed on from that entry on. Of one that had come from another node (`received`, `moved`) that
   is a little later than there: no record is erased before its time.
3. Where it has not, and a new epoch has begun, the record is accepted anew: its bytes, a new entry, new numbers; it is
   kept as long as was agreed on from then on. A revision whose predecessor is lost is taken all the same. While the log
   is halted nothing is entered.
4. What came from peers is fetched again by ordinary rounds: the peers' places are as old as the backup.
5. What nobody has any more can be given up: an `erased` entry says so, and nobody waits for it any longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hub import answers
from hub.acceptance import Candidate, Judge, forget_at
from hub.arrival import Page
from hub.clock import rfc3339
from hub.entering import enter
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log.entry import OfRecord
from hub.node import Node
from hub.refilling import refill
from hub.revisions import acknowledged_if_held, check_kept
from hub.store import Job, Transaction
from keys.trust_list import Trust

LOST: Final = "lost: restored from an old backup"
"""The basis of the entries that give records up."""
AT_ONCE: Final = 500
REFUSALS_KEPT: Final = 100

Ask = Callable[[int], Page]
"""A page of what this node's cities have sent, after an index of the peer's log."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was not taken back, and why."""

    digest: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a peer gave back: bytes put in their place, records accepted anew, ones that were here, ones refused.

    `beyond` are those that the log has no entry of, while it is halted.
    """

    filled: int = 0
    accepted: int = 0
    known: int = 0
    beyond: int = 0
    refused: tuple[Refused, ...] = field(default=())

    def __add__(self, other: Fetched) -> Fetched:
        return Fetched(
            self.filled + other.filled,
            self.accepted + other.accepted,
            self.known + other.known,
            self.beyond + other.beyond,
            (*self.refused, *other.refused)[:REFUSALS_KEPT],
        )


def fetch_sent(node: Node, ask: Ask, told: Callable[[int], None] = lambda _done: None) -> Fetched:
    """Take back from a peer what this node's cities had sent; on return it is on disk.

    Raises: Problem for what the peer does wrong, or while it cannot be reached; what it gave before that is kept.
    """
    found, after, more = Fetched(), -1, True
    judge = Judge()
    try:
        while more:
            page = ask(after)
            with answers.contract():
                last = max((_index(item["index"]) for item in page.items), default=after)
                given = [item["record"] for item in page.items]
            if page.items and last <= after:
                raise Problem(Code.CONFLICT, "the peer's page goes back")
            found += _take(node, judge, given, node.clock())
            after, more = last, page.more
            told(found.filled + found.accepted + found.known)
    finally:
        judge.close()
    return found


def give_up(node: Node) -> int:
    """Enter of every record that still lacks its bytes that it is gone; how many.

    Raises: Problem `busy` while the log is halted.
    """

    def erase(transaction: Transaction) -> int:
        missing = transaction.recovering.missing(limit=AT_ONCE)
        at = rfc3339(node.clock())
        for each in missing:
            entry = entries.decode(each.entry.encode())
            assert isinstance(entry, OfRecord)
            line = entries.erased(at=at, index=each.index, digest=entry.digest, basis=LOST)
            transaction.erase(each.index, transaction.append(line))
        return len(missing)

    given = 0
    while count := node.store.write(Job(erase)).result:
        given += count
    return given


def _index(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise Problem(Code.MALFORMED, "the peer's page has an index that is no whole number")
    return value


def _take(node: Node, judge: Judge, given: Sequence[object], now: datetime) -> Fetched:
    trust = node.trust()
    own = trust.hosted_by(node.config.name)
    candidates = judge.all(own, given, trust, [now] * len(given))
    ids = [
        record_id
        for candidate in candidates
        if candidate.record is not None
        for record_id in (candidate.record.id, candidate.record.subject)
        if record_id is not None
    ]

    def apply(transaction: Transaction) -> Fetched:
        found = Fetched()
        for candidate in candidates:
            try:
                found += _put_back(transaction, candidate, trust, now)
            except Problem as problem:
                found += Fetched(refused=(Refused(candidate.digest, problem),))
        return found

    return node.store.write(Job(apply, ids=ids, even_halted=True)).result


def _date(candidate: Candidate, trust: Trust, accepted: datetime) -> None:
    """Reckon until when a record is kept from when it was accepted, which was not before it was issued."""
    record = candidate.record
    assert record is not None
    agreement = trust.agreements.get(record.agreement)
    days = 0 if agreement is None else agreement.retention_days
    candidate.forget_at = forget_at(record, max(accepted, record.issued_at), days)


def _put_back(transaction: Transaction, candidate: Candidate, trust: Trust, now: datetime) -> Fetched:
    """Rules 2 and 3 for one record."""
    record, verified = candidate.record, candidate.verified
    if record is None or verified is None:
        assert candidate.problem is not None
        raise candidate.problem
    held = transaction.held(record.id).get((record.sender, record.revision))
    if held is not None and held.digest == verified.digest:
        own = entries.decode(transaction.recovering.line(held.index).encode())
        _date(candidate, trust, datetime.fromisoformat(own.at))
        return Fetched(filled=1) if refill(transaction, candidate, held) else Fetched(known=1)
    if transaction.halted is not None:
        return Fetched(beyond=1)
    if candidate.problem is not None:
        raise candidate.problem
    check_kept(transaction, record)
    _date(candidate, trust, now)
    enter(transaction, candidate, now, acknowledged_if_held(transaction, record))
    return Fetched(accepted=1)
