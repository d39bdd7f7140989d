"""Tiles: the tree cut into runs of up to 256 hashes (C2SP tlog-tiles).

The rules:

1. Tile N of level L holds the roots of the complete subtrees of 256^L leaves numbered 256·N and up.
2. Only full tiles are hashed upwards; a partial tile (`.p/<W>`, W from 1 to 255) is never empty.
3. A number is written in groups of three digits, all but the last prefixed `x`; one tile has one path.
4. An entry bundle is u16 big-endian length ‖ entry, repeated, and lies beside the level-0 tile of its number.

What a tile says is proven by nothing but the root: whoever reads tiles from others verifies the proof built
from them, or folds them whole (`hub/log/verifier.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.errors import Code, Problem
from hub.log.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    SIZE_LIMIT,
    CompactRange,
    complete_root,
    node_hash,
    split_hashes,
)
from schemas.limits import ENTRY_BYTES, TILE_HEIGHT, TILE_WIDTH

ENTRIES: Final = -1
"""The level under which an entry bundle goes as a `Tile`."""
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
BUNDLE_BYTES: Final = TILE_WIDTH * (2 + ENTRY_BYTES)
LEVELS: Final = 64
"""Levels run from 0 to 63 (tlog-tiles), though no tree below 2^64 leaves reaches past 7."""

_PATH: Final = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)

ReadTile = Callable[[int, int, int], bytes]
"""Level, number and width of a tile in, its bytes out."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The name of one tile, or of one entry bundle (level `ENTRIES`); width 256 where it is full."""

    level: int
    number: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        fits = (
            ENTRIES <= self.level < LEVELS and 0 <= self.number < SIZE_LIMIT and 1 <= self.width <= TILE_WIDTH
        )
        if not fits:
            raise Problem(Code.MALFORMED, "no such tile")

    @property
    def path(self) -> str:
        """Where the tile lies under the log's prefix: `tile/0/x001/x234/067.p/8`."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> Tile:
    """The tile of a path; any other spelling of it is refused. Raises `Problem` MALFORMED."""
    match = _PATH.fullmatch(path)
    if match is not None:
        level = ENTRIES if match[1] == "entries" else int(match[1])
        tile = Tile(level, int(match[2].replace("/", "").replace("x", "")), _width(match[3]))
        if tile.path == path:
            return tile
    raise Problem(Code.MALFORMED, "not the path of a tile")


def _width(digits: str | None) -> int:
    if digits is None:
        return TILE_WIDTH
    width = int(digits)
    if width >= TILE_WIDTH:
        raise Problem(Code.MALFORMED, "a partial tile is 1 to 255 wide")
    return width


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree of `size` leaves, lowest level first."""
    level = 0
    while size:
        for number in range(0, -(-size // TILE_WIDTH)):
            yield Tile(level, number, min(TILE_WIDTH, size - number * TILE_WIDTH))
        level, size = level + 1, size // TILE_WIDTH


def tile_root(tile: bytes) -> bytes:
    """The hash of a full tile, which is one hash of the level above."""
    hashes = split_hashes(tile)
    if len(hashes) != TILE_WIDTH:
        raise Problem(Code.MALFORMED, "only full tiles are hashed upwards")
    return complete_root(hashes)


# --- growing ---


def new_tiles(
    old_size: int, leaves: Sequence[bytes], tails: Mapping[int, bytes]
) -> tuple[list[tuple[int, int, bytes]], dict[int, bytes]]:
    """What to write when `leaves` are appended to a tree of `old_size`.

    `tails` maps each level to its partial tile (levels without one may be left out). Returns the tiles that
    are new or grew, as (level, number, bytes), lowest level first, and the tails of the grown tree. The cost
    depends on the number of leaves alone, never on `old_size`. Raises `Problem` MALFORMED if `tails` are not
    those of a tree of `old_size`.
    """
    _check_tails(old_size, tails)
    grown = {level: tail for level, tail in tails.items() if tail}
    written: list[tuple[int, int, bytes]] = []
    level, start, row = 0, old_size, b"".join(leaves)
    if len(row) != len(leaves) * HASH_BYTES:
        raise Problem(Code.MALFORMED, "leaves are 32 bytes each")
    while row:
        run = grown.pop(level, b"") + row
        number, parents = start // TILE_WIDTH, []
        for at in range(0, len(run), TILE_BYTES):
            tile = run[at : at + TILE_BYTES]
            written.append((level, number, tile))
            number += 1
            if len(tile) == TILE_BYTES:
                parents.append(tile_root(tile))
            else:
                grown[level] = tile
        level, start, row = level + 1, start // TILE_WIDTH, b"".join(parents)
    return written, grown


def compact_range(size: int, tails: Mapping[int, bytes]) -> CompactRange:
    """The compact range of a tree from its partial tiles alone. Raises `Problem` MALFORMED as `new_tiles`."""
    _check_tails(size, tails)
    hashes: list[bytes] = []
    for level in sorted((level for level, tail in tails.items() if tail), reverse=True):
        hashes.extend(CompactRange().extend(split_hashes(tails[level])).hashes)
    return CompactRange(size, tuple(hashes))


def _check_tails(size: int, tails: Mapping[int, bytes]) -> None:
    if not 0 <= size < SIZE_LIMIT:
        raise Problem(Code.MALFORMED, "tree size out of range")
    level, missing = 0, {level for level, tail in tails.items() if tail}
    while size:
        missing.discard(level)
        if len(tails.get(level, b"")) != size % TILE_WIDTH * HASH_BYTES:
            raise Problem(Code.MALFORMED, f"the partial tile of level {level} is not that of the tree")
        level, size = level + 1, size // TILE_WIDTH
    if missing:
        raise Problem(Code.MALFORMED, "a partial tile above the tree")


# --- proving ---


def inclusion_proof(index: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """The sibling hashes from leaf `index` to the root of the tree of `size` (RFC 9162 §2.1.3.1).

    Raises `Problem`: NOT_FOUND for an index outside of the tree, and what `read_tile` raises.
    """
    if not 0 <= index < size < SIZE_LIMIT:
        raise Problem(Code.NOT_FOUND, "no such entry in a tree of this size")
    tree = _Tree(size, read_tile)
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(tree.hash(middle, end))
            end = middle
        else:
            proof.append(tree.hash(begin, middle))
            begin = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read_tile: ReadTile) -> list[bytes]:
    """The hashes that show the tree of `old` to be the beginning of that of `new` (RFC 9162 §2.1.4.1).

    Empty where `old` is 0 or `new`. Raises `Problem`: NOT_FOUND if `old` is larger than `new`, and what
    `read_tile` raises.
    """
    if not 0 <= old <= new < SIZE_LIMIT:
        raise Problem(Code.NOT_FOUND, "the older tree is the larger one")
    if old in (0, new):
        return []
    tree = _Tree(new, read_tile)
    proof: list[bytes] = []
    begin, end = 0, new
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(tree.hash(middle, end))
            end = middle
        else:
            proof.append(tree.hash(begin, middle))
            begin = middle
    if begin:  # the old tree's right edge; where the old tree is one complete subtree the verifier holds it
        proof.append(tree.hash(begin, end))
    return proof[::-1]


def prefix_root(old: int, size: int, read_tile: ReadTile) -> bytes:
    """The root of the first `old` leaves of the tree of `size`, which `consistency_proof` shows to be its beginning.

    Raises as `consistency_proof`.
    """
    if not 0 <= old <= size < SIZE_LIMIT:
        raise Problem(Code.NOT_FOUND, "the older tree is the larger one")
    return _Tree(size, read_tile).hash(0, old) if old else EMPTY_ROOT


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


class _Tree:
    """Roots of subtrees of one tree, read from its tiles, each tile once."""

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self._size = size
        self._read_tile = read_tile
        self._held: dict[tuple[int, int], bytes] = {}

    def hash(self, begin: int, end: int) -> bytes:
        """The root over the leaves [begin, end), a subtree of this tree."""
        hashes = []
        while begin < end:
            height = (end - begin).bit_length() - 1
            hashes.append(self._complete(height, begin >> height))
            begin += 1 << height
        root = hashes.pop()
        while hashes:
            root = node_hash(hashes.pop(), root)
        return root

    def _complete(self, height: int, place: int) -> bytes:
        """The root of complete subtree number `place` of 2^height leaves."""
        level, inside = divmod(height, TILE_HEIGHT)
        number, first = divmod(place << inside, TILE_WIDTH)
        tile = self._tile(level, number)
        return complete_root(split_hashes(tile[first * HASH_BYTES : (first + (1 << inside)) * HASH_BYTES]))

    def _tile(self, level: int, number: int) -> bytes:
        tile = self._held.get((level, number))
        if tile is None:
            width = min(TILE_WIDTH, (self._size >> TILE_HEIGHT * level) - number * TILE_WIDTH)
            tile = self._read_tile(level, number, width)
            if len(tile) != width * HASH_BYTES:
                raise Problem(Code.MALFORMED, f"{Tile(level, number, width).path} is not {width} hashes long")
            self._held[level, number] = tile
        return tile


# --- entry bundles ---


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle. Raises `Problem` TOO_LARGE for an entry over 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES:
            raise Problem(Code.TOO_LARGE, f"an entry is at most {ENTRY_BYTES} bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(bundle: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises `Problem` MALFORMED if it does not hold exactly as many."""
    entries: list[bytes] = []
    at = 0
    try:
        for _ in range(width):
            begin = at + 2
            at = begin + (bundle[at] << 8 | bundle[at + 1])
            entries.append(bundle[begin:at])
    except IndexError:  # it ends before the last entry, and `at` is not brought to its end
        at = -1
    if at != len(bundle):
        raise Problem(Code.MALFORMED, f"the bundle does not hold exactly {width} entries")
    return entries
