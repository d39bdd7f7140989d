"""All peers of a node: who they are, whose turn it is, and what became of their rounds.

1. Peers are the other nodes of the trust list in force; a new one is found by itself, one that is gone is left alone.
2. Each has a state, a client and a back-off of its own: what one does wrong concerns no other.
3. A round is held by one process at a time (a lease), whoever asks for it: the clock, or a person. What a process of
   this host held that is gone is free at once.
4. Two histories cut a peer off. Nothing of it is taken until a person readmits it.
5. What a peer's signed statement gave up, by which it was readmitted, counts for nothing from then on.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import psutil
import structlog

from hub import standing
from hub.client import Client
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation.folding import Leaves
from hub.federation.histories import TwoHistoriesError, compare
from hub.federation.lane import Lane
from hub.federation.passing import PassedOver, pass_over
from hub.federation.round import Peer, Round, RoundReport
from hub.log.checkpoint import open_checkpoint
from hub.log.note import VerifierKey
from hub.node import Node
from hub.reception import Reception
from hub.store import Job, Transaction
from hub.store.moves import Position
from hub.store.neighbours import PeerState, Stated
from keys.trust_list import Trust
from schemas.limits import WAIT_SECONDS

BACK_OFF_SECONDS: Final = 300
"""The longest that a failing peer is left alone."""
LEASE_SECONDS: Final = 30
TRIES: Final = 2
LOOK_AGAIN_SECONDS: Final = 0.1

logger = structlog.get_logger(__name__)


class Neighbourhood:
    """The peers of `node`; `holder` names this process among those of the node; `connect` makes a peer's client."""

    def __init__(
        self, node: Node, holder: str, connect: Callable[[Trust, str], Client] | None = None
    ) -> None:
        self._node = node
        self._holder = holder
        self._connect = connect or self._dial
        self._reception = Reception(node.config.name, node.store, node.trust)
        self._clients: dict[tuple[str, str], tuple[Trust, Client]] = {}
        self._lanes: dict[str, Lane] = {}
        self._stood: set[str] = set()
        """Peers that have shown, to this process, that the log did not go back."""
        self._heard: set[str] = set()
        """Peers that answered in their lane since their last round failed: no outage keeps their rounds back."""

    def close(self) -> None:
        """Let go of connections."""
        for _, client in self._clients.values():
            client.close()
        self._reception.close()

    def names(self) -> list[str]:
        """The peers' names. Raises: Problem `busy` once the trust list has expired."""
        return sorted(name for name in self._node.trust().nodes if name != self._node.config.name)

    def states(self) -> list[PeerState]:
        """What is known of each peer, those that were never asked included."""
        known = {
            state.name: state for state in self._node.store.ask(lambda neighbours: neighbours.all_peers())
        }
        return [known.pop(name, PeerState(name)) for name in self.names()] + list(known.values())

    def is_due(self, state: PeerState) -> bool:
        """Whether a peer is to be asked now: at once after a success, later and later after failures.

        One that could not be reached is asked at once when it has answered in its lane.
        """
        if state.cut_at is not None:
            return False
        if not state.failures or state.tried_at is None:
            return True
        if state.name in self._heard and (state.problem or "").startswith(f"{Code.BUSY}:"):
            return True
        # Drawn once for each failure: drawn at every look, the shortest would always win.
        share = random.Random(f"{state.name} {state.tried_at}").uniform(0.5, 1.0)  # noqa: S311 (no secret)
        delay = min(BACK_OFF_SECONDS, 2.0 ** min(state.failures, 16)) * share
        return self._node.clock() >= datetime.fromisoformat(state.tried_at) + timedelta(seconds=delay)

    def round(
        self,
        name: str,
        told: Callable[[int, int], None] = lambda _done, _size: None,
        *,
        patience: float = 0.0,
    ) -> RoundReport:
        """One round with a peer; its failure is remembered. `patience` is how many seconds another's round is awaited.

        Raises: Problem for what the peer does wrong or while it cannot be reached; `busy` while another process is at
        work with it; `not-found` for one that the trust list has not.
        """
        client = self._client(name, "round")

        def ready() -> None:
            self.stand(name)

        with self._at_work(name, told, patience) as progress:
            try:
                return self._ask(name, client.node.log, client, progress, ready)
            except Problem as problem:
                self._failed(name, problem)
                raise
            except Exception as error:
                self._failed(name, Problem(Code.INTERNAL, f"the round ended with {type(error).__name__}"))
                raise

    def carried(
        self,
        name: str,
        peer: Peer,
        told: Callable[[int, int], None] = lambda _done, _size: None,
        *,
        patience: float = 0.0,
    ) -> RoundReport:
        """A round with what was carried from a peer in its place (`hub/federation/bundles`). Raises as `round`.

        That it fails is not remembered: it says nothing of how the peer's node can be reached.
        """
        nodes = self._node.trust().nodes
        if name not in nodes or name == self._node.config.name:
            raise Problem(Code.NOT_FOUND, f"the trust list has no peer named {name}")
        with self._at_work(name, told, patience) as progress:
            return self._ask(name, nodes[name].log, peer, progress, self._node.note_trust, carried=True)

    def handed(self, name: str, peer: Peer, *, patience: float = 0.0) -> Leaves:
        """Hold the log of a peer, as it was carried here, against what is known of it; its leaves. Raises as `carried`.

        One that is older than what is known is held against what the peer's node shows now.
        """
        nodes = self._node.trust().nodes
        if name not in nodes or name == self._node.config.name:
            raise Problem(Code.NOT_FOUND, f"the trust list has no peer named {name}")
        key, store = VerifierKey.parse(nodes[name].log), self._node.store
        with self._at_work(name, lambda _done, _size: None, patience), self._cutting(key):
            leaves = Round(name, key, peer, store, self._reception, carried=True).leaves()
            known = store.ask(lambda neighbours: neighbours.peer(name))
            if known.frontier.size > leaves.size:
                client, ours = self._client(name, "round"), open_checkpoint(known.checkpoint, key)
                compare(ours, open_checkpoint(peer.checkpoint(), key), client.tile)
        return leaves

    def lane(self, name: str, wait: int = WAIT_SECONDS) -> int:
        """Hold a peer's lane for alerts once; how many were new. Raises as `round`."""
        client = self._client(name, "lane")
        log = VerifierKey.parse(client.node.log)
        lane = self._lanes.get(name)
        if lane is None or lane.peer is not client:
            lane = self._lanes[name] = Lane(name, log, client, self._node.store, self._reception)
        self.stand(name)
        with self._cutting(log):
            new = lane.run(self._node.clock, wait)
        self._heard.add(name)
        if new:
            logger.info("alerts", peer=name, new=new)
        return new

    def check_standing(self, name: str) -> bool:
        """Ask a peer what it holds of this node's own log; False where that shows that the log has gone back.

        Then the log is halted (`hub/standing.py`). Raises: Problem where the peer cannot be asked, or shows what this
        log's key has not signed.
        """
        node = self._node
        try:
            note = self._client(name, "standing").held_of(node.config.name)
        except Problem as problem:
            if problem.code is Code.NOT_FOUND:
                return True
            raise
        published = standing.contradicting(node.store, node.log_verifier, note)
        if published is None:
            return True
        standing.halt(node.store, node.log_verifier, published)
        return False

    def stand(self, name: str) -> bool:
        """Have a peer say, once, that this node's log did not go back, before anything of it is entered there.

        One that cannot say so keeps nobody from working, and is asked again before the next that it has. False then,
        and where it showed that the log did go back.
        """
        if name in self._stood:
            return True
        try:
            if self.check_standing(name):
                self._stood.add(name)
        except Problem as problem:
            logger.info("standing_unknown", peer=name, code=str(problem.code), detail=problem.detail)
        self._node.note_trust()
        return name in self._stood

    def has_stood(self, name: str) -> bool:
        """Whether a peer has said, to this process, that the log did not go back."""
        return name in self._stood

    def pass_over(self, name: str, index: int, *, kept_back: bool, patience: float = 0.0) -> PassedOver:
        """A person's decision: go on after a record of a peer that is refused (`hub/federation/passing.py`)."""
        client = self._client(name, "round")
        key, node = VerifierKey.parse(client.node.log), self._node
        with self._at_work(name, lambda _done, _size: None, patience) as progress, self._cutting(key):
            asked = Round(name, key, client, node.store, self._reception, told=progress)
            trust, clock = node.trust(), node.clock
            passed = pass_over(
                asked, self._reception, trust, clock, peer=name, index=index, kept_back=kept_back
            )
        logger.warning(
            "record_passed_over",
            peer=name,
            index=index,
            code=str(passed.problem.code),
            digest=passed.entry.digest,
            missing=passed.missing,
        )
        return passed

    def readmit(self, name: str, *, anew: bool, stated: Stated | None = None) -> None:
        """A person's decision: take from a peer that was cut off again.

        With `anew` its log is folded from its beginning and cosigned anew, as another history than the one known;
        records that are held are not taken twice. With what it has `stated`, signed, on that history, it need not have
        been cut off yet, and what it gave up is remembered as such; nor need one whose rounds fail. Without `anew` what
        was cosigned stays, and is not held against the folded log a second time. Raises: Problem `not-found`.
        """

        def note(transaction: Transaction) -> None:
            state, ahead = transaction.neighbours.peer(name), transaction.neighbours.lane(name)
            held = transaction.neighbours.witnessed(name)
            if state.cut_at is None and stated is None and not (anew and state.failures):
                raise Problem(Code.NOT_FOUND, f"{name} is not cut off")
            if anew:
                left_at = dict.fromkeys(state.left_at, Position(-1, 0))
                state = PeerState(name, tried_at=state.tried_at, left_at=left_at)
                transaction.neighbours.drop_witnessed(name)
                transaction.neighbours.give_up(name, stated)
            elif held is not None:
                transaction.neighbours.note_compared(name, held.checkpoint)
            state = replace(state, cut_at=None, problem=None, failures=0, done_at=None)
            transaction.neighbours.put_peer(state)
            if ahead is not None:
                transaction.neighbours.drop_lane(name, ahead)

        self._node.store.write(Job(note))
        logger.warning("peer_readmitted", peer=name, anew=anew)

    # -- inside --------------------------------------------------------------------------------------

    def _ask(
        self,
        name: str,
        log: str,
        peer: Peer,
        told: Callable[[int, int], None],
        ready: Callable[[], None],
        *,
        carried: bool = False,
    ) -> RoundReport:
        key, store = VerifierKey.parse(log), self._node.store
        with self._cutting(key):
            asked = Round(name, key, peer, store, self._reception, told=told, ready=ready, carried=carried)
            report = asked.run(self._node.clock)
        if report.new or report.folded:
            logger.info("round", peer=name, new=report.new, known=report.known, folded=report.folded)
        return report

    def _client(self, name: str, use: str) -> Client:
        trust = self._node.trust()
        held = self._clients.get((name, use))
        if held is not None and held[0] is trust:
            return held[1]
        if name not in trust.nodes or name == self._node.config.name:
            raise Problem(Code.NOT_FOUND, f"the trust list has no peer named {name}")
        client = self._connect(trust, name)
        if held is not None:
            held[1].close()
        self._clients[name, use] = (trust, client)
        return client

    def _dial(self, trust: Trust, name: str) -> Client:
        node = self._node
        return Client(trust, name, node.key, clock=node.clock, tries=TRIES, source=node.config.sync_source)

    @contextmanager
    def _cutting(self, log: VerifierKey) -> Iterator[None]:
        """Cut off a peer that shows two histories, and say so."""
        try:
            yield
        except TwoHistoriesError as error:
            evidence.accuse(self._node.store, log, error.sight, self._node.clock())
            logger.error("peer_cut_off", peer=log.name, kind=error.sight.kind)
            raise Problem(
                Code.CONFLICT,
                f"{log.name} showed two histories ({error.sight.kind}); it is cut off: `hub evidence`",
            ) from error

    def _failed(self, name: str, problem: Problem) -> None:
        self._heard.discard(name)
        said, at = f"{problem.code}: {problem.detail}", rfc3339(self._node.clock())
        failures = self._node.store.write(
            Job(lambda transaction: transaction.neighbours.fail(name, said, at))
        ).result
        logger.warning("round_failed", peer=name, code=str(problem.code), failures=failures)

    @contextmanager
    def _at_work(
        self, name: str, told: Callable[[int, int], None], patience: float
    ) -> Iterator[Callable[[int, int], None]]:
        """Hold the lease on a peer; what is told of progress prolongs it."""
        lease = f"peer {name}"

        def progress(done: int, size: int) -> None:
            self._lease(lease)
            told(done, size)

        self._await_lease(lease, patience)
        try:
            yield progress
        finally:
            self._release(lease)

    def _await_lease(self, name: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                self._lease(name)
            except Problem as problem:
                if problem.code is not Code.BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(LOOK_AGAIN_SECONDS)
            else:
                return

    def _lease(self, name: str) -> None:
        """Take or prolong a lease. Raises: Problem `busy` where another process holds it."""
        now = self._node.clock()
        until = rfc3339(now + timedelta(seconds=LEASE_SECONDS))
        job = Job(
            lambda transaction: transaction.neighbours.lease(name, self._holder, rfc3339(now), until, is_gone)
        )
        if not self._node.store.write(job).result:
            raise Problem(
                Code.BUSY, f"another process is at work with {name.partition(' ')[2]}", retry_after=5
            )

    def _release(self, name: str) -> None:
        self._node.store.write(Job(lambda transaction: transaction.neighbours.release(name, self._holder)))


def this_process(pid: int, token: str) -> str:
    """A name for a process among those of all hosts."""
    return f"{socket.gethostname()}/{pid}/{token}"


def is_gone(holder: str) -> bool:
    """Whether a process that was named so was one of this host, and runs no more: one that was killed lets go of
    nothing. Of another host nobody can tell; a number that was given again is taken for the same process.
    """
    host, _, rest = holder.rpartition("/")[0].rpartition("/")
    return host == socket.gethostname() and rest.isdecimal() and not psutil.pid_exists(int(rest))
