"""A peer's whole log, folded: every leaf that it ever had, in a few hashes (wire contract, section 6, step 2).

1. The level-0 tiles from the last size on are fetched, and their leaves appended to the compact range that is kept.
   What the first tile has of before must be what the range was made of.
2. The range's root must be the checkpoint's: that proves, for every entry at once, that the log only grew.
3. What of the leaves is asked for later (`Leaves`) comes from the tiles that were folded, or from ones that are
   proven by the root anew.

Memory is bounded whatever the log's length; the cost is about one SHA-256 for each new leaf. So is time: a log that
says it grew by more than one round folds is not begun with.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint
from hub.log.tile import ReadTile, inclusion_proof
from hub.log.tree import HASH_BYTES, CompactRange, split_hashes, verify_inclusion
from schemas.limits import TILE_WIDTH

FOLDED_AT_ONCE: Final = 64
"""Tiles whose leaves are appended together: folding is fast where it has much to hash."""
FOLDED_AT_MOST: Final = 1 << 27
"""Leaves of one fold, 4 GiB of tiles: a size can be written down in no time, whatever it is."""
TILES_KEPT: Final = 1024
"""Of a fold, from the first that is wanted on: what is fetched next is what lies at the front."""
TILES_AT_HAND: Final = 64
"""Tiles of upper levels, and tiles that were proven anew."""

K = TypeVar("K")
Told = Callable[[int], None]
"""Told how many leaves are folded so far."""


class Leaves:
    """Leaves of a log, each proven by the root of a checkpoint. Those before `start` will hardly be asked for."""

    def __init__(self, checkpoint: Checkpoint, read: ReadTile, start: int = 0) -> None:
        self._checkpoint = checkpoint
        self._read = read
        self._start = start // TILE_WIDTH
        self._folded: dict[int, bytes] = {}
        self._proven: OrderedDict[int, bytes] = OrderedDict()
        self._at_hand: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()

    @property
    def size(self) -> int:
        """How many leaves the log has."""
        return self._checkpoint.size

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint whose root proves them."""
        return self._checkpoint

    def keep(self, number: int, tile: bytes) -> None:
        """Remember a level-0 tile that is part of a fold; whoever folds lets nobody ask before the root is compared."""
        if number >= self._start and len(self._folded) < TILES_KEPT:
            self._folded[number] = tile

    def leaf(self, index: int) -> bytes:
        """The leaf at `index`.

        Raises: Problem `conflict` outside of the log, `bad-signature` where the tiles do not lead to the root, and
        what reading raises.
        """
        if not 0 <= index < self._checkpoint.size:
            raise Problem(Code.CONFLICT, "the peer's page names an index outside of its log")
        number, place = divmod(index, TILE_WIDTH)
        tile = self._folded.get(number) or self._proven.get(number) or self._prove(number, index)
        return tile[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def tile(self, level: int, number: int, width: int) -> bytes:
        """A tile as the peer gives it, the same one once; it proves nothing by itself."""
        if level == 0 and len(self._folded.get(number, b"")) == width * HASH_BYTES:
            return self._folded[number]
        wanted = (level, number, width)
        if wanted not in self._at_hand:
            _put(self._at_hand, wanted, self._read(*wanted))
        self._at_hand.move_to_end(wanted)
        return self._at_hand[wanted]

    def _prove(self, number: int, index: int) -> bytes:
        """Fetch a level-0 tile anew, and prove it.

        The path of one leaf is made of all others of its tile, hashed here: it proves the tile as a whole.
        """
        size = self._checkpoint.size
        tile = self.tile(0, number, min(TILE_WIDTH, size - number * TILE_WIDTH))
        hashes = split_hashes(tile)
        place = index % TILE_WIDTH
        if place >= len(hashes):
            raise Problem(Code.MALFORMED, "the peer's tile has not as many hashes as it should")
        proof = inclusion_proof(index, size, self.tile)
        verify_inclusion(index, size, hashes[place], proof, self._checkpoint.root)
        _put(self._proven, number, tile)
        return tile


def fold(
    known: CompactRange,
    checkpoint: Checkpoint,
    read: ReadTile,
    start: int = 0,
    told: Told = lambda _folded: None,
) -> tuple[CompactRange, Leaves]:
    """The compact range of a peer's log as a checkpoint has it, and its leaves, which are wanted from `start` on.

    Raises: Problem `bad-signature` where the tiles do not lead from what is known to the checkpoint's root,
    `malformed` for tiles of another length, `too-large` for more new leaves than are folded at once, and what `read`
    raises.
    """
    if checkpoint.size - known.size > FOLDED_AT_MOST:
        raise Problem(
            Code.TOO_LARGE, f"the peer's log says that it grew by more than {FOLDED_AT_MOST} entries"
        )
    leaves = Leaves(checkpoint, read, start)
    pending: list[bytes] = []
    grown = known
    for number in range(known.size // TILE_WIDTH, -(-checkpoint.size // TILE_WIDTH)):
        width = min(TILE_WIDTH, checkpoint.size - number * TILE_WIDTH)
        tile = read(0, number, width)
        if len(tile) != width * HASH_BYTES:
            raise Problem(Code.MALFORMED, "the peer's tile has not as many hashes as it should")
        hashes = split_hashes(tile)
        begin = max(0, known.size - number * TILE_WIDTH)
        if begin:
            _compare_edge(known, hashes[:begin])
        leaves.keep(number, tile)
        pending += hashes[begin:]
        if len(pending) >= FOLDED_AT_ONCE * TILE_WIDTH:
            grown = grown.extend(pending)
            pending = []
            told(grown.size)
    grown = grown.extend(pending)
    if grown.root() != checkpoint.root:
        raise Problem(Code.BAD_SIGNATURE, "the peer's tiles do not lead to the root that it signed")
    return grown, leaves


def _compare_edge(known: CompactRange, hashes: list[bytes]) -> None:
    """The leaves that were folded before, of a tile that was partial then: nothing else would prove them."""
    edge = CompactRange().extend(hashes).hashes
    if known.hashes[-len(edge) :] != edge:
        raise Problem(Code.BAD_SIGNATURE, "the peer's tile has not the leaves that were folded before")


def _put(kept: OrderedDict[K, bytes], key: K, tile: bytes) -> None:
    kept[key] = tile
    if len(kept) > TILES_AT_HAND:
        kept.popitem(last=False)
