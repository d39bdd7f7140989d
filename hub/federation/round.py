"""One round with one peer (wire contract, section 6).

1. The peer's checkpoint, under its log's key. Of the same size as before under another root: two histories. Smaller
   than before: anybody on the way can show an old one, so the peer's node is asked for its newest in an answer that it
   signs for this request. If that is smaller, too, the log has shrunk; else the round is tried again. The same as
   before, with everything fetched: the round is over, and has cost one small request.
2. The level-0 tiles since then, folded into the compact range that is kept; the root must be the checkpoint's. What
   the lane for alerts showed meanwhile, and what this node's witness cosigned (each once), must be the beginning of
   the same log. Both are looked up before the peer is asked: an honest peer's checkpoint is no smaller.
3. Pages after the cursor. Each item's entry is the leaf that was folded, and is of the record beside it.
4. A page's records, their entries, the folded range and the cursor are stored in one transaction (`hub/reception.py`).

What a peer does wrong ends its round by name, and concerns no other peer. Two histories cut it off, with evidence;
every other fault is tried again, later and later. A checkpoint that the log gave up, by its own signed statement, is
such a fault, and so is a log that does not have what the statement says stands where its new history begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, Protocol

from hub import answers
from hub.arrival import Page
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.folding import Leaves, fold
from hub.federation.histories import FORK, GIVEN_UP, SHRUNK, Sight, TwoHistoriesError, compare
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.entry import Accepted, Erased, Routed, decode, decode_routed
from hub.log.note import VerifierKey
from hub.log.tree import CompactRange, leaf_hash
from hub.reception import Judged, Reception
from hub.store import Job, Store, Transaction
from hub.store.neighbours import GivenUp, PeerState, Witnessed
from hub.taking import Incoming
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
    past: bool = False
    """Whether what the peer showed is older than what is known of it, so that nothing was asked for."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that is ready to be stored: its records, whether another follows, what ended it early."""

    judged: Judged
    goes_on: bool
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a peer's log: as far as it is folded, by the lane's last checkpoint, by what was cosigned."""

    state: PeerState
    ahead: str | None
    witnessed: Witnessed | None
    given_up: GivenUp


class Round:
    """Rounds with one peer.

    Arguments: the peer's name and log key; how to ask it; where to store; who takes records in; told after each page,
    and while its log is folded, with what was taken so far and the size of the peer's log; what is done once there is
    something new, before any of it is stored. What is `carried` may be of the past: an older checkpoint is then no lie,
    and holds nothing new.
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
        ready: Callable[[], None] = lambda: None,
        carried: bool = False,
    ) -> None:
        self._name = name
        self._log_key = log_key
        self._peer = peer
        self._store = store
        self._reception = reception
        self._told = told
        self._ready = ready
        self._carried = carried

    def run(self, clock: Callable[[], datetime]) -> RoundReport:
        """Fetch and store all that is new.

        Raises: Problem for what the peer does wrong or while it cannot be reached; TwoHistoriesError.
        """
        known, seen = self._look()
        state = known.state
        if self._carried and seen.size < state.frontier.size:
            return RoundReport(self._name, past=True)
        self._compare(state, seen)
        if seen.size == state.frontier.size and state.done_at is not None:
            self._compare_others(known, seen, Leaves(seen.checkpoint, self._peer.tile))
            self._done(state, clock())
            return RoundReport(self._name)
        reached, leaves = self._reach(known, seen)
        self._ready()
        return self._fetch(reached, seen, leaves, reached.frontier.size - state.frontier.size, clock)

    def leaves(self) -> Leaves:
        """Steps 1 and 2 alone: the leaves of the peer's log, which is folded and remembered so far.

        One that was carried here, and is older than what is known, is not compared with that. Raises as `run`.
        """
        known, seen = self._look()
        state = known.state
        if self._carried and seen.size < state.frontier.size:
            return Leaves(seen.checkpoint, self._peer.tile)
        self._compare(state, seen)
        reached, leaves = self._reach(known, seen)

        def note(transaction: Transaction) -> None:
            transaction.neighbours.expect(state)
            transaction.neighbours.put_peer(reached)

        self._store.write(Job(note))
        return leaves

    def front(self, clock: Callable[[], datetime]) -> tuple[PeerState, Judged]:
        """What stands first after the cursor, proven and judged as a round does it, and from where; nothing is stored.

        Raises: as `run`, and Problem `not-found` where nothing stands there.
        """
        known, seen = self._look()
        self._compare(known.state, seen)
        state, leaves = self._reach(known, seen)
        page = self._judge(self._peer.page(state.after), state.after, seen, leaves, clock())
        if page.judged.pairs:
            return state, replace(page.judged, pairs=page.judged.pairs[:1], problem=None)
        raise (
            page.judged.problem
            or page.problem
            or Problem(Code.NOT_FOUND, f"all records of {self._name} are taken")
        )

    # -- the steps -----------------------------------------------------------------------------------

    def _look(self) -> tuple[_Known, VerifiedCheckpoint]:
        """What is known of the peer's log, and the checkpoint that it shows now."""
        name = self._name
        known = self._store.ask(
            lambda held: _Known(held.peer(name), held.lane(name), held.witnessed(name), held.given_up(name))
        )
        if known.state.cut_at is not None:
            raise Problem(
                Code.NOT_ALLOWED, f"{name} is cut off since {known.state.cut_at}; `hub peers` says why"
            )
        seen = open_checkpoint(self._peer.checkpoint(), self._log_key)
        if known.given_up.names(seen.checkpoint):
            raise Problem(Code.BUSY, GIVEN_UP)
        return known, seen

    def _reach(self, known: _Known, seen: VerifiedCheckpoint) -> tuple[PeerState, Leaves]:
        """Step 2: the peer's state with its whole log folded, and the log's leaves."""
        state = known.state
        if state.after >= seen.size:
            raise Problem(
                Code.BUSY,
                f"the peer shows its log up to {seen.size}, and record {state.after} was fetched of it",
            )
        frontier, leaves = self._fold(state, seen)
        self._check_epoch(known, leaves)
        self._compare_others(known, seen, leaves)
        return replace(state, frontier=frontier, checkpoint=seen.note, done_at=None), leaves

    def _compare(self, state: PeerState, seen: VerifiedCheckpoint) -> None:
        """Step 1. Of a smaller checkpoint it is tried to show that it is of another history."""
        held = state.frontier
        if not held.size or seen.size > held.size:
            return
        if seen.size == held.size:
            if seen.root != held.root():
                raise TwoHistoriesError(Sight(FORK, state.checkpoint, seen.note))
            return
        self._prove(state, seen)
        # A page may be under an older checkpoint that has its cosignatures, but never under one without its items.
        said = self._peer.page(held.size - 1).checkpoint
        if said.size < held.size:
            self._prove(state, said)
            raise TwoHistoriesError(Sight(SHRUNK, state.checkpoint, said.note))
        if said.size == held.size and said.root != held.root():
            raise TwoHistoriesError(Sight(FORK, state.checkpoint, said.note))
        raise Problem(
            Code.BUSY, f"an old checkpoint of {seen.size} entries was shown; the peer's node has {said.size}"
        )

    def _prove(self, state: PeerState, seen: VerifiedCheckpoint) -> None:
        """Raise where the tiles show that what is folded and what is seen are two histories."""
        with suppress(Problem):
            compare(open_checkpoint(state.checkpoint, self._log_key), seen, self._peer.tile)

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
                self._prove(state, seen)
            raise

    def _check_epoch(self, known: _Known, leaves: Leaves) -> None:
        """A log that is folded anew, as its statement has it, shows that it is the new history: anybody could show the
        old one again, tiles and all.
        """
        stated = known.given_up.stated[-1] if known.given_up.stated else None
        if (
            stated is None
            or stated.leaf is None
            or not known.state.frontier.size <= stated.size < leaves.size
        ):
            return
        if leaves.leaf(stated.size) != stated.leaf:
            raise Problem(Code.BUSY, "the log that was shown is not the one that the peer's statement is on")

    def _compare_others(self, known: _Known, seen: VerifiedCheckpoint, leaves: Leaves) -> None:
        """What the lane took ahead, and what was cosigned, stands in the log that was folded now."""
        ahead, cosigned, name = known.ahead, known.witnessed, self._name
        if ahead is not None and self._stands(ahead, seen, leaves):
            self._store.write(Job(lambda transaction: transaction.neighbours.drop_lane(name, ahead)))
        if cosigned is None or cosigned.compared:
            return
        try:
            stands = self._stands(cosigned.checkpoint, seen, leaves)
        except Problem as problem:
            # Of what was carried, the hashes need not reach back so far; and a log's older key may have signed it.
            if self._carried or problem.code is Code.UNKNOWN_KEY:
                return
            raise
        if stands:
            note = cosigned.checkpoint
            self._store.write(Job(lambda transaction: transaction.neighbours.note_compared(name, note)))

    def _stands(self, note: str, seen: VerifiedCheckpoint, leaves: Leaves) -> bool:
        """Whether the folded log begins with a checkpoint; False where what was carried has not come to it."""
        held = open_checkpoint(note, self._log_key)
        if held.size > seen.size:
            if self._carried:
                return False
            raise Problem(Code.BUSY, "the peer's checkpoint is older than one that it showed before")
        compare(held, seen, leaves.tile)
        return True

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
        goes_on = False
        for page in islice(self._pages(state.after, seen, leaves, clock), PAGES_AT_MOST):
            taken = self._reception.take(state, page.judged)
            state, new, known, pages = taken.state, new + taken.new, known + taken.known, pages + 1
            self._told(new + known, state.frontier.size)
            problem = taken.problem or page.problem
            if problem is not None:
                raise problem
            goes_on = page.goes_on
        if not goes_on:
            self._done(state, clock())
        return RoundReport(self._name, new, known, folded, pages)

    def _pages(
        self, after: int, seen: VerifiedCheckpoint, leaves: Leaves, clock: Callable[[], datetime]
    ) -> Iterator[_Page]:
        """Pages ready to be stored: while one is, the next is judged, and the one after that is fetched."""
        judged: Future[_Page] | None = None
        goes_on = True
        with ThreadPoolExecutor(2, thread_name_prefix="page") as ahead:
            fetched = ahead.submit(self._peer.page, after)
            while goes_on:
                try:
                    page = fetched.result()
                except Problem:
                    if judged is not None:
                        yield judged.result()
                    raise
                before, after = after, _end(page, after)
                goes_on = page.more and after > before
                if goes_on:
                    fetched = ahead.submit(self._peer.page, after)
                last, judged = judged, ahead.submit(self._judge, page, before, seen, leaves, clock())
                if last is not None:
                    yield last.result()
                    if not last.result().goes_on:
                        return
            assert judged is not None
            yield judged.result()

    def _judge(
        self, page: Page, after: int, seen: VerifiedCheckpoint, leaves: Leaves, now: datetime
    ) -> _Page:
        """Step 3 for one page, up to where it is stored."""
        if page.checkpoint.size == seen.size:
            compare(seen, page.checkpoint, leaves.tile)
        items, problem = incoming(page, after, leaves)
        judged = self._reception.judge(self._name, items, now)
        whole = problem is None and len(items) == len(page.items)
        return _Page(judged, page.more and whole and bool(items), problem)

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
    for each, routed in zip(page.items, decode_routed(_lines(page.items)), strict=True):
        try:
            item = _incoming(each, routed, after, leaves, page.checkpoint.size)
        except Problem as problem:
            return items, problem
        if item is None:
            break
        items.append(item)
        after = item.index
    return items, None


