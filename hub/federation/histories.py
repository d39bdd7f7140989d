"""One log, one history: two checkpoints that a log signed, held against each other (wire contract, section 6, step 1).

1. Of one size they have one root.
2. Of two sizes, the larger one's tree begins with the smaller one's. The log's tiles say which root the larger one had
   at the smaller size, and a consistency proof (RFC 9162 §2.1.4) binds that to the larger one's root.
3. Tiles that prove neither are merely wrong: a Problem, and no evidence against whom the log's key is of.
4. An older checkpoint than one that is known contradicts nothing: anybody can show it again. That a log has shrunk is
   the word of its node alone, signed for the very request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.log.checkpoint import VerifiedCheckpoint
from hub.log.tile import ReadTile, consistency_proof, prefix_root
from hub.log.tree import verify_consistency

FORK: Final = "fork"
SHRUNK: Final = "shrunk"
GIVEN_UP: Final = "a checkpoint was shown that the log has given up: an old one, which counts for nothing"


@dataclass(frozen=True, slots=True)
class Sight:
    """What shows that a peer has two histories: what was held, and what it says now.

    `proof`, where the two are of different sizes, is the root that the larger one's tree has at the smaller one's
    size, and then the hashes that prove it.
    """

    kind: str
    ours: str
    theirs: str
    proof: tuple[bytes, ...] = ()


class TwoHistoriesError(Exception):
    """A peer showed two histories."""

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight.kind)
        self.sight = sight


def compare(ours: VerifiedCheckpoint, theirs: VerifiedCheckpoint, read: ReadTile) -> None:
    """Return where both checkpoints may be true, the smaller one being the beginning of the larger one.

    Raises: TwoHistoriesError, with all that proves it; Problem for tiles that prove nothing, and what `read` raises.
    """
    small, large = sorted((ours, theirs), key=lambda each: each.size)
    if small.size == large.size:
        if small.root != large.root:
            raise TwoHistoriesError(Sight(FORK, ours.note, theirs.note))
        return
    if small.size == 0:
        return
    root = prefix_root(small.size, large.size, read)
    proof = consistency_proof(small.size, large.size, read)
    verify_consistency(small.size, large.size, root, large.root, proof)
    if root != small.root:
        raise TwoHistoriesError(Sight(FORK, ours.note, theirs.note, (root, *proof)))
