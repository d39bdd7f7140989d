"""One page of a peer's records inside the transaction that stores it (rules 2 to 5 of `hub/reception.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from hub.acceptance import Candidate
from hub.alerts import await_answers, note_answer
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.hosting import Listed
from hub.log import entry as entries
from hub.log.entry import Accepted
from hub.refilling import refill
from hub.revisions import acknowledged_if_held, check_kept
from hub.store import Held, Transaction
from hub.store.moves import Position
from hub.store.neighbours import PeerState
from keys.trust_list import TRUST_LIST_FILE
from schemas.record import Record

TIMES_REMEMBERED: Final = 1024


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


class Reached:
    """How far a page is taken: of the peer's state, what goes on from item to item."""

    __slots__ = ("after", "numbers", "places", "seen_at")

    def __init__(self, state: PeerState) -> None:
        self.after = state.after
        self.numbers = dict(state.numbers)
        self.places = dict(state.places)
        self.seen_at = state.seen_at

    def fresh(self, mine: Mapping[str, int]) -> list[str]:
        """The cities whose streams a record brings forward; the others have had its number already."""
        numbers = self.numbers
        return sorted(city for city, n in mine.items() if city not in numbers or n > numbers[city])

    def pass_by(self, item: Incoming, mine: Mapping[str, int]) -> None:
        """Go on behind an item; no stream goes back."""
        for city in self.fresh(mine):
            self.numbers[city] = mine[city]
            self.places[city] = item.index
        self.after = item.index

    def of(self, state: PeerState) -> PeerState:
        """The peer's state with this in it."""
        return replace(
            state, after=self.after, numbers=self.numbers, places=self.places, seen_at=self.seen_at
        )


class Taking:
    """One page inside its transaction. It may be applied twice, where the first transaction failed."""

    def __init__(self, state: PeerState, hosted: Listed, now: datetime) -> None:
        self.state = state
        self.now = now
        self._at = rfc3339(now)
        self._listed = hosted
        self._hosted: frozenset[str] = frozenset()
        self._concerned: frozenset[str] = frozenset()

    def all(self, transaction: Transaction, pairs: Sequence[tuple[Incoming, Candidate]]) -> Received:
        state, new, known = self.begin(transaction), 0, 0
        reached, refused = self.reach(state), None
        problem: Problem | None = None
        for item, candidate in pairs:
            mine, before = self.mine(item.entry), reached.seen_at
            reached.seen_at = max(before, spelt(item.entry.at))
            try:
                is_new = self._take(transaction, reached, item, candidate, mine)
            except Problem as found:
                problem, refused, reached.seen_at = found, item.index, before
                break
            new, known = new + is_new, known + (not is_new)
            reached.pass_by(item, mine)
        state = replace(reached.of(state), refused=refused)
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

    def reach(self, state: PeerState) -> Reached:
        """Where the page begins."""
        return Reached(state)

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

    def mine(self, entry: Accepted) -> dict[str, int]:
        """The numbers that an entry has for this node's cities."""
        return {city: n for city, n in entry.to.items() if city in self._hosted}

    def check(
        self,
        transaction: Transaction,
        reached: Reached,
        item: Incoming,
        candidate: Candidate,
        mine: Mapping[str, int],
    ) -> Held | None:
        """Rules 1 to 4 for one item; what is held of it with the same bytes.

        `reached` is where the page is before it, but for `seen_at`: the newest time that the peer's log has named up
        to it. Raises: Problem where it is refused.
        """
        if item.index <= reached.after:
            raise Problem(Code.CONFLICT, "the peer's page goes back", where=f"/items/{item.index}")
        self._check_streams(reached.numbers, mine, item.entry)
        if item.jws is None or not mine:
            return None
        record, verified = candidate.record, candidate.verified
        entry, fresh = item.entry, reached.fresh(mine)
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
                f"the peer's stream for {city} goes back from {reached.numbers[city]} to {n}, for a record not held",
                where=f"/to/{city}",
            )
        if candidate.problem is not None:
            raise candidate.problem
        _check_revocation(candidate, record, reached.seen_at)
        check_kept(transaction, record)
        return None

    def _take(
        self,
        transaction: Transaction,
        reached: Reached,
        item: Incoming,
        candidate: Candidate,
        mine: Mapping[str, int],
    ) -> bool:
        """One item; whether it was new."""
        held = self.check(transaction, reached, item, candidate, mine)
        if item.jws is None or not mine or candidate.verified is None:
            return False
        cities = reached.fresh(mine)
        if held is not None:
            refill(transaction, candidate, held)
            cities = _unplaced(transaction, held, cities)
        if not cities:
            return False
        entry, record, verified = item.entry, candidate.record, candidate.verified
        assert record is not None and verified is not None
        acknowledged = acknowledged_if_held(transaction, record)
        numbers = transaction.next_numbers(cities)
        index = transaction.append(
            entries.received(
                at=self._at,
                id=record.id,
                revision=record.revision,
                digest=verified.digest,
                kind=record.kind,
                sender=record.sender,
                marking=record.marking,
                to=numbers,
                via=self.state.name,
                via_index=item.index,
            )
        )
        if held is None:
            transaction.store(candidate.arrival(), index, numbers)
        else:
            transaction.deliver(candidate.arrival(), index, numbers, held_at=held.index)
            for city in cities:  # where it came with a hand-over, their answers are awaited already
                transaction.awaited.answered(held.index, city)
        await_answers(transaction, record, index if held is None else held.index, numbers, moment(entry.at))
        if acknowledged is not None:
            assert record.body is not None
            outcome = record.body["outcome"]
            transaction.acknowledge(acknowledged.digest, record.sender, outcome, self._at, index)
            note_answer(transaction, acknowledged, record.sender)
        return True

    def _was_refused(self, transaction: Transaction, item: Incoming, candidate: Candidate) -> bool:
        """Whether a person had this record passed over, so that its number comes again and it is not held."""
        key, peer = candidate.key, self._listed.trust.nodes.get(self.state.name)
        kids = {each.kid for each in (peer.keys if peer is not None else ())} | ({key.kid} if key else set())
        return transaction.was_passed_over(kids, bytes.fromhex(item.entry.digest))

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


class _Gaps(Reached):
    """Remembers no numbers: every one goes on from where its stream is."""

    def pass_by(self, item: Incoming, _mine: Mapping[str, int]) -> None:
        self.after = item.index


class TakingAhead(Taking):
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

    def reach(self, state: PeerState) -> Reached:
        return _Gaps(state)

    def keep(self, transaction: Transaction, state: PeerState, new: int) -> PeerState:
        if new:
            transaction.neighbours.put_lane(state.name, self._checkpoint)
        return state


@lru_cache(maxsize=TIMES_REMEMBERED)
def moment(at: str) -> datetime:
    """The time of an entry; those of one push have the same."""
    return datetime.fromisoformat(at)


@lru_cache(maxsize=TIMES_REMEMBERED)
def spelt(at: str) -> str:
    """The time of an entry, spelt so that texts sort as times do."""
    return rfc3339(moment(at))


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