def _end(page: Page, after: int) -> int:
    """The index after which the next page begins, as this one says: nothing of it is proven yet."""
    last = page.items[-1] if page.items else None
    index = last.get("index") if isinstance(last, dict) else None
    return index if type(index) is int else after


def _lines(items: Sequence[Any]) -> list[bytes]:
    """Each item's entry, empty where it is none: what is wrong with that one is said when its turn comes."""
    said = [item.get("entry") if isinstance(item, dict) else None for item in items]
    return [line.encode(errors="replace") if isinstance(line, str) else b"" for line in said]


def _incoming(item: Any, routed: Routed | None, after: int, leaves: Leaves, shown: int) -> Incoming | None:
    """Step 3 for one item, None for one beyond the folded log.

    `routed` is its entry, if it is of a record; `shown` is the size under which the peer gave it.
    Raises: Problem for what is not what the peer's log has.
    """
    with answers.contract():
        index, line, jws = _index(item["index"], shown), item["entry"].encode(), item["record"]
        erased = item.get("erased")
    if index <= after:
        raise Problem(Code.CONFLICT, "the peer's page goes back")
    if index >= leaves.size:
        return None
    _prove(index, line, leaves)
    entry = routed or decode(line)
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


def _prove(index: int, line: bytes, leaves: Leaves) -> None:
    """Make sure that the peer's log has an entry at an index."""
    if len(line) > ENTRY_BYTES:
        raise Problem(Code.TOO_LARGE, "the peer's entry is longer than any may be")
    if leaves.leaf(index) != leaf_hash(line):
        raise Problem(Code.BAD_SIGNATURE, "the peer's entry is not the one in its log")


def _says_erased(index: int, accepted: Accepted, erased: Any, leaves: Leaves, shown: int) -> bool:
    """A record may be missing only where the peer's log says, at a later place, that it was erased.

    False where that place is beyond the folded log. Raises: Problem where the log does not say so.
    """
    with answers.contract():
        at, line = _index(erased["index"], shown), erased["entry"].encode()
    if at >= leaves.size:
        return False
    if at > index:
        _prove(at, line, leaves)
    entry = decode(line) if at > index else None
    if not isinstance(entry, Erased) or (entry.index, entry.digest) != (index, accepted.digest):
        raise Problem(Code.CONFLICT, "the peer keeps back a record that its log does not say was erased")
    return True
