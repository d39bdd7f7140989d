"""What the clock asks of the neighbourhood: a round with every peer that is due, its witness, and its lane held open.

`tick` never waits: rounds and submissions run on threads, at most one of each for a peer; a lane is a thread of its
own, begun and ended as peers come and go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from hub.answers import Session
from hub.errors import Code, Problem
from hub.federation.neighbourhood import Neighbourhood
from hub.node import Node
from hub.witnessing import submit

AT_WORK: Final = 16
"""Threads for rounds and submissions."""
LANE_PAUSE_SECONDS: Final = 2.0
"""After a lane that failed; then twice as long, and so on."""
LANE_PAUSE_AT_MOST: Final = 60.0

logger = structlog.get_logger(__name__)


class Watch:
    """Keeps a node's peers asked. `may` says whether this process is the one that does."""

    def __init__(self, node: Node, neighbourhood: Neighbourhood, may: Callable[[], bool]) -> None:
        self._node = node
        self._neighbourhood = neighbourhood
        self._may = may
        self._threads = ThreadPoolExecutor(AT_WORK, thread_name_prefix="peer")
        self._under_way: set[tuple[str, str]] = set()
        self._lanes: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def close(self) -> None:
        """Begin nothing more; what is under way ends with the process."""
        self._ended.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> None:
        """Ask whom it is time to ask. Raises: Problem `busy` where database or trust list are not there."""
        if not self._may():
            return
        for state in self._neighbourhood.states():
            if state.name not in self._node.trust().nodes:
                continue
            if self._neighbourhood.is_due(state):
                self._begin("round", state.name, self._round)
            if not self._neighbourhood.has_stood(state.name):
                self._begin("standing", state.name, self._neighbourhood.stand)
            self._begin("witness", state.name, self._witness)
            if state.cut_at is None:
                self._hold_lane(state.name)

    def _begin(self, what: str, name: str, work: Callable[[str], None]) -> None:
        with self._lock:
            if (what, name) in self._under_way:
                return
            self._under_way.add((what, name))

        def run() -> None:
            try:
                work(name)
            except Problem as problem:
                level = logger.info if problem.code is Code.BUSY else logger.warning
                level("peer_job_failed", job=what, peer=name, code=str(problem.code), detail=problem.detail)
            except Exception as error:
                logger.error("peer_job_failed", job=what, peer=name, error=type(error).__name__)
            finally:
                with self._lock:
                    self._under_way.discard((what, name))

        self._threads.submit(run)

    def _round(self, name: str) -> None:
        self._neighbourhood.round(name)

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
        pause = LANE_PAUSE_SECONDS
        while self._may() and not self._ended.is_set():
            try:
                self._neighbourhood.lane(name)
                pause = LANE_PAUSE_SECONDS
            except Problem as problem:
                if problem.code is Code.NOT_FOUND:
                    return
                logger.info("lane_failed", peer=name, code=str(problem.code), detail=problem.detail)
                self._ended.wait(pause)
                pause = min(LANE_PAUSE_AT_MOST, 2 * pause)
