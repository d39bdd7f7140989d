"""Bundles taken in: the same steps as a round (wire contract, section 6), with the volumes in the peer's place.

For one bundle, in this order; what fails is a named refusal, and concerns no other bundle:

1. All its volumes are here, and each manifest is verified (`bundle.py`, `manifest.py`).
2. It is an exchange of records, from a peer, for this node.
3. Every part has the digest that was signed: a damaged disc is found before anything is taken.
4. Its checkpoint is the peer's log's own. It begins where this node has got to, or before.
5. No checkpoint that the peer's witness cosigned says that this node's own log has gone back.
6. The round, under the peer's lease, resumable like any. An older bundle than what is known holds nothing new; two
   histories cut the peer off.
7. The peer's witness's cosignature, and how far the peer has this log, are kept; this node's witness cosigns.

Doing all that again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from hub import standing
from hub.errors import Code, Problem
from hub.federation.bundles.bundle import Bundle, files_of
from hub.federation.bundles.carried import Carried
from hub.federation.bundles.manifest import Manifest
from hub.federation.bundles.outgoing import PURPOSE
from hub.federation.bundles.volume import Volume, open_volume
from hub.federation.neighbourhood import Neighbourhood
from hub.federation.round import RoundReport
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint, submission
from hub.log.note import VerifierKey
from hub.log.tile import consistency_proof
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.neighbours import Cosigned, PeerState, Told
from hub.witnessing import keep_carried, read_carried

PATIENCE_SECONDS: Final = 30.0
"""So long a round of the clock with the same peer is awaited."""

Progress = Callable[[int, int], None]
logger = structlog.get_logger(__name__)


class GapError(Problem):
    """A bundle begins further on than what is held here: an earlier one is missing."""

    def __init__(self, origin: str, begins: int, known: int) -> None:
        super().__init__(
            Code.CONFLICT,
            f"the bundle begins at entry {begins} of the log of {origin}, which is known here up to {known}",
        )
        self.origin = origin
        self.begins = begins
        self.known = known


@dataclass(frozen=True, slots=True)
class Sorted:
    """What was found in some files: volumes by bundle, in the order in which they are to be taken, and refusals."""

    bundles: list[list[Volume]]
    refused: list[tuple[Path, Problem]]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bundle brought; `witnessed` if the peer's witness's cosignature was new, `cosigned` if ours was given."""

    manifest: Manifest
    report: RoundReport
    size: int
    witnessed: bool
    cosigned: bool


def sort_out(paths: Iterable[Path], node: Node) -> Sorted:
    """Open and verify the volumes in files and folders (step 1), and bring them into order.

    Raises: Problem `not-found` for a folder without any, `busy` once the trust list has expired.
    """
    trust, now = node.trust(), node.clock()
    bundles: dict[str, list[Volume]] = {}
    refused: list[tuple[Path, Problem]] = []
    for path in files_of(paths):
        try:
            volume = open_volume(path).verify(trust, now)
        except Problem as problem:
            refused.append((path, problem))
        else:
            bundles.setdefault(volume.manifest.bundle, []).append(volume)
    return Sorted(sorted(bundles.values(), key=_order), refused)


def _order(volumes: list[Volume]) -> tuple[str, int, int, str]:
    """Bundles of one peer go by where they begin, and then by when they were made."""
    manifest = volumes[0].manifest
    return manifest.sender, manifest.since.size, manifest.since.after, manifest.made_at


