"""What comes from peers, taken in: the same acceptance as a push, by the origin's time (wire contract, section 6).

For each item of a page, in the peer's order:

1. It stands where the peer's log has it (`hub/federation` has seen to that), after the last one; its entry says of the
   record what the record says of itself.
2. The stream of every recipient that this node hosts goes on without a gap.
3. Signature, schema, rights: as at a push, at the time of the origin's entry, from a city that the peer hosts. The key
   was not revoked by the newest time that the peer's log had named: a date that goes back undoes no revocation, and a
   clock that was once set right stops nobody.
4. The chain of revisions, as far as it is held here: a revision that was for others only never came.
5. Record, `received` entry and delivery, together with the peer's folded log and place.

The first item that fails ends the page: what stands before it is kept, and the peer is asked for it again later. What
is held with the same bytes passes, whatever is thought of it now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.acceptance import Candidate, Judge
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log.entry import Accepted
from hub.revisions import acknowledged_by, check_kept
from hub.store import Job, Store, Transaction
from hub.store.neighbours import PeerState
from keys.trust_list import Trust
from schemas.limits import CLOCK_SKEW_SECONDS
from schemas.record import Record

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No entry is older; times near the calendar's ends cannot be reckoned with."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An item of a peer's page: its index and entry, which its log proves, and the record's JWS.

    Without one the record was erased there, which the peer's log says, too.
    """

    index: int
    entry: Accepted
    jws: object


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a page: the peer's state as it is kept now, and why it was not taken to its end."""

    state: PeerState
    new: int
    known: int
    problem: Problem | None = None


class Reception:
    """Takes in what peers' cities have sent to the cities of this node."""

    def __init__(self, node: str, store: Store, trust: Callable[[], Trust]) -> None:
        self._node = node
        self._store = store
        self._trust = trust
        self._judge = Judge()

    def close(self) -> None:
        self._judge.close()

    def receive(self, state: PeerState, items: Sequence[Incoming], now: datetime) -> Received:
        """Take in items of the peer that `state` is of; on return all that was taken is on disk, `state` with it.

        Raises: Problem `busy` where the database cannot be written, or another process has gone on with the peer;
        `not-allowed` where it was cut off meanwhile. What is wrong with an item is in the answer.
        """
        trust = self._trust()
        return self._receive(_Taking(state, trust.hosted_by(self._node), now), items, trust)

    def receive_ahead(
        self, peer: str, items: Sequence[Incoming], checkpoint: str, before: str | None, now: datetime
    ) -> Received:
        """Take in alerts ahead of the peer's log; `checkpoint`, under which they were proven, is kept with them.

        `before` is the one that is kept so far, which it was compared with. The answer's state says how far they
        reach, and is kept nowhere. Raises as `receive`.
        """
        trust = self._trust()
        taking = _Ahead(PeerState(peer), trust.hosted_by(self._node), now, checkpoint, before)
        return self._receive(taking, items, trust)

    def _receive(self, taking: _Taking, items: Sequence[Incoming], trust: Trust) -> Received:
        items, further = _dated(items, taking.now)
        times = [_moment(item.entry) for item in items]
        peer = taking.state.name
        candidates = self._judge.all(trust.hosted_by(peer), [item.jws for item in items], trust, times)
        ids = [
            record_id
            for candidate in candidates
            if candidate.record is not None
            for record_id in (candidate.record.id, candidate.record.subject)
            if record_id is not None
        ]
        pairs = list(zip(items, candidates, strict=True))
        taken = self._store.write(Job(lambda transaction: taking.all(transaction, pairs), ids=ids)).result
        return taken if taken.problem is not None else replace(taken, problem=further)


