"""What comes from peers, taken in: the same acceptance as a push, by the origin's time (wire contract, section 6).

For each item of a page, in the peer's order:

1. It stands where the peer's log has it (`hub/federation` has seen to that), after the last one; its entry says of the
   record what the record says of itself.
2. The stream of every recipient that this node hosts goes on without a gap. Where a city's place was set back, by what
   its old node had fetched, the same numbers come again, for records that are held; one of them that is in no stream of
   the city yet is numbered now. What is only for cities that are awaited, or that are leaving, is passed over.
3. Signature, schema, rights: as at a push, at the time of the origin's entry, from a city that the peer hosts, or
   hosted before. The key was not revoked by the newest time that the peer's log had named: a date that goes back undoes
   no revocation, and a clock that was once set right stops nobody.
4. The chain of revisions, as far as it is held here: a revision that was for others only never came.
5. Record, `received` entry and delivery, together with the peer's folded log and place.

A page is stored under the trust list that it was judged by, or judged anew: a city must not be taken for that has left.

The first item that fails ends the page: what stands before it is kept, and the peer is asked for it again later. What
is held with the same bytes passes, whatever is thought of it now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.acceptance import Candidate, Judge
from hub.alerts import await_answers, note_answer
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.hosting import Listed
from hub.log import entry as entries
from hub.log.entry import Accepted
from hub.refilling import refill
from hub.revisions import acknowledged_by, check_kept
from hub.store import Held, Job, Store, Transaction
from hub.store.moves import Position
from hub.store.neighbours import PeerState
from keys.trust_list import TRUST_LIST_FILE, Trust
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
class Judged:
    """Items of a peer and what is thought of each, by which trust list and when; `problem` ends them early."""

    pairs: Sequence[tuple[Incoming, Candidate]]
    hosted: Listed
    now: datetime
    problem: Problem | None


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

    def judge(self, peer: str, items: Sequence[Incoming], now: datetime) -> Judged:
        """Steps 1 to 3 for a peer's items, which touch no database: another page may be stored meanwhile."""
        trust = self._trust()
        items, problem = _dated(items, now)
        times = [_moment(item.entry) for item in items]
        candidates = self._judge.all(trust.vouched_by(peer), [item.jws for item in items], trust, times)
        return Judged(list(zip(items, candidates, strict=True)), Listed(self._node, trust), now, problem)

    def take(self, state: PeerState, judged: Judged) -> Received:
        """Take in items of the peer that `state` is of; on return all that was taken is on disk, `state` with it.

        Raises: Problem `busy` where the database cannot be written, or another process has gone on with the peer;
        `not-allowed` where it was cut off meanwhile. What is wrong with an item is in the answer.
        """
        return self.take_by(Taking(state, judged.hosted, judged.now), judged)

    def take_ahead(self, peer: str, judged: Judged, checkpoint: str, before: str | None) -> Received:
        """Take in alerts ahead of the peer's log; `checkpoint`, under which they were proven, is kept with them.

        `before` is the one that is kept so far, which it was compared with. The answer's state says how far they
        reach, and is kept nowhere. Raises as `take`.
        """
        return self.take_by(_Ahead(PeerState(peer), judged.hosted, judged.now, checkpoint, before), judged)

    def take_by(self, taking: Taking, judged: Judged) -> Received:
        """Take in items in the way that `taking` does. Raises as `take`."""
        subjects = [each.record.subject for _, each in judged.pairs if each.record is not None]
        ids = [item.entry.id for item, _ in judged.pairs] + [each for each in subjects if each is not None]
        taken = self._store.write(
            Job(lambda transaction: taking.all(transaction, judged.pairs), ids=ids)
        ).result
        return taken if taken.problem is not None else replace(taken, problem=judged.problem)


