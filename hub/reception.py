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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.acceptance import Candidate, Judge
from hub.errors import Code, Problem
from hub.hosting import Listed
from hub.store import Job, Store
from hub.store.neighbours import PeerState
from hub.taking import Incoming, Received, Taking, TakingAhead, moment
from keys.trust_list import Trust
from schemas.limits import CLOCK_SKEW_SECONDS

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No entry is older; times near the calendar's ends cannot be reckoned with."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Items of a peer and what is thought of each, by which trust list and when; `problem` ends them early."""

    pairs: Sequence[tuple[Incoming, Candidate]]
    hosted: Listed
    now: datetime
    problem: Problem | None


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
        times = [moment(item.entry.at) for item in items]
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
        return self.take_by(
            TakingAhead(PeerState(peer), judged.hosted, judged.now, checkpoint, before), judged
        )

    def take_by(self, taking: Taking, judged: Judged) -> Received:
        """Take in items in the way that `taking` does. Raises as `take`."""
        subjects = [each.record.subject for _, each in judged.pairs if each.record is not None]
        ids = [item.entry.id for item, _ in judged.pairs] + [each for each in subjects if each is not None]
        taken = self._store.write(
            Job(lambda transaction: taking.all(transaction, judged.pairs), ids=ids)
        ).result
        return taken if taken.problem is not None else replace(taken, problem=judged.problem)


def _dated(items: Sequence[Incoming], now: datetime) -> tuple[Sequence[Incoming], Problem | None]:
    """The items up to the first whose entry names a time that cannot be, and what is wrong with that one."""
    latest = now + timedelta(seconds=CLOCK_SKEW_SECONDS)
    for place, item in enumerate(items):
        at = moment(item.entry.at)
        if at > latest:
            said = "the peer's entry is of the future; look at both clocks"
        elif at < EARLIEST:
            said = "the peer's entry is older than any can be"
        else:
            continue
        return items[:place], Problem(Code.STALE, said, where="/at")
    return items, None