class _Taking:
    """One page inside its transaction. It may be applied twice, where the first transaction failed."""

    def __init__(self, state: PeerState, hosted: frozenset[str], now: datetime) -> None:
        self.state = state
        self.now = now
        self._hosted = hosted

    def all(self, transaction: Transaction, pairs: Sequence[tuple[Incoming, Candidate]]) -> Received:
        state, new, known = self._begin(transaction), 0, 0
        problem: Problem | None = None
        for item, candidate in pairs:
            newest = max(state.seen_at, rfc3339(_moment(item.entry)))
            try:
                is_new = self._take(transaction, state, item, candidate, newest)
            except Problem as found:
                problem = found
                break
            new, known = new + is_new, known + (not is_new)
            numbers = {**state.numbers, **self._mine(item.entry)}
            state = replace(state, after=item.index, numbers=numbers, seen_at=newest)
        self._keep(transaction, state, new)
        return Received(state, new, known, problem)

    def _begin(self, transaction: Transaction) -> PeerState:
        """What the page goes on from. Raises where that is not so any more, before anything is written."""
        transaction.neighbours.expect(self.state)
        if self.state.after >= 0:
            return self.state
        return replace(self.state, numbers=dict.fromkeys(self._hosted, 0))

    def _keep(self, transaction: Transaction, state: PeerState, _new: int) -> None:
        # A city that moves away and comes back begins where it then is.
        numbers = {city: n for city, n in state.numbers.items() if city in self._hosted}
        transaction.neighbours.put_peer(replace(state, numbers=numbers))

    def _mine(self, entry: Accepted) -> dict[str, int]:
        return {city: n for city, n in entry.to.items() if city in self._hosted}

    def _take(
        self, transaction: Transaction, state: PeerState, item: Incoming, candidate: Candidate, newest: str
    ) -> bool:
        """One item; whether it was new. `newest` is the newest time that the peer's log has named up to it."""
        entry = item.entry
        mine = self._mine(entry)
        if item.index <= state.after:
            raise Problem(Code.CONFLICT, "the peer's page goes back", where=f"/items/{item.index}")
        self._check_streams(state.numbers, mine)
        if item.jws is None:
            return False
        record, verified = candidate.record, candidate.verified
        if record is None or verified is None:
            assert candidate.problem is not None
            raise candidate.problem
        _check_entry(entry, record, verified.digest)
        held = transaction.held(record.id).get((record.sender, record.revision))
        if held is not None and held.digest == verified.digest:
            return False
        if candidate.problem is not None:
            raise candidate.problem
        _check_revocation(candidate, record, newest)
        check_kept(transaction, record)
        acknowledged = _acknowledged(transaction, record)
        numbers = transaction.next_numbers(sorted(mine))
        index = transaction.append(
            entries.received(
                at=rfc3339(self.now),
                id=record.id,
                revision=record.revision,
                digest=verified.digest,
                kind=record.kind,
                sender=record.sender,
                marking=record.marking,
                to=numbers,
                via=state.name,
                via_index=item.index,
            )
        )
        transaction.store(candidate.arrival(), index, numbers)
        if acknowledged is not None:
            assert record.body is not None
            transaction.acknowledge(
                acknowledged, record.sender, record.body["outcome"], rfc3339(self.now), index
            )
        return True

    def _check_streams(self, last: Mapping[str, int], mine: Mapping[str, int]) -> None:
        """Rule 2. A stream begins at 1; that of a city which was not hosted here at first begins where it is."""
        if not mine:
            raise Problem(
                Code.NOT_ALLOWED, "the peer gave a record for none of this node's cities", where="/to"
            )
        for city, n in mine.items():
            if city in last and n != last[city] + 1:
                raise Problem(
                    Code.CONFLICT,
                    f"the peer's stream for {city} goes from {last[city]} to {n}: what lies between was kept back",
                    where=f"/to/{city}",
                )


class _Ahead(_Taking):
    """Alerts ahead of the peer's log: their streams have gaps, and the peer's place is not moved."""

    def __init__(
        self, state: PeerState, hosted: frozenset[str], now: datetime, checkpoint: str, before: str | None
    ) -> None:
        super().__init__(state, hosted, now)
        self._checkpoint = checkpoint
        self._before = before

    def _begin(self, transaction: Transaction) -> PeerState:
        name = self.state.name
        held = transaction.neighbours.peer(name)
        if held.cut_at is not None:
            raise Problem(Code.NOT_ALLOWED, f"{name} was cut off meanwhile")
        if transaction.neighbours.lane(name) not in (None, self._before):
            raise Problem(Code.BUSY, f"another process has gone on with {name}", retry_after=5)
        return replace(self.state, seen_at=held.seen_at)

    def _check_streams(self, last: Mapping[str, int], mine: Mapping[str, int]) -> None:
        super()._check_streams({}, mine)

    def _keep(self, transaction: Transaction, state: PeerState, new: int) -> None:
        if new:
            transaction.neighbours.put_lane(state.name, self._checkpoint)


def _moment(entry: Accepted) -> datetime:
    return datetime.fromisoformat(entry.at)


def _dated(items: Sequence[Incoming], now: datetime) -> tuple[Sequence[Incoming], Problem | None]:
    """The items up to the first whose entry names a time that cannot be, and what is wrong with that one."""
    latest = now + timedelta(seconds=CLOCK_SKEW_SECONDS)
    for place, item in enumerate(items):
        at = _moment(item.entry)
        if at > latest:
            said = "the peer's entry is of the future; look at both clocks"
        elif at < EARLIEST:
            said = "the peer's entry is older than any can be"
        else:
            continue
        return items[:place], Problem(Code.STALE, said, where="/at")
    return items, None


def _check_revocation(candidate: Candidate, record: Record, newest: str) -> None:
    """Rule 3, last part."""
    key = candidate.key
    if key is None or not key.valid_at(record.issued_at, datetime.fromisoformat(newest)):
        raise Problem(
            Code.UNKNOWN_KEY, "the key was revoked before the peer's log came to the record", where="/at"
        )


def _acknowledged(transaction: Transaction, record: Record) -> str | None:
    """As `acknowledged_by`. One that does not fit what is held here marks nothing: where it was pushed, the record that
    it is about may not have been held, and nobody else's records wait for it.
    """
    try:
        return acknowledged_by(transaction, record)
    except Problem:
        return None


def _check_entry(entry: Accepted, record: Record, digest: str) -> None:
    """Rule 1, second half."""
    said = (entry.id, entry.revision, entry.digest, entry.kind, entry.sender, entry.marking, set(entry.to))
    held = (
        record.id,
        record.revision,
        digest,
        record.kind,
        record.sender,
        record.marking,
        set(record.recipients),
    )
    if said != held:
        raise Problem(Code.CONFLICT, "the peer's entry is not of the record beside it")