class Taking:
    """One page inside its transaction. It may be applied twice, where the first transaction failed."""

    def __init__(self, state: PeerState, hosted: Listed, now: datetime) -> None:
        self.state = state
        self.now = now
        self._listed = hosted
        self._hosted: frozenset[str] = frozenset()
        self._concerned: frozenset[str] = frozenset()

    def all(self, transaction: Transaction, pairs: Sequence[tuple[Incoming, Candidate]]) -> Received:
        state, new, known = self.begin(transaction), 0, 0
        problem: Problem | None = None
        for item, candidate in pairs:
            newest = max(state.seen_at, rfc3339(_moment(item.entry)))
            try:
                is_new = self._take(transaction, state, item, candidate, newest)
            except Problem as found:
                problem, state = found, replace(state, refused=item.index)
                break
            new, known = new + is_new, known + (not is_new)
            state = self.beyond(state, item, newest)
        if problem is None:
            state = replace(state, refused=None)
        return Received(self.keep(transaction, state, new), new, known, problem)

    def begin(self, transaction: Transaction) -> PeerState:
        """What the page goes on from. Raises where that is not so any more, before anything is written."""
        transaction.neighbours.expect(self.state)
        self.settle(transaction)
        if self.state.after >= 0:
            return self.state
        first, unmet = Position(-1, 0), self._concerned - self._hosted - self.state.numbers.keys()
        return replace(
            self.state,
            numbers={**dict.fromkeys(self._hosted, 0), **self.state.numbers},
            left_at={**dict.fromkeys(unmet, first), **self.state.left_at},
        )

    def settle(self, transaction: Transaction) -> None:
        """Find out for which cities records are taken. Raises: Problem `busy` where another trust list is in force."""
        noted = transaction.trust_version(TRUST_LIST_FILE)
        if noted is not None and noted[0] != self._listed.trust.targets[0].version:
            raise Problem(Code.BUSY, "the trust list has just changed", retry_after=5)
        hosting = self._listed.with_moves(transaction.moves)
        self._hosted, self._concerned = hosting.taking_from(self.state.name), hosting.concerned

    def keep(self, transaction: Transaction, state: PeerState, _new: int) -> PeerState:
        """Remember where the peer is now. A city that has left stays where its stream was taken to."""
        gone = state.numbers.keys() - self._hosted
        left_at = {city: place for city, place in state.left_at.items() if city not in self._hosted}
        left_at = {**{city: state.position(city) for city in gone}, **left_at}
        numbers = {city: n for city, n in state.numbers.items() if city in self._hosted}
        places = {city: index for city, index in state.places.items() if city in self._hosted}
        state = replace(state, numbers=numbers, places=places, left_at=left_at)
        transaction.neighbours.put_peer(state)
        return state

    def beyond(self, state: PeerState, item: Incoming, newest: str) -> PeerState:
        """The peer's state after an item; no stream goes back."""
        mine = self.mine(item.entry)
        fresh = self.fresh(state.numbers, mine)
        numbers = {**state.numbers, **{city: mine[city] for city in fresh}}
        places = {**state.places, **dict.fromkeys(fresh, item.index)}
        return replace(state, after=item.index, numbers=numbers, places=places, seen_at=newest)

    def mine(self, entry: Accepted) -> dict[str, int]:
        return {city: n for city, n in entry.to.items() if city in self._hosted}

    def check(
        self, transaction: Transaction, state: PeerState, item: Incoming, candidate: Candidate, newest: str
    ) -> Held | None:
        """Rules 1 to 4 for one item; what is held of it with the same bytes.

        `newest` is the newest time that the peer's log has named up to it. Raises: Problem where it is refused.
        """
        if item.index <= state.after:
            raise Problem(Code.CONFLICT, "the peer's page goes back", where=f"/items/{item.index}")
        mine = self.mine(item.entry)
        self._check_streams(state.numbers, mine, item.entry)
        if item.jws is None or not mine:
            return None
        record, verified = candidate.record, candidate.verified
        entry, fresh = item.entry, self.fresh(state.numbers, mine)
        held = transaction.held(entry.id).get((entry.sender, entry.revision))
        if record is None or verified is None:
            assert candidate.problem is not None
            if held is None or not candidate.digest == entry.digest == held.digest:
                raise candidate.problem
            if _unplaced(transaction, held, fresh):
                raise candidate.problem
            return None
        check_entry(entry, record, verified.digest)
        if held is not None and held.digest == verified.digest:
            if candidate.problem is not None and _unplaced(transaction, held, fresh):
                raise candidate.problem
            return held
        if not fresh and self._was_refused(transaction, item, candidate):
            return None
        if not fresh:
            city, n = next(iter(mine.items()))
            raise Problem(
                Code.CONFLICT,
                f"the peer's stream for {city} goes back from {state.numbers[city]} to {n}, for a record not held",
                where=f"/to/{city}",
            )
        if candidate.problem is not None:
            raise candidate.problem
        _check_revocation(candidate, record, newest)
        check_kept(transaction, record)
        return None

    def _take(
        self, transaction: Transaction, state: PeerState, item: Incoming, candidate: Candidate, newest: str
    ) -> bool:
        """One item; whether it was new."""
        held = self.check(transaction, state, item, candidate, newest)
        mine = self.mine(item.entry)
        if item.jws is None or not mine or candidate.verified is None:
            return False
        cities = self.fresh(state.numbers, mine)
        if held is not None:
            refill(transaction, candidate, held)
            cities = _unplaced(transaction, held, cities)
        if not cities:
            return False
        entry, record, verified = item.entry, candidate.record, candidate.verified
        assert record is not None and verified is not None
        acknowledged = _acknowledged(transaction, record)
        numbers = transaction.next_numbers(cities)
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
        if held is None:
            transaction.store(candidate.arrival(), index, numbers)
        else:
            transaction.deliver(candidate.arrival(), index, numbers, held_at=held.index)
            for city in cities:  # where it came with a hand-over, their answers are awaited already
                transaction.awaited.answered(held.index, city)
        await_answers(transaction, record, index if held is None else held.index, numbers, _moment(entry))
        if acknowledged is not None:
            assert record.body is not None
            outcome = record.body["outcome"]
            transaction.acknowledge(acknowledged.digest, record.sender, outcome, rfc3339(self.now), index)
            note_answer(transaction, acknowledged, record.sender)
        return True

    def _was_refused(self, transaction: Transaction, item: Incoming, candidate: Candidate) -> bool:
        """Whether a person had this record passed over, so that its number comes again and it is not held."""
        key, peer = candidate.key, self._listed.trust.nodes.get(self.state.name)
        kids = {each.kid for each in (peer.keys if peer is not None else ())} | ({key.kid} if key else set())
        return transaction.was_passed_over(kids, bytes.fromhex(item.entry.digest))

    def fresh(self, last: Mapping[str, int], mine: Mapping[str, int]) -> list[str]:
        """The cities whose streams a record brings forward; the others have had its number already."""
        return sorted(city for city, n in mine.items() if city not in last or n > last[city])

    def _check_streams(self, last: Mapping[str, int], mine: Mapping[str, int], entry: Accepted) -> None:
        """Rule 2. A stream begins at 1; that of a city which was not hosted here at first begins where it is."""
        if not mine and not self._concerned & entry.to.keys():
            raise Problem(
                Code.NOT_ALLOWED, "the peer gave a record for none of this node's cities", where="/to"
            )
        for city, n in mine.items():
            if city in last and n > last[city] + 1:
                raise Problem(
                    Code.CONFLICT,
                    f"the peer's stream for {city} goes from {last[city]} to {n}: what lies between was kept back",
                    where=f"/to/{city}",
                )