class Incoming:
    """Takes bundles in for a node, whose peers `neighbourhood` holds."""

    def __init__(self, node: Node, neighbourhood: Neighbourhood) -> None:
        self._node = node
        self._neighbourhood = neighbourhood

    def take(
        self,
        volumes: Iterable[Volume],
        *,
        checked: Progress = lambda _done, _size: None,
        told: Progress = lambda _done, _size: None,
    ) -> Imported:
        """Take one bundle in; told how many of its bytes are checked, and then as a round tells.

        Raises: IncompleteError, GapError; Problem for what is wrong with it, as `Neighbourhood.round` does.
        """
        # 1 to 3.
        bundle = Bundle(volumes)
        manifest = bundle.manifest
        self._check_address(manifest)
        bundle.check(checked)
        # 4.
        log = VerifierKey.parse(self._node.trust().nodes[manifest.sender].log)
        seen = open_checkpoint(manifest.checkpoint, log)
        peer = Carried(bundle, seen)
        state = self._node.store.ask(lambda neighbours: neighbours.peer(manifest.sender))
        _check_reach(manifest, peer, seen, state)
        # 5.
        lines = self._endorsements(manifest)
        # 6.
        report = self._neighbourhood.carried(manifest.sender, peer, told, patience=PATIENCE_SECONDS)
        # 7.
        now = self._node.clock()
        trust = self._node.trust()
        kept = [keep_carried(self._node.store, line, trust) for line in lines]
        self._keep_told(manifest)
        cosigned = self._cosign(seen, peer, now)
        return Imported(manifest, report, seen.size, any(kept), cosigned)

    # -- the steps -----------------------------------------------------------------------------------

    def _check_address(self, manifest: Manifest) -> None:
        """Step 2."""
        mine = self._node.config.name
        if manifest.sender == mine:
            raise Problem(Code.NOT_ALLOWED, "the bundle is this node's own")
        if manifest.recipient != mine:
            raise Problem(
                Code.NOT_ALLOWED, f"the bundle is for {manifest.recipient}; this node is {mine}", where="/to"
            )
        if manifest.purpose != PURPOSE:
            raise Problem(
                Code.NOT_ALLOWED, f"the bundle is for another purpose: {manifest.purpose}", where="/purpose"
            )

    def _endorsements(self, manifest: Manifest) -> list[Cosigned]:
        """Step 5: the lines that are to be kept. One under a checkpoint that this log has given up is left."""
        key, peer, lines = (
            self._node.log_verifier,
            self._node.trust().nodes[manifest.sender],
            list[Cosigned](),
        )
        for each in manifest.cosignatures:
            line = read_carried(peer, each.checkpoint, each.line, key, self._node.clock())
            published = standing.contradicting(self._node.store, key, each.checkpoint)
            if published is not None:
                standing.halt(self._node.store, key, published)
                raise Problem(
                    Code.CONFLICT,
                    f"{manifest.sender} has cosigned {published.size} entries of this node's log, which does not hold"
                    f" them: {standing.UNCOVERED}",
                )
            if standing.holds(self._node.store, open_checkpoint(each.checkpoint, key)):
                lines.append(line)
        return lines

    def _keep_told(self, manifest: Manifest) -> None:
        """Step 7. The newest bundle counts, whatever it says: a peer may have lost what it had."""
        said = Told(manifest.known.size, manifest.known.after, manifest.made_at)

        def keep(transaction: Transaction) -> None:
            held = transaction.neighbours.told(manifest.sender)
            if held is None or held.at < said.at:
                transaction.neighbours.put_told(manifest.sender, said)

        self._node.store.write(Job(keep))

    def _cosign(self, seen: VerifiedCheckpoint, peer: Carried, now: datetime) -> bool:
        """Step 7. Where the hashes that came do not reach back to what was cosigned last, a later bundle's may."""
        origin = seen.checkpoint.origin
        held = self._node.store.ask(lambda neighbours: neighbours.witnessed(origin))
        old = 0 if held is None else held.size
        if old >= seen.size:
            return False
        with suppress(Problem):
            proof = consistency_proof(old, seen.size, peer.tile)
            answer = self._node.witness.add_checkpoint(submission(old, proof, seen.note), now)
            return answer.status == 200
        return False


def _check_reach(manifest: Manifest, peer: Carried, seen: VerifiedCheckpoint, state: PeerState) -> None:
    """Step 4. What is said of where it begins counts, and where the hashes that came do."""
    known = state.frontier.size
    if seen.size < known or (seen.size == known and state.done_at is not None):
        return
    begins = max(manifest.since.size, peer.start)
    if begins > known:
        raise GapError(manifest.sender, begins, known)
    if manifest.since.after > state.after:
        raise GapError(manifest.sender, manifest.since.after + 1, state.after + 1)
