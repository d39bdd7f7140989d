"""The lane for alerts: a held pull beside the rounds. An alert crosses in about a second, whatever else is fetched.

1. A pull for alerts alone is held open at the peer, after the last alert that was taken.
2. The checkpoint of what comes goes on from the one that the lane took alerts under last, or that the rounds folded:
   an alert that stands in another history cuts the peer off.
3. What comes is proven by its own path to the root of that checkpoint, and taken in like everything else, but for the
   numbers of its stream: a filter skips some.
4. The checkpoint is remembered. The peer's folded log must come to it (`hub/federation/round.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from hub.errors import Code, Problem
from hub.federation.folding import Leaves
from hub.federation.histories import compare
from hub.federation.round import Peer, incoming
from hub.log.checkpoint import open_checkpoint
from hub.log.note import VerifierKey
from hub.reception import Reception
from hub.store import Store
from hub.store.neighbours import PeerState
from schemas.limits import WAIT_SECONDS

KIND: Final = "alert"


class Lane:
    """One peer's lane. It begins where the rounds have got to, and its place is kept nowhere."""

    def __init__(
        self, name: str, log_key: VerifierKey, peer: Peer, store: Store, reception: Reception
    ) -> None:
        self._name = name
        self._log_key = log_key
        self.peer = peer
        self._store = store
        self._reception = reception
        self._after: int | None = None

    def run(self, clock: Callable[[], datetime], wait: int = WAIT_SECONDS) -> int:
        """Hold one pull, and take in what it brings; how many alerts were new.

        Raises: Problem for what the peer does wrong or while it cannot be reached; TwoHistoriesError.
        """
        state = self._store.ask(lambda neighbours: neighbours.peer(self._name))
        _check_cut(state)
        if self._after is None or self._after < state.after:
            self._after = state.after
        asked_at = clock()
        page = self.peer.page(self._after, wait=wait, filters={"kind": KIND})
        if not page.items:
            if clock() - asked_at < timedelta(seconds=wait / 2):
                raise Problem(Code.BUSY, "the peer does not hold a pull open")
            return 0
        state, ahead = self._store.ask(
            lambda neighbours: (neighbours.peer(self._name), neighbours.lane(self._name))
        )
        _check_cut(state)
        leaves = Leaves(page.checkpoint.checkpoint, self.peer.tile)
        before = ahead or state.checkpoint
        if before:
            compare(open_checkpoint(before, self._log_key), page.checkpoint, leaves.tile)
        items, further = incoming(page, self._after, leaves)
        if any(item.entry.kind != KIND for item in items):
            raise Problem(Code.CONFLICT, "the peer's page holds a record that was not asked for")
        judged = self._reception.judge(self._name, items, clock())
        taken = self._reception.take_ahead(self._name, judged, page.checkpoint.note, ahead)
        self._after = max(self._after, taken.state.after)
        problem: Problem | None = taken.problem or further
        if problem is not None:
            raise problem
        return taken.new


def _check_cut(state: PeerState) -> None:
    if state.cut_at is not None:
        raise Problem(Code.NOT_ALLOWED, f"{state.name} is cut off since {state.cut_at}")