class _Ahead(Taking):
    """Alerts ahead of the peer's log: their streams have gaps, and the peer's place is not moved."""

    def __init__(
        self, state: PeerState, hosted: Listed, now: datetime, checkpoint: str, before: str | None
    ) -> None:
        super().__init__(state, hosted, now)
        self._checkpoint = checkpoint
        self._before = before

    def begin(self, transaction: Transaction) -> PeerState:
        name = self.state.name
        held = transaction.neighbours.peer(name)
        if held.cut_at is not None:
            raise Problem(Code.NOT_ALLOWED, f"{name} was cut off meanwhile")
        if transaction.neighbours.lane(name) not in (None, self._before):
            raise Problem(Code.BUSY, f"another process has gone on with {name}", retry_after=5)
        self.settle(transaction)
        return replace(self.state, seen_at=held.seen_at)

    def fresh(self, last: Mapping[str, int], mine: Mapping[str, int]) -> list[str]:
        return super().fresh({}, mine)

    def _check_streams(self, last: Mapping[str, int], mine: Mapping[str, int], entry: Accepted) -> None:
        super()._check_streams({}, mine, entry)

    def keep(self, transaction: Transaction, state: PeerState, new: int) -> PeerState:
        if new:
            transaction.neighbours.put_lane(state.name, self._checkpoint)
        return state


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


def _unplaced(transaction: Transaction, held: Held, cities: Sequence[str]) -> list[str]:
    """Those of the cities in whose streams a held record is not yet."""
    return [city for city in cities if not transaction.in_stream(held.index, city)]


def _check_revocation(candidate: Candidate, record: Record, newest: str) -> None:
    """Rule 3, last part."""
    key = candidate.key
    if key is None or not key.valid_at(record.issued_at, datetime.fromisoformat(newest)):
        raise Problem(
            Code.UNKNOWN_KEY, "the key was revoked before the peer's log came to the record", where="/at"
        )


def _acknowledged(transaction: Transaction, record: Record) -> Held | None:
    """As `acknowledged_by`. One that does not fit what is held here marks nothing: where it was pushed, the record that
    it is about may not have been held, and nobody else's records wait for it.
    """
    try:
        return acknowledged_by(transaction, record)
    except Problem:
        return None


def check_entry(entry: Accepted, record: Record, digest: str) -> None:
    """Rule 1, second half. Raises: Problem `conflict`."""
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
