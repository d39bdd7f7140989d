"""One round with one peer (wire contract, section 6).

1. The peer's checkpoint, under its log's key. Smaller than before, or of the same size under another root: two
   histories. The same as before, with everything fetched: the round is over, and has cost one small request.
2. The level-0 tiles since then, folded into the compact range that is kept; the root must be the checkpoint's. What
   the lane for alerts showed meanwhile must be the beginning of the same log.
3. Pages after the cursor. Each item's entry is the leaf that was folded, and is of the record beside it.
4. A page's records, their entries, the folded range and the cursor are stored in one transaction (`hub/reception.py`).

What a peer does wrong ends its round by name, and concerns no other peer. Two histories cut it off, with evidence;
every other fault is tried again, later and later.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from hub import answers
from hub.arrival import Page
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.folding import Leaves, fold
from hub.federation.histories import Sight, TwoHistoriesError, compare
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.entry import Accepted, Entry, Erased, decode
from hub.log.note import VerifierKey
from hub.log.tree import CompactRange, leaf_hash
from hub.reception import Incoming, Reception
from hub.store import Job, Store, Transaction
from hub.store.neighbours import PeerState
from schemas.limits import ENTRY_BYTES

PAGES_AT_MOST: Final = 10_000
"""Of one round: ten million records. A peer that has more is asked again in the next."""


class Peer(Protocol):
    """What a round asks of a peer's node (`hub.client.Client`)."""

    def checkpoint(self) -> str: ...

    def tile(self, level: int, number: int, width: int) -> bytes: ...

    def page(self, after: int, *, wait: int = 0, filters: Any = None) -> Page: ...


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What a round brought."""

    peer: str
    new: int = 0
    known: int = 0
    folded: int = 0
    pages: int = 0


class Round:
    """Rounds with one peer.

    Arguments: the peer's name and log key; how to ask it; where to store; who takes records in; told after each page,
    and while its log is folded, with what was taken so far and the size of the peer's log.
    """

    def __init__(
        self,
        name: str,
        log_key: VerifierKey,
        peer: Peer,
        store: Store,
        reception: Reception,
        *,
        told: Callable[[int, int], None] = lambda _done, _size: None,
    ) -> None:
        self._name = name
        self._log_key = log_key
        self._peer = peer
        self._store = store
        self._reception = reception
        self._told = told

    def run(self, clock: Callable[[], datetime]) -> RoundReport:
        """Fetch and store all that is new.

        Raises: Problem for what the peer does wrong or while it cannot be reached; TwoHistoriesError.
        """
        state = self._store.ask(lambda neighbours: neighbours.peer(self._name))
        if state.cut_at is not None:
            raise Problem(
                Code.NOT_ALLOWED, f"{self._name} is cut off since {state.cut_at}; `hub peers` says why"
            )
        # Asked for before the checkpoint: an honest peer's is then no smaller.
        ahead = self._store.ask(lambda neighbours: neighbours.lane(self._name))
        seen = open_checkpoint(self._peer.checkpoint(), self._log_key)
        self._compare(state, seen)
        if seen.size == state.frontier.size and state.done_at is not None:
            self._compare_lane(ahead, seen, Leaves(seen.checkpoint, self._peer.tile))
            self._done(state, clock())
            return RoundReport(self._name)
        frontier, leaves = self._fold(state, seen)
        self._compare_lane(ahead, seen, leaves)
        folded = frontier.size - state.frontier.size
        state = replace(state, frontier=frontier, checkpoint=seen.note, done_at=None)
        return self._fetch(state, seen, leaves, folded, clock)

    # -- the steps -----------------------------------------------------------------------------------

    def _compare(self, state: PeerState, seen: VerifiedCheckpoint) -> None:
        """Step 1. Of a smaller checkpoint it is tried to show that it is of another history: by itself it proves
        nothing, since anybody can show an old one again.
        """
        held = state.frontier
        if not held.size or seen.size > held.size:
            return
        if seen.size < held.size:
            with suppress(Problem):
                compare(open_checkpoint(state.checkpoint, self._log_key), seen, self._peer.tile)
            raise TwoHistoriesError(Sight("shrunk", state.checkpoint, seen.note))
        if seen.root != held.root():
            raise TwoHistoriesError(Sight("fork", state.checkpoint, seen.note))

    def _fold(self, state: PeerState, seen: VerifiedCheckpoint) -> tuple[CompactRange, Leaves]:
        """Step 2. Tiles that lead to the new root, but not from the old one, are two histories."""
        try:
            return fold(
                state.frontier,
                seen.checkpoint,
                self._peer.tile,
                state.after + 1,
                lambda _size: self._told(0, seen.size),
            )
        except Problem as problem:
            if problem.code is Code.BAD_SIGNATURE and state.frontier.size:
                with suppress(Problem):
                    compare(open_checkpoint(state.checkpoint, self._log_key), seen, self._peer.tile)
            raise

    def _compare_lane(self, note: str | None, seen: VerifiedCheckpoint, leaves: Leaves) -> None:
        """What the lane took ahead stands in the log that was folded now, as far as that has come to it."""
        if note is None:
            return
        ahead = open_checkpoint(note, self._log_key)
        if ahead.size > seen.size:
            raise Problem(Code.BUSY, "the peer's checkpoint is older than one that it showed before")
        compare(ahead, seen, leaves.tile)
        self._store.write(Job(lambda transaction: transaction.neighbours.drop_lane(self._name, note)))

    def _fetch(
        self,
        state: PeerState,
        seen: VerifiedCheckpoint,
        leaves: Leaves,
        folded: int,
        clock: Callable[[], datetime],
    ) -> RoundReport:
        """Steps 3 and 4, page after page."""
        new = known = pages = 0
        while pages < PAGES_AT_MOST:
            pages += 1
            page = self._peer.page(state.after)
            if page.checkpoint.size == seen.size:
                compare(seen, page.checkpoint, leaves.tile)
            items, further = incoming(page, state.after, leaves)
            before = state.after
            taken = self._reception.receive(state, items, clock())
            state, new, known = taken.state, new + taken.new, known + taken.known
            self._told(new + known, state.frontier.size)
            if taken.problem is not None:
                raise taken.problem
            if further is not None:
                raise further
            if not page.more or state.after == before:
                self._done(state, clock())
                break
        return RoundReport(self._name, new, known, folded, pages)

    def _done(self, state: PeerState, now: datetime) -> None:
        """Remember a round that came to its end."""
        ended = replace(state, done_at=rfc3339(now), tried_at=rfc3339(now), failures=0, problem=None)

        def note(transaction: Transaction) -> None:
            transaction.neighbours.expect(state)
            transaction.neighbours.put_peer(ended)

        self._store.write(Job(note))


def incoming(page: Page, after: int, leaves: Leaves) -> tuple[list[Incoming], Problem | None]:
    """A page's items as far as they are what the peer's log has, and what is wrong with the next one.

    Items beyond the folded log are left for the next round: the log grew while it was asked.
    """
    items: list[Incoming] = []
    for each in page.items:
        try:
            item = _incoming(each, after, leaves, page.checkpoint.size)
        except Problem as problem:
            return items, problem
        if item is None:
            break
        items.append(item)
        after = item.index
    return items, None


def _incoming(item: Any, after: int, leaves: Leaves, shown: int) -> Incoming | None:
    """Step 3 for one item, None for one beyond the folded log; `shown` is the size under which the peer gave it.

    Raises: Problem for what is not what the peer's log has.
    """
    with answers.contract():
        index, line, jws = _index(item["index"], shown), item["entry"].encode(), item["record"]
        erased = item.get("erased")
    if index <= after:
        raise Problem(Code.CONFLICT, "the peer's page goes back")
    if index >= leaves.size:
        return None
    entry = _proven(index, line, leaves)
    if not isinstance(entry, Accepted):
        raise Problem(
            Code.NOT_ALLOWED, f"the peer gave a record that is '{entry.type}' there, not 'accepted'"
        )
    if jws is None and not _says_erased(index, entry, erased, leaves, shown):
        return None
    return Incoming(index, entry, jws)


def _index(value: Any, shown: int) -> int:
    if type(value) is not int:
        raise Problem(Code.MALFORMED, "the peer's page has an index that is no whole number")
    if value >= shown:
        raise Problem(Code.CONFLICT, "the peer's page names an index beyond the log that it signed")
    return value


def _proven(index: int, line: bytes, leaves: Leaves) -> Entry:
    """An entry that the peer's log has at an index."""
    if len(line) > ENTRY_BYTES:
        raise Problem(Code.TOO_LARGE, "the peer's entry is longer than any may be")
    if leaves.leaf(index) != leaf_hash(line):
        raise Problem(Code.BAD_SIGNATURE, "the peer's entry is not the one in its log")
    return decode(line)


def _says_erased(index: int, accepted: Accepted, erased: Any, leaves: Leaves, shown: int) -> bool:
    """A record may be missing only where the peer's log says, at a later place, that it was erased.

    False where that place is beyond the folded log. Raises: Problem where the log does not say so.
    """
    with answers.contract():
        at, line = _index(erased["index"], shown), erased["entry"].encode()
    if at >= leaves.size:
        return False
    entry = _proven(at, line, leaves) if at > index else None
    if not isinstance(entry, Erased) or (entry.index, entry.digest) != (index, accepted.digest):
        raise Problem(Code.CONFLICT, "the peer keeps back a record that its log does not say was erased")
    return True
