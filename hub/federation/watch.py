"""What the clock asks of the neighbourhood: a round with every peer that is due, its witness, and its lane held open.

`tick` never waits: each round, submission and lane is a thread of its own, at most one of each for a peer. However long
a peer lets one of them wait, it keeps nothing from the others. What failed is tried again later and later, or as soon
as the peer has answered in a round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from hub.answers import Session
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.neighbourhood import Neighbourhood
from hub.node import Node
from hub.store.neighbours import PeerState
from hub.witnessing import submit

PAUSE_SECONDS: Final = 2.0
"""After a lane or a submission that failed; then twice as long, and so on."""
PAUSE_SECONDS_AT_MOST: Final = 60.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A job that failed: when it began, how long it rests, and until when on this process's own clock."""

    at: str
    seconds: float
    until: float

    @classmethod
    def after(cls, before: _Failed | None, at: str) -> _Failed:
        """One that fails again rests twice as long."""
        seconds = PAUSE_SECONDS if before is None else min(PAUSE_SECONDS_AT_MOST, 2 * before.seconds)
        return cls(at, seconds, time.monotonic() + seconds)


class Watch:
    """Keeps a node's peers asked. `may` says whether this process is the one that does."""

    def __init__(self, node: Node, neighbourhood: Neighbourhood, may: Callable[[], bool]) -> None:
        self._node = node
        self._neighbourhood = neighbourhood
        self._may = may
        self._under_way: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], _Failed] = {}
        self._lanes: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def close(self) -> None:
        """Begin nothing more; what is under way ends with the process."""
        self._ended.set()

    def tick(self) -> None:
        """Ask whom it is time to ask. Raises: Problem `busy` where database or trust list are not there."""
        if not self._may():
            return
        for state in self._neighbourhood.states():
            if state.name not in self._node.trust().nodes:
                continue
            if self._neighbourhood.is_due(state):
                self._begin("round", state.name, self._round)
            if not self._neighbourhood.has_stood(state.name) and self._may_again("standing", state):
                self._begin("standing", state.name, self._stand)
            if self._may_again("witness", state):
                self._begin("witness", state.name, self._witness)
            if state.cut_at is None:
                self._hold_lane(state.name)

    def _may_again(self, what: str, state: PeerState) -> bool:
        """Whether a job that failed may be tried again."""
        failed = self._failed.get((what, state.name))
        if failed is None:
            return True
        answered = state.done_at is not None and state.done_at > failed.at
        return answered or time.monotonic() >= failed.until

    def _begin(self, what: str, name: str, work: Callable[[str], None]) -> None:
        with self._lock:
            if (what, name) in self._under_way or self._ended.is_set():
                return
            self._under_way.add((what, name))

        def run() -> None:
            before = self._failed.get((what, name))
            failed: _Failed | None = _Failed.after(before, rfc3339(self._node.clock()))
            try:
                work(name)
                failed = None
            except Problem as problem:
                level = logger.info if problem.code is Code.BUSY else logger.warning
                level("peer_job_failed", job=what, peer=name, code=str(problem.code), detail=problem.detail)
            except Exception as error:
                logger.error("peer_job_failed", job=what, peer=name, error=type(error).__name__)
            finally:
                with self._lock:
                    if failed is None:
                        self._failed.pop((what, name), None)
                    else:
                        self._failed[what, name] = failed
                    self._under_way.discard((what, name))

        threading.Thread(target=run, name=f"{what} {name}", daemon=True).start()

    def _round(self, name: str) -> None:
        self._neighbourhood.round(name)

    def _stand(self, name: str) -> None:
        if not self._neighbourhood.stand(name):
            raise Problem(Code.BUSY, "the peer could not be asked what it holds of this log")

    def _witness(self, name: str) -> None:
        try:
            self._submit(name)
        except Problem as problem:
            # What a witness says against this log is its word alone; what it holds is proof.
            if problem.code is Code.CONFLICT or problem.code is Code.NOT_ALLOWED:
                self._neighbourhood.check_standing(name)
            raise

    def _submit(self, name: str) -> None:
        trust = self._node.trust()
        with Session(self._node.config.sync_source) as session:
            submit(
                session, trust.nodes[name], self._node.store, self._node.exchange, trust, self._node.clock()
            )

    def _hold_lane(self, name: str) -> None:
        held = self._lanes.get(name)
        if held is None or not held.is_alive():
            self._lanes[name] = threading.Thread(
                target=self._lane, args=(name,), name=f"lane {name}", daemon=True
            )
            self._lanes[name].start()

    def _lane(self, name: str) -> None:
        """Hold a peer's lane while this process may, and the peer is one; a failure is tried again, later and later."""
        pause = PAUSE_SECONDS
        while self._may() and not self._ended.is_set():
            try:
                self._neighbourhood.lane(name)
                pause = PAUSE_SECONDS
                continue
            except Problem as problem:
                if problem.code is Code.NOT_FOUND:
                    return
                logger.info("lane_failed", peer=name, code=str(problem.code), detail=problem.detail)
            except Exception as error:
                logger.error("lane_failed", peer=name, error=type(error).__name__)
            self._ended.wait(pause)
            pause = min(PAUSE_SECONDS_AT_MOST, 2 * pause)
