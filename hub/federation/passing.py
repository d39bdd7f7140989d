"""A peer's record that is refused, passed over by a person: else the peer stands before it until somebody mends it.

1. Only the record that stands first after the peer's place, proven by its log and judged as a round does it; and only
   while it is refused. What would be taken is not passed over.
2. It is the record of the log: its bytes have the digest that its entry names.
3. Where that cannot be told, because the peer gives other bytes, or leaves out numbers of a stream before it, the peer
   keeps something back. That is gone on without only where the person says so. Numbers that were left out are then
   counted as passed; the record that showed it is not: the next round judges it as any other.
4. A `refused` entry, the peer's place and its numbers are written in one transaction. The entry is by the key that
   signed the record, if a city has it that the peer speaks for and the peer's entry is of that record; else what was
   refused is the peer's own doing, and the entry is by its node's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hub.acceptance import Candidate
from hub.errors import Code, Problem
from hub.federation.round import Round
from hub.log.entry import Accepted
from hub.reception import Judged, Reception
from hub.refusals import note_refusal
from hub.store import Transaction
from hub.store.neighbours import PeerState
from hub.taking import Incoming, Reached, Received, Taking, check_entry, spelt
from keys.trust_list import Node, Trust


@dataclass(frozen=True, slots=True)
class PassedOver:
    """What was passed over: the record of `entry`, for the reason `problem`; or, where numbers of a stream were left
    out before it, those, by city from the first to the last (`missing`).
    """

    index: int
    entry: Accepted
    problem: Problem
    missing: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def pass_over(
    asked: Round,
    reception: Reception,
    trust: Trust,
    clock: Callable[[], datetime],
    *,
    peer: str,
    index: int,
    kept_back: bool,
) -> PassedOver:
    """Pass over the record at `index` of the log of `peer`, with whom the round `asked` is, and whose rounds refuse it.

    Raises: Problem `conflict` where it is not this record that the peer stands before, where it would be taken, and,
    without `kept_back`, where the peer keeps something back; and as a round does.
    """
    state, judged = asked.front(clock)
    taking = _Passing(state, judged, trust, peer=peer, index=index, kept_back=kept_back)
    reception.take_by(taking, judged)
    assert taking.passed is not None
    return taking.passed


class _Passing(Taking):
    """The one record inside its transaction."""

    def __init__(
        self, state: PeerState, judged: Judged, trust: Trust, *, peer: str, index: int, kept_back: bool
    ) -> None:
        super().__init__(state, judged.hosted, judged.now)
        self._trust = trust
        self._peer = peer
        self._index = index
        self._kept_back = kept_back
        self.passed: PassedOver | None = None

    def all(self, transaction: Transaction, pairs: Sequence[tuple[Incoming, Candidate]]) -> Received:
        ((item, candidate),) = pairs
        state = self.begin(transaction)
        if item.index != self._index:
            raise Problem(Code.CONFLICT, f"the peer stands before record {item.index}, not {self._index}")
        missing = self._missing(state, item.entry)
        reached = Reached(state)
        reached.seen_at = max(state.seen_at, spelt(item.entry.at))
        problem = self._refusal(transaction, reached, item, candidate)
        altered = item.jws is not None and candidate.digest != item.entry.digest
        if (missing or altered) and not self._kept_back:
            raise Problem(Code.CONFLICT, f"{_said(missing)}; --kept-back goes on without what is kept back")
        by = None if missing or altered else self._signer(item.entry, candidate)
        kid = by or _kid(self._trust.nodes[self._peer], self.now)
        note_refusal(transaction, kid, problem.code, item.entry.digest, self.now)
        if missing:
            left_out = {city: last for city, (_first, last) in missing.items()}
            places = {**state.places, **dict.fromkeys(left_out, state.after)}
            state = replace(state, numbers={**state.numbers, **left_out}, places=places)
        else:
            reached.pass_by(item, self.mine(item.entry))
            state = reached.of(state)
        state = replace(state, failures=0, problem=None, refused=None)
        self.keep(transaction, state, 0)
        self.passed = PassedOver(item.index, item.entry, problem, missing)
        return Received(state, 0, 0)

    def _missing(self, state: PeerState, entry: Accepted) -> dict[str, tuple[int, int]]:
        """Numbers of streams that were left out before an entry."""
        return {
            city: (state.numbers[city] + 1, n - 1)
            for city, n in self.mine(entry).items()
            if city in state.numbers and n > state.numbers[city] + 1
        }

    def _refusal(
        self, transaction: Transaction, reached: Reached, item: Incoming, candidate: Candidate
    ) -> Problem:
        """Why the record is refused. Raises: Problem where it is not."""
        try:
            self.check(transaction, reached, item, candidate, self.mine(item.entry))
        except Problem as problem:
            return problem
        raise Problem(Code.CONFLICT, f"record {item.index} would be taken: there is nothing to pass over")

    def _signer(self, entry: Accepted, candidate: Candidate) -> str | None:
        """The key of the record, None where it is not the record's fault that it is refused (rule 4)."""
        key, record = candidate.key, candidate.record
        if key is None or key.owner not in self._trust.vouched_by(self._peer):
            return None
        if record is not None:
            try:
                check_entry(entry, record, candidate.digest)
            except Problem:
                return None
        return key.kid


def _said(missing: Mapping[str, tuple[int, int]]) -> str:
    if not missing:
        return "the peer gives other bytes than the record that its log has"
    parts = [f"{first} to {last} of the stream for {city}" for city, (first, last) in missing.items()]
    return f"numbers {', '.join(parts)} were kept back"


def _kid(peer: Node, now: datetime) -> str:
    """The newest key of a peer's node that is valid."""
    valid = [key for key in peer.keys if key.valid_at(now, now)]
    return max(valid or peer.keys, key=lambda key: key.not_before).kid
